"""What resumable.py adds to an epoch, beside ModelCheckpoint with the same model.

Run by hand, with nothing else running:

    python tests/benchmarks/resumable_cost.py

Only the saving is timed: ModelCheckpoint's `on_epoch_end` and resumable.py's, in turn,
so that a machine that slows down slows down both. ModelCheckpoint gives each epoch a
file of its own, as resumable.py does: to write over an old file costs less, and loses it
in a crash. With the best weights of EarlyStopping in it the file is larger, so the limit
is for each byte. It ends with
status 1 where resumable.py takes more than 1.1 times as long.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import resumable

import keras
import numpy as np

LIMIT = 1.1


def trained(units):
    """Return a model that was trained with one batch: Adam triples its weights."""
    model = keras.Sequential([keras.Input((784,))])
    model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dropout(0.2))
    model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dense(10))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(np.zeros((32, 784), "float32"), np.zeros(32), verbose=0)
    model.stop_training = False
    return model


def seconds(callback, epoch):
    if hasattr(os, "sync"):
        os.sync()  # what the other one has written shall not slow down this one
    begin = time.perf_counter()
    callback.on_epoch_end(epoch, {"loss": 1.0})
    return time.perf_counter() - begin


def compare(model, early_stopping, rounds):
    """Return both median times, the median ratio of times, and the ratio of sizes."""
    others = [keras.callbacks.ReduceLROnPlateau("loss"), keras.callbacks.History()]
    if early_stopping:
        best = keras.callbacks.EarlyStopping("loss", restore_best_weights=True)
        others.append(best)
    with tempfile.TemporaryDirectory() as folder:
        plain = keras.callbacks.ModelCheckpoint(Path(folder) / "plain{epoch}.keras")
        saver = resumable.Saver(folder, others, resumable.about_model(model))
        for callback in [plain, *others, saver]:
            callback.set_model(model)
            callback.set_params({"steps": 1, "epochs": rounds})
            callback.on_train_begin()
            callback.on_epoch_begin(0)
        for callback in others:
            callback.on_epoch_end(0, {"loss": 1.0})
        times = []
        for epoch in range(rounds + 2):
            pair = [plain, saver][:: (-1) ** epoch]  # the second one may be slower
            took = {callback: seconds(callback, epoch) for callback in pair}
            times.append((took[plain], took[saver]))
            theirs = Path(folder) / f"plain{epoch + 1}.keras"
            sizes = (
                (Path(folder) / "newest.keras").stat().st_size,
                theirs.stat().st_size,
            )
            theirs.unlink()
        times = times[2:]  # the first two warm up
    ratio = statistics.median(pair[1] / pair[0] for pair in times)
    medians = [statistics.median(column) for column in zip(*times, strict=True)]
    return *medians, ratio, sizes[0] / sizes[1]


worst = 0
print("    weights  best kept  ModelCheckpoint   resumable.py  ratio  file  for a byte")
for units, rounds in [(64, 40), (1000, 20), (4000, 20)]:
    model = trained(units)
    for kept in [False, True]:
        plain, ours, ratio, size = compare(model, kept, rounds)
        worst = max(worst, ratio / size)
        print(
            f"{model.count_params():11,} {kept!s:>10} {plain:14.4f} s {ours:12.4f} s"
            f" {ratio:6.2f} {size:5.2f} {ratio / size:8.2f}"
        )
print(f"worst ratio for a byte: {worst:.2f}, limit {LIMIT}")
sys.exit(worst > LIMIT)
