"""Experiment: which kind of model can load the weights of which other?

The three ways to build the classifier make nine pairs: weights are saved from one and
loaded into another, from a `.weights.h5` file and from a TensorFlow checkpoint. Lesson 5
is about it.
"""

import warnings

import lesson
import models
from experiments import report

import numpy as np
import tensorflow as tf

FORMATS = ".weights.h5", "checkpoint"


def save(model, form, folder, name):
    """Save the weights of a model in one of the FORMATS."""
    if form == ".weights.h5":
        model.save_weights(folder / f"{name}.weights.h5")
    else:
        tf.train.Checkpoint(model=model).write(folder / name / "checkpoint")


def load(model, form, folder, name):
    """Load what `save` has written."""
    if form == ".weights.h5":
        model.load_weights(folder / f"{name}.weights.h5")
    else:
        tf.train.Checkpoint(model=model).read(folder / name / "checkpoint")


def outcome(form, folder, saved, target):
    """Load a file into another kind of model, and return in two words what happens.

    Args:
        form: one of the FORMATS.
        folder: where the files are.
        saved: the model that was saved, of the kind that it is called.
        target: the kind of model to load into, as `models.build` takes it.
    """
    images = np.random.default_rng(1).random((100, 784), dtype="float32")
    model = models.build(target)
    fresh = model(images)
    try:
        load(model, form, folder, saved.name)
    except ValueError:
        return "ValueError"
    loaded = model(images)
    if np.array_equal(loaded, saved(images)):
        return "same"
    if np.array_equal(loaded, fresh):
        return "nothing loaded"
    return "something else"


def main():
    report.arguments(__doc__)
    folder = report.folder("pairs")
    warnings.simplefilter("ignore")  # lesson 5 shows them
    bar = report.progress(len(FORMATS) * len(models.BUILDS) ** 2)
    results = {}
    for form in FORMATS:
        rows = []
        for kind in models.BUILDS:
            saved = models.build(kind)
            saved.name = kind
            save(saved, form, folder, kind)
            row = [kind]
            for target in models.BUILDS:
                row.append(outcome(form, folder, saved, target))
                bar.add(1)
            rows.append(row)
        results[form] = rows

    columns = {"saved from": ""}
    for target in models.BUILDS:
        columns[f"into {target}"] = ""
    for form in FORMATS:
        lesson.note(f"Format: {form}")
        report.table(columns, results[form])
    lesson.note("same: all predictions are equal to those of the saved model.")
    lesson.note(
        "nothing loaded: they are those of a fresh model, and there is no error."
    )
    same, error, nothing = "same", "ValueError", "nothing loaded"
    lesson.check(
        ".weights.h5: only the subclassed model's file is refused, by the two others",
        results[".weights.h5"]
        == [
            ["sequential", same, same, same],
            ["functional", same, same, same],
            ["subclassed", error, error, same],
        ],
    )
    lesson.check(
        "checkpoint: into another kind it loads nothing, silently",
        results["checkpoint"]
        == [
            ["sequential", same, nothing, nothing],
            ["functional", nothing, same, nothing],
            ["subclassed", nothing, nothing, same],
        ],
    )


if __name__ == "__main__":
    main()
