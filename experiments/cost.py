"""Experiment: how large is each format, and how long does it take to save and to load?

The classifier is saved in the seven formats of the lessons, by OrbaxCheckpoint and as plain
arrays, with more and more units in its hidden layer: 50,890 parameters, half a million, five
million, and 50 million with --large. Beside it stands a model with nearly as many parameters
as the smallest, but in 30 layers instead of 2. Lesson 18 is about it.

Sizes are those of a model that is trained with Adam.
"""

import argparse
import functools
import shutil
import statistics
import sys
import time

import lesson
import models
from experiments import formats, report

import keras
import numpy as np
from matplotlib.figure import Figure

UNITS = 64, 629, 6289  # of the hidden layer
LARGE = 62893
LAYERS = 30  # of the other model
REPETITIONS = 3
FREE = 2e9  # bytes: what --large needs on the disk
ALL = [*formats.WITH_ORBAX, formats.ARRAYS]
PREDICT_ALONE = "SavedModel", "LiteRT", "TensorFlow.js"  # see the experiment survival
COLUMNS = {
    "format": "np.savez has weights and optimizer state as plain arrays, nothing else",
    "layers": "Dense layers of the model",
    "parameters": "numbers that are trained, in all layers",
    "bytes": "size of the file, or of all files of the folder",
    "bytes / weights": "the same, divided by four bytes for each parameter",
    "save, ms": f"milliseconds to save; median of three; with {LAYERS} layers once",
    "load, ms": "milliseconds to load all that is in it, a .keras file with testzip",
}
BACKGROUND_COLUMNS = {
    "parameters": "",
    "fit waits, ms": "for OrbaxCheckpoint, which copies the weights; median of three",
    "complete, ms": "until all is written: a process that is killed earlier loses this epoch",
}


def build_classifier(units):
    """Return the classifier with another number of hidden units, compiled."""
    return models.compile(models.sequential(units))


def build_deep():
    """Return a compiled model of LAYERS Dense layers, with 49,900 parameters."""
    model = keras.Sequential([keras.Input(shape=(784,))], name="deep")
    for i in range(LAYERS - 1):
        model.add(keras.layers.Dense(30, activation="relu", name=f"hidden_{i}"))
    model.add(keras.layers.Dense(10, name="logits"))
    return models.compile(model)


def trained(build):
    """Return a model that has been trained with one batch: Adam's state is not all zeros."""
    model = build()
    numbers = np.random.default_rng(1)
    x = numbers.random((32, models.PIXELS), dtype="float32")
    model.train_on_batch(x, numbers.integers(models.CLASSES, size=32))
    return model


def measure(form, path, model, build, repetitions):
    """Save a model and load all that the file holds; then remove the file.

    Args:
        form: the `formats.Format`.
        path: the file or folder.
        model: the model to save.
        build: function that returns a new compiled model of the same size.
        repetitions: how often.

    Returns:
        list: bytes on disk, median seconds to save, median seconds to load.
    """
    saving, loading = [], []
    for _ in range(repetitions):
        start = time.perf_counter()
        form.save(model, path)
        saving.append(time.perf_counter() - start)
        start = time.perf_counter()
        formats.load_as_a_program(form.load_by_hand, path, build)
        loading.append(time.perf_counter() - start)
    size = sum(file.stat().st_size for file in report.files(path))
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    return [size, statistics.median(saving), statistics.median(loading)]


def measure_background(path, build):
    """Measure what `fit` waits for when OrbaxCheckpoint saves, and when all is written.

    Args:
        path: the folder.
        build: function that returns a new compiled model.

    Returns:
        list: number of parameters, seconds that `fit` waits, seconds until all is written.
    """
    model = trained(build)
    waiting, complete = [], []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        callback = formats.start_orbax(model, path)
        waiting.append(time.perf_counter() - start)
        callback.on_train_end()
        complete.append(time.perf_counter() - start)
    shutil.rmtree(path)
    times = [statistics.median(waiting), statistics.median(complete)]
    return [f"{model.count_params():,}", *[f"{seconds * 1e3:.1f}" for seconds in times]]


def plot(path, rows):
    """Draw size, time to save and time to load against the number of parameters.

    Args:
        path: the PNG file to write.
        rows: lists of format, layers, parameters, bytes, seconds, seconds. Those of the
            model with 2 layers are joined by a line.
    """
    figure = Figure(figsize=(12, 6.2), dpi=100, layout="constrained")
    titles = "size, bytes", "time to save, seconds", "time to load, seconds"
    # Okabe and Ito's colours, which the colour-blind can tell apart; in print the
    # markers do.
    colors = [
        "#0072b2",
        "#d55e00",
        "#009e73",
        "#cc79a7",
        "black",
        "#e69f00",
        "#56b4e9",
        "#f0e442",
        "0.5",
    ]
    markers = "os^DvPXp*"
    for column, axes in enumerate(figure.subplots(1, 3), start=3):
        ends = []
        for i, form in enumerate(ALL):
            of_form = [row for row in rows if row[0] == form.name]
            line = [row for row in of_form if row[1] == 2]
            deep = [row for row in of_form if row[1] != 2]
            style = {"color": colors[i], "marker": markers[i], "markersize": 5}
            x = [row[2] for row in line]
            y = [row[column] for row in line]
            axes.plot(x, y, linewidth=1.2, **style)
            axes.plot(
                [row[2] for row in deep],
                [row[column] for row in deep],
                linestyle="",
                markerfacecolor="none",
                **style,
            )
            ends.append((y[-1], form.name, colors[i]))
        axes.set(xscale="log", yscale="log", title=titles[column - 3])
        axes.set_xlabel(f"parameters, in 2 layers (hollow: in {LAYERS})")
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(y=0.08)
        axes.autoscale(False)
        label_lines(axes, x[-1], ends)
    figure.savefig(path)


def label_lines(axes, x, ends):
    """Write the names of lines at their right ends, and none over another.

    Args:
        axes: the matplotlib axes; its limits are final.
        x: where the lines end.
        ends: list of (y, name, color).
    """
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = []
    for y, name, color in ends:
        right, height = to_axes.transform((x, y))
        heights.append((height, name, color))
    heights.sort()
    places = spread([height for height, _, _ in heights])
    for (height, name, color), place in zip(heights, places, strict=True):
        axes.annotate(
            name,
            xy=(right, height),
            xytext=(1.08, place),
            xycoords="axes fraction",
            va="center",
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.8},
        )


def spread(heights, gap=0.04):
    """Return places near the heights, in rising order, that are at least a gap apart."""
    stacks = []  # of heights whose labels stand one on the other
    for height in heights:
        stacks.append([height])
        while len(stacks) > 1:
            below, above = stacks[-2], stacks[-1]
            distance = statistics.mean(above) - statistics.mean(below)
            if distance >= gap * (len(below) + len(above)) / 2:
                break
            stacks[-2:] = [below + above]
    places = []
    for stack in stacks:
        lowest = statistics.mean(stack) - gap * (len(stack) - 1) / 2
        places += [lowest + gap * i for i in range(len(stack))]
    return places


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--large",
        action="store_true",
        help="measure 50 million parameters, too (2 GB of disk)",
    )
    args = report.arguments(__doc__, parser)
    folder = report.folder("cost")
    if args.large and shutil.disk_usage(folder).free < FREE:
        sys.exit(f"--large needs 2 GB of free disk space in {folder}.")
    report.hide_warnings()

    cases = [(2, functools.partial(build_classifier, units)) for units in UNITS]
    if args.large:
        cases.append((2, functools.partial(build_classifier, LARGE)))
    cases.insert(1, (LAYERS, build_deep))
    bar = report.progress(len(cases) * len(ALL))
    rows = []
    for layers, build in cases:
        model = trained(build)
        repetitions = REPETITIONS if layers == 2 else 1
        for form in ALL:
            cost = measure(form, folder / form.file, model, build, repetitions)
            rows.append([form.name, layers, model.count_params(), *cost])
            bar.add(1)

    shown = []
    for name, layers, parameters, size, save, load in rows:
        times = [f"{save * 1e3:.1f}", f"{load * 1e3:.1f}"]
        ratio = f"{size / parameters / 4:.2f}"
        shown.append([name, layers, f"{parameters:,}", f"{size:,}", ratio, *times])
    report.table(COLUMNS, shown)
    if formats.ORBAX in ALL:
        print()
        builds = [build for layers, build in cases if layers == 2]
        background = [measure_background(folder / "orbax", build) for build in builds]
        report.table(BACKGROUND_COLUMNS, background)
    heading = ["format", "layers", "parameters", "bytes"]
    heading += ["seconds to save", "seconds to load"]
    report.write_csv(folder / "cost.csv", heading, rows)
    plot(folder / "cost.png", rows)
    lesson.note(f"Table and plot: cost.csv, cost.png in {report.name(folder)}")

    small, deep, largest = (
        {},
        {},
        {},
    )  # for each format bytes, save, load; and parameters
    for name, layers, parameters, *cost in rows:
        if layers == LAYERS:
            deep[name] = cost
        elif name not in small:
            small[name] = cost
        largest[name] = cost[0] / parameters / 4
    with_state = [
        ".weights.h5",
        "checkpoint",
        ".keras",
        ".h5",
        "np.savez",
    ]  # Orbax packs
    lesson.check(
        "three times the weights where Adam's state is in the file: two numbers for each "
        f"weight that is trained ({', '.join(with_state)})",
        all(abs(largest[name] - 3) < 0.1 for name in with_state),
    )
    lesson.note("Orbax packs them: what it takes depends on the numbers.")
    lesson.note(
        "With another optimizer, or with layers that are not trained, it is another number."
    )
    lesson.check(
        "the size of the weights: LiteRT, TensorFlow.js; twice that: SavedModel, see Keras "
        "issue 23553",
        abs(largest["LiteRT"] - 1) < 0.1
        and abs(largest["TensorFlow.js"] - 1) < 0.1
        and abs(largest["SavedModel"] - 2) < 0.1,
    )
    slower = deep[".keras"][2] / small[".keras"][2]
    lesson.check(
        f"time and size grow with the number of layers, too: with {LAYERS} instead of 2, and "
        f"fewer parameters, .keras takes {slower:.0f} times as long to load",
        slower > 2 and all(deep[name][0] > small[name][0] for name in small),
    )
    smallest = [name for name in PREDICT_ALONE if largest[name] < 1.1]
    fastest = min(PREDICT_ALONE, key=lambda name: small[name][2])
    lesson.check(
        f"If you want the smallest file that predicts, use {' or '.join(smallest)}.",
        smallest == ["LiteRT", "TensorFlow.js"],
    )
    lesson.check(
        f"If you want a small model that loads fastest, use {fastest}.",
        fastest == "LiteRT",
    )


if __name__ == "__main__":
    main()
