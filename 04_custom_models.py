"""Lesson 4, second part: a model of custom parts

The video's third model is a class. In an `.h5` file it needs `from_config`, as the
video says. In the end a model of classes of our own goes on training in another
program. They are in a module that both programs import, custom.py.
"""

import lesson  # first: it starts TensorFlow without its messages
import custom
import data
import models

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)


# As the video has it.
class VideoModel(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense1 = keras.layers.Dense(64, activation="relu")
        self.dense2 = keras.layers.Dense(10)

    def call(self, inputs):
        return self.dense2(self.dense1(inputs))


lesson.step(1, "Mistake in an .h5 file: no from_config")

# The loader of .h5 files fills weights, and does not make them: the model must be
# built. And it wants to be told the class, whether it is registered or not.
model = VideoModel()
model(x_test[:1])  # makes its weights
with lesson.expect_warning("This file format is considered legacy"):
    model.save(folder / "video.h5")
classes = {"VideoModel": VideoModel, "Classifier": models.Classifier}
with lesson.expect_error(ValueError, "Layer count mismatch"):
    keras.models.load_model(folder / "video.h5", custom_objects=classes)

# `Classifier` in models.py has a `from_config` that builds it.
model = models.subclassed()
with lesson.expect_warning("This file format is considered legacy"):
    model.save(folder / "right.h5")
options = {"custom_objects": classes, "compile": False}
loaded_model = keras.models.load_model(folder / "right.h5", **options)
lesson.check_same_weights("with from_config it loads", loaded_model, model)


# A layer that is given another layer.
class Twice(keras.layers.Layer):
    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def call(self, inputs):
        return self.layer(self.layer(inputs))


lesson.step(2, "Mistake: an argument that is itself a layer")

inner = keras.layers.Dense(64, activation="relu")
layers = [keras.Input((784,)), keras.layers.Dense(64), Twice(inner)]
with lesson.expect_error(NotImplementedError, "must override `get_config()`"):
    keras.Sequential(layers).save(folder / "twice.keras")

# In custom.py, `get_config` calls `serialize_keras_object`, and `from_config` makes the
# layer again. Scale, the loss and the metric of the first part are there, too.
keras.utils.set_random_seed(1)
model = keras.Sequential()
model.add(keras.Input(shape=(784,)))
model.add(keras.layers.Dense(64))
model.add(custom.Twice(keras.layers.Dense(64, activation="relu")))
model.add(custom.Scale(0.5))
model.add(keras.layers.Dense(10))

lesson.step(3, "Go on training in another program")

metrics = [custom.Certainty(name="certainty")]
model.compile(optimizer="adam", loss=custom.capped_loss, metrics=metrics)
x_few = x_train[:6400]
y_few = y_train[:6400]
model.fit(x_few, y_few, shuffle=False, verbose=2)
model.save(folder / "custom.keras")

# Importing custom.py registers the classes. So nothing else has to be told.
program = f"""
    import lesson, data, custom, keras
    (x, y), _ = data.load_mnist({len(x_few)})
    model = keras.models.load_model("custom.keras")
    model.fit(x, y, shuffle=False, verbose=2)
    model.save("resumed.keras")
"""
lesson.run("-c", program, directory=folder)

model.fit(x_few, y_few, shuffle=False, verbose=2)
resumed_model = keras.models.load_model(folder / "resumed.keras")
lesson.check_same_weights("not one bit is different", resumed_model, model)
