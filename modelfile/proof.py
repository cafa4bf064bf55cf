"""Two models are one: they predict the same, and train the same.

The one that is known to be right may be of Keras 2 (tf_keras), the other one is of Keras 3.
"""

import math
import re

from modelfile.description import reason_of
from modelfile.sentences import say

import keras
import numpy as np
import tensorflow as tf

RANDOM = re.compile(r"\w*Dropout\w*|Gaussian\w+|Random(?!Crop)\w+")
# How far two predictions may be apart, as a part of the largest: float32 has seven digits,
# and the two add up in another order.
PREDICTS, PREDICTS_HALF = 1e-4, 3e-2
TRAINS, BATCHES = 1e-5, 3
SIZES = 32, 64, 128, 224, 331  # in place of None


def layers_in(model):
    return list(model._flatten_layers(include_self=False))


def inputs_for(model, count=6, size=32, different=False):
    """Return arrays for the inputs of a model, chosen to reach what is seldom reached.

    Both signs, small and large numbers, integers within a vocabulary, steps that a mask
    leaves out: at the end, at the beginning, and in between.

    Args:
        model: with `inputs`.
        count: the number of samples, where the model does not say it.
        size: int in place of a size that the model leaves open.
        different: whether no integer may come twice, see `train_alike`.

    Returns:
        list of arrays, in the order of `model.inputs`; None if there are too few integers.
    """
    random = np.random.default_rng(1)
    layers = layers_in(model)
    words = [x.input_dim for x in layers if type(x).__name__ == "Embedding"]
    words += [x.num_tokens for x in layers if getattr(x, "num_tokens", None)]
    mask = [x.mask_value for x in layers if type(x).__name__ == "Masking"]
    arrays = []
    for tensor in model.inputs:
        shape = [size if n is None else n for n in tensor.shape]
        shape[0] = count if tensor.shape[0] is None else shape[0]
        dtype = tf.as_dtype(tensor.dtype)
        if dtype == tf.string:
            array = random.choice(["a", "b", ""], shape).astype(object)
        elif words and different:
            shape[0] = min(shape[0], min(words) // math.prod(shape[1:]))
            if shape[0] == 0:
                return None
            array = random.permutation(min(words))[: math.prod(shape)].reshape(shape)
        elif words or dtype.is_integer or dtype.is_bool:
            array = random.integers(0, min(words, default=2), shape)
        else:
            array = random.normal(0, 1, shape)
            if not different:
                array[1::2] *= 100
        if len(shape) > 1 and shape[1] > 2 and (mask or words) and not different:
            empty = mask[0] if mask else 0
            array[1::4, shape[1] // 2 :] = empty
            array[2::4, : shape[1] // 2] = empty
            array[3::4, ::3] = empty
        arrays.append(
            tf.constant(
                array if dtype == tf.string else array.astype(dtype.as_numpy_dtype)
            )
        )
    return arrays


def inputs_that_fit(model, different=False):
    """Return `inputs_for` a model, of a size that it takes; None if none was found."""
    if not getattr(model, "inputs", None):
        return None
    for size in SIZES:
        arrays = inputs_for(model, size=size, different=different)
        try:
            outputs_of(model, arrays or [])
        except (ValueError, TypeError, tf.errors.OpError):
            continue
        return arrays
    return None


def packed(model, arrays):
    """Return arrays in the structure of a model's inputs."""
    if hasattr(model, "_inputs_struct"):  # Keras 3
        return keras.tree.pack_sequence_as(model._inputs_struct, arrays)
    nested = getattr(model, "_nested_inputs", None)  # Keras 2
    if nested is None:
        return arrays[0] if len(arrays) == 1 else arrays
    return tf.nest.pack_sequence_as(nested, arrays)


def outputs_of(model, arrays):
    """Return what a model predicts, as a list of arrays. Its layers remember nothing of it."""
    forget(model)
    outputs = model(packed(model, arrays), training=False)
    forget(model)
    return [np.asarray(output) for output in tf.nest.flatten(outputs)]


def forget(model):
    """Reset what stateful layers remember of the last sequence."""
    for layer in layers_in(model):
        if getattr(layer, "stateful", False):
            # One name is of Keras 3, the other one of Keras 2.
            reset = getattr(layer, "reset_state", None) or layer.reset_states
            reset()


def difference(outputs, others):
    """Return the largest difference as a part of the largest number of each output."""
    largest = 0.0
    for one, other in zip(outputs, others, strict=True):
        if one.shape != other.shape:
            return np.inf
        if one.dtype.kind not in "fc":
            largest = max(largest, float(np.any(one != other)))
            continue
        one, other = one.astype("float64"), other.astype("float64")  # noqa: PLW2901
        scale = max(float(np.nanmax(np.abs(one), initial=0)), 1e-30)
        if not np.array_equal(np.isnan(one), np.isnan(other)):
            return np.inf
        largest = max(largest, float(np.nanmax(np.abs(one - other), initial=0)) / scale)
    return largest


def predict_alike(old, new, arrays):
    """Return how far apart two models' predictions are, as a part of the largest number.

    Raises:
        ValueError: too far; the message names the first layer whose output differs.
    """
    wanted, found = outputs_of(old, arrays), outputs_of(new, arrays)
    apart = difference(wanted, found)
    half = any("16" in str(x.compute_dtype) for x in layers_in(old) if x.compute_dtype)
    bound = PREDICTS_HALF if half else PREDICTS
    if not apart <= bound:
        raise ValueError(
            say(
                "the new model predicts something else, by {} of the largest number{}",
                f"{apart:.1g}",
                first_difference(old, new, arrays, bound),
            )
        )
    return apart


def first_difference(old, new, arrays, bound):
    """Return a Sentence that names the first layer whose output differs, or "."."""
    names = [layer.name for layer in new.layers]
    for layer in old.layers:
        if layer.name not in names:
            continue
        try:
            ends = layer.get_output_at(0), new.get_layer(layer.name).output
        except (AttributeError, ValueError, RuntimeError):
            continue
        if type(layer).__name__ == "InputLayer":
            continue
        parts = []
        for model, end in zip((old, new), ends, strict=True):
            kind = tf_keras_model() if model is old else keras.Model
            parts.append(kind(model.inputs, end))
        outputs = [outputs_of(part, arrays) for part in parts]
        if not difference(*outputs) <= bound:
            kind = type(layer).__name__
            return say("; the first layer that differs is {} ({}).", layer.name, kind)
    return "."


def tf_keras_model():
    import tf_keras  # noqa: PLC0415  only where something differs

    return tf_keras.Model


def labels_for(model, outputs):
    """Return labels to train with, in the structure of a model's outputs."""
    random = np.random.default_rng(2)
    losses = str(keras.tree.flatten(loss_names(model.loss)))
    labels = []
    for output in outputs:
        if "sparse" in losses.lower():
            labels.append(random.integers(0, output.shape[-1], output.shape[:-1]))
        else:
            labels.append(random.random(output.shape, "float32"))
    return labels[0] if len(labels) == 1 else labels


def loss_names(loss):
    def name(one):
        return one if isinstance(one, str) else getattr(one, "name", None) or str(one)

    return tf.nest.map_structure(name, loss)


def silence(model):
    """Take what draws random numbers out of a model that is only trained to compare.

    Returns:
        list of names of layers that could not be silenced.
    """
    left = []
    for layer in layers_in(model):
        name = type(layer).__name__
        if name == "RandomCrop":
            left.append(layer.name)
        elif RANDOM.fullmatch(name):
            layer.call = lambda inputs, *_, **__: inputs
        for setting in "dropout", "recurrent_dropout":
            # A recurrent layer reads it from its cell, which is among the layers, too.
            if "Cell" in name and hasattr(layer, setting):
                setattr(layer, setting, 0.0)
    return left


def trained(model, arrays, labels):
    """Train a model a few batches, and return its weights."""
    model.run_eagerly = True  # to make a graph takes longer than these batches
    for _ in range(BATCHES):
        model.train_on_batch(packed(model, arrays), labels)
    return model.get_weights()


def known_differences(old):
    """Return sentences on what Keras 3 computes otherwise in training, on purpose or not."""
    layers = layers_in(old)
    kinds = {type(layer).__name__ for layer in layers}
    optimizer = type(getattr(old.optimizer, "inner_optimizer", old.optimizer)).__name__
    found = []
    if adds_epsilon_last(old):
        found.append(
            say(
                "Not the same in Keras 3: RMSprop of before TensorFlow 2.11 adds epsilon after "
                "the square root, Keras 3 before it. Steps differ where gradients are small."
            )
        )
    if "Embedding" in kinds and optimizer != "SGD":
        found.append(
            say(
                "Not the same in Keras 3: the steps of {} for an Embedding where an integer is "
                "in a batch more than once.",
                optimizer,
            )
        )
    if any(getattr(layer, "fused", False) for layer in layers):
        found.append(
            say(
                "Not the same in Keras 3: the moving variance of BatchNormalization divides by "
                "the number of values, and not by one less."
            )
        )
    return found


def adds_epsilon_last(old):
    """Return whether a model has RMSprop as it was before TensorFlow 2.11, without momentum."""
    kind = type(old.optimizer)
    return (
        kind.__name__ == "RMSprop"
        and "legacy" in kind.__module__
        and not old.optimizer._momentum
    )


def train_alike(old, new):
    """Train two compiled models a few batches, and compare their weights.

    Left out is what `known_differences` names. Both models are of no use afterwards. How
    much rounding alone changes is tried on the old one: where a gradient is nothing but
    rounding, Adam makes it as large as any other.

    Returns:
        float: the largest difference, as a part of a weight's largest number; or a Sentence
        on why it was not compared.

    Raises:
        ValueError: they differ.
    """
    left = silence(old) + silence(new)
    if left:
        return say("the layer {} draws random numbers", left[0])
    arrays = inputs_that_fit(old, different=True)
    if arrays is None:
        return say("no inputs were found for it")
    labels = labels_for(old, outputs_of(old, arrays))
    fused = [
        f"{x.name}/moving_variance:0" for x in layers_in(old) if getattr(x, "fused", 0)
    ]
    if adds_epsilon_last(old):
        old.optimizer.epsilon = new.optimizer.epsilon = 1e-30
    weights, state = old.get_weights(), state_of(old)
    try:
        wanted = trained(old, arrays, labels)
        old.set_weights([w * (1 + 1e-7) if w.dtype.kind == "f" else w for w in weights])
        for variable, value in state:
            variable.assign(value)
        rounded = trained(old, arrays, labels)
    except (ValueError, TypeError, tf.errors.OpError) as error:
        return say("Keras 2 cannot train it with made-up labels: {}", reason_of(error))
    found = trained(new, arrays, labels)
    largest = 0.0
    for name, one, other, third in zip(
        [weight.name for weight in old.weights], wanted, found, rounded, strict=True
    ):
        if name.endswith(tuple(fused)):
            continue
        size = max(float(np.abs(one).max(initial=0)), 1e-30)
        apart = float(np.abs(one - other).max(initial=0)) / size
        noise = float(np.abs(one - third).max(initial=0)) / size
        if not apart <= TRAINS + 10 * noise and np.isfinite(one).all():
            raise ValueError(
                say(
                    "it trains otherwise: after {} batches weights differ by {} of their size",
                    BATCHES,
                    f"{apart:.1g}",
                )
            )
        if noise <= TRAINS:
            largest = max(largest, apart)
    return largest


def state_of(model):
    """Return (variable, value) of an optimizer of Keras 2."""
    variables = model.optimizer.variables
    variables = variables() if callable(variables) else variables
    return [(variable, variable.numpy()) for variable in variables]
