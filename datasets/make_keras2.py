"""Write datasets/keras2: what the video saves, written by the TensorFlow of its year.

Run by hand, on Python 3.8 with `tensorflow==2.3.0` and `protobuf<3.21`:

    python datasets/make_keras2.py OUT

The classifier 784 -> Dense 64 relu -> Dense 10 is trained with Adam for two epochs on all
of MNIST in batches of 32 without shuffling, saved, and trained on with 200 batches.
"""

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
from tensorflow import keras


def sequential():
    return keras.Sequential(
        [
            keras.layers.Dense(64, activation="relu", input_shape=(784,)),
            keras.layers.Dense(10),
        ]
    )


def functional():
    inputs = keras.Input(shape=(784,))
    hidden = keras.layers.Dense(64, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(10)(hidden))


class Subclassed(keras.Model):
    """The class was called MyModel when the files were made."""

    def __init__(self):
        super().__init__()
        self.dense1 = keras.layers.Dense(64, activation="relu")
        self.dense2 = keras.layers.Dense(10)

    def call(self, inputs):
        return self.dense2(self.dense1(inputs))


def images(array):
    return array.reshape(-1, 784).astype("float32") / np.float32(255)


def main():
    if tf.__version__ != "2.3.0":
        sys.exit(f"This needs TensorFlow 2.3.0, and this is {tf.__version__}.")
    out = sys.argv[1]
    mnist = np.load(Path(__file__).resolve().parent / "mnist.npz")
    x, y = images(mnist["x_train"]), mnist["y_train"]
    x_test = images(mnist["x_test"])
    for build in sequential, functional, Subclassed:
        name = build.__name__.lower()
        tf.random.set_seed(1)
        model = build()
        model.compile(
            optimizer=keras.optimizers.Adam(),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        model.fit(x, y, epochs=2, shuffle=False, verbose=2)
        if name != "functional":
            model.save_weights(f"{out}/{name}/weights/")
            model.save(f"{out}/{name}/model/")
        if name != "subclassed":
            model.save(f"{out}/{name}/model.h5")
        logits = model.predict(x_test[:100])
        model.fit(x[:6400], y[:6400], shuffle=False, verbose=2)
        weights = {f"w{i}": w for i, w in enumerate(model.get_weights())}
        np.savez(f"{out}/{name}/reference.npz", logits=logits, **weights)


if __name__ == "__main__":
    main()
