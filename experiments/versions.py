"""Experiment: which version of Keras can load the files of which other?

Old versions are installed beside the one that is here, into a folder of their own; this
needs the package index, once. Each version saves four small models as `.keras`, `.h5` and
`.weights.h5`, in a process of its own, and loads what all of them have saved; then the same
with the `.keras` files that lesson 7 writes for older versions. Versions that begin with 2
are Keras 2, the package tf_keras. All of it takes 140 MB of disk.
"""

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict

import lesson
from experiments import report
from modelfile import older

import keras
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

VERSIONS = "2.21.0", "3.0.5", "3.3.3", "3.6.0", "3.9.2", "3.12.4", "3.14.1"
FORMATS = {
    ".keras": ".keras",
    ".h5": ".h5",
    ".weights.h5": ".weights.h5, the model built and its optimizer, too",
    ".older.keras": ".keras, written for older versions by lesson 7",
}
# What a cell says, and its colour: light ones of Okabe and Ito's, made for the colour-blind.
COLORS = {"resumes": "#7fcfb9", "loads": "#f7f1a1", "": "white"}
ERRORS = "#eaaf80"


def numbers(version):
    """Return a version as a list of numbers, to be compared: [3, 15, 1]."""
    return [int(number) for number in version.split(".")]


def a_version(text):
    """Return what stands on the command line, if it is a version such as 3.6.0."""
    if not re.fullmatch(r"[23]\.\d+\.\d+", text):
        raise argparse.ArgumentTypeError(
            f"must be a version such as 3.6.0, not {text!r}"
        )
    return text


def install(version, folder):
    """Install a version of Keras into `folder/version`, if it is not there.

    Raises:
        SystemExit: pip cannot install it.
    """
    if (folder / version).exists():
        return
    packages = [f"tf_keras=={version}"]
    if version[0] == "3":
        packages = [f"keras=={version}"]
        if numbers(version) < [3, 3]:
            packages.append("dm-tree")
    unfinished = folder / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--retries=1", "--disable-pip-version-check", "--target", unfinished]
    finished = subprocess.run(
        [*command, *packages], capture_output=True, encoding="utf-8", check=False
    )
    if finished.returncode:
        last_line = finished.stderr.strip().rpartition("\n")[2]
        sys.exit(
            f"{packages[0]} cannot be installed; this needs the package index, and a "
            f"network. pip says: {last_line}"
        )
    unfinished.rename(folder / version)


def start(version, folder):
    """Start the process of a version: see versions_child.py."""
    paths = [str(lesson.ROOT)]
    if version != keras.__version__:
        paths.insert(0, str(folder / "installed" / version))
    return lesson.start(
        lesson.ROOT / "experiments" / "versions_child.py",
        folder,
        version,
        PYTHONPATH=os.pathsep.join(paths),
    )


def wait_for_a_line(version, child, folder):
    """Wait until a process has printed a line; leave with a sentence if it has ended."""
    if not child.stdout.readline():
        log = report.name(folder / f"{version}.log")
        sys.exit(f"The process with Keras {version} has failed: see the end of {log}.")


def reason(message):
    """Return the part of a message of Keras that tells what was wrong, in one line."""
    kind, _, text = message.partition(": ")
    text = text.rpartition("Exception encountered: ")[2]
    return lesson.headline(f"{kind}: {text}", 120) if text else lesson.headline(kind)


def cell(outcomes):
    """Return in a word what becomes of the files that one version wrote and another reads.

    Args:
        outcomes: for each kind of model "resumes", "predicts", "error" or "wrong".
    """
    if "wrong" in outcomes:
        return "wrong"
    errors = outcomes.count("error")
    if errors:
        return "1 error" if errors == 1 else f"{errors} errors"
    return "loads" if "predicts" in outcomes else "resumes"


def words(rows):
    """Return a dict: for each (format, written by, read by) a word, see `cell`; else "".

    Args:
        rows: lists of format, kind of model, written by, read by, outcome, message.
    """
    outcomes = defaultdict(list)
    for form, _, writer, reader, what, _ in rows:
        outcomes[form, writer, reader].append(what)
    return defaultdict(str, {place: cell(outcomes[place]) for place in outcomes})


def write_for_older_versions(versions, folder):
    """Write each `.keras` file of a Keras 3 for the oldest one, as `modelfile --for` does."""
    for version in versions:
        if version[0] == "3":
            for file in folder.glob(f"{version} *.keras"):
                if ".older" not in file.name:
                    older.write(file, file.with_suffix(".older.keras"), 0)


def plot(path, versions, cells):
    """Draw a grid for each format: a row for each writer, a column for each reader.

    Args:
        path: the PNG file to write.
        versions: list of str.
        cells: what `words` returns.
    """
    figure = Figure(figsize=(12, 9), dpi=100, layout="constrained")
    ticks = range(len(versions))
    for axes, form in zip(figure.subplots(2, 2).flat, FORMATS, strict=True):
        for row, writer in enumerate(versions):
            for column, reader in enumerate(versions):
                word = cells[form, writer, reader]
                color = COLORS.get(word, ERRORS)
                corner = column - 0.5, row - 0.5
                axes.add_patch(Rectangle(corner, 1, 1, facecolor=color, edgecolor="w"))
                axes.text(column, row, word, ha="center", va="center", fontsize=9)
        axes.set_title(FORMATS[form], fontsize=12)
        axes.set(xlabel="read by Keras", ylabel="written by Keras")
        axes.set(xticks=ticks, yticks=ticks, xticklabels=versions, yticklabels=versions)
        axes.set(xlim=(-0.5, len(versions) - 0.5), ylim=(len(versions) - 0.5, -0.5))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    figure.savefig(path)


def check_claims(versions, rows):
    """Check what docs/formats.md says about the files.

    Args:
        versions: list of str.
        rows: lists of format, kind of model, written by, read by, outcome, message.
    """
    found = defaultdict(
        set
    )  # outcomes for each format, written and read by Keras 2 or 3
    forward, newest = set(), set()
    for form, kind, writer, reader, what, _ in rows:
        found[form, writer[0], reader[0]].add(what)
        if form == ".keras" and writer[0] == reader[0] == "3":
            if numbers(writer) <= numbers(reader):
                forward.add(what)
            elif writer == keras.__version__ and kind != "subclassed":
                newest.add(what)
    lesson.check(
        ".weights.h5: every Keras 3 resumes from the files of every other",
        found[".weights.h5", "3", "3"] == {"resumes"},
    )
    lesson.check(
        ".keras: a newer Keras 3 resumes from the files of an older one",
        forward == {"resumes"},
    )
    lesson.check(
        f".keras: files of Keras {keras.__version__} are refused by all older ones, except "
        "for the subclassed model, whose layers are not in the file",
        newest <= {"error"},
    )
    lesson.check(
        ".keras, written for older versions: every Keras 3 resumes from them",
        found[".older.keras", "3", "3"] == {"resumes"},
    )
    lesson.check(
        ".h5: no Keras 3 resumes without help (lesson 3)",
        "resumes" not in found[".h5", "3", "3"],
    )
    if versions[0][0] == "2":
        lesson.check(
            "Keras 2 refuses each .keras and .h5 file of Keras 3",
            found[".keras", "3", "2"] | found[".h5", "3", "2"] == {"error"},
        )
        lesson.check(
            ".weights.h5 between Keras 2 and 3: no training resumes",
            "resumes"
            not in found[".weights.h5", "2", "3"] | found[".weights.h5", "3", "2"],
        )
    lesson.check(
        "no file is loaded wrong",
        not any("wrong" in outcomes for outcomes in found.values()),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--versions",
        nargs="+",
        type=a_version,
        default=VERSIONS,
        metavar="VERSION",
        help=f"old versions beside the one that is here (default: {' '.join(VERSIONS)})",
    )
    args = report.arguments(__doc__, parser)
    folder = report.folder("versions")
    versions = sorted({*args.versions, keras.__version__}, key=numbers)
    bar = report.progress(len(versions) * (len(versions) + 2))
    for version in versions:
        if version != keras.__version__:
            install(version, folder / "installed")
        bar.add(1)

    children = {version: start(version, folder) for version in versions}
    for version, child in children.items():
        wait_for_a_line(version, child, folder)
        bar.add(1)
    write_for_older_versions(versions, folder)
    for child in children.values():
        print(*versions, file=child.stdin, flush=True)
    rows = []
    for version, child in children.items():
        for _ in versions:
            wait_for_a_line(version, child, folder)
            bar.add(1)
        child.wait()
        with open(folder / f"{version}.csv", newline="", encoding="utf-8") as file:
            rows += [[*row[:5], reason(row[5])] for row in csv.reader(file)]

    cells = words(rows)
    columns = {"written by": "", **dict.fromkeys(versions, "")}
    for form, title in FORMATS.items():
        lesson.note(f"Format: {title}; read by:")
        table = []
        for writer in versions:
            row = [cells[form, writer, reader] for reader in versions]
            table.append([writer, *row])
        report.table(columns, table)
    heading = ["format", "model", "written by", "read by", "outcome", "message"]
    report.write_csv(folder / "versions.csv", heading, rows)
    plot(folder / "versions.png", versions, cells)
    lesson.note(
        "resumes: it predicts as before and continues training as if never saved, to 1e-6"
    )
    lesson.note(
        "loads: it predicts as before, but it does not continue training as before"
    )
    lesson.note("3 errors: three of the four models cannot be loaded")
    lesson.note(
        "Keras 2 has three .h5 files: it cannot save a subclassed model as .h5."
    )
    lesson.note("Versions that begin with 2 are Keras 2, the package tf_keras.")
    name = report.name(folder)
    lesson.note(
        f"Each model, each message, picture: versions.csv, versions.png in {name}"
    )
    check_claims(versions, rows)


if __name__ == "__main__":
    main()
