"""The small models of the experiment zoo: one for each thing that a format may lose.

Each function returns a new model, built and compiled, as the program of its owner builds
it. Their names are those of the rows in ZOO, at the end.
"""

from typing import NamedTuple

import lesson  # noqa: F401  starts TensorFlow quietly

import keras
import numpy as np
import tensorflow as tf
from keras import layers

SAMPLES = 32
CLASSES = 3
random = np.random.default_rng(1)
FEATURES = random.normal(3, 2, (SAMPLES, 8)).astype("float32")
NUMBERS = random.normal(size=(SAMPLES, 1)).astype("float32")
IMAGES = random.random((SAMPLES, 8, 8, 1), dtype="float32")
TOKENS = random.integers(0, 20, (SAMPLES, 6)).astype("float32")
LABELS = random.integers(0, CLASSES, SAMPLES)
WORDS = random.choice(["red", "green", "blue"], (SAMPLES, 1))
SENTENCES = np.char.add(WORDS, " " + WORDS[::-1])


def fit(model, x, y):
    """Train with one batch.

    Eagerly: for one batch a graph is not worth the time that it takes to make it.
    """
    # Keras 3.15 trains float8 in a graph only.
    policies = [layer.dtype_policy.name for layer in model.layers]
    model.run_eagerly = not any("float8" in policy for policy in policies)
    model.train_on_batch(x, y)


def logits_loss():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def compiled(model, optimizer="adam", loss=None):
    """Compile a model and return it. The loss is that of three logits if none is given."""
    model.compile(optimizer=optimizer, loss=loss or logits_loss())
    return model


def dense(*more):
    """Return Dense layers, with more layers in their middle, not compiled."""
    first = layers.Dense(8, activation="relu")
    return keras.Sequential([keras.Input((8,)), first, *more, layers.Dense(CLASSES)])


# How layers are put together


def dense_layers():
    return compiled(dense())


def cnn():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(CLASSES),
        ]
    )
    return compiled(model)


def two_inputs():
    first, second = keras.Input((8,), name="a"), keras.Input((1,), name="b")
    hidden = layers.Concatenate()([layers.Dense(8, activation="relu")(first), second])
    outputs = [layers.Dense(CLASSES)(hidden), layers.Dense(1)(hidden)]
    model = keras.Model([first, second], outputs)
    return compiled(model, loss=[logits_loss(), keras.losses.MeanSquaredError()])


def shared_layer():
    first, second = keras.Input((8,), name="a"), keras.Input((8,), name="b")
    shared = layers.Dense(8, activation="relu")
    both = layers.Concatenate()([shared(first), shared(second)])
    return compiled(keras.Model([first, second], layers.Dense(CLASSES)(both)))


def nested():
    inner = keras.Sequential(
        [keras.Input((8,)), layers.Dense(8), layers.BatchNormalization()]
    )
    inputs = keras.Input((8,))
    return compiled(keras.Model(inputs, layers.Dense(CLASSES)(inner(inputs))))


def backbone():
    shared = keras.Sequential([keras.Input((8,)), layers.Dense(8)])
    inputs = keras.Input((8,))
    branches = []
    for _ in range(2):
        inner = keras.Input((8,))
        branch = keras.Model(inner, layers.Dense(CLASSES)(shared(inner)))
        branches.append(branch(inputs))
    return compiled(keras.Model(inputs, layers.Add()(branches)))


def frozen_sequential():
    base = keras.Sequential([keras.Input((8,)), layers.Dense(8)], name="base")
    base.trainable = False
    return compiled(keras.Sequential([keras.Input((8,)), base, layers.Dense(CLASSES)]))


def frozen_functional():
    inputs = keras.Input((8,))
    base = keras.Model(inputs, layers.Dense(8)(inputs), name="base")
    base.trainable = False
    return compiled(keras.Sequential([keras.Input((8,)), base, layers.Dense(CLASSES)]))


def unfreeze_and_fit(model, x, y):
    model.get_layer("base").trainable = True
    compiled(model)  # after a change of `trainable`; so the optimizer starts afresh
    fit(model, x, y)


@keras.saving.register_keras_serializable("zoo")
class TwoLayers(keras.Model):
    """A subclassed model that is built when it is made."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.base = layers.Dense(8)
        self.head = layers.Dense(CLASSES)
        self.build((None, 8))

    def build(self, input_shape):
        self.base.build(input_shape)
        self.head.build((None, 8))
        super().build(input_shape)

    def call(self, x):
        return self.head(self.base(x))


def frozen_subclassed():
    model = TwoLayers()
    model.base.trainable = False
    return compiled(model, "sgd")


@keras.saving.register_keras_serializable("zoo")
class LayersInList(keras.Model):
    """A subclassed model with its layers in a list."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps = [layers.Dense(8), layers.Dense(8), layers.Dense(CLASSES)]
        self.build((None, 8))

    def build(self, input_shape):
        for layer in self.steps:
            layer.build((None, 8))
        super().build(input_shape)

    def call(self, x):
        for layer in self.steps:
            x = layer(x)
        return x


def layers_in_list():
    return compiled(LayersInList())


def operators():
    inputs = keras.Input((8,))
    return compiled(keras.Model(inputs, layers.Dense(CLASSES)(inputs / 255.0)))


def lambda_layer():
    return compiled(dense(layers.Lambda(lambda x: 2 * x)))


# Layers with a state


def dropout():
    return compiled(dense(layers.Dropout(0.5)))


def normalization():
    return compiled(
        keras.Sequential(
            [keras.Input((8,)), layers.Normalization(), layers.Dense(CLASSES)]
        )
    )


def of_words(first, words, dtype="string"):
    """Return a model that begins with a layer that makes numbers up to `words`."""
    return compiled(
        keras.Sequential(
            [
                keras.Input((1,), dtype=dtype),
                first,
                layers.Embedding(words, 4),
                layers.Flatten(),
                layers.Dense(CLASSES),
            ]
        )
    )


def discretization():
    return of_words(layers.Discretization(num_bins=4), 4, "float32")


def string_lookup():
    return of_words(layers.StringLookup(), 4)


def text_vectorization():
    return of_words(layers.TextVectorization(output_sequence_length=2), 5)


def adapt(model, x):
    model.layers[0].adapt(x)


def lstm():
    inputs = keras.Input((6,))
    hidden = layers.LSTM(4)(layers.Embedding(20, 4, mask_zero=True)(inputs))
    return compiled(keras.Model(inputs, layers.Dense(CLASSES)(hidden)))


def stateful_lstm():
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(16, 6, 1)),
            layers.LSTM(4, stateful=True),
            layers.Dense(CLASSES),
        ]
    )
    return compiled(model)


def lora():
    model = dense()
    model.layers[0].enable_lora(2)
    return compiled(model)


def quantized(mode):
    """Return a model that is quantized when its optimizer has state of all weights."""
    model = compiled(dense())
    model.optimizer.build(model.trainable_variables)
    model.quantize(mode, filters="dense")  # the layers with this in their names
    return model


def int8():
    return quantized("int8")


def int4():
    return quantized("int4")


def float8():
    return compiled(quantized("float8"))  # it has new weights, for the optimizer, too


def int8_with_lora():
    model = quantized("int8")
    model.layers[0].enable_lora(2)
    return compiled(model)


def late_regularizer():
    model = dense()
    model.layers[0].kernel_regularizer = keras.regularizers.L2(0.1)
    return compiled(model)


def mixed_float16():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    model = compiled(dense())
    keras.config.set_dtype_policy(before)
    return model


# Optimizers, losses, training


def schedule():
    rate = keras.optimizers.schedules.CosineDecay(0.01, 10)
    return compiled(dense(), keras.optimizers.Adam(rate))


def sgd():
    return compiled(dense(), keras.optimizers.SGD(0.01, momentum=0.9))


def adamw():
    return compiled(dense(), keras.optimizers.AdamW(0.01))


def adamw_without_biases():
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return compiled(dense(), optimizer)


def adafactor():
    return compiled(dense(), keras.optimizers.Adafactor(0.01))


def loss_scale():
    adam = keras.optimizers.Adam()
    return compiled(dense(), keras.optimizers.LossScaleOptimizer(adam))


def mse():
    return compiled(dense(), loss="mse")


@keras.saving.register_keras_serializable("zoo")
def own_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


def loss_function():
    return compiled(dense(), loss=own_loss)


@keras.saving.register_keras_serializable("zoo")
class OwnLoss(keras.losses.Loss):
    """A loss with an argument, and without a `get_config` that returns it."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * own_loss(y_true, y_pred)


def loss_class():
    return compiled(dense(), "sgd", OwnLoss(factor=5.0))


@keras.saving.register_keras_serializable("zoo")
class OwnStep(keras.Sequential):
    """A model with a `train_step` of its own: twice the loss."""

    def train_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = 2 * self.compute_loss(x, y, self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}


def train_step():
    model = OwnStep([keras.Input((8,)), layers.Dense(8), layers.Dense(CLASSES)])
    return compiled(model, keras.optimizers.SGD(0.01, momentum=0.9))


@keras.saving.register_keras_serializable("zoo")
class TwoOptimizers(TwoLayers):
    """A model whose two layers have an optimizer each, as the two parts of a GAN."""

    def compile(self, optimizer, loss, head_optimizer):
        super().compile(optimizer=optimizer, loss=loss)
        self.head_optimizer = head_optimizer
        # Built at once, so that loaded weights have a place for their state.
        optimizer.build(self.base.trainable_variables)
        head_optimizer.build(self.head.trainable_variables)

    def train_step(self, data):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        base, head = self.base.trainable_variables, self.head.trainable_variables
        of_base, of_head = tape.gradient(loss, [base, head])
        self.optimizer.apply(of_base, base)
        self.head_optimizer.apply(of_head, head)
        return {"loss": loss}


def two_optimizers():
    model = TwoOptimizers()
    adams = keras.optimizers.Adam(), keras.optimizers.Adam()
    model.compile(adams[0], logits_loss(), adams[1])
    return model


# Your own layers


@keras.saving.register_keras_serializable("zoo")
class Forgets(layers.Layer):
    """A layer whose `get_config` does not return the argument."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return super().get_config()


def forgets():
    return compiled(dense(Forgets(factor=5.0)))


@keras.saving.register_keras_serializable("zoo")
class BareVariable(layers.Layer):
    """A layer with a variable that is not made by `add_weight`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.factor = tf.Variable(1.0)

    def call(self, x):
        return x * self.factor


def bare_variable():
    return compiled(dense(BareVariable()))


@keras.saving.register_keras_serializable("zoo")
class PythonNumber(layers.Layer):
    """A layer with a Python number that changes while the model is trained."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.factor = 1.0

    def call(self, x):
        return x * self.factor


def python_number():
    return compiled(dense(PythonNumber()))


def change_factor(model, x):
    """Give the layer in the middle another factor, as a callback may do it."""
    factor = model.layers[1].factor
    if isinstance(factor, float):
        model.layers[1].factor = 5.0
    else:
        factor.assign(5.0)


class Holder:
    """An object that Keras does not know, with a layer in it."""

    def __init__(self):
        self.layer = layers.Dense(8)
        self.layer.build((None, 8))


@keras.saving.register_keras_serializable("zoo")
class HiddenLayer(layers.Layer):
    """A layer that keeps another layer where Keras does not look."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.holder = Holder()

    def call(self, x):
        return self.holder.layer(x)


def hidden_layer():
    return compiled(dense(HiddenLayer()))


# The classes and functions that the files name.
OWN = [
    TwoLayers,
    LayersInList,
    own_loss,
    OwnLoss,
    OwnStep,
    TwoOptimizers,
    Forgets,
    BareVariable,
    PythonNumber,
    HiddenLayer,
]


class Case(NamedTuple):
    """A model of the zoo, and how it is used."""

    name: str
    build: object  # function that returns a new compiled model
    x: object = FEATURES  # inputs: array, or list of arrays
    y: object = LABELS
    prepare: object = None  # function of model and x, called once, before it is trained
    train_more: object = fit  # function of model, x, y: the training after it was saved
    policy: str = "float32"  # dtype policy of the program that loads


ZOO = [
    Case("Dense layers", dense_layers),
    Case("CNN with BatchNormalization", cnn, IMAGES),
    Case("two inputs, two outputs", two_inputs, [FEATURES, NUMBERS], [LABELS, NUMBERS]),
    Case("shared layer", shared_layer, [FEATURES, FEATURES[::-1]]),
    Case("nested model", nested),
    Case("backbone in two nested models", backbone),
    Case("subclassed, layers in a list", layers_in_list),
    Case("frozen Sequential base", frozen_sequential, train_more=unfreeze_and_fit),
    Case("frozen Functional base", frozen_functional, train_more=unfreeze_and_fit),
    Case("subclassed, a layer frozen", frozen_subclassed),
    Case("x / 255. in a Functional model", operators),
    Case("Lambda layer", lambda_layer),
    Case("Dropout", dropout),
    Case("Normalization, adapted", normalization, prepare=adapt),
    Case("Discretization, adapted", discretization, NUMBERS, prepare=adapt),
    Case("StringLookup, adapted", string_lookup, WORDS, prepare=adapt),
    Case("TextVectorization, adapted", text_vectorization, SENTENCES, prepare=adapt),
    Case("Embedding with mask, LSTM", lstm, TOKENS),
    Case("stateful LSTM", stateful_lstm, TOKENS[:16, :, np.newaxis], LABELS[:16]),
    Case("LoRA", lora),
    Case("int8, trained before", int8),
    Case("int8 with LoRA", int8_with_lora),
    Case("int4, trained before", int4),
    Case("float8", float8),
    Case("regularizer set when built", late_regularizer),
    Case("mixed_float16", mixed_float16),
    Case("mixed_float16, policy set", mixed_float16, policy="mixed_float16"),
    Case("learning-rate schedule", schedule),
    Case("SGD with momentum", sgd),
    Case("AdamW", adamw),
    Case("AdamW, biases without decay", adamw_without_biases),
    Case("Adafactor", adafactor),
    Case("LossScaleOptimizer", loss_scale),
    Case("two optimizers", two_optimizers),
    Case('loss="mse"', mse, y=NUMBERS),
    Case("own loss function", loss_function, y=NUMBERS),
    Case("own loss class, no get_config", loss_class, y=NUMBERS),
    Case("own train_step", train_step),
    Case("own layer, get_config forgets", forgets),
    Case("own layer, bare tf.Variable", bare_variable, prepare=change_factor),
    Case("own layer, Python number", python_number, prepare=change_factor),
    Case("layer in a plain object", hidden_layer),
]
