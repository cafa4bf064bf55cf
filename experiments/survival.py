"""Experiment: what does each format bring back?

A model is trained and saved in the seven formats of the lessons, and by OrbaxCheckpoint.
Each file is loaded as if by a new program, compared with the model that was saved, and
trained further. Lesson 18 is about it.

The model has no random layers, and the batches come in the same order. Of a model with
Dropout, or with images in random order, no file can bring back all.
"""

import argparse
import functools
import shutil
from typing import NamedTuple

import lesson
import data
import models
from experiments import damage, formats, report

import keras
import numpy as np

IMAGES = 6400  # 200 batches
COPIES = 20  # with one changed byte each
PREDICT_ALONE = ["SavedModel", "LiteRT", "TensorFlow.js"]
COLUMNS = {
    "format": "",
    "weights": "it predicts as before: logits are equal but for rounding",
    "architecture": "the file alone is enough to predict, without a function that builds",
    "compile": "loss and optimizer are there, as they were given to model.compile",
    "optimizer": "the optimizer's state is there: Adam's running means and step counter",
    "resumes": "after more training, not a bit differs from a training never interrupted",
    "without class": "the file of a subclassed model loads where its class is unknown",
    "damage": f"of {COPIES} copies with one changed byte so many are refused; .keras: by testzip; "
    "few: less than a quarter",
}


class Training(NamedTuple):
    """A training that was saved after one epoch, and the same one, never interrupted."""

    x: np.ndarray  # inputs, such as images: float32 (n, 784)
    y: np.ndarray  # labels (n,)
    saved: keras.Model  # after the first epoch
    resumed: list  # of arrays: the weights after the second epoch


def train(build, x, y):
    """Train a model for one epoch, and another one, which starts equal, for two.

    Args:
        build: function that returns a new compiled model.
        x: inputs, such as images: float32 (n, 784).
        y: labels (n,).

    Returns:
        Training: the first model is its `saved`.
    """
    keras.utils.set_random_seed(1)
    saved = build()
    saved.fit(x, y, shuffle=False, verbose=0)
    keras.utils.set_random_seed(1)
    uninterrupted = build()
    uninterrupted.fit(x, y, epochs=2, shuffle=False, verbose=0)
    return Training(x, y, saved, uninterrupted.get_weights())


def are_equal(arrays, others):
    return len(arrays) == len(others) and all(map(np.array_equal, arrays, others))


def resumes(loaded, training):
    """Return whether a second epoch ends as if the training had never been interrupted."""
    try:
        loaded.fit(training.x, training.y, shuffle=False, verbose=0)
    except (AttributeError, ValueError):
        return False  # it cannot be trained
    return are_equal(loaded.get_weights(), training.resumed)


def brought_back(load, path, build, training):
    """Load a file, and find out what it holds.

    Args:
        load: function of a path and of `build`, as in `formats`.
        path: the file or folder.
        build: function that returns a new compiled model.
        training: the Training that `path` was saved in.

    Returns:
        dict: bool for "weights", "architecture", "compile", "optimizer", "resumes"; what
        they mean is in COLUMNS.
    """
    calls = []

    def build_and_tell():
        calls.append("build")
        return build()

    loaded = formats.load_as_a_program(load, path, build_and_tell)
    saved = training.saved
    alone = not calls
    optimizer = getattr(loaded, "optimizer", None)
    loss = getattr(loaded, "loss", None)
    same_kinds = type(optimizer) is type(saved.optimizer) and type(loss) is type(
        saved.loss
    )
    state = optimizer.variables if optimizer else []
    predictions = formats.predict(loaded, training.x[:100])
    wanted = formats.predict(saved, training.x[:100])
    return {
        "weights": lesson.are_close(predictions, wanted),
        "architecture": alone,
        "compile": alone and same_kinds,
        "optimizer": are_equal(state, saved.optimizer.variables),
        "resumes": resumes(loaded, training),
    }


def yes_by_hand_or_no(form, path, build, training):
    """Return for each part whether it survives: "yes", "by hand" or "no".

    Args:
        form: the `formats.Format`.
        path: the file or folder.
        build: function that returns a new compiled model.
        training: the Training that `path` was saved in.
    """
    row = {}
    loaded = brought_back(form.load, path, build, training)
    by_hand = loaded
    if form.load_by_hand is not form.load:
        by_hand = brought_back(form.load_by_hand, path, build, training)
    for part in loaded:
        if loaded[part]:
            row[part] = "yes"
        elif by_hand[part]:
            row[part] = "by hand"
        else:
            row[part] = "no"
    return row


def loads_without_class(form, path, x, logits):
    """Return whether the file of a `models.Classifier` loads where that class is unknown.

    Args:
        form: the `formats.Format`.
        path: the file or folder.
        x: images, float32 (n, 784).
        logits: what the model that was saved returns for them.
    """

    def build():
        raise LookupError("this takes the class")

    classes = keras.saving.get_custom_objects()
    registered = classes.pop("lessons>Classifier")
    try:
        loaded = form.load(path, build)
        return lesson.are_close(formats.predict(loaded, x), logits)
    except (LookupError, TypeError, ValueError):
        return False
    finally:
        classes["lessons>Classifier"] = registered


def count_noticed(form, path, build, x):
    """Return how many copies with one changed byte in the largest file are refused.

    Args:
        form: the `formats.Format`.
        path: the file or folder. At the end it is as it was.
        build: function that returns a new compiled model.
        x: inputs to predict for.
    """
    file = max(report.files(path), key=lambda file: file.stat().st_size)
    copies = damage.changed_copies(file.read_bytes(), COPIES)
    load = functools.partial(formats.load_as_a_program, form.load_by_hand, path, build)
    return damage.count(file, copies, load, x)["noticed"]


def formats_with(table, **wanted):
    """Return the names of the formats whose cells are among those that are wanted.

    Args:
        table: dict: for each name of a format a dict of its cells.
        **wanted: for each column the cells that are right.
    """
    found = []
    for name, row in table.items():
        if all(row[column] in cells for column, cells in wanted.items()):
            found.append(name)
    return found


def advise(wish, names, expected):
    """Print which formats fulfil a wish, and check that they are those that are known."""
    lesson.check(f"If you want {wish}, use {' or '.join(names)}.", names == expected)


def main():
    parser = argparse.ArgumentParser()
    report.add_model(parser)
    args = report.arguments(__doc__, parser)
    folder = report.folder("survival")
    report.hide_warnings()
    (x, y), _ = data.load_mnist(IMAGES)
    build = functools.partial(models.build_and_compile, args.model)
    training = train(build, x, y)
    # A subclassed model with the same weights. It must be called before it is exported.
    subclassed = models.compile(models.subclassed())  # Orbax saves no other
    subclassed.set_weights(training.saved.get_weights())
    logits = subclassed(x[:100])

    for name in "model", "subclassed":
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
    bar = report.progress(len(formats.WITH_ORBAX))
    table = {}
    for form in formats.WITH_ORBAX:
        path = folder / "model" / form.file
        form.save(training.saved, path)
        row = yes_by_hand_or_no(form, path, build, training)
        copy = folder / "subclassed" / form.file
        form.save(subclassed, copy)
        without_class = loads_without_class(form, copy, x[:100], logits)
        row["without class"] = "yes" if without_class else "no"
        with lesson.quietly():  # Orbax logs what it notices
            noticed = count_noticed(form, path, build, x[:100])
        # How Orbax spreads the arrays over files differs from run to run.
        few = form is formats.ORBAX and noticed < COPIES / 4
        row["damage"] = "few" if few else noticed
        table[form.name] = row
        bar.add(1)

    rows = [[name, *row.values()] for name, row in table.items()]
    report.table(COLUMNS, rows)
    lesson.note("by hand: with more code than one call; lessons 1, 3 and 8 show it.")
    report.write_csv(folder / "survives.csv", list(COLUMNS), rows)
    lesson.note(f"Table: {report.name(folder / 'survives.csv')}")

    complete = formats_with(
        table,
        weights=["yes"],
        architecture=["yes"],
        compile=["yes"],
        optimizer=["yes"],
        resumes=["yes"],
    )
    lesson.check("only .keras has the first five, in one call", complete == [".keras"])
    h5, in_keras = table[".h5"], table[".keras"]
    lesson.check(
        ".h5 keeps nothing of this model that .keras does not keep",
        all(in_keras[part] in ("yes", COPIES, h5[part]) for part in h5),
    )

    print()
    advise(
        "to continue training, from the file alone",
        formats_with(table, architecture=["yes"], resumes=["yes"]),
        [".keras"],
    )
    advise(
        "to continue training, and your program builds the model",
        formats_with(table, resumes=["yes", "by hand"]),
        [name for name in table if name not in PREDICT_ALONE],
    )
    advise(
        "an error when the weights in the file are damaged",
        formats_with(table, damage=[COPIES]),
        ["checkpoint", ".keras", "SavedModel"],
    )
    advise(
        "to predict without your program",
        formats_with(table, **{"without class": ["yes"]}),
        PREDICT_ALONE,
    )


if __name__ == "__main__":
    main()
