"""Lesson 4, second part: your own model class

The video's third model is a class. In an `.h5` file it needs `from_config`, as the
video says. In a `.keras` file it needs a `build` that is right, or none. At the end a
model made of your own classes continues training in another program.
"""

import lesson  # first: it starts TensorFlow without its messages
import custom
import data

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

model = VideoModel()
model(x_test[:1])  # the first call creates the weights
file = folder / "video.h5"
with lesson.expect_warning("This file format is considered legacy"):
    model.save(file)

# This loader fills weights, and does not create them.
classes = {"VideoModel": VideoModel}
with lesson.expect_error(ValueError, "Layer count mismatch"):
    keras.models.load_model(file, custom_objects=classes)


# So `from_config` has to create them. The file need not be written again.
class LoadableModel(VideoModel):
    @classmethod
    def from_config(cls, config):
        model = cls(**config)
        model(keras.ops.zeros((1, 784)))
        return model


classes = {"VideoModel": LoadableModel}
loaded_model = keras.models.load_model(file, custom_objects=classes, compile=False)
lesson.check_same_weights("with from_config it loads", loaded_model, model)

lesson.step(2, "Mistake in a .keras file: a build that builds nothing")


class EmptyBuild(VideoModel):
    def build(self, input_shape):  # as many tutorials write it
        super().build(input_shape)


model = EmptyBuild()
model(x_test[:1])
file = folder / "empty.keras"
model.save(file)

# The loader calls `build`, finds no weights after it, and says nothing.
loaded_model = keras.models.load_model(file, custom_objects={"EmptyBuild": EmptyBuild})
lesson.check("silently, none of 4 arrays was loaded", loaded_model.weights == [])

# Without it, the loader builds the layers. (Or build each in it, as models.py does.)
loaded_model = keras.models.load_model(file, custom_objects={"EmptyBuild": VideoModel})
lesson.check_same_weights("without that build it loads", loaded_model, model)

lesson.step(3, "Continue training in another program")

keras.utils.set_random_seed(1)
twice = custom.Twice(keras.layers.Dense(784))  # a layer in a layer: see its code
model = keras.Sequential([keras.Input((784,)), twice, keras.layers.Dense(10)])
model.compile(optimizer="adam", loss=custom.capped_loss)
x_few, y_few = x_train[:320], y_train[:320]
model.fit(x_few, y_few, shuffle=False, verbose=2)
model.save(folder / "custom.keras")

# Importing custom.py registers its classes, so no `custom_objects` is needed.
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
lesson.check_same_weights("not one bit differs", resumed_model, model)
