"""Keras models for TensorFlow.js, and back.

TensorFlow.js keeps a layers model in two files: a JSON file, usually `model.json`,
which says what the layers are, in the words of Keras 2, and a file of the weights'
bytes. For a stack of Dense layers that is little to write, so no converter is needed
here. (The official one, tensorflowjs 4.22, does not start beside today's TensorFlow, and
TensorFlow.js refuses what it makes of a Keras 3 model: tensorflow/tfjs issues 8328, 8494
and 8561.)

The format: https://github.com/tensorflow/tfjs/tree/master/tfjs-converter, and
`LayersModel.save` in https://js.tensorflow.org/api/latest/.
"""

import json
from pathlib import Path

from modelfile.description import reason_of
from modelfile.sentences import say

import keras
import numpy as np

# What is written of a layer. All else must have its default, or the layer is refused.
KEYS = ("name", "units", "activation", "use_bias", "trainable")
# These compute the same in Keras and in TensorFlow.js; hard_sigmoid, for one, does not.
ACTIVATIONS = (
    "linear",
    "relu",
    "elu",
    "selu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
)


def save(model, folder):
    """Write `model.json` and `weights.bin`.

    What is written is the architecture and the weights; not the training configuration,
    and not the optimizer's state.

    Args:
        model: a built Keras model that calls Dense layers one after another: Sequential,
            Functional or subclassed; maps float32 (n, features) to (n, units).
        folder: an existing folder.

    Raises:
        ValueError: the model is something else. Nothing is written then.
    """
    layers = _stack_of_dense_layers(model)
    configs = []
    weights = []
    content = b""
    for layer in layers:
        configs.append({"class_name": "Dense", "config": _written_config(layer)})
        for name, variable in _named_weights(layer).items():
            array = variable.numpy()
            shape = list(array.shape)
            weights.append({"name": name, "shape": shape, "dtype": "float32"})
            content += array.astype("<f4").tobytes()
    configs[0]["config"]["batch_input_shape"] = [None, layers[0].kernel.shape[0]]

    description = {
        "format": "layers-model",
        "generatedBy": f"keras v{keras.__version__}",
        "modelTopology": {
            "class_name": "Sequential",
            "config": {"name": model.name, "layers": configs},
        },
        "weightsManifest": [{"paths": ["weights.bin"], "weights": weights}],
    }
    text = json.dumps(description, indent=1)
    (Path(folder) / "weights.bin").write_bytes(content)
    (Path(folder) / "model.json").write_text(text, encoding="utf-8")


def load(path):
    """Load a model that `save` has written, or that TensorFlow.js saved in a browser.

    Args:
        path: the JSON file. The weights are beside it, under the name that it gives
            them.

    Returns:
        keras.Sequential: built, not compiled; maps float32 (n, features) to (n, units).

    Raises:
        ValueError: this is not a layers model, or has other layers than Dense.
        OSError: a file is missing or cannot be read.
    """
    path = Path(path)
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        model = _model_without_weights(description["modelTopology"])
        _load_weights(model, description["weightsManifest"], path.parent)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        reason = reason_of(error)
        if isinstance(error, KeyError):
            reason = say("there is no {}", error)
        raise ValueError(
            say(
                "{} cannot be loaded as a TensorFlow.js layers model of Dense layers: {}.",
                path,
                reason,
            )
        ) from error
    return model


def _model_without_weights(topology):
    """Return the model that a JSON file describes; ValueError if a layer is not Dense."""
    # The official converter writes it inside of "model_config"; a browser does not.
    layers = topology.get("model_config", topology)["config"]["layers"]
    for layer in layers:
        if layer["class_name"] != "Dense":
            name = layer["config"]["name"]
            kind = layer["class_name"]
            raise ValueError(say("layer {} is a {}", repr(name), kind))
    features = layers[0]["config"]["batch_input_shape"][1:]
    model = keras.Sequential([keras.Input(features)])
    for layer in layers:
        settings = {key: layer["config"][key] for key in KEYS}
        model.add(keras.layers.Dense(**settings))
    return model


def _load_weights(model, manifest, folder):
    """Fill a model with the arrays that a JSON file lists; ValueError if they differ."""
    missing = {}
    for layer in model.layers:
        missing.update(_named_weights(layer))
    for group in manifest:
        content = b""
        for name in group["paths"]:
            # Only the name counts: a file from others cannot point to another folder.
            content += (folder / Path(name).name).read_bytes()
        values = np.frombuffer(content, "<f4")
        for weight in group["weights"]:
            name, shape = weight["name"], weight["shape"]
            if weight["dtype"] != "float32" or "quantization" in weight:
                raise ValueError(say("weight {} is not stored as float32", f"{name!r}"))
            size = int(np.prod(shape))
            missing.pop(name).assign(values[:size].reshape(shape))
            values = values[size:]
        if values.size:
            raise ValueError(
                say("{} numbers too many in {}", values.size, group["paths"])
            )
    if missing:
        raise ValueError(say("no values for {}", ", ".join(missing)))


def _named_weights(layer):
    """Return the variables of a layer under the names that TensorFlow.js expects."""
    return {f"{layer.name}/{variable.name}": variable for variable in layer.weights}


def _written_config(layer):
    """Return what is written of a Dense layer."""
    config = layer.get_config()
    return {key: config[key] for key in KEYS}


def _stack_of_dense_layers(model):
    """Return the layers of a model; ValueError if it is not a stack of Dense layers."""
    layers = []
    for layer in model.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            _require_plain_dense(layer)
            layers.append(layer)
    if not layers:
        raise ValueError(say("Model {} has no layers.", f"{model.name!r}"))

    # A model may call its layers in any way, and do more. So it is tried.
    features = layers[0].kernel.shape[0]
    inputs = np.random.default_rng(0).random((8, features), "float32")
    outputs = inputs
    try:
        for layer in layers:
            outputs = layer(outputs)
        is_stack = np.allclose(model(inputs), outputs, atol=1e-5, equal_nan=True)
    except (TypeError, ValueError):  # other inputs or outputs than one array of vectors
        is_stack = False
    if not is_stack:
        names = ", ".join(layer.name for layer in layers)
        raise ValueError(
            say(
                "Model {} does something else than call its layers one after another: {}.",
                f"{model.name!r}",
                names,
            )
        )
    return layers


def _require_plain_dense(layer):
    """Raise ValueError if a layer is not a Dense layer that can be written."""
    who = say("Layer {}", repr(layer.name))
    if type(layer) is not keras.layers.Dense:
        kind = type(layer).__name__
        raise ValueError(
            say("{} is a {}; only Dense layers can be written.", who, kind)
        )
    if not layer.built:
        raise ValueError(say("{} has no weights yet; call the model once.", who))
    config = layer.get_config()
    if config["activation"] not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(say("{} has an activation that is none of {}.", who, known))
    plain = keras.layers.Dense(**_written_config(layer)).get_config()
    for key, value in config.items():
        if value != plain.get(key) and "initializer" not in key:
            raise ValueError(
                say("{} has a setting that cannot be written: {}.", who, key)
            )
