"""What the video does, and nothing else: the yardstick for lesson 1 (see cost.py)."""

from pathlib import Path

import keras
import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent

with np.load(ROOT / "datasets" / "mnist.npz") as arrays:
    x_train, x_test = (
        arrays[name].reshape(-1, 784).astype("float32") / 255
        for name in ("x_train", "x_test")
    )
    y_train, y_test = arrays["y_train"], arrays["y_test"]

model = keras.Sequential(
    [
        keras.Input(shape=(784,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(x_train, y_train, epochs=2, verbose=2)
model.evaluate(x_test, y_test, verbose=2)
model.save_weights("plain.weights.h5")
model.load_weights("plain.weights.h5")
model.fit(x_train, y_train, epochs=1, verbose=2)
model.evaluate(x_test, y_test, verbose=2)
