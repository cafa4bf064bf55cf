"""Lesson 10, the program that is killed: load what is there, or begin, and train

    python programs/train_safely.py

Kill it whenever you like (Ctrl-C, `kill -9`, task manager) and start it again.
10_survive_a_crash.py does the same.
"""

import sys
from pathlib import Path

# The folder above has lesson.py, data.py and models.py.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import lesson  # first: it starts TensorFlow without its messages
import data
import models
from programs.safe_checkpoint import SafeCheckpoint, newest_complete_file

import keras

args = lesson.arguments(__doc__)
(x, y), _ = data.load_mnist(args.samples)
folder = lesson.folder("10_survive_a_crash.py") / f"{args.samples} images"
folder.mkdir(exist_ok=True)

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

# Without shuffling: that, and layers such as Dropout, are what lesson 9 is about.
safe = SafeCheckpoint(folder)
model.fit(
    x, y, initial_epoch=done, epochs=6, callbacks=[safe], shuffle=False, verbose=2
)

# This training has ended. Without its checkpoints the next one begins anew.
model.save(folder / "finished.keras")
for path in folder.glob("epoch-*.keras"):
    path.unlink()
