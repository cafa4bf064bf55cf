"""Write the pages into site/, from where a browser opens them, without a server."""

import argparse
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORDS = tomllib.loads((HERE / "words.toml").read_text(encoding="utf-8"))

parser = argparse.ArgumentParser(prog="python -m pages", description=__doc__)
parser.add_argument(
    "--language",
    choices=list(WORDS),
    default="en",
    help="of what is printed here: the pages are in both (default: %(default)s)",
)
words = WORDS[parser.parse_args().language]
try:
    from pages.build import ROOT, build
except ModuleNotFoundError as error:
    sys.exit(words["missing"].format(error.name, sys.executable))
try:
    build(ROOT / "site")
except ValueError as error:
    sys.exit(str(error))
print(words["open"].format(ROOT / "site" / "index.html"))
