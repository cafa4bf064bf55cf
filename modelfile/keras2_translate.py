"""A model of Keras 2, as tf_keras describes it, becomes one of Keras 3 without weights.

tf_keras describes what it has loaded in one way, whatever version wrote the file. Only this
one dialect is translated here.
"""

import operator

from modelfile.description import reason_of
from modelfile.sentences import say

import keras
import numpy as np
import tf_keras
from keras import ops

MODELS = "Functional", "Model", "Sequential"
# Settings of Keras 2 that Keras 3 does not know. With these values they change nothing;
# `...` stands for any value.
NOT_NEEDED = {
    "autocast": True,
    "batch_input_shape": ...,  # the model has an Input
    "causal": False,
    "decay": 0.0,
    "dilation_rate": 1,
    "dtype": ...,  # of an initializer, which gets it from its layer
    "fused": ...,  # another way to compute the same, like the next two
    "implementation": ...,
    "jit_compile": ...,
    "groups": 1,
    "input_length": ...,
    "is_legacy_optimizer": ...,
    "key_shape": ...,  # known when the layer is called, like the next two
    "query_shape": ...,
    "value_shape": ...,
    "kernel_constraint": None,
    "kernel_initializer": ...,  # it has no such kernel
    "kernel_regularizer": None,
    "noise_shape": None,
    "num_bins": None,
    "optional": False,
    "ragged": False,
    "renorm": False,
    "rng_type": ...,  # another source of random numbers
    "softmax_robust_masking": False,
    "sparse": False,
    "time_major": False,
    "trainable": ...,  # of a layer without weights
    "vectorizer": None,
    "virtual_batch_size": None,
}
# The same under another name.
RENAMED = {"SyncBatchNormalization": "BatchNormalization", "ThresholdedReLU": "ReLU"}
SETTINGS = {"alpha": "negative_slope", "theta": "threshold"}
# Keras 3 has them under the same name; what they have learned is not among the weights.
WITH_TABLES = "Hashing", "IntegerLookup", "StringLookup", "TextVectorization"
BUILD_IT = say(
    "Build the model in Keras 3 as it was and compile it, then keras2.convert(path, model); "
    'or, for weights from an .h5 file alone, model.load_weights("old.h5").'
)


def translate(saved, custom_objects):
    """Return a layer or model of Keras 3, built as a model, without its weights.

    Args:
        saved: dict with `class_name` and `config`, from `to_json` of tf_keras.
        custom_objects: dict from names to classes and functions of your own, of Keras 3.

    Raises:
        ValueError: something cannot be translated; a sentence or two that name it.
    """
    class_name = saved["class_name"].rpartition(">")[2]
    if class_name == "Sequential":
        return _sequential(saved["config"], custom_objects)
    if class_name in MODELS:
        return _functional(saved["config"], custom_objects)
    return _layer(class_name, saved["config"], custom_objects)


def _layer(class_name, config, custom_objects):
    name = config.get("name", class_name)
    new_name = RENAMED.get(class_name, class_name)
    layer_class = custom_objects.get(class_name, getattr(keras.layers, new_name, None))
    if layer_class is None and hasattr(tf_keras.layers, class_name):
        raise ValueError(
            say(
                "Layer {} is a {}, which Keras 3 does not have any more. {}",
                name,
                class_name,
                BUILD_IT,
            )
        )
    if layer_class is None:
        raise ValueError(
            say(
                "Layer {} is a {}, your own class. Give it for both versions: "
                'keras2.convert(path, custom_objects={{"{}": YourClass}}, '
                'old_objects={{"{}": YourClassOfKeras2}}).',
                name,
                class_name,
                class_name,
                class_name,
            )
        )
    if class_name in ("Lambda", *WITH_TABLES):
        raise ValueError(
            say(
                "Layer {} ({}) has a program or a table in it, which is not converted. {}",
                name,
                class_name,
                BUILD_IT,
            )
        )
    owner = say("Layer {}", name)
    try:
        return layer_class(**settings_of(layer_class, config, custom_objects, owner))
    except (TypeError, AttributeError) as error:
        raise ValueError(
            say("Layer {} ({}) cannot be built: {}", name, class_name, reason_of(error))
        ) from None


def settings_of(some_class, config, custom_objects, owner):
    """Return the settings of Keras 2 as arguments of a class of Keras 3.

    Args:
        some_class: of Keras 3.
        config: dict, from `get_config` of the class of Keras 2.
        custom_objects: see `translate`.
        owner: str or Sentence, whose settings they are, for the error.

    Raises:
        ValueError: Keras 3 does not have a setting.
    """
    accepted = arguments_of(some_class)
    settings = {}
    for key, saved_value in config.items():
        value = plain(saved_value)
        if key not in accepted and SETTINGS.get(key) in accepted:
            settings[SETTINGS[key]] = value  # LeakyReLU, ThresholdedReLU
        elif key == "dtype" and isinstance(value, dict):
            settings["dtype"] = value["config"]["name"]  # a policy
        elif key in ("layer", "backward_layer", "cell") and value:
            settings[key] = translate(saved_value, custom_objects)
        elif key == "cells":
            settings[key] = [translate(cell, custom_objects) for cell in saved_value]
        elif key == "axis" and isinstance(value, list) and len(value) == 1:
            settings[key] = value[0]  # BatchNormalization
        elif value == "hard_sigmoid":
            settings[key] = old_hard_sigmoid()
        elif isinstance(value, str) and value in custom_objects:
            settings[key] = custom_objects[value]
        elif key in accepted:
            settings[key] = part(value)
        elif NOT_NEEDED.get(key, "") not in (..., value):
            raise ValueError(
                say(
                    "{} has the setting {}={}, which Keras 3 does not have. {}",
                    owner,
                    key,
                    repr(value),
                    BUILD_IT,
                )
            )
    return settings


def part(value):
    """Return an initializer, regularizer or constraint of Keras 3; other values as they are."""
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    name = value["class_name"].rpartition(">")[2]
    for module in keras.initializers, keras.regularizers, keras.constraints:
        if hasattr(module, name):
            found = getattr(module, name)
            return found(**settings_of(found, value["config"], {}, name))
    return value


def old_hard_sigmoid():
    """Return Keras 2's hard_sigmoid, min(max(0.2 x + 0.5, 0), 1): in Keras 3 it is another.

    Two layers, because Keras 3 can save and load them, and not a function.
    """
    steps = [keras.layers.Rescaling(0.2, 0.5), keras.layers.ReLU(1.0)]
    return keras.Sequential(steps, name="old_hard_sigmoid")


def arguments_of(some_class):
    """Return the names of all arguments that a class and those it is made from take."""
    names = set()
    for base in some_class.__mro__:
        code = getattr(vars(base).get("__init__"), "__code__", None)
        if code:
            names.update(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
            if not code.co_flags & 8:  # no **kwargs: what it is made from gets no more
                break
    return names


def plain(value):
    """Return a value of a configuration with tuples as tuples, and without modules."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape"):
        return tuple(plain(item) for item in value["items"])
    if "class_name" in value and "config" in value:
        # Without the module, which has another name today.
        return {"class_name": value["class_name"], "config": plain(value["config"])}
    return {key: plain(item) for key, item in value.items()}


def _input(config):
    shape = plain(config["batch_input_shape"])
    dtype = config.get("dtype")
    return keras.Input(batch_shape=shape, dtype=dtype, name=config["name"])


def _sequential(config, custom_objects):
    model = keras.Sequential(name=config["name"])
    for saved in config["layers"]:
        if saved["class_name"] == "InputLayer":
            model.add(_input(saved["config"]))
        else:
            model.add(translate(saved, custom_objects))
    if not model.built:
        if "build_input_shape" not in config:
            raise ValueError(
                say(
                    "The model {} does not know the shape of its input. {}",
                    config["name"],
                    BUILD_IT,
                )
            )
        model.build(plain(config["build_input_shape"]))
    return model


def _functional(config, custom_objects):
    """Return a functional keras.Model: all layers are built, then called as they were."""
    layers = {}
    outputs = {}  # of each layer, one entry a call
    calls = {}  # of each layer, those that are still to come
    for saved in config["layers"]:
        name = saved["config"]["name"]
        outputs[name] = []
        calls[name] = plain(saved.get("inbound_nodes", []))
        if saved["class_name"] == "InputLayer":
            outputs[name].append([_input(saved["config"])])
        elif saved["class_name"] in ("TFOpLambda", "SlicingOpLambda"):
            layers[name] = operation(saved["config"]["function"])
        else:
            layers[name] = translate(saved, custom_objects)
            if _starts_with_an_input(saved):
                outputs[name].append(None)  # a model's call number 0 is its own graph
    while any(calls.values()):
        before = sum(map(len, calls.values()))
        for name, waiting in calls.items():
            while waiting and _is_there(waiting[0], outputs):
                result = _call(layers[name], waiting.pop(0), outputs, name)
                outputs[name].append(keras.tree.flatten(result))
        if sum(map(len, calls.values())) == before:
            waiting = ", ".join(name for name, todo in calls.items() if todo)
            raise ValueError(
                say(
                    "What the layers {} are called with is not in the file. {}",
                    waiting,
                    BUILD_IT,
                )
            )
    inputs = _tensors(config["input_layers"], outputs)
    ends = _tensors(config["output_layers"], outputs)
    # Keras 2 always writes a list; a model with one output returns it alone.
    ends = ends[0] if isinstance(ends, list) and len(ends) == 1 else ends
    inputs = inputs[0] if isinstance(inputs, list) and len(inputs) == 1 else inputs
    model = keras.Model(inputs, ends, name=config["name"])
    if config.get("trainable") is False:
        model.trainable = False
    return model


def _starts_with_an_input(saved):
    """Return whether Keras 2 counted the calls of an inner model from 1 on."""
    inner = saved["config"]["layers"] if saved["class_name"] in MODELS else []
    return bool(inner) and inner[0]["class_name"] == "InputLayer"


def _places(call):
    """Return the places that the first argument of a call is made of, as a list."""
    return [call] if isinstance(call[0], str) else call


def _is_there(call, outputs):
    """Return whether the tensors that a call needs have been computed."""
    needed = [place[:3] for place in _places(call) if place[0] != "_CONSTANT_VALUE"]
    for place in _places(call):
        if len(place) > 3:
            leaves = _leaves(place[3], outputs)
            needed += [leaf for leaf in leaves if _is_place(leaf, outputs)]
    return all(len(outputs[name]) > number for name, number, _ in needed)


def _leaves(value, outputs):
    if _is_place(value, outputs) or not isinstance(value, dict | list | tuple):
        return [value]
    items = value.values() if isinstance(value, dict) else value
    return [leaf for item in items for leaf in _leaves(item, outputs)]


def _is_place(value, outputs):
    """Return whether a value stands for a tensor: [layer, number of the call, output]."""
    is_list = isinstance(value, list) and len(value) == 3
    return is_list and isinstance(value[0], str) and value[0] in outputs


def _tensors(value, outputs):
    """Return a value with the symbolic tensors in it, in place of what stands for them."""
    if _is_place(value, outputs):
        return outputs[value[0]][value[1]][value[2]]
    if isinstance(value, dict):
        return {key: _tensors(item, outputs) for key, item in value.items()}
    if isinstance(value, list):
        return [_tensors(item, outputs) for item in value]
    return value


def _call(layer, call, outputs, name):
    """Call a layer as it was called in Keras 2, and return its symbolic output."""
    places = _places(call)
    arguments = []
    for place in places:
        is_constant = place[0] == "_CONSTANT_VALUE"
        arguments.append(place[2] if is_constant else _tensors(place[:3], outputs))
    keywords = _tensors(places[0][3] if len(places[0]) > 3 else {}, outputs)
    keywords = {key: value for key, value in keywords.items() if value is not None}
    argument = arguments[0] if len(arguments) == 1 else arguments
    if places is call and not isinstance(layer, keras.layers.Layer):
        argument = arguments  # concat of one tensor
    try:
        return layer(argument, **keywords)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            say("Layer {} cannot be called: {} {}", name, reason_of(error), BUILD_IT)
        ) from None


# Functions of TensorFlow between the layers


def operation(name):
    """Return what computes in Keras 3 as a function of TensorFlow, "math.add" say.

    Raises:
        ValueError: it is none of OPERATIONS.
    """
    if name not in OPERATIONS:
        raise ValueError(
            say(
                "Between its layers the model calls tf.{}, which is not converted. {}",
                name,
                BUILD_IT,
            )
        )

    function = OPERATIONS[name]
    return lambda first, name=None, **keywords: function(first, **keywords)


def _getitem(x, slice_spec):
    def one(item):
        if isinstance(item, dict):
            if "start" in item:
                return slice(item["start"], item["stop"], item["step"])
            return Ellipsis  # {"class_name": "__ellipsis__"}
        return item

    is_tuple = isinstance(slice_spec, list | tuple)
    return x[tuple(map(one, slice_spec))] if is_tuple else x[one(slice_spec)]


def _matmul(a, b, transpose_a=False, transpose_b=False):
    return ops.matmul(
        ops.swapaxes(a, -1, -2) if transpose_a else a,
        ops.swapaxes(b, -1, -2) if transpose_b else b,
    )


def _transpose(a, perm=None):
    return ops.transpose(a, perm)


def _reduce(function):
    return lambda x, axis=None, keepdims=False: function(
        x, axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims
    )


def _array(value):
    """Return numbers that stand in the configuration as an array; other values as they are."""
    return np.asarray(value, "float32") if isinstance(value, list) else value


def _of_two(function):
    return lambda x, y: function(_array(x), _array(y))


OPERATIONS = {
    "__operators__.getitem": _getitem,
    "cast": lambda x, dtype: ops.cast(x, dtype),
    "clip_by_value": lambda t, clip_value_min, clip_value_max: ops.clip(
        t, clip_value_min, clip_value_max
    ),
    "concat": lambda values, axis: ops.concatenate(values, axis),
    "expand_dims": lambda x, axis: ops.expand_dims(x, axis),
    "identity": lambda x: x,
    "linalg.matmul": _matmul,
    "math.negative": operator.neg,
    "nn.bias_add": lambda value, bias, data_format=None: value + _array(bias),
    "nn.gelu": lambda x, approximate=False: ops.gelu(x, approximate),
    "nn.leaky_relu": lambda x, alpha=0.2: ops.leaky_relu(x, alpha),
    "nn.softmax": lambda x, axis=-1: ops.softmax(x, axis),
    "reshape": lambda x, shape: ops.reshape(x, shape),
    "split": lambda x, num_or_size_splits, axis=0: ops.split(
        x, num_or_size_splits, axis
    ),
    "squeeze": lambda x, axis=None: ops.squeeze(
        x, tuple(axis) if isinstance(axis, list) else axis
    ),
    "stack": lambda values, axis=0: ops.stack(values, axis),
    "transpose": _transpose,
}
OPERATIONS |= {
    f"math.reduce_{name}": _reduce(getattr(ops, name))
    for name in ("all", "any", "max", "mean", "min", "prod", "sum")
}
MATH = (
    "abs",
    "ceil",
    "cos",
    "erf",
    "exp",
    "floor",
    "log",
    "log1p",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "softplus",
    "sqrt",
    "square",
    "tanh",
)
NN = "elu", "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softsign", "tanh"
OPERATIONS |= {f"math.{name}": getattr(ops, name) for name in MATH}
OPERATIONS |= {f"nn.{name}": getattr(ops, name) for name in NN}
OPERATIONS |= {
    tensorflow: _of_two(function)
    for tensorflow, function in {
        "__operators__.add": operator.add,
        "math.add": operator.add,
        "math.divide": operator.truediv,
        "math.equal": ops.equal,
        "math.floordiv": operator.floordiv,
        "math.floormod": operator.mod,
        "math.greater": ops.greater,
        "math.greater_equal": ops.greater_equal,
        "math.less": ops.less,
        "math.less_equal": ops.less_equal,
        "math.maximum": ops.maximum,
        "math.minimum": ops.minimum,
        "math.multiply": operator.mul,
        "math.not_equal": ops.not_equal,
        "math.pow": ops.power,
        "math.squared_difference": lambda x, y: ops.square(x - y),
        "math.subtract": operator.sub,
        "math.truediv": operator.truediv,
    }.items()
}
