"""Experiment: what does loading notice of a damaged file?

40 copies of a file have one changed byte each, and 40 are cut short, at places that are
spread evenly over the file. Each is loaded and compared with the model that was saved.
Lessons 10 and 17 are about it.

A `.keras` file is a zip, which has checksums. Python 3.11 compares them while Keras loads
the file. Since Python 3.12 `zipfile` skips that after some seeks, and Keras then loads wrong
weights without an error, from 30 of the 40 copies of the CNN below. `testzip()` reads each
part of the file from beginning to end, and has noticed all 40 with every Python.
"""

import functools
import hashlib
import platform
from collections import Counter

import lesson
import models
from experiments import formats, report

import keras
import numpy as np

COPIES = 40
SHARD = "data-00000-of-00001"  # a part of a file name: the only part of the weights


def changed_copies(content, copies=COPIES):
    """Return copies of some bytes, with one changed byte each."""
    damaged = []
    for copy in range(copies):
        place = (2 * copy + 1) * len(content) // (2 * copies)
        other = bytes([content[place] ^ 255])
        damaged.append(content[:place] + other + content[place + 1 :])
    return damaged


def cut_copies(content, copies=COPIES):
    """Return copies of some bytes, each cut short at another place."""
    ends = [(2 * copy + 1) * len(content) // (2 * copies) for copy in range(copies)]
    return [content[:end] for end in ends]


def contents(loaded, x):
    """Return what can be compared of a model: its predictions, and its variables.

    Args:
        loaded: what a function of `formats` has loaded.
        x: float32 array, the inputs to predict for.

    Returns:
        list of arrays. LiteRT shows no variables: predictions alone.
    """
    arrays = [formats.predict(loaded, x)]
    for variable in getattr(loaded, "variables", []):
        arrays.append(variable.numpy())
    return arrays


def count(file, damaged, load, x):
    """Put damaged copies in the place of a file, load each, and count what happens.

    Args:
        file: a file without damage. At the end it is as it was.
        damaged: list of bytes, the copies.
        load: function without arguments that loads the model from this file and others.
        x: float32 array, the inputs to predict for.

    Returns:
        collections.Counter: "noticed" (an error), "wrong" (no error, but other weights
        or predictions), "unharmed".
    """
    content = file.read_bytes()
    right = contents(load(), x)
    counts = Counter()
    for copy in damaged:
        file.write_bytes(copy)
        try:
            arrays = contents(load(), x)
        except Exception:  # damage shows as any kind of error
            counts["noticed"] += 1
            continue
        same = len(arrays) == len(right) and all(map(np.array_equal, arrays, right))
        counts["unharmed" if same else "wrong"] += 1
    file.write_bytes(content)
    return counts


def save_with_checksum(model, path):
    model.save_weights(path)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".sha256").write_text(checksum)


def load_with_checksum(path, build):
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    if checksum != path.with_suffix(".sha256").read_text():
        raise ValueError(f"{path.name} is damaged")
    return formats.load_weights(path, build)


def build_cnn():
    """Return a small CNN with BatchNormalization.

    Returns:
        keras.Sequential: built, not compiled; maps float32 (n, 28, 28, 1) to logits
        (n, 10).
    """
    return keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )


def change_constants(folder):
    """Change each 0.001 in the computation of a SavedModel to another number.

    It is what BatchNormalization adds to the variance before it divides by its root.
    """
    file = folder / "saved_model.pb"
    content = file.read_bytes()
    number = np.float32(0.001).tobytes()
    other = number[:3] + bytes([number[3] ^ 64])  # one bit of the exponent
    file.write_bytes(content.replace(number, other))


def main():
    report.arguments(__doc__)
    folder = report.folder("damage")
    report.hide_warnings()
    keras.utils.set_random_seed(1)
    classifier = models.sequential()
    images = np.random.default_rng(1).random((10, 784), dtype="float32")
    cnn = build_cnn()
    pictures = images.reshape(10, 28, 28, 1)

    checked = formats.KERAS._replace(load=formats.load_checked_model)
    with_checksum = formats.WEIGHTS._replace(
        save=save_with_checksum, load=load_with_checksum
    )
    saved_model = formats.SAVED_MODEL
    # Name, format, and which of its files is damaged.
    of_classifier = [
        (".keras", formats.KERAS, "model.keras"),
        (".keras with testzip", checked, "model.keras"),
        ("checkpoint", formats.CHECKPOINT, f"checkpoint/checkpoint.{SHARD}"),
        (
            "SavedModel's variables",
            saved_model,
            f"exported/variables/variables.{SHARD}",
        ),
        ("SavedModel's saved_model.pb", saved_model, "exported/saved_model.pb"),
        (".h5", formats.H5, "model.h5"),
        (".weights.h5", formats.WEIGHTS, "model.weights.h5"),
        (".weights.h5 with sha256", with_checksum, "model.weights.h5"),
    ]
    rows = []
    bar = report.progress(len(of_classifier) + 2)
    for name, model, x, cases in (
        ("classifier", classifier, images, of_classifier),
        ("CNN", cnn, pictures, of_classifier[:2]),
    ):
        place = folder / name
        place.mkdir(exist_ok=True)
        build = functools.partial(keras.models.clone_model, model)
        for case, form, file in cases:
            form.save(model, place / form.file)
            load = functools.partial(form.load, place / form.file, build)
            content = (place / file).read_bytes()
            changed = count(place / file, changed_copies(content), load, x)
            cut = count(place / file, cut_copies(content), load, x)
            outcomes = [changed["noticed"], changed["wrong"], changed["unharmed"]]
            rows.append([name, case, *outcomes, cut["noticed"]])
            bar.add(1)

    columns = {
        "model": "the classifier of the lessons, or a CNN with BatchNormalization",
        f"{COPIES} copies of": "the file that is damaged; with testzip or sha256: checked first",
        "noticed": "one byte is changed: an error when the copy is loaded",
        "loaded wrong": "one byte is changed: no error, but other weights or predictions",
        "unharmed": "one byte is changed: no error, and nothing is different",
        "cut noticed": "the copy is cut short: an error when it is loaded",
    }
    report.table(columns, rows)
    results = {(row[0], row[1]): row[2:] for row in rows}
    _, wrong, *_ = results["CNN", ".keras"]
    lesson.note(
        f"Without testzip, Python {platform.python_version()} loads {wrong} of the {COPIES} "
        "changed `.keras` files of the CNN with wrong weights. Since Python 3.12 they are "
        "not always compared with their checksums."
    )
    lesson.check(
        f"a copy that is cut short is noticed, {COPIES} of {COPIES} in every format",
        all(cut == COPIES for *_, cut in results.values()),
    )
    asked = [
        results["classifier", ".keras with testzip"],
        results["CNN", ".keras with testzip"],
        results["classifier", ".weights.h5 with sha256"],
    ]
    lesson.check(
        "with testzip, or a checksum, wrong weights are never loaded",
        all(wrong == 0 and noticed > 0 for noticed, wrong, *_ in asked),
    )
    tensorflow = [
        results["classifier", "checkpoint"],
        results["classifier", "SavedModel's variables"],
    ]
    lesson.check(
        "nor are they from the variables of a checkpoint or a SavedModel",
        all(wrong == 0 and noticed > 0 for noticed, wrong, *_ in tensorflow),
    )
    silent = [results["classifier", ".h5"], results["classifier", ".weights.h5"]]
    lesson.check(
        f".h5 and .weights.h5 load most of the {COPIES} changed copies with wrong weights",
        all(wrong > COPIES / 2 for _, wrong, *_ in silent),
    )

    cnn.export(folder / "CNN" / "exported", verbose=False)
    right = formats.predict(cnn, pictures)
    change_constants(folder / "CNN" / "exported")
    loaded = formats.load_saved_model(folder / "CNN" / "exported", None)
    lesson.check(
        "a SavedModel has no checksum for saved_model.pb: one bit of a number in it is "
        "changed, and it predicts differently, without an error",
        not lesson.are_close(formats.predict(loaded, pictures), right),
    )


if __name__ == "__main__":
    main()
