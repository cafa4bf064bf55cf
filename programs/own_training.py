"""Copy it and resumable.py to where datasets is; kill it at any time, start it again."""

import resumable

import keras
import numpy as np

with np.load("datasets/mnist.npz") as mnist:  # your data
    x_train, y_train = mnist["x_train"] / 255, mnist["y_train"]
    x_test, y_test = mnist["x_test"] / 255, mnist["y_test"]

keras.utils.set_random_seed(1)
model = keras.Sequential()  # your model
model.add(keras.Input(shape=(28, 28)))
model.add(keras.layers.Flatten())
model.add(keras.layers.Dense(64, activation="relu"))
model.add(keras.layers.Dropout(0.2))
model.add(keras.layers.Dense(10))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])

batches = resumable.Batches(x_train, y_train, batch_size=32, seed=7)
folder = "saved/own_training"  # another one for each training
resumable.fit(model, batches, folder, epochs=5, verbose=2)
model.evaluate(x_test, y_test, verbose=2)
model.save("saved/own_training.keras")
