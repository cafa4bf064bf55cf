"""Lesson 7: which format to choose

The video shows three ways to save a model, these lessons show seven. Here is one model in all
seven, side by side. What each of them keeps is tried out: load the file, compare, go on
training. What each of them costs is measured, with up to 5 million parameters, or 50 with --large.
How each is saved and loaded is in formats.py, call by call.
"""

import argparse
import functools
import logging
import shutil
import sys
import warnings

import lesson
import comparison
import data
import models
from formats import ARRAYS, FORMATS

import keras

parser = argparse.ArgumentParser()
about = "measure 50 million parameters, too (2 GB of disk)"
parser.add_argument("--large", action="store_true", help=about)
args = lesson.arguments(__doc__, model=True, parser=parser)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
if args.large and shutil.disk_usage(folder).free < 2e9:
    sys.exit(f"--large needs 2 GB of free disk space in {folder}.")
new_model = models.BUILDS[args.model]
# The lessons before this one show all warnings, and explain them.
warnings.simplefilter("ignore")
logging.getLogger("absl").disabled = True


def build(units=64):
    return models.compile_classifier(new_model(units))


lesson.step(1, "Train for one epoch, and save in all formats")
keras.utils.set_random_seed(1)
model = build()
model.fit(x_train, y_train, shuffle=False, verbose=lesson.VERBOSE)
# The file of a subclassed model, too: does it load where its class is unknown?
subclassed = models.subclassed()
subclassed.set_weights(model.get_weights())
subclassed(x_test[:1])  # it must have been called before it is exported
for directory, each in ((folder / "model", model), (folder / "subclassed", subclassed)):
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for form in FORMATS:
        form.save(each, directory / form.file)

# Each file is loaded as if by a new program, compared with the model that was saved, and
# trained for one more epoch. "by hand": with more code than one call, see lessons 1 and 3.
lesson.step(2, "What survives: load each, compare, and go on training")
keras.utils.set_random_seed(1)
uninterrupted = build()
uninterrupted.fit(x_train, y_train, epochs=2, shuffle=False, verbose=lesson.VERBOSE)
training = comparison.Training(x_train, y_train, model, uninterrupted.get_weights())
logits = subclassed(x_test)
table = {}
for form in FORMATS:
    path = folder / "model" / form.file
    loaded = by_hand = comparison.survives(form.load, path, build, training)
    if form.load_by_hand:
        by_hand = comparison.survives(form.load_by_hand, path, build, training)
    row = {
        part: "yes" if loaded[part] else "by hand" if by_hand[part] else "no"
        for part in loaded
    }
    copy = folder / "subclassed" / form.file
    known = comparison.loads_without_class(form.load, copy, x_test, logits)
    row["no class"] = "yes" if known else "no"
    row["damage"] = comparison.count_noticed(
        form.load_by_hand or form.load, path, build
    )
    table[form.name] = row
lesson.table(
    ["", *table[".keras"]], *([name, *row.values()] for name, row in table.items())
)
lesson.note("architecture: the file alone is enough to predict.")
lesson.note("compile: loss and optimizer, as in model.compile. optimizer: its state.")
lesson.note(
    "resumes: not one bit is different from a training that was never interrupted."
)
lesson.note("no class: it loads a subclassed model where the class is unknown.")
lesson.note(
    f"damage: errors in {comparison.COPIES} copies with one changed byte in the largest file."
)
complete = [
    name for name, row in table.items() if list(row.values())[:5] == ["yes"] * 5
]
lesson.check("only .keras has the first five, in one call", complete == [".keras"])

# 0.05, 0.5 and 5 million parameters, and 50 with --large. Optimizer state counts twice as
# much as the weights: Adam keeps two numbers for each.
lesson.step(3, "What it costs: medians of three")
costs = {form.name: [] for form in [*FORMATS, ARRAYS]}
all_units = [64, 629, 6289, 62893][: 4 if args.large else 3]
progress = keras.utils.Progbar(len(all_units) * len(costs), verbose=lesson.VERBOSE)
for units in all_units:
    build_larger = functools.partial(build, units)
    larger = build_larger()
    larger.train_on_batch(x_train[:32], y_train[:32])
    for form in [*FORMATS, ARRAYS]:
        cost = comparison.cost(form, folder / form.file, larger, build_larger)
        costs[form.name].append((larger.count_params(), *cost))
        progress.add(1)
for i, (parameters, *_) in enumerate(costs[ARRAYS.name]):
    lesson.table(
        [
            f"{parameters:,} parameters",
            "bytes",
            "bytes / weights",
            "save, ms",
            "load, ms",
        ],
        *(
            [
                name,
                f"{size:,}",
                f"{size / parameters / 4:.2f}",
                f"{save * 1e3:.1f}",
                f"{load * 1e3:.1f}",
            ]
            for name, (_, size, save, load) in (
                (name, rows[i]) for name, rows in costs.items()
            )
        ),
    )
lesson.note(
    "np.savez: the weights and the optimizer's state as plain arrays, nothing else."
)
ratios = {name: rows[-1][1] / rows[-1][0] / 4 for name, rows in costs.items()}
state = [name for name, row in table.items() if row["optimizer"] != "no"]
lesson.check(
    f"three times the weights, where Adam's state is in the file: {', '.join(state)}",
    all((2.9 < ratios[name] < 3.1) == (name in state) for name in table),
)
lesson.note(f"SavedModel: {ratios['SavedModel']:.1f} times; see Keras issue 23553.")
comparison.write_csv(
    folder / "survives.csv",
    ["format", *table[".keras"]],
    *([name, *row.values()] for name, row in table.items()),
)
comparison.write_csv(
    folder / "cost.csv",
    ["format", "parameters", "bytes", "seconds to save", "seconds to load"],
    *([name, *row] for name, rows in costs.items() for row in rows),
)
comparison.plot(folder / "cost.png", costs)
lesson.note(f"Tables and plot: survives.csv, cost.csv, cost.png in saved/{folder.name}")

# Only the wishes are written by hand here; the formats come from the two tables.
lesson.step(4, "Which one, then?")


def formats_with(**wanted):
    return [
        name for name, row in table.items() if all(row[c] in wanted[c] for c in wanted)
    ]


alone = formats_with(**{"no class": ["yes"]})
for wish, fit in {
    "to go on training, from the file alone": formats_with(
        architecture=["yes"], resumes=["yes"]
    ),
    "to go on training, and your program builds the model": formats_with(
        resumes=["yes", "by hand"]
    ),
    "an error when the file is damaged": formats_with(damage=[comparison.COPIES]),
    "to predict without your program": alone,
    "the smallest file that predicts": [name for name in alone if ratios[name] < 1.1],
    "a small model that loads fastest": [
        min(alone, key=lambda name: costs[name][0][3])
    ],
}.items():
    lesson.note(f"If you want {wish}, use {' or '.join(fit)}.")
keras_row, h5_row = (list(table[name].values()) for name in (".keras", ".h5"))
lesson.check(
    "use .h5 only where a program asks for it: it keeps nothing that .keras does not keep",
    all(
        a in ("yes", b, comparison.COPIES)
        for a, b in zip(keras_row, h5_row, strict=True)
    ),
)
