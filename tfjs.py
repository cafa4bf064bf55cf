"""Keras models for TensorFlow.js, and back.

TensorFlow.js keeps a layers model in two files: a JSON file, by custom `model.json`, which
says what the layers are, in the words of Keras 2, and a file of the weights' bytes. For a
stack of Dense layers that is little to write, so no converter is needed here. (The official
one, tensorflowjs 4.22, does not start beside today's TensorFlow, and TensorFlow.js refuses
what it makes of a Keras 3 model: tensorflow/tfjs issues 8328, 8494 and 8561.)

The format: https://github.com/tensorflow/tfjs/tree/master/tfjs-converter, and
`LayersModel.save` in https://js.tensorflow.org/api/latest/.
"""

import json
from pathlib import Path

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
    layers = _stack(model)
    configs = [{"class_name": "Dense", "config": _config(layer)} for layer in layers]
    configs[0]["config"]["batch_input_shape"] = [None, layers[0].kernel.shape[0]]
    weights = {
        f"{layer.name}/{w.name}": w.numpy() for layer in layers for w in layer.weights
    }
    manifest = [
        {"name": name, "shape": list(array.shape), "dtype": "float32"}
        for name, array in weights.items()
    ]
    description = {
        "format": "layers-model",
        "generatedBy": f"keras v{keras.__version__}",
        "modelTopology": {
            "class_name": "Sequential",
            "config": {"name": model.name, "layers": configs},
        },
        "weightsManifest": [{"paths": ["weights.bin"], "weights": manifest}],
    }
    with open(Path(folder) / "weights.bin", "wb") as file:
        for array in weights.values():
            file.write(array.astype("<f4").tobytes())
    (Path(folder) / "model.json").write_text(
        json.dumps(description, indent=1), encoding="utf-8"
    )


def load(path):
    """Load a model that `save` has written, or that TensorFlow.js has saved in a browser.

    Args:
        path: the JSON file. The weights are beside it, under the name that it gives them.

    Returns:
        keras.Sequential: built, not compiled.

    Raises:
        ValueError: this is not a layers model, or has other layers than Dense.
        OSError: a file is missing or cannot be read.
    """
    path = Path(path)
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        configs = _dense_configs(description["modelTopology"])
        model = keras.Sequential([keras.Input(configs[0]["batch_input_shape"][1:])])
        for config in configs:
            model.add(keras.layers.Dense(**{key: config[key] for key in KEYS}))
        variables = {
            f"{layer.name}/{w.name}": w for layer in model.layers for w in layer.weights
        }
        for group in description["weightsManifest"]:
            # Only the name counts: a file from others cannot point to another folder.
            files = (path.parent / Path(name).name for name in group["paths"])
            values = np.frombuffer(b"".join(file.read_bytes() for file in files), "<f4")
            for weight in group["weights"]:
                if weight["dtype"] != "float32" or "quantization" in weight:
                    raise ValueError(
                        f"weight {weight['name']!r} is not stored as float32"
                    )
                size = int(np.prod(weight["shape"]))
                variables.pop(weight["name"]).assign(
                    values[:size].reshape(weight["shape"])
                )
                values = values[size:]
            if values.size:
                raise ValueError(f"{values.size} numbers too many in {group['paths']}")
        if variables:
            raise ValueError(f"no values for {', '.join(variables)}")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        reason = f"there is no {error}" if isinstance(error, KeyError) else error
        raise ValueError(
            f"{path} cannot be loaded as a TensorFlow.js layers model of Dense layers: {reason}."
        ) from error
    return model


def _dense_configs(topology):
    """Return what a JSON file says of its layers; ValueError if one is not Dense."""
    layers = topology.get("model_config", topology)["config"]["layers"]
    for layer in layers:
        if layer["class_name"] != "Dense":
            raise ValueError(
                f"layer {layer['config']['name']!r} is a {layer['class_name']}"
            )
    return [layer["config"] for layer in layers]


def _config(layer):
    return {key: layer.get_config()[key] for key in KEYS}


def _stack(model):
    """Return the layers of a model; ValueError if it is not a stack of Dense layers."""
    layers = [x for x in model.layers if not isinstance(x, keras.layers.InputLayer)]
    if not layers:
        raise ValueError(f"Model {model.name!r} has no layers.")
    for layer in layers:
        if type(layer) is not keras.layers.Dense:
            kind = type(layer).__name__
            raise ValueError(
                f"Layer {layer.name!r} is a {kind}; only Dense layers can be written."
            )
        if not layer.built:
            raise ValueError(
                f"Layer {layer.name!r} has no weights yet; call the model once."
            )
        if layer.get_config()["activation"] not in ACTIVATIONS:
            raise ValueError(
                f"Layer {layer.name!r} has an activation that is none of {', '.join(ACTIVATIONS)}."
            )
        plain = keras.layers.Dense(**_config(layer)).get_config()
        for key, value in layer.get_config().items():
            if value != plain.get(key) and "initializer" not in key:
                raise ValueError(
                    f"Layer {layer.name!r} has a setting that cannot be written: {key}."
                )
    inputs = outputs = np.random.default_rng(0).random(
        (8, layers[0].kernel.shape[0]), "float32"
    )
    try:
        for layer in layers:
            outputs = layer(outputs)
        is_stack = np.allclose(model(inputs), outputs, atol=1e-5, equal_nan=True)
    except (TypeError, ValueError):  # other inputs or outputs than one array of vectors
        is_stack = False
    if not is_stack:
        raise ValueError(
            f"Model {model.name!r} does something else than call its layers one after "
            f"another: {', '.join(layer.name for layer in layers)}."
        )
    return layers
