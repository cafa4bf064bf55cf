"""Lesson 10: a training that survives a crash

Saving after each epoch is not enough: `model.save` writes over the old file. If it is
killed meanwhile, both models are lost. So write under another name, and then rename:
programs/safe_checkpoint.py is a callback that does it, after each epoch. Read it first.
"""

import argparse
import os
import sys

import lesson  # first: it starts TensorFlow without its messages
import data
import models
from programs.safe_checkpoint import SafeCheckpoint, newest_complete_file

import keras

parser = argparse.ArgumentParser()
parser.add_argument("--train-only", action="store_true", help="do steps 1 and 2 only")
args = lesson.arguments(__doc__, parser=parser)
(x, y), _ = data.load_mnist(args.samples)
folder = lesson.folder(__file__) / f"{args.samples} images"
folder.mkdir(exist_ok=True)

lesson.step(1, "Load what is there, or begin")

# The newest file whose checksums are right: since Python 3.12, `load_model` loads some
# damaged files, with wrong weights and without an error.
newest_file = newest_complete_file(folder)
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
# It saves as unfinished.keras, waits until that is on the disk, and renames it. So
# there is always a complete file: the old one until the new one has its name.
safe = SafeCheckpoint(folder)

# Without shuffling: that, and layers such as Dropout, are what lesson 9 is about.
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

newest_complete_file(folder).write_bytes(b"garbage")
training = lesson.start(__file__, "--train-only", "--samples", str(args.samples))
for line in training.stdout:
    print("   |", line, end="")
killed_model = keras.models.load_model(folder / "finished.keras")
lesson.check_same_weights(
    "as if never killed: not one bit differs", killed_model, model
)

# Killed often, also inside a save: python -m experiments.kills
