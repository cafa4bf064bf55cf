"""The lessons as pages to read beside the video: `python -m pages` writes site/.

source.py splits a script into steps, prose and code; documents.py makes HTML of the README
and of docs/; build.py puts both into templates/. What a browser needs besides is in static/.
The words of the pages themselves are in words.toml; all other text is that of the scripts,
of output/, of README.md and docs/. The pages in Chinese are made of zh/, output/zh/,
README.zh-CN.md and docs/zh/; what is there in English only, they lead to.
"""
