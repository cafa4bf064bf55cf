"""Lesson 4: custom classes

A file has the *name* of your own class and what `get_config` returns, not its Python
code. The same goes for a layer, a loss and a metric. The video's own class is a whole
model: 04_custom_models.py.
"""

import lesson  # first: it starts TensorFlow without its messages
import data

import keras

args = lesson.arguments(__doc__)
(x_train, y_train), (x_test, y_test) = data.load_mnist(args.samples)
folder = lesson.folder(__file__)


class Scale(keras.layers.Layer):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        return super().get_config()  # a mistake, see step 2


lesson.step(1, "Mistake: Keras does not know the layer")

keras.utils.set_random_seed(1)
layers = [keras.Input((784,)), keras.layers.Dense(10), Scale(0.5)]
model = keras.Sequential(layers)
model.save(folder / "layer.keras")
with lesson.expect_error(TypeError, "Could not locate class 'Scale'"):
    keras.models.load_model(folder / "layer.keras")
lesson.note("Its last lines say: Could not locate class 'Scale'.")

# Tell the loader which class goes with the name:
classes = {"Scale": Scale}
loaded_model = keras.models.load_model(folder / "layer.keras", custom_objects=classes)
lesson.check_same_weights("with custom_objects it loads", loaded_model, model)

lesson.step(2, "Mistake: get_config forgets an argument")

# The weights are equal, and there was no error. But `factor` is not in the file, so it
# has its default again, 1.0, and every output is twice as large.
saved = float(model(x_test)[0, 0])
loaded = float(loaded_model(x_test)[0, 0])
lesson.check(f"silently, {saved:.3f} became {loaded:.3f}", loaded == 2 * saved)


# `get_config` returns what `__init__` was given. And a registered class is found by its
# name, without `custom_objects`.
@keras.saving.register_keras_serializable(package="lesson4")
class ScaleWithConfig(Scale):
    def get_config(self):
        config = super().get_config()
        config["factor"] = self.factor
        return config


layers = [keras.Input((784,)), keras.layers.Dense(10), ScaleWithConfig(0.5)]
model = keras.Sequential(layers)
model.save(folder / "config.keras")
loaded_model = keras.models.load_model(folder / "config.keras")
lesson.check_equal("it predicts as before", loaded_model(x_test), model(x_test))

lesson.step(3, "A loss and a metric have names, too")


def capped_loss(labels, logits):  # a wrong label counts 5 at most
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
    return keras.ops.minimum(loss(labels, logits), 5.0)


class Certainty(keras.metrics.Mean):  # the mean of the highest probability
    def update_state(self, labels, logits, sample_weight=None):
        super().update_state(keras.ops.max(keras.ops.softmax(logits), axis=1))


metrics = [Certainty(name="certainty")]
model.compile(optimizer="adam", loss=capped_loss, metrics=metrics)
model.fit(x_train, y_train, shuffle=False, verbose=2)
model.save(folder / "loss.keras")
with lesson.expect_error(TypeError, "Could not locate"):
    keras.models.load_model(folder / "loss.keras")

# To predict, it needs neither:
loaded_model = keras.models.load_model(folder / "loss.keras", compile=False)
lesson.check_equal("compile=False: it predicts", loaded_model(x_test), model(x_test))

# To continue training, it needs both, and Adam's state:
classes = {"capped_loss": capped_loss, "Certainty": Certainty}
loaded_model = keras.models.load_model(folder / "loss.keras", custom_objects=classes)
loaded_model.fit(x_train, y_train, shuffle=False, verbose=2)
model.fit(x_train, y_train, shuffle=False, verbose=2)
lesson.check_same_weights("not one bit differs", loaded_model, model)
