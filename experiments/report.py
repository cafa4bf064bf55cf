"""How an experiment talks: arguments, a progress bar, a table, a CSV file."""

import argparse
import csv
import logging
import sys
import warnings

import lesson
import models

import keras


def arguments(doc, parser=None):
    """Read the arguments of an experiment, and print its title.

    Args:
        doc: the experiment's docstring; its first line is the title.
        parser: an `argparse.ArgumentParser` with the experiment's own arguments, if
            it has any.

    Returns:
        argparse.Namespace: the experiment's own arguments.
    """
    title = doc.splitlines()[0]
    parser = parser or argparse.ArgumentParser()
    parser.description = title
    args = parser.parse_args()
    print(f"{title}\n")
    return args


def add_model(parser):
    """Add the argument `--model` to an `ArgumentParser`."""
    parser.add_argument(
        "--model",
        choices=list(models.BUILDS),
        default="sequential",
        help="how the classifier is built (default: %(default)s)",
    )


def folder(name):
    """Make and return the folder that an experiment writes to: `saved/experiments/name`."""
    path = lesson.folder("experiments") / name
    path.mkdir(exist_ok=True)
    return path


def name(path):
    """Return a path as it is seen from the folder of the lessons."""
    return path.relative_to(lesson.ROOT).as_posix()


def files(path):
    """Return a list of the files at a path: the file itself, or all that are in a folder."""
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file()]


def hide_warnings():
    """Print no warnings of Keras from now on: the lessons show and explain them."""
    warnings.simplefilter("ignore")
    logging.getLogger("absl").disabled = True


def progress(total):
    """Return a bar of `total` parts: `add(1)` after each. In a pipe, one line at its end."""
    return keras.utils.Progbar(total, verbose=1 if sys.stdout.isatty() else 2)


def table(columns, rows):
    """Print rows of cells as aligned columns, and what each column means.

    Args:
        columns: dict: for each heading what it means, "" if it needs no word.
        rows: lists of str, int or float. Floats are printed with six decimals.
    """
    cells = [list(columns)]
    for row in rows:
        cells.append([f"{c:.6f}" if isinstance(c, float) else str(c) for c in row])
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    cells.insert(1, ["-" * width for width in widths])
    lines = []
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append(("   " + "   ".join(padded)).rstrip())
    print("\n".join(lines), end="\n\n")
    for heading, meaning in columns.items():
        if meaning:
            lesson.note(f"{heading}: {meaning}")


def write_csv(path, heading, rows):
    """Write a heading and rows of cells as a CSV file."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([heading, *rows])
