"""Lesson 4: custom classes

The video says that a class of one's own needs `get_config` and `from_config`. A file
has the *name* of a class and what `get_config` returns, not its Python code.
"""

try:
    import lesson  # first: it starts TensorFlow without its messages
except ModuleNotFoundError:
    raise SystemExit("lesson.py is missing: copy the whole folder of the lessons.")
import data
import models

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)


# The class nearly as the video has it. `build` makes the weights.
class VideoModel(keras.Model):
    def __init__(self, units=64, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense1 = keras.layers.Dense(units, activation="relu")
        self.dense2 = keras.layers.Dense(10)

    def build(self, input_shape):
        self.dense1.build(input_shape)
        self.dense2.build((None, self.units))
        super().build(input_shape)

    def call(self, inputs):
        return self.dense2(self.dense1(inputs))


lesson.step(1, "Mistake: Keras does not know the class")

model = VideoModel()
model.build((None, 784))
model.save(folder / "video.keras")
with lesson.expect_error(TypeError, "Could not locate class 'VideoModel'"):
    keras.models.load_model(folder / "video.keras")

# Tell the loader which class goes with the name:
classes = {"VideoModel": VideoModel}
loaded_model = keras.models.load_model(folder / "video.keras", custom_objects=classes)
lesson.check_same_weights("with custom_objects it loads", loaded_model, model)

lesson.step(2, "Mistake: no get_config")

# 32 units instead of 64. The file does not say so: the model gets 64 when it is loaded.
small_model = VideoModel(units=32)
small_model.build((None, 784))
small_model.save(folder / "small.keras")
with lesson.expect_error(ValueError, "could not be loaded"):
    keras.models.load_model(folder / "small.keras", custom_objects=classes)


# `get_config` returns what `__init__` was given. And a class that is registered is
# found by its name, without `custom_objects`.
@keras.saving.register_keras_serializable(package="lesson4")
class ModelWithConfig(VideoModel):
    def get_config(self):
        config = super().get_config()
        config["units"] = self.units
        return config


small_model = ModelWithConfig(units=32)
small_model.build((None, 784))
small_model.save(folder / "config.keras")
loaded_model = keras.models.load_model(folder / "config.keras")
lesson.check_same_weights("with get_config it loads", loaded_model, small_model)

lesson.step(3, "Mistake in an .h5 file: no from_config")

# The loader of .h5 files fills weights, and does not make them: the model must be
# built. `Classifier` in models.py has a `from_config` that builds it.
model = models.build("subclassed")
with lesson.expect_warning("This file format is considered legacy"):
    small_model.save(folder / "config.h5")
    model.save(folder / "right.h5")

# And it wants to be told the class in any case, whether it is registered or not.
classes = {"ModelWithConfig": ModelWithConfig, "Classifier": models.Classifier}
with lesson.expect_error(ValueError, "Layer count mismatch"):
    keras.models.load_model(folder / "config.h5", custom_objects=classes)
options = {"custom_objects": classes, "compile": False}
loaded_model = keras.models.load_model(folder / "right.h5", **options)
lesson.check_same_weights("with from_config it loads", loaded_model, model)

lesson.step(4, "Go on training from the .keras file")

keras.utils.set_random_seed(1)
model = models.compiled("subclassed")
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save(folder / "right.keras")
loaded_model = keras.models.load_model(folder / "right.keras")
loaded_model.fit(x_train, y_train, shuffle=False, verbose=2)
model.fit(x_train, y_train, shuffle=False, verbose=2)
lesson.check_same_weights("not one bit is different", loaded_model, model)
