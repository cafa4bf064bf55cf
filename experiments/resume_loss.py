"""Experiment: what does training lose without the optimizer's state?

A model is trained for two epochs and saved. Then three models with equal weights get the
same batches, one after another: the model that was never interrupted, the one from the
`.keras` file, and one from the file with a fresh Adam. Lesson 2 is about it.

The models have no random layers, and the batches come in the same order.
"""

import argparse

import lesson
import data
import models
from experiments import report

import keras
import numpy as np
from matplotlib.figure import Figure

LABELS = "never interrupted", "from the file", "fresh Adam"
SHOWN = 1, 2, 5, 10, 100, 1000, 1875  # batches, in the table
DRAWN = 200  # batches, in the plot


def plot(path, losses):
    """Draw the losses of the first batches, and how far they are from the first run's.

    Args:
        path: the PNG file to write.
        losses: float array, one row for each batch, one column for each of LABELS.
    """
    losses = losses[:DRAWN]
    batches = range(1, len(losses) + 1)
    figure = Figure(figsize=(8, 6), dpi=120, layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    styles = [
        {"color": "0.6", "linewidth": 4},
        {"color": "#0072b2", "linewidth": 1.5},
        {"color": "#d55e00", "linewidth": 1.5, "linestyle": "--"},
    ]
    for i, style in enumerate(styles):
        above.plot(batches, losses[:, i], label=LABELS[i], **style)
        below.plot(batches, losses[:, i] - losses[:, 0], **style)
    above.set(title=f"Resumed training, the first {len(losses)} batches", ylabel="loss")
    below.set(xlabel="batch", ylabel=f"difference from\n{LABELS[0]}")
    below.xaxis.get_major_locator().set_params(integer=True)
    above.legend(frameon=False)
    for axes in above, below:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def train_side_by_side(trained, x, y):
    """Train several models with the same batches of 32 images.

    Args:
        trained: list of compiled models.
        x: images, float32 (n, 784).
        y: labels (n,).

    Returns:
        float array: the loss of each batch, one column for each model.
    """
    starts = range(0, len(x), 32)
    bar = report.progress(len(starts))
    losses = []
    for start in starts:
        images = x[start : start + 32]
        labels = y[start : start + 32]
        losses.append([model.train_on_batch(images, labels)[0] for model in trained])
        bar.add(1)
    return np.array(losses)


def main():
    parser = argparse.ArgumentParser()
    report.add_model(parser)
    parser.add_argument(
        "--samples",
        type=lesson.number(data.TRAINING_IMAGES),
        default=data.TRAINING_IMAGES,
        metavar="N",
        help="train with the first N images (default: all %(default)s)",
    )
    args = report.arguments(__doc__, parser)
    folder = report.folder("resume_loss")
    (x, y), _ = data.load_mnist(args.samples)

    keras.utils.set_random_seed(1)
    model = models.build_and_compile(args.model)
    model.fit(x, y, epochs=2, shuffle=False, verbose=2)
    model.save(folder / "mnist.keras")
    from_file = keras.models.load_model(folder / "mnist.keras")
    fresh_adam = keras.models.load_model(folder / "mnist.keras")
    models.compile(fresh_adam)
    losses = train_side_by_side([model, from_file, fresh_adam], x, y)

    plot(folder / "resume.png", losses)
    columns = {
        "batch": "the number of the batch of 32 images, after two epochs",
        LABELS[0]: "its loss in the model that was saved, and trained on",
        LABELS[1]: "its loss in the model that `load_model` returned",
        LABELS[2]: "its loss in the same, compiled again: Adam's state is lost",
    }
    rows = []
    for number in SHOWN:
        if number <= len(losses):
            rows.append([number, *losses[number - 1].tolist()])
    report.table(columns, rows)
    lesson.note(f"Plot: {report.name(folder / 'resume.png')}")
    _, with_state, without = losses.mean(axis=0)
    lesson.note(
        "A fresh Adam has forgotten the running means of the gradients. It still learns, "
        f"but on another path: its mean loss is {without:.4f}, with Adam's state "
        f"{with_state:.4f}."
    )
    lesson.check(
        "from the file: all losses are equal",
        np.array_equal(losses[:, 0], losses[:, 1]),
    )
    lesson.check_same_weights(
        "from the file: at the end, not one bit of the weights differs",
        from_file,
        model,
    )
    lesson.check_other_weights("fresh Adam: another training", fresh_adam, model)


if __name__ == "__main__":
    main()
