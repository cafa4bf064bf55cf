"""Experiment: what is left of a training that is killed again and again?

In one process several models train in turn, each saved in another way. The process is
killed, most often while it saves, and started again. When all models have trained their
epochs, the next training begins. Lessons 8 and 10 are about four of these ways, lesson 9
about the fifth, resumable.py: its model has Dropout and other random layers, shuffled
images, a learning rate that falls, and a training that ends by itself.
"""

import argparse
import hashlib
import json
import random
import shutil
import sys
import time
import zipfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import lesson
import models
import resumable
from experiments import report
from programs.safe_checkpoint import SafeCheckpoint, newest_complete_file

import keras
import numpy as np

EPOCHS = 12
IMAGES = 1000
BATCHES = 32  # that an epoch has: 1,000 images in batches of 32


# How a model is saved: each function continues from what it finds in a folder, or begins. It
# returns the model, the number of epochs that are done, and the callback that saves.


def new_model():
    keras.utils.set_random_seed(1)
    return models.build_and_compile()


def safe_checkpoint(folder):
    path = newest_complete_file(folder)
    callback = SafeCheckpoint(folder)
    if path is None:
        return new_model(), 0, callback
    epochs = int(path.stem.removeprefix("epoch-"))
    return keras.models.load_model(path), epochs, callback


def model_checkpoint(folder):
    path = folder / "checkpoint.keras"
    callback = keras.callbacks.ModelCheckpoint(path)
    if not path.exists():
        return new_model(), 0, callback
    model = keras.models.load_model(path)
    # The file does not say from which epoch it is. But Adam counts batches.
    return model, int(model.optimizer.iterations) // BATCHES, callback


def backup_and_restore(folder):
    model = new_model()
    callback = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    callback.set_model(model)
    callback.on_train_begin()  # as `fit` begins: load what there is
    path = folder / "training_metadata.json"
    epochs = json.loads(path.read_text())["epoch"] if path.exists() else 0
    return model, epochs, callback


def orbax_checkpoint(folder):
    callback = keras.callbacks.OrbaxCheckpoint(folder)
    # A folder for each epoch, counted from 0. Others are what a killed save has left.
    epochs = [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
    if not epochs:
        keras.utils.set_random_seed(1)
        # Functional: lesson 8 says why.
        return models.build_and_compile("functional"), 0, callback
    return keras.models.load_model(folder), max(epochs) + 1, callback


METHODS = {
    "SafeCheckpoint": safe_checkpoint,
    "ModelCheckpoint": model_checkpoint,
    "BackupAndRestore": backup_and_restore,
}
EXACT = "resumable.py"
# A process is killed soon after it has printed this line for the second time; then it is
# the next one's turn. "saved" means: at any moment, not aimed at a save.
AIMS = [
    "saving SafeCheckpoint",
    "saving resumable.py",
    "saving ModelCheckpoint",
    "saving BackupAndRestore",
    "saving resumable.py",
    "saving SafeCheckpoint",
    "saved SafeCheckpoint",
    "saved resumable.py",
]
if find_spec("orbax"):
    METHODS["OrbaxCheckpoint"] = orbax_checkpoint
    AIMS += ["saving OrbaxCheckpoint"] * 2
# Seconds: a process is killed so soon after the line, at the latest. OrbaxCheckpoint takes
# longer to save; while it does, it is killed, and not while it copies the weights alone.
LONGEST = {"saved SafeCheckpoint": 0.3, "saving OrbaxCheckpoint": 0.3}


class Say(keras.callbacks.Callback):
    """Prints a line at the end of each epoch."""

    def __init__(self, line):
        super().__init__()
        self.line = line

    def on_epoch_end(self, epoch, logs=None):
        print(self.line)


def cnn():
    """Return a small CNN with all that makes a resumed training another one.

    Returns:
        keras.Sequential: compiled; maps float32 (n, 28, 28, 1) to logits (n, 10).
    """
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.RandomTranslation(0.1, 0.1),
            keras.layers.Conv2D(4, 5, strides=4, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(models.CLASSES),
        ]
    )
    return models.compile(model, steps_per_execution=1)


def train_exactly(folder, model, x, y, epochs):
    """Train with resumable.py until `epochs` are done; return the history."""
    # Each start, and so each call, has new callbacks: what they know is in the file.
    callbacks = [
        keras.callbacks.ReduceLROnPlateau("loss", patience=2, min_delta=0.5),
        keras.callbacks.EarlyStopping(
            "accuracy", mode="max", patience=4, restore_best_weights=True
        ),
        Say(f"saving {EXACT}"),
    ]
    batches = resumable.Batches(x.reshape(-1, 28, 28, 1), y, steps_per_epoch=BATCHES)
    settings = {"epochs": epochs, "callbacks": callbacks, "verbose": 0}
    return resumable.fit(model, batches, folder, **settings).history


def end(method, model, history=""):
    """Print a checksum of what a training has come to."""
    weights = np.concatenate([array.ravel() for array in model.get_weights()])
    content = weights.tobytes() + str(history).encode()
    print(f"end {method} {hashlib.sha256(content).hexdigest()}")


def train(folder):
    """Train with each of the METHODS, and with EXACT: this process is killed.

    It waits for a line on its standard input. Then it prints "unusable METHOD" where
    what the last process left cannot be loaded, and this training begins anew; "epoch
    METHOD N" and "batches METHOD N", what it resumes from; "saving METHOD" before and
    "saved METHOD" after each save; and at its end "end METHOD CHECKSUM", of the weights
    and the history.

    Args:
        folder: gets a folder for each method.
    """
    if not sys.stdin.readline():
        return  # the process that started this one has ended
    report.hide_warnings()
    random_numbers = np.random.default_rng(1)
    x = random_numbers.random((IMAGES, models.PIXELS), dtype="float32")
    y = random_numbers.integers(models.CLASSES, size=IMAGES)
    trainings = []
    for method, resume in METHODS.items():
        place = folder / method
        place.mkdir(exist_ok=True)
        try:
            model, done, callback = resume(place)
        except (Exception, SystemExit):  # damage shows as many kinds of errors
            print(f"unusable {method}")
            shutil.rmtree(place)
            place.mkdir()
            model, done, callback = resume(place)
        print(f"epoch {method} {done}")
        print(f"batches {method} {int(model.optimizer.iterations)}")
        callbacks = [Say(f"saving {method}"), callback]
        trainings.append([method, model, done, callbacks])
    exact_model = cnn()
    state = {"epoch": 0, "batches": 0}
    path = resumable.newest_complete_file(folder / EXACT)
    if path:
        with zipfile.ZipFile(path) as archive:
            state = json.loads(archive.read("training.json"))["state"]
    print(f"epoch {EXACT} {state['epoch']}")
    print(f"batches {EXACT} {state['batches']}")

    for turn in range(EPOCHS):
        for method, model, done, callbacks in trainings:
            epoch = done + turn
            if epoch < EPOCHS:
                # The order depends on the epoch alone, so an epoch that is trained
                # again is the same.
                order = np.random.default_rng(epoch).permutation(IMAGES)
                settings = {"epochs": epoch + 1, "initial_epoch": epoch}
                settings |= {"shuffle": False, "verbose": 0, "callbacks": callbacks}
                model.fit(x[order], y[order], **settings)
                # At its end `fit` waits until OrbaxCheckpoint has written all.
                print(f"saved {method}")
        epochs = min(state["epoch"] + turn + 1, EPOCHS)
        history = train_exactly(folder / EXACT, exact_model, x, y, epochs)
        print(f"saved {EXACT}")
    for method, model, _, _ in trainings:
        end(method, model)
    end(EXACT, exact_model, history)


def start(folder):
    """Start a process that waits to train in a folder."""
    return lesson.start("-m", "experiments.kills", "--training", str(folder))


def follow(process, aim, seconds):
    """Let a waiting process train, and kill it.

    Args:
        process: as `start` returns it.
        aim: the line after which it is killed, when it is there for the second time; None
            if it is not to be killed.
        seconds: how long after this line.

    Returns:
        tuple: the lines that it has printed, and whether it was killed.
    """
    print(file=process.stdin, flush=True)
    lines = []
    killed = False
    for line in process.stdout:
        lines.append(line.strip())
        if not killed and lines.count(aim) == 2:
            time.sleep(seconds)
            process.kill()
            killed = True
    if process.wait() and not killed:
        sys.exit("The training process failed.")
    return lines, killed


def value(lines, beginning):
    """Return what stands behind `beginning` in the line that begins with it."""
    for line in lines:
        if line.startswith(beginning):
            return line.removeprefix(beginning).strip()
    sys.exit(f"The training process has not printed {beginning!r}.")


def empty_folder(name):
    folder = report.folder("kills") / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def measure(kills):
    """Kill `kills` times, and then let the training come to its end.

    Returns:
        dict: for each of the METHODS a collections.Counter of "inside its save",
        "unusable", "wrong epoch", "epochs", "ended" and "as never killed".
    """
    bar = report.progress(kills + 1)
    never_killed, _ = follow(start(empty_folder("never killed")), None, 0)
    bar.add(1)
    folder = empty_folder("killed")
    moments = random.Random(4)
    counts = {method: Counter() for method in [*METHODS, EXACT]}
    waiting = []
    done = 0
    ended = False
    while done < kills or not ended:
        # Others wait, already started: TensorFlow takes long to start.
        while len(waiting) < min(3, kills - done + 1):
            waiting.append(start(folder))
        aim = AIMS[done % len(AIMS)] if done < kills else None
        seconds = moments.uniform(0, LONGEST.get(aim, 0.01))
        lines, killed = follow(waiting.pop(0), aim, seconds)
        ended = f"end {EXACT}" in " ".join(lines)
        for method, count in counts.items():
            epoch = int(value(lines, f"epoch {method}"))
            batches = int(value(lines, f"batches {method}"))
            count["inside its save"] += killed and lines[-1] == f"saving {method}"
            count["unusable"] += f"unusable {method}" in lines
            count["wrong epoch"] += batches != epoch * BATCHES
            count["epochs"] += lines.count(f"saving {method}")
            if ended:
                count["ended"] += 1
                wanted = value(never_killed, f"end {method}")
                count["as never killed"] += value(lines, f"end {method}") == wanted
        if killed:
            done += 1
            bar.add(1)
        if ended:
            folder = empty_folder("killed")
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--kills",
        type=lesson.number(1000),
        default=24,
        help="how often the training is killed (default: %(default)s)",
    )
    parser.add_argument(
        "--training",
        metavar="FOLDER",
        type=Path,
        help="be the process that is killed: train in FOLDER, after a line on standard "
        "input",
    )
    args = report.arguments(__doc__, parser)
    if args.training:
        train(args.training)
        return

    counts = measure(args.kills)
    columns = {
        "saved by": "the callback, or resumable.py; all in the same processes",
        "kills": "how often the process was killed",
        "inside its save": "how many of these while this callback was saving",
        "unusable": "what it had left could not be loaded: this training began anew",
        "wrong epoch": "the number of epochs and the weights did not belong together",
        "epochs": "how many were trained, some twice; without kills, at most "
        f"{EPOCHS} in each training",
        "as never killed": "trainings that ended with equal weights, to the last bit; "
        "resumable.py: and with an equal history",
    }
    rows = []
    for method, count in counts.items():
        rows.append(
            [
                method,
                args.kills,
                count["inside its save"],
                count["unusable"],
                count["wrong epoch"],
                count["epochs"],
                f"{count['as never killed']}/{count['ended']}",
            ]
        )
    report.table(columns, rows)
    for method in "SafeCheckpoint", EXACT:
        count = counts[method]
        lesson.check(
            f"{method}: always a file that can be used, and the end as if never killed",
            count["unusable"] == 0
            and count["wrong epoch"] == 0
            and count["as never killed"] == count["ended"],
        )


if __name__ == "__main__":
    main()
