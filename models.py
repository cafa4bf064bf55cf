"""The video's MNIST classifier, built in the three ways that Keras offers.

784 inputs, `Dense(64, relu)`, `Dense(10)`: 50,890 parameters; `795 * units + 10` with another
number of hidden units. The output is ten logits, one per digit; the loss turns them into
probabilities.

The three functions create their layers in the same order. So, called after the
same `keras.utils.set_random_seed(...)`, they return models with equal weights.
"""

import keras

PIXELS = 784  # 28 x 28, flat
HIDDEN = 64
CLASSES = 10


def sequential(units=HIDDEN):
    """Return the classifier as a list of layers.

    Args:
        units: number of units of the hidden layer.

    Returns:
        keras.Sequential: built, not compiled; maps float32 (n, 784) to float32
        logits (n, 10).
    """
    return keras.Sequential(
        [
            keras.Input(shape=(PIXELS,)),
            keras.layers.Dense(units, activation="relu", name="hidden"),
            keras.layers.Dense(CLASSES, name="logits"),
        ],
        name="classifier",
    )


def functional(units=HIDDEN):
    """Return the classifier as a graph from an input to an output.

    Args:
        units: number of units of the hidden layer.

    Returns:
        keras.Model: built, not compiled; maps float32 (n, 784) to float32
        logits (n, 10).
    """
    inputs = keras.Input(shape=(PIXELS,))
    hidden = keras.layers.Dense(units, activation="relu", name="hidden")(inputs)
    logits = keras.layers.Dense(CLASSES, name="logits")(hidden)
    return keras.Model(inputs, logits, name="classifier")


@keras.saving.register_keras_serializable(package="lessons")
class Classifier(keras.Model):
    """The classifier as a class.

    Its computation is Python code, which is not in a `.keras` or `.h5` file. The
    file has the name under which the class is registered and what `get_config`
    returns; a program that loads it must have the class.

    Args:
        hidden: number of units of the hidden layer.
        classes: number of logits.
        **kwargs: `name` and the like, passed on to `keras.Model`.
    """

    def __init__(self, hidden=HIDDEN, classes=CLASSES, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(hidden, activation="relu", name="hidden")
        self.logits = keras.layers.Dense(classes, name="logits")

    def build(self, input_shape):
        # Without this method `model.build(shape)` warns and creates no variables;
        # `load_weights` can then load nothing, and says nothing.
        self.hidden.build(input_shape)
        self.logits.build((None, self.hidden.units))
        super().build(input_shape)

    def call(self, inputs):
        return self.logits(self.hidden(inputs))

    def get_config(self):
        return {
            **super().get_config(),
            "hidden": self.hidden.units,
            "classes": self.logits.units,
        }

    @classmethod
    def from_config(cls, config):
        # The .h5 loader fills layers that exist already, so build them here.
        model = cls(**config)
        model.build((None, PIXELS))
        return model


def subclassed(units=HIDDEN):
    """Return the classifier as an instance of `Classifier`.

    Args:
        units: number of units of the hidden layer.

    Returns:
        Classifier: built, not compiled; maps float32 (n, 784) to float32
        logits (n, 10).
    """
    model = Classifier(units, name="classifier")
    model.build((None, PIXELS))
    return model


BUILDS = {"sequential": sequential, "functional": functional, "subclassed": subclassed}


def build(kind="sequential"):
    """Return a new classifier.

    Args:
        kind: "sequential", "functional" or "subclassed".

    Returns:
        keras.Model: built, not compiled.
    """
    return BUILDS[kind]()


def build_and_compile(kind="sequential"):
    """Return a new classifier, compiled as the video does it.

    Args:
        kind: "sequential", "functional" or "subclassed".

    Returns:
        keras.Model: built and compiled.
    """
    return compile(build(kind))


def compile(model, steps_per_execution=125):
    """Compile `model` with the video's loss, optimizer and metric.

    Args:
        model: a Keras model that returns logits of shape (n, 10).
        steps_per_execution: how many batches go into one call from Python into
            TensorFlow. More than one gives the same result to the last bit, in less
            than half the time.

    Returns:
        The same model, compiled.
    """
    model.compile(
        # A name: Keras calls the second Adam of a program adam_1, and Orbax goes by names.
        optimizer=keras.optimizers.Adam(name="adam"),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
    return model
