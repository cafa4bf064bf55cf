"""Write the pages into site/, from where a browser opens them, without a server."""

import argparse
import sys

try:
    from pages.build import ROOT, build
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
