"""What the experiment versions does in each version of Keras, in a process of its own.

    python experiments/versions_child.py FOLDER VERSION

with that version and the lessons' folder on PYTHONPATH. It saves four models and prints
"saved"; it reads from standard input which versions there are, loads what each of them has
saved, and prints a line after each; all outcomes are in FOLDER/VERSION.csv.
"""

import contextlib
import csv
import importlib
import os
import sys
import warnings
from pathlib import Path

FOLDER, VERSION = Path(sys.argv[1]), sys.argv[2]
# What TensorFlow and Keras say on the way goes into a file.
log = open(FOLDER / f"{VERSION}.log", "w", encoding="utf-8")  # noqa: SIM115
os.dup2(log.fileno(), 2)
if VERSION.startswith("2."):
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    sys.modules["keras"] = importlib.import_module("tf_keras")
import models

import keras
import numpy as np

KINDS = "sequential", "two branches", "CNN", "subclassed"
FORMATS = ".keras", ".h5", ".weights.h5", ".older.keras"
UNITS = 8
CLOSE = 1e-6  # Versions round differently.


def build(kind):
    """Return a new model, compiled: it maps float32 (n, 784) to logits (n, 10).

    Args:
        kind: one of KINDS.
    """
    inputs = keras.Input((784,))
    if kind == "sequential":
        model = models.sequential(UNITS)
    elif kind == "two branches":
        one = keras.layers.Dense(UNITS, activation="relu")(inputs)
        other = keras.layers.Dense(UNITS, activation="tanh")(inputs)
        both = keras.layers.Concatenate()([one, other])
        model = keras.Model(inputs, keras.layers.Dense(10)(both))
    elif kind == "CNN":
        images = keras.layers.Reshape((28, 28, 1))(inputs)
        found = keras.layers.Conv2D(4, 7, strides=7, use_bias=False)(images)
        found = keras.layers.BatchNormalization()(found)
        found = keras.layers.Flatten()(keras.layers.ReLU()(found))
        model = keras.Model(inputs, keras.layers.Dense(10)(found))
    else:
        model = models.subclassed(UNITS)
    return models.compile(model, steps_per_execution=1)


def data():
    """Return 64 random images and labels: float32 (64, 784), int64 (64,)."""
    random = np.random.default_rng(1)
    return random.random((64, 784), dtype="float32"), random.integers(0, 10, 64)


def predict(model):
    """Return what a model predicts for the images: float32 (64, 10)."""
    return np.array(model(data()[0]))


def train(model):
    """Train with two batches. Eagerly: to compile a graph would take longer."""
    model.run_eagerly = True
    model.train_on_batch(*data())
    model.train_on_batch(*data())


def save_all():
    """Save each kind of model in three formats; what it predicts, and comes to, as .npz."""
    for kind in KINDS:
        keras.utils.set_random_seed(1)
        model = build(kind)
        train(model)
        name = f"{FOLDER}/{VERSION} {kind}"
        model.save(f"{name}.keras")
        model.save_weights(f"{name}.weights.h5")
        # Keras 2 saves no subclassed model as .h5. This comes last: it takes the optimizer
        # out of what the model knows of `compile`.
        with contextlib.suppress(NotImplementedError):
            model.save(f"{name}.h5")
        predictions = predict(model)
        train(model)
        np.savez(f"{name}.npz", predictions, *model.get_weights())


def load(file, kind):
    """Return the model that a file holds, compiled."""
    if file.endswith(".weights.h5"):
        model = build(kind)
        model.optimizer.build(model.trainable_variables)
        model.load_weights(file)
        return model
    classes = {"Classifier": models.Classifier}
    return keras.models.load_model(file, custom_objects=classes)


def outcome(name, form, kind):
    """Load a file, and train on.

    Args:
        name: path of the file, without its ending.
        form: its ending, one of FORMATS.
        kind: the kind of model that is in it, one of KINDS.

    Returns:
        tuple: "resumes" (with the predictions that were saved, and after training with the
        weights of the model that was never saved), "predicts" (it does not continue so),
        "error" or "wrong"; and what an error says.
    """
    predictions, *weights = np.load(f"{name}.npz").values()
    try:
        model = load(name + form, kind)
    except Exception as error:  # any: to see which is what this is for
        return "error", f"{type(error).__name__}: {error}"
    if np.abs(predict(model) - predictions).max() > CLOSE:
        return "wrong", ""
    try:
        train(model)
    except Exception as error:
        return "predicts", f"{type(error).__name__}: {error}"
    for array, wanted in zip(model.get_weights(), weights, strict=True):
        if np.abs(array - wanted).max() > CLOSE:
            return "predicts", "after training, the weights are others"
    return "resumes", ""


warnings.simplefilter("ignore")
save_all()
print("saved", flush=True)
writers = input().split()
with open(FOLDER / f"{VERSION}.csv", "w", newline="", encoding="utf-8") as file:
    table = csv.writer(file)
    for writer in writers:
        for kind in KINDS:
            name = f"{FOLDER}/{writer} {kind}"
            for form in FORMATS:
                if os.path.exists(name + form):
                    what = outcome(name, form, kind)
                    table.writerow([form, kind, writer, VERSION, *what])
        print(writer, flush=True)
