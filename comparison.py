"""What lesson 7 tries out, measures and draws: the same for each format.

`load` is, throughout, a function of a path and of a function `build`. It returns what it
loads; if the file alone is not enough for that, it calls `build()`, which returns a new
compiled classifier.
"""

import csv
import shutil
import statistics
import time
from typing import NamedTuple

import models

import keras
import numpy as np

COPIES = 20  # with one changed byte each
CLASS = {"Classifier": models.Classifier}


def predict(loaded, x):
    """Return the logits (n, 10) for images (n, 784), whatever it is that was loaded."""
    if hasattr(loaded, "get_input_details"):  # LiteRT has names for inputs and outputs
        (name,) = loaded.get_input_details()
        (logits,) = loaded(**{name: x}).values()
        return logits
    return np.array(
        getattr(loaded, "serve", loaded)(x)
    )  # a SavedModel, or a Keras model


class Training(NamedTuple):
    """A training that was saved after one epoch, and went on uninterrupted."""

    x: np.ndarray  # images, float32 (n, 784)
    y: np.ndarray  # labels (n,)
    saved: keras.Model  # after the first epoch
    resumed: list  # of arrays: the weights after the second epoch


def survives(load, path, build, training):
    """Load a file and find out what it holds.

    Args:
        load: see above.
        path: the file or folder.
        build: function that returns a new compiled classifier.
        training: the Training that `path` was saved in.

    Returns:
        dict of bool: are the "weights" there, the "architecture", what the model was compiled
        with ("compile"), and the state of the "optimizer"; "resumes": after the second epoch,
        are the weights equal to the last bit?
    """
    asked = []

    def build_and_tell():
        asked.append(True)
        return build()

    loaded = _load(load, path, build_and_tell)
    x, y, saved, resumed = training
    optimizer, loss = (getattr(loaded, part, None) for part in ("optimizer", "loss"))
    kinds = type(optimizer), type(loss)
    state = optimizer.variables if optimizer else []
    return {
        "weights": np.allclose(predict(loaded, x[:100]), saved(x[:100]), atol=1e-4),
        "architecture": not asked,
        "compile": not asked and kinds == (type(saved.optimizer), type(saved.loss)),
        "optimizer": _equal(state, saved.optimizer.variables),
        "resumes": _train(loaded, x, y) and _equal(loaded.get_weights(), resumed),
    }


def _load(load, path, build):
    """Load, and do what training does first: build the optimizer.

    A TensorFlow checkpoint is read only then, as far as it is the optimizer's state.
    """
    with keras.saving.custom_object_scope(CLASS):  # the .h5 loader wants to be told
        loaded = load(path, build)
    optimizer = getattr(loaded, "optimizer", None)
    if optimizer and not optimizer.built:
        optimizer.build(loaded.trainable_variables)
    return loaded


def _equal(arrays, others):
    return len(arrays) == len(others) and all(map(np.array_equal, arrays, others))


def _train(loaded, x, y):
    """Train for one epoch; return False where that cannot be done."""
    try:
        loaded.fit(x, y, shuffle=False, verbose=0)
    except (AttributeError, ValueError):
        return False
    return True


def loads_without_class(load, path, x, logits):
    """Return whether the file of a `models.Classifier` loads where that class is unknown."""

    def build():
        raise LookupError("this takes the class")

    classes = keras.saving.get_custom_objects()
    registered = classes.pop("lessons>Classifier")
    try:
        return np.allclose(predict(load(path, build), x), logits, atol=1e-4)
    except (LookupError, TypeError, ValueError):
        return False
    finally:
        classes["lessons>Classifier"] = registered


def count_noticed(load, path, build):
    """Return how many of 20 copies with one changed byte are refused.

    The bytes are spread evenly over the largest file at `path`, which is put back at the end.
    """
    file = max(_files(path), key=lambda file: file.stat().st_size)
    content = file.read_bytes()
    noticed = 0
    for copy in range(COPIES):
        at = (2 * copy + 1) * len(content) // (2 * COPIES)
        file.write_bytes(content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :])
        try:
            _load(load, path, build)
        except Exception:  # damage shows as any kind of error
            noticed += 1
    file.write_bytes(content)
    return noticed


def cost(form, path, model, build):
    """Save a model and load all that the file holds, three times; then remove the file.

    Args:
        form: the `formats.Format`.
        path: the file or folder.
        model: the model to save.
        build: function that returns a new compiled model of the same size.

    Returns:
        tuple: bytes on disk, median seconds to save, median seconds to load.
    """
    saving, loading = [], []
    for _ in range(3):
        start = time.perf_counter()
        form.save(model, path)
        saving.append(time.perf_counter() - start)
        start = time.perf_counter()
        _load(form.load_by_hand or form.load, path, build)
        loading.append(time.perf_counter() - start)
    size = sum(file.stat().st_size for file in _files(path))
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return size, statistics.median(saving), statistics.median(loading)


def _files(path):
    return (
        [file for file in path.rglob("*") if file.is_file()]
        if path.is_dir()
        else [path]
    )


def write_csv(path, *rows):
    """Write rows of cells as a CSV file; the first row is the heading."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def plot(path, costs):
    """Draw size, time to save and time to load against the number of parameters.

    Args:
        path: the PNG file to write.
        costs: dict: for each format a list of (parameters, bytes, seconds, seconds).
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  slow, and seldom needed

    figure = Figure(figsize=(12, 6.2), dpi=100, layout="constrained")
    titles = "size, bytes", "time to save, seconds", "time to load, seconds"
    # Okabe and Ito's colours, which the colour-blind can tell apart; in print the markers do.
    colors = (
        "#0072b2",
        "#d55e00",
        "#009e73",
        "#cc79a7",
        "black",
        "#e69f00",
        "#56b4e9",
        "0.5",
    )
    for column, (axes, title) in enumerate(
        zip(figure.subplots(1, 3), titles, strict=True), 1
    ):
        ends = []
        for (name, rows), color, marker in zip(
            costs.items(), colors, "os^DvPX*", strict=True
        ):
            x, y = [row[0] for row in rows], [row[column] for row in rows]
            axes.plot(x, y, color=color, marker=marker, markersize=5, linewidth=1.2)
            ends.append((y[-1], name, color))
        axes.set(xscale="log", yscale="log", title=title, xlabel="parameters")
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(y=0.08)
        axes.autoscale(False)
        to_axes = axes.transData + axes.transAxes.inverted()
        ends = sorted(
            (to_axes.transform((x[-1], y))[1], name, color) for y, name, color in ends
        )
        for place, (end, name, color) in _labels(ends):
            axes.annotate(
                name,
                xy=(to_axes.transform((x[-1], 1))[0], end),
                xytext=(1.08, place),
                xycoords="axes fraction",
                va="center",
                arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.8},
            )
    figure.savefig(path)


def _labels(ends, gap=0.04):
    """Yield a place for each label, at the end of its line or, in a stack, near it."""
    stacks = []
    for end in ends:
        stacks.append([end])
        while len(stacks) > 1 and (
            _middle(stacks[-1]) - _middle(stacks[-2])
            < gap * (len(stacks[-1]) + len(stacks[-2])) / 2
        ):
            highest = stacks.pop()
            stacks[-1] += highest
    for stack in stacks:
        for i, end in enumerate(stack):
            yield _middle(stack) + gap * (i - (len(stack) - 1) / 2), end


def _middle(stack):
    return statistics.mean(end for end, *_ in stack)
