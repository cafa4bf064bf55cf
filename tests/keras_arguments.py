"""Write modelfile/keras_arguments.json: which version of Keras 3 brought which argument.

    python tests/keras_arguments.py FOLDER

FOLDER has old versions of Keras, each installed with `pip install --no-deps --target
FOLDER/VERSION keras==VERSION`. Each, and the one that is installed, is asked in a process
of its own which arguments its classes take. Kept is what the oldest does not know: the
first of these versions that does, and its default value today. Run it for a new Keras.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "modelfile" / "keras_arguments.json"
PROGRAM = """
import inspect, json
import keras
modules = [keras.layers, keras.initializers, keras.regularizers, keras.constraints,
    keras.losses, keras.metrics, keras.optimizers, keras.optimizers.schedules]
found = {}
for module in modules:
    for name, one in vars(module).items():
        if not isinstance(one, type):
            continue
        arguments = found.setdefault(name, {})
        for base in one.__mro__:
            if "__init__" not in vars(base) or base is object:
                continue
            source = inspect.getsource(base.__init__)
            if base is one and source.count("**kwargs") == 1:
                # It takes anything, and does not hand it on.
                arguments["**kwargs"] = None
            parameters = inspect.signature(base.__init__).parameters.values()
            for parameter in list(parameters)[1:]:
                if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                    value = parameter.default
                    known = isinstance(value, (bool, int, float, str, tuple, type(None)))
                    arguments.setdefault(parameter.name, value if known else "?")
            if not any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters):
                break
print(json.dumps(found))
"""


def arguments_in(folder=None):
    """Return dict from classes to dict from arguments to defaults, of a version."""
    environment = {**os.environ, "PYTHONPATH": str(folder or "")}
    command = [sys.executable, "-c", PROGRAM]
    printed = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return json.loads(printed.splitlines()[-1])


def main(folder):
    import keras  # noqa: PLC0415  after the usage

    versions = sorted(folder.iterdir(), key=lambda path: int(path.name.split(".")[1]))
    known = {int(path.name.split(".")[1]): arguments_in(path) for path in versions}
    newest = int(keras.__version__.split(".")[1])
    today = known[newest] = arguments_in()
    table = {}
    for name, arguments in sorted(today.items()):
        since = min(minor for minor in known if name in known[minor])
        news = {"": since} if since > min(known) else {}
        for argument, default in sorted(arguments.items()):
            takes = [known[minor].get(name, {}) for minor in sorted(known)]
            brought = min(
                minor
                for minor, one in zip(sorted(known), takes, strict=True)
                if argument in one or "**kwargs" in one
            )
            if brought > since and argument != "**kwargs":
                news[argument] = [brought, default]
        if news:
            table[name] = news
    text = {"tested": sorted(known), "classes": table}
    TABLE.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {TABLE}, {len(table)} classes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
