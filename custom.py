"""Your own parts, as a project has them: a layer, a wrapper, a loss and a metric.

Every program that loads a model made of them imports this module. Each is registered
under a name, "lessons>Scale" and so on, which is what a file has of it.
"""

import keras


@keras.saving.register_keras_serializable(package="lessons")
class Scale(keras.layers.Layer):
    """Multiplies what it is given; the shape, and the dtype, stay as they are.

    Args:
        factor: float.
        **kwargs: `name` and the like, passed on to `keras.layers.Layer`.
    """

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        config = super().get_config()
        config["factor"] = self.factor
        return config


@keras.saving.register_keras_serializable(package="lessons")
class Twice(keras.layers.Layer):
    """Calls another layer twice: what that returns must have the shape of its input.

    Args:
        layer: a keras.layers.Layer.
        **kwargs: `name` and the like, passed on to `keras.layers.Layer`.
    """

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def call(self, inputs):
        return self.layer(self.layer(inputs))

    def get_config(self):
        # A file cannot have the layer itself: write down what it takes to make it again.
        config = super().get_config()
        config["layer"] = keras.saving.serialize_keras_object(self.layer)
        return config

    @classmethod
    def from_config(cls, config):
        config["layer"] = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**config)


@keras.saving.register_keras_serializable(package="lessons")
def capped_loss(labels, logits):
    """Return the cross-entropy, 5 at most, so that wrong labels do less harm.

    Args:
        labels: int (n,).
        logits: float32 (n, classes).

    Returns:
        float32 (n,).
    """
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
    return keras.ops.minimum(loss(labels, logits), 5.0)


@keras.saving.register_keras_serializable(package="lessons")
class Certainty(keras.metrics.Mean):
    """The mean probability of the class that is found the most probable."""

    def update_state(self, labels, logits, sample_weight=None):
        probabilities = keras.ops.softmax(logits)
        return super().update_state(keras.ops.max(probabilities, axis=-1))
