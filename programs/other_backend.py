"""Lesson 16, a second process: the same file without TensorFlow

16_other_frameworks.py starts this program. The environment variable KERAS_BACKEND says
what Keras computes with. There is no `import lesson` here: that starts TensorFlow.
"""

import sys
from pathlib import Path

# The folder above has data.py.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import data

import keras
import numpy as np

folder = data.ROOT / "saved" / "16_other_frameworks"
if not (folder / "images.npz").exists():
    sys.exit("Run 16_other_frameworks.py first: it writes what this program reads.")
with np.load(folder / "images.npz") as images:
    x_few = images["x"]
    y_few = images["y"]
    saved_predictions = images["predictions"]

model = keras.models.load_model(folder / "mnist.keras")
predictions = model.predict(x_few, verbose=0)
difference = np.abs(predictions - saved_predictions).max()
bound = 1e-5 * np.abs(saved_predictions).max()  # float32 has seven digits
backend = keras.backend.backend()
print(f"   {backend}: predictions differ by at most {difference:.1g}")
if difference > bound:
    sys.exit("That is too much.")

# Keras on NumPy has no `fit`.
if backend != "numpy":
    model.fit(x_few, y_few, shuffle=False, verbose=2)
    model.save(folder / f"{backend}.keras")
    model.save_weights(folder / f"{backend}.weights.h5")  # with Adam's state
