"""Write the pages into site/, from where a browser opens them, without a server."""

import argparse
import sys

from pages.readme import ROOT

try:
    from pages.build import build
except ModuleNotFoundError as error:
    sys.exit(
        f"{error.name} is missing. Type: "
        ".venv/bin/python -m pip install -r pages/requirements.txt"
    )

argparse.ArgumentParser(prog="python -m pages", description=__doc__).parse_args()
try:
    build(ROOT / "site")
except ValueError as error:
    sys.exit(str(error))
print(f"Open {ROOT / 'site' / 'index.html'} in a browser.")
