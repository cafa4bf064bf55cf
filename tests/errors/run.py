"""Run what leads to each message of docs/errors.toml, and what its row says to type.

.venv/bin/python tests/errors/run.py FILE [ID ...]

FILE gets, as JSON and by the id of each row, what stands on the terminal `before`, what is
`said` after each of its programs, what after its `fix`, and how they failed. It needs nothing but
the packages of requirements.txt.
"""

import gc
import json
import linecache
import logging
import os
import re
import sys
import tempfile
import tomllib
import traceback
import warnings
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

import custom
import models
from modelfile import keras2, older, tfjs
from pages import errors

import h5py
import keras
import numpy as np
import tensorflow as tf

PROGRAMS = tomllib.loads(
    (Path(__file__).parent / "programs.toml").read_text(encoding="utf-8")
)


def build(units=2):
    """A model that is not the lessons' classifier."""
    layer = keras.layers.Dense(units)
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(optimizer="adam", loss="mean_squared_error")
    return model


def names():
    """Return what the rows speak of; its two files are written."""
    keras.config.set_dtype_policy("float32")
    keras.backend.clear_session()
    model = build()
    model.optimizer.build(model.trainable_variables)
    model.save("my_model.keras")
    model.save_weights("my.weights.h5")
    modules = [custom, models, keras2, older, tfjs, h5py, keras, os, sys]
    known = {module.__name__.rpartition(".")[2]: module for module in modules}
    return {
        "__name__": "__main__",
        **known,
        "zipfile": __import__("zipfile"),
        "np": np,
        "tf": tf,
        "ROOT": ROOT,
        "build": build,
        "x": np.ones((8, 3), "float32"),
        "y": np.zeros((8, 2), "float32"),
        "model": model,
    }


def terminal(program, known):
    """Run a program, and return what Python and Keras write to the terminal, and the error."""
    lines, failed = [], None
    source = program.splitlines(keepends=True)  # so that a traceback shows its lines
    linecache.cache["my_program.py"] = len(program), None, source, "my_program.py"
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(
        f"{record.levelname}:{record.name}:{record.getMessage()}"
    )
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    for logger in loggers:
        logger.addHandler(handler)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", category=ResourceWarning)
        warnings.filterwarnings("ignore", "__array__")  # Keras 3.15 with NumPy 2
        warnings.showwarning = lambda *arguments, **_: lines.append(
            warnings.formatwarning(*arguments[:4])
        )
        try:
            exec(compile(program, "my_program.py", "exec"), known)
        except Exception as error:
            lines.append(traceback.format_exc())
            failed = f"{type(error).__name__}: {error}"
    for logger in loggers:
        logger.removeHandler(handler)
    return {"text": "\n".join(line.rstrip("\n") for line in lines), "failed": failed}


def code(text):
    """Return the Python in a cell: what has a bracket or imports something."""
    spans = [match[1] for match in re.findall(r"(`+)(.+?)\1", text)]
    return [
        span
        for span in spans
        if re.search(r"\(|^import |^from |^\w+(\.\w+)* = ", span)
        and not re.match(r"pip |python |\.venv|@|with |def |import keras_hub", span)
    ]


def run(row):
    """Run the programs of a row in an empty folder."""
    programs = PROGRAMS[row["id"]]
    known = names()
    before = terminal(programs.get("before", ""), known)
    said = [terminal(program, dict(known)) for program in programs.get("run", [])]
    gc.collect()
    fix = [terminal(program, known) for program in code(row["fix_en"])]
    if "after" in programs:
        fix.append(terminal(programs["after"], known))
    return {"before": before, "said": said, "fix": fix}


def main(file, *ids):
    logging.getLogger("absl").propagate = False
    logging.getLogger("tensorflow").propagate = False
    gc.freeze()  # so that Keras, which collects garbage, does not look through TensorFlow
    found = {}
    for row in errors.rows():
        if not ids or row["id"] in ids:
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                found[row["id"]] = run(row)
                os.chdir(ROOT)
    Path(file).write_text(
        json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
