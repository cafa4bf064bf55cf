"""Write zh/, the lessons in Chinese, from the English ones and chinese.po.

The code in zh/ is that of the English files; comments, docstrings and what is printed is
Chinese. A text that is the same in both languages has itself as its translation. What has
none stays English, and is listed as entries for chinese.po, to be filled:

    python -m translate >> translate/chinese.po
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from translate import source

import polib

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = Path(__file__).resolve().parent / "chinese.po"
CHINESE = ROOT / "zh"


def english_files():
    """Return the names of the files that are translated."""
    paths = [*ROOT.glob("*.py"), *ROOT.glob("programs/*.py")]
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


def catalogue():
    """Return dict: for each English text its Chinese one."""
    return {
        entry.msgid: entry.msgstr for entry in polib.pofile(CATALOGUE) if entry.msgstr
    }


def english_texts():
    """Return dict: for each file a list of its source.Text."""
    read = {name: (ROOT / name).read_text(encoding="utf-8") for name in english_files()}
    return {name: source.texts(code) for name, code in read.items()}


def missing(found, known):
    """Return dict: each English text that has no translation, and the first file it is in."""
    without = {}
    for name, texts in found.items():
        for text in texts:
            if text.needed and text.english not in known:
                without.setdefault(text.english, name)
    return without


def left_over(found, known):
    """Return a list of the entries of chinese.po that no file says."""
    said = {text.english for texts in found.values() for text in texts}
    return [english for english in known if english not in said]


def write(folder, known):
    """Write the Chinese files into a folder."""
    for name in english_files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        code = source.translated((ROOT / name).read_text(encoding="utf-8"), known)
        path.write_text(code, encoding="utf-8", newline="\n")
    # Chinese sentences are shorter: calls that took several lines may fit into one.
    settings = ["--isolated", "--line-length", str(source.WIDTH)]
    command = [sys.executable, "-m", "ruff", "format", "--quiet", *settings, folder]
    subprocess.run(command, check=True)


def differing(known):
    """Return a list of the files in zh/ that are not what `write` writes."""
    with tempfile.TemporaryDirectory() as temporary:
        write(Path(temporary), known)
        wanted, there = (
            {
                path.relative_to(folder): path.read_bytes()
                for path in folder.rglob("*.py")
            }
            for folder in (Path(temporary), CHINESE)
        )
    names = wanted.keys() | there.keys()
    return sorted(str(name) for name in names if wanted.get(name) != there.get(name))


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m translate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    help_text = "write nothing, and say whether zh/ is what would be written"
    parser.add_argument("--check", action="store_true", help=help_text)
    check = parser.parse_args().check
    known, found = catalogue(), english_texts()
    without = missing(found, known)
    for english, name in without.items():
        print(polib.POEntry(msgid=english, comment=name).__unicode__(wrapwidth=88))
    faults = [f"Left over in chinese.po: {text!r}" for text in left_over(found, known)]
    if check:
        names = differing(known)
        faults += [
            f"zh/{name} is not what is written: python -m translate" for name in names
        ]
    else:
        write(CHINESE, known)
    if without:
        faults.append(f"Without Chinese: {len(without)} texts, listed above")
    sys.exit("\n".join(faults) or 0)


if __name__ == "__main__":
    main()
