"""The lessons as pages to read beside the video: `python -m pages` writes site/.

source.py splits a script into steps, prose and code; readme.py makes HTML of the README;
site.py puts both into templates/. What a browser needs besides is in static/. The words of
the pages themselves are in words.toml; all other text is that of the scripts, of output/,
of the two READMEs and of chinese.po.
"""
