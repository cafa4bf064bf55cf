"""Lesson 10: a training that survives a crash

Saving to one name is not enough: `model.save` writes over the old file. If it is
killed meanwhile, both models are lost. So write under another name, and then rename:
programs/safe_checkpoint.py is a callback that does it, after each epoch. Read it first.
"""

import shutil

import lesson  # first: it starts TensorFlow without its messages
import data
import models
from programs.safe_checkpoint import SafeCheckpoint, newest_complete_file

import keras

args = lesson.arguments(__doc__)
(x, y), _ = data.load_mnist(args.samples)
folder = lesson.folder(__file__)
shutil.rmtree(folder)  # of an earlier run
folder.mkdir()

lesson.step(1, "The callback")

# It saves as unfinished.keras, waits until that is on the disk, and renames it. So
# there is always a complete file: the old one until the new one has its name.
safe = SafeCheckpoint(folder)
keras.utils.set_random_seed(1)
model = models.build_and_compile()
model.fit(x, y, epochs=6, callbacks=[safe], shuffle=False, verbose=2)

names = [file.name for file in sorted(folder.glob("epoch-*.keras"))]
lesson.check(f"the last two files: {names}", len(names) == 2)

lesson.step(2, "Kill a program that trains in the same way")

# It loads the newest file, if there is one, and trains. Start it yourself, and kill it.
program = lesson.HERE / "programs" / "train_safely.py"
samples = str(args.samples)
training = lesson.start(program, "--samples", samples)
for line in training.stdout:
    print("   |", line, end="")
    if line.startswith("Epoch 4/"):
        training.kill()  # as `kill -9` does: no time to clean up

lesson.step(3, "Damage the newest file, too, and start it again")

training_folder = folder / f"{args.samples} images"
newest_complete_file(training_folder).write_bytes(b"garbage")
training = lesson.start(program, "--samples", samples)
for line in training.stdout:
    print("   |", line, end="")
killed_model = keras.models.load_model(training_folder / "finished.keras")
lesson.check_same_weights(
    "as if never killed: not one bit differs", killed_model, model
)

# Killed often, also inside a save: python -m experiments.kills
