"""Lesson 4, third part: what is no weight

A layer may keep more than weights: a counter, a list of words. They are in the file if
the layer says how: two methods for numbers, two for files. Keras calls them.
"""

from pathlib import Path

import lesson  # first: it starts TensorFlow without its messages
import data

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)


# This layer has no weights. It knows what each class is called, and for how many epochs
# the model was trained, which is the `initial_epoch` of the next `fit`.
@keras.saving.register_keras_serializable(package="lesson4")
class Labels(keras.layers.Layer):
    epochs = 0
    words = ()

    def call(self, inputs):
        return inputs

    # `store` is like a dict of arrays. If the layer has weights, store and assign them
    # here, too: `super()` refuses a store that has more than the weights.
    def save_own_variables(self, store):
        store["epochs"] = self.epochs

    def load_own_variables(self, store):
        self.epochs = int(store["epochs"][()])

    # `path` is a folder. What the layer writes there becomes a part of the file.
    def save_assets(self, path):
        Path(path, "words.txt").write_text(" ".join(self.words), encoding="utf-8")

    def load_assets(self, path):
        self.words = Path(path, "words.txt").read_text(encoding="utf-8").split()


lesson.step(1, "A .keras file keeps both")

labels = Labels(name="labels")
hidden = keras.layers.Dense(2, activation="softmax")
model = keras.Sequential([keras.Input((784,)), hidden, labels])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
model.fit(x_train, y_train % 2, shuffle=False, verbose=2)  # even or odd?
labels.epochs, labels.words = 1, ["even", "odd"]

model.save(folder / "labels.keras")
loaded_model = keras.models.load_model(folder / "labels.keras")
loaded = loaded_model.get_layer("labels")
lesson.check(f"epochs: {loaded.epochs}", loaded.epochs == labels.epochs)
lesson.check(f"words: {loaded.words}", loaded.words == labels.words)
lesson.show(folder / "labels.keras")

lesson.step(2, "A .weights.h5 file keeps the number only, and says nothing")

model.save_weights(folder / "labels.weights.h5")
labels.epochs, labels.words = 0, []
model.load_weights(folder / "labels.weights.h5")
lesson.check(f"epochs: {labels.epochs}, words: {labels.words}", not labels.words)
lesson.note("A checkpoint, .h5, SavedModel, LiteRT and get_weights keep neither.")

lesson.step(3, "In which order Keras calls the methods")

calls = []


@keras.saving.register_keras_serializable(package="lesson4")
class Watched(Labels):
    # The inherited one calls `build`: it makes weights. If `build` needs more than a
    # shape, such as the number of words, return that in `get_build_config`.
    def build_from_config(self, config):
        calls.append("build_from_config")

    def load_own_variables(self, store):
        calls.append("load_own_variables")

    def load_assets(self, path):
        calls.append("load_assets")


@keras.saving.register_keras_serializable(package="lesson4")
class WatchedModel(keras.Sequential):
    # If your model's `compile` has arguments of its own, return them in
    # `get_compile_config`, and call `compile` with them here.
    def compile_from_config(self, config):
        calls.append("compile_from_config")


model = WatchedModel([keras.Input((784,)), Watched()])
model.compile(loss="mean_squared_error")
model.save(folder / "watched.keras")
keras.models.load_model(folder / "watched.keras")
lesson.check(f"load_model calls {', '.join(calls)}", calls[-1] == "load_assets")
