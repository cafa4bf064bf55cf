"""Lesson 4: training that survives a crash

The video saves once, at the end. A long training saves while it runs, so that a crash
costs an epoch and not a week. This lesson kills real training processes, also in the
middle of a save, and counts what is left behind (see trials.py for how it does that).
"""

import argparse
import hashlib
import os
import shutil
import sys
import zipfile

import lesson
import data
import models
import trials

import keras
import numpy as np
import tensorflow as tf


class SafeCheckpoint(keras.callbacks.Callback):
    """Save model and epoch. Once it has saved, a whole file is left whenever it is killed."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        new, newest = self.folder / "new.keras", self.folder / "newest.keras"
        self.model.save(new)
        with zipfile.ZipFile(new, "a") as archive:
            archive.writestr("epoch", str(epoch + 1))
        with open(new, "rb+") as file:
            os.fsync(file.fileno())  # on the disk, not only on the way to it
        if newest.exists():
            os.replace(newest, self.folder / "previous.keras")
        os.replace(new, newest)


def resume_safely(folder, model):
    """Return model, epoch and callback: of the newest whole file, or for a new training."""
    folder.mkdir(exist_ok=True)
    paths = folder / "newest.keras", folder / "previous.keras"
    for path in paths:
        if path.exists():
            try:
                with zipfile.ZipFile(path) as archive:
                    epoch = int(archive.read("epoch"))
                model = keras.models.load_model(path)
                os.replace(path, paths[0])  # in the place of a damaged one
                return model, epoch, SafeCheckpoint(folder)
            except Exception as error:  # damage shows as any kind of error
                print(f"   {path.name} cannot be used, it is damaged: {error}")
    if any(path.exists() for path in paths):
        raise ValueError(f"There is no checkpoint in {folder} that can be used.")
    return model, 0, SafeCheckpoint(folder)


if sys.argv[1:2] == ["--train"]:  # this script, started by itself to be killed
    trials.train(resume_safely, *sys.argv[2:])
    sys.exit()

parser = argparse.ArgumentParser()
parser.add_argument(
    "--kills", type=lesson.number(1000), default=24, help="kills in step 3"
)
args = lesson.arguments(__doc__, model=True, parser=parser)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
shutil.rmtree(lesson.folder(__file__))  # no checkpoint of an earlier run shall be found
folder = lesson.folder(__file__)
new_model = models.BUILDS[args.model]

# A name with the epoch in it keeps every epoch. `save_best_only` keeps one file, the best.
lesson.step(1, "ModelCheckpoint: a file for each epoch, and the best one")
keras.utils.set_random_seed(1)
model = models.compile_classifier(new_model())
every = keras.callbacks.ModelCheckpoint(folder / "epoch-{epoch:03d}.keras")
best = keras.callbacks.ModelCheckpoint(folder / "best.keras", save_best_only=True)
settings = {"validation_data": (x_test, y_test), "verbose": lesson.VERBOSE}
model.fit(x_train, y_train, epochs=3, callbacks=[every, best], **settings)
files = sorted(folder.glob("epoch-*.keras"))
lesson.note(f"Files: {', '.join(file.name for file in files)}, best.keras")
newest = keras.models.load_model(files[-1])
lesson.check_equal(
    f"{files[-1].name} is the model as it is now", newest(x_test), model(x_test)
)
loss = keras.models.load_model(folder / "best.keras").evaluate(
    x_test, y_test, 1000, verbose=0
)[0]
lesson.check(
    f"best.keras has the smallest loss: {loss:.4f}", np.isclose(loss, best.best)
)


class StopInTheMiddle(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations > 2.3 * np.ceil(len(x_train) / 32):
            raise RuntimeError("stopped in the middle of the third epoch")


lesson.step(2, "BackupAndRestore: go on from the last finished epoch")
settings = {"epochs": 4, "shuffle": False, "verbose": lesson.VERBOSE}
whole, stopped, restored = (models.compile_classifier(new_model()) for _ in range(3))
stopped.set_weights(whole.get_weights())
backup = keras.callbacks.BackupAndRestore(folder / "backup")
with lesson.expect_error(RuntimeError, "in the middle of the third epoch"):
    stopped.fit(x_train, y_train, callbacks=[backup, StopInTheMiddle()], **settings)
history = restored.fit(x_train, y_train, callbacks=[backup], **settings)
lesson.check("the third epoch begins anew", history.epoch == [2, 3])
whole.fit(x_train, y_train, **settings)
difference = lesson.largest_difference(restored.get_weights(), whole.get_weights())
lesson.check("stopped and restored: not one bit is different", difference == 0)

# `kill -9` leaves no time to clean up. In each process three models train, saved in three ways.
lesson.step(3, f"Kill the training {args.kills} times")
for place, kills in ((folder / "never killed", 0), (folder / "killed", args.kills)):
    place.mkdir()
    np.savez(place / "data.npz", x=x_train[:1000], y=y_train[:1000])
    lesson.note(f"{trials.EPOCHS} epochs, {place.name}:")
    counts = trials.kill_training(__file__, place, args.model, kills)

lesson.step(4, "What the killed processes left behind: counted, not promised")
rows = []
for method, count in counts.items():
    ends = [
        np.load(folder / name / method / "end.npy")
        for name in ("never killed", "killed")
    ]
    rows.append([method, *count.values(), "yes" if np.array_equal(*ends) else "no"])
lesson.table(["saved by", *count, "as never killed"], *rows)
lesson.note(f"{sum(row[2] for row in rows)} of the kills hit a save.")
nothing_lost = [*rows[0][3:5], rows[0][6]] == [0, 0, "yes"]
lesson.check(
    "SafeCheckpoint: as if never killed, not one bit is different", nothing_lost
)
(place / "SafeCheckpoint" / "newest.keras").write_bytes(b"garbage")
model, epoch, _ = resume_safely(place / "SafeCheckpoint", None)
lesson.check(
    f"garbage in the newest file: epoch {epoch} is used", epoch == trials.EPOCHS - 1
)

lesson.step(5, "What loading notices: one byte changed, or the end of the file cut off")
bare = new_model()
bare.set_weights(model.get_weights())
bare.save(folder / "bare.keras")
with lesson.expect_warning("considered legacy"):
    bare.save(folder / "bare.h5")
weights_file = folder / "bare.weights.h5"
bare.save_weights(weights_file)
tf.train.Checkpoint(model=bare).write(folder / "bare")
bare(x_test[:1])  # a subclassed model must have been called before it is exported
bare.export(folder / "exported", verbose=False)
checksum = hashlib.sha256(weights_file.read_bytes()).hexdigest()


def verify(path):
    if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
        raise ValueError(f"{path.name} is damaged")


shard = "data-00000-of-00001"
names = ".keras", "checkpoint", "SavedModel's weights", ".h5", ".weights.h5"
files = (
    "bare.keras",
    f"bare.{shard}",
    f"exported/variables/variables.{shard}",
    "bare.h5",
)
files = *(folder / name for name in files), weights_file
rows = [
    [name, *trials.damage(file, bare)] for name, file in zip(names, files, strict=True)
]
rows.append([".weights.h5 and sha256", *trials.damage(weights_file, bare, verify)])
lesson.table(
    ["40 copies", "changed: noticed", "loaded, wrong", "cut: noticed"],
    *(
        [name, changed["noticed"], changed["wrong"], cut["noticed"]]
        for name, changed, cut in rows
    ),
)
lesson.check("a cut file is noticed", all(cut["noticed"] == 40 for _, _, cut in rows))
wrong = rows[0][1]["wrong"] + rows[-1][1]["wrong"]
lesson.check("neither .keras nor a checked file loads wrong weights", wrong == 0)
