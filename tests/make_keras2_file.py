"""Write datasets/keras2.h5: the video's classifier, trained and saved by Keras 2.

Run by hand, with the packages of tests/requirements.txt:

    python tests/make_keras2_file.py
"""

import os
import sys
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import data

import tensorflow as tf

(x_train, y_train), (x_test, y_test) = data.load_mnist()
tf.keras.utils.set_random_seed(1)
model = tf.keras.Sequential(
    [
        tf.keras.layers.Dense(64, activation="relu", input_shape=(784,)),
        tf.keras.layers.Dense(10),
    ]
)
model.compile(
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    optimizer=tf.keras.optimizers.Adam(),
    metrics=["accuracy"],
)
model.fit(x_train, y_train, epochs=2, shuffle=False)
model.evaluate(x_test, y_test)
model.save(data.FOLDER / "keras2.h5")
