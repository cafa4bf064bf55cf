"""Lesson 10: a training that survives a crash

Saving after each epoch is not enough: `model.save` writes over the old file. If it is
killed meanwhile, both models are lost. So write under another name, and then rename.
"""

import argparse
import os
import sys
import zipfile

import lesson  # first: it starts TensorFlow without its messages
import data
import models

import keras

parser = argparse.ArgumentParser()
parser.add_argument("--train-only", action="store_true", help="do steps 1 and 2 only")
args = lesson.arguments(__doc__, parser=parser)
(x, y), _ = data.load_mnist(args.samples)
folder = lesson.folder(__file__) / f"{args.samples} images"
folder.mkdir(exist_ok=True)


# This callback saves after each epoch. Whenever it is killed, a whole file is left.
class SafeCheckpoint(keras.callbacks.Callback):
    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        unfinished = self.folder / "unfinished.keras"
        self.model.save(unfinished)
        # Wait until it is on the disk: a power failure needs this, a kill does not.
        with open(unfinished, "rb+") as file:
            os.fsync(file.fileno())
        # All or nothing. (An error on Windows while a virus scanner reads the file.)
        os.replace(unfinished, self.folder / f"epoch-{epoch + 1:04}.keras")
        # The one before it stays, in case this one is damaged. An older one goes.
        (self.folder / f"epoch-{epoch - 1:04}.keras").unlink(missing_ok=True)


def newest_whole_file(folder):
    paths = sorted(folder.glob("epoch-*.keras"), reverse=True)
    for path in paths:
        # Since Python 3.12, `load_model` loads some damaged files, with wrong weights.
        try:
            if zipfile.ZipFile(path).testzip() is None:
                return path
        except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError):
            pass  # damage to the list of what is in the file shows as any of these
        lesson.note(f"{path.name} is damaged: the file before it is used.")
    if paths:
        sys.exit(f"No file in {folder} can be used. Delete them to begin anew.")


lesson.step(1, "Load what is there, or begin")
newest_file = newest_whole_file(folder)
if newest_file:
    model = keras.models.load_model(newest_file)
    done = int(newest_file.stem.removeprefix("epoch-"))
else:
    keras.utils.set_random_seed(1)
    model = models.build_and_compile()
    done = 0
lesson.note(f"{done} of 6 epochs are done.")

lesson.step(2, "Train")
lesson.note(f"Stop it (Ctrl-C, kill -9 {os.getpid()}, task manager), start it again.")
# Without shuffling: that, and layers such as Dropout, are what lesson 9 is about.
safe = SafeCheckpoint(folder)
model.fit(
    x, y, initial_epoch=done, epochs=6, callbacks=[safe], shuffle=False, verbose=2
)
# This training has ended. Without its checkpoints the next one begins anew.
model.save(folder / "finished.keras")
for path in folder.glob("epoch-*.keras"):
    path.unlink()
if args.train_only:
    sys.exit()

lesson.step(3, "Kill a process that does steps 1 and 2")
training = lesson.start(__file__, "--train-only", "--samples", str(args.samples))
for line in training.stdout:
    print("   |", line, end="")
    if line.startswith("Epoch 4/"):
        training.kill()  # as `kill -9` does: no time to clean up

lesson.step(4, "Damage the newest file, too, and start it again")
newest_whole_file(folder).write_bytes(b"garbage")
training = lesson.start(__file__, "--train-only", "--samples", str(args.samples))
for line in training.stdout:
    print("   |", line, end="")
killed_model = keras.models.load_model(folder / "finished.keras")
lesson.check_same_weights(
    "as if never killed: not one bit differs", killed_model, model
)

# Killed often, also inside a save: python -m experiments.kills
