"""Files of Keras 2 (TensorFlow 2.0 to 2.15) become models of Keras 3.

    model = keras2.convert("old.h5")                # model.save("old.h5")
    model = keras2.convert("old_folder")            # model.save("old_folder")
    model = keras2.convert("old_weights", model)    # model.save_weights("old_weights/")

The model is built anew from what the file says about it, gets the weights, and is
compiled as it was, with the state of its optimizer. A file of weights does not say how
the model is built, nor does any file of a subclassed model: build it in Keras 3 with
the same layers in the same order (a subclassed one with the same attributes), compile
it, and hand it over. Nothing is guessed: what is not understood is an error.

    python -m modelfile.keras2 OLD NEW.keras

does it for a model that needs none of your code.
"""

import json
import sys
import warnings
from pathlib import Path

from modelfile.description import reason_of
from modelfile.sentences import say

import h5py
import keras
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2, trackable_object_graph_pb2
from tensorflow.python.keras.protobuf import saved_metadata_pb2

MODELS = "Functional", "Model", "Sequential"
OPTIMIZERS = "Adam", "RMSprop", "SGD"
# Settings of Keras 2 that Keras 3 does not know. With these values they change nothing;
# `...` stands for any value.
NOT_NEEDED = {
    "autocast": True,
    "batch_input_shape": ...,  # the model has an Input
    "causal": False,
    "decay": 0.0,
    "dilation_rate": 1,
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
    "optional": False,
    "ragged": False,
    "renorm": False,
    "sparse": False,
    "time_major": False,
    "virtual_batch_size": None,
}
# Keras 3 has them under the same name, and what they have learned is not among the
# weights. (Besides them: hard_sigmoid is another formula in Keras 3.)
OTHER_IN_KERAS_3 = "Hashing", "IntegerLookup", "StringLookup", "TextVectorization"
# The names of the optimizers' states: Keras 3, and Keras 2 before and since 2.11.
SLOTS = {
    "momentum": ["m", "momentum"],
    "velocity": ["v", "rms", "velocity"],
    "velocity_hat": ["vhat"],
    "average_gradient": ["mg", "average_gradient"],
}
BUILD_IT = say(
    "Build the model in Keras 3 as it was and compile it, then "
    "keras2.convert(path, model); or, for weights from an .h5 file alone, "
    'model.load_weights("old.h5").'
)


def convert(path, model=None, custom_objects=None):
    """Return a model of Keras 3 with what a file of Keras 2 holds.

    Args:
        path: an `.h5` file; the folder that `save` wrote (a SavedModel); the folder
            or the prefix that `save_weights` wrote (a checkpoint).
        model: a built model to fill instead of building one; needed for weights
            alone and for subclassed models. Compile it to get the optimizer's state.
        custom_objects: dict from names to classes and functions of your own.

    Returns:
        keras.Model: compiled with its optimizer's state where the file has that.
        Predictions are those of the file's own graph within 0.0001 (checked for a
        SavedModel; the two other kinds have none).

    Raises:
        ValueError: the file is damaged, is not of Keras 2, or has something that
            cannot be converted. The message is one sentence or two that name it and
            what to do. A byte that is changed inside an `.h5` file is not noticed.
    """
    path = Path(path)
    try:
        if (path / "saved_model.pb").is_file():
            return convert_saved_model(path, model, custom_objects or {})
        if path.is_file() and h5py.is_hdf5(path):
            return convert_h5(path, model, custom_objects or {})
        return convert_checkpoint(path, model)
    except (OSError, KeyError, DecodeError, UnicodeDecodeError) as error:
        reason = reason_of(error)
    except (json.JSONDecodeError, tf.errors.OpError, IndexError) as error:
        reason = reason_of(error)
    raise ValueError(
        say("{} is damaged or not complete: {}. Take another copy.", path, reason)
    )


def convert_h5(path, model, custom_objects):
    """Convert what `model.save("old.h5")` or `save_weights("old.h5")` wrote."""
    with h5py.File(path) as file:
        if model is None and "model_config" not in file.attrs:
            raise ValueError(
                say("{} has weights and no model in it. {}", path, BUILD_IT)
            )
        by_name = model is None
        if by_name:
            model = build(json.loads(file.attrs["model_config"]), custom_objects)
            if "training_config" in file.attrs:
                training = json.loads(file.attrs["training_config"])
                compile_as_saved(model, training, custom_objects)
        places = places_in_h5(file, model, by_name)
        state = []
        if "optimizer_weights" in file:
            group = file["optimizer_weights"]
            for name in texts(group, "weight_names"):
                state.append((name.removesuffix(":0"), group[name][()]))
    fill(model, places, state)
    return model


def convert_saved_model(path, model, custom_objects):
    """Convert the folder that `model.save("folder")` wrote."""
    saved = read_metadata(path)
    if model is None:
        if saved["class_name"] not in MODELS or "layers" not in saved["config"]:
            raise ValueError(
                say(
                    "{} is a model of a class of its own, {}; its code is not in the file. {}",
                    path,
                    saved["class_name"],
                    BUILD_IT,
                )
            )
        model = build(saved, custom_objects)
        if saved.get("training_config"):
            compile_as_saved(model, saved["training_config"], custom_objects)
    fill(model, *read_checkpoint(path / "variables" / "variables", model))
    compare_with_graph(model, path)
    return model


def convert_checkpoint(path, model):
    """Convert what `model.save_weights("folder/")` or `("prefix")` wrote."""
    # With the slash of the video, the two names begin with a dot.
    prefix = f"{path}/" if (path / ".index").is_file() else f"{path}"
    if not Path(f"{prefix}.index").is_file() and not (path / ".index").is_file():
        raise ValueError(
            say(
                "{} is no file of Keras 2: neither an .h5 file, nor a folder with a "
                "saved_model.pb, nor a checkpoint (for one in a folder, give its path "
                "without .index). Load a .keras file with keras.models.load_model.",
                path,
            )
        )
    if model is None:
        raise ValueError(say("{} has weights and no model in it. {}", path, BUILD_IT))
    fill(model, *read_checkpoint(prefix, model))
    return model


# What is in the files


def texts(group, name):
    """Return a list of names in an `.h5` file as str; Keras cuts long lists in pieces."""
    pieces = [name] if name in group.attrs else []
    while f"{name}{len(pieces)}" in group.attrs and name not in pieces:
        pieces.append(f"{name}{len(pieces)}")
    found = []
    for piece in pieces:
        for text in group.attrs[piece]:
            found.append(text.decode() if isinstance(text, bytes) else text)
    return found


def places_in_h5(file, model, by_name):
    """Return (variable, name in Keras 2, value) of each weight in an `.h5` file."""
    groups = file.get("model_weights", file)
    names = []
    for name in texts(groups, "layer_names"):
        if texts(groups[name], "weight_names"):
            names.append(name)
    layers = layers_with_weights(model)
    if len(names) != len(layers):
        raise ValueError(
            say(
                "The file has weights of {} layers, the model has {} layers with weights. "
                "Build the model with the layers that it had.",
                len(names),
                len(layers),
            )
        )
    places = []
    for name, layer in zip(names, layers, strict=True):
        if by_name:
            layer = model.get_layer(name)  # noqa: PLW2901
        variables = layer.trainable_weights + layer.non_trainable_weights
        weight_names = texts(groups[name], "weight_names")
        if len(variables) != len(weight_names):
            raise ValueError(
                say(
                    "Layer {} has {} weights in the file and {} in Keras 3. {}",
                    name,
                    len(weight_names),
                    len(variables),
                    BUILD_IT,
                )
            )
        for variable, weight_name in zip(variables, weight_names, strict=True):
            value = groups[name][weight_name][()]
            places.append((variable, weight_name.removesuffix(":0"), value))
    return places


def layers_with_weights(model):
    return [layer for layer in model.layers if layer.weights]


def read_metadata(path):
    """Return what a SavedModel of Keras 2 says about its model, as a dict."""
    saved_model = saved_model_pb2.SavedModel()
    saved_model.ParseFromString((path / "saved_model.pb").read_bytes())
    metadata = ""
    if (path / "keras_metadata.pb").is_file():  # since TensorFlow 2.5
        nodes = saved_metadata_pb2.SavedMetadata()
        nodes.ParseFromString((path / "keras_metadata.pb").read_bytes())
        for node in nodes.nodes:
            if node.node_path == "root":
                metadata = node.metadata
    elif saved_model.meta_graphs:
        nodes = saved_model.meta_graphs[0].object_graph_def.nodes
        if nodes and nodes[0].user_object.identifier.startswith("_tf_keras_"):
            metadata = nodes[0].user_object.metadata
    if not metadata:
        raise ValueError(
            say(
                "{} is a SavedModel without a model of Keras 2 in it, from a tf.Module or "
                "from export, say. Predict with keras.layers.TFSMLayer(path, "
                'call_endpoint="serving_default").',
                path,
            )
        )
    saved = json.loads(metadata)
    saved.setdefault("config", {})
    return saved


def read_checkpoint(prefix, model):
    """Read a checkpoint whose objects are those of `model`.

    Returns:
        tuple: (variable of the model, name in Keras 2, value) of each weight; (name,
        value) of all that is in the checkpoint.
    """
    reader = tf.compat.v1.train.NewCheckpointReader(str(prefix))
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    state = []
    for node in graph.nodes:
        for attribute in node.attributes:
            key = attribute.checkpoint_key
            if attribute.name == "VARIABLE_VALUE" and reader.has_tensor(key):
                state.append((attribute.full_name, reader.get_tensor(key)))
    places = places_in_checkpoint(graph, reader, graph.nodes[0], model)
    filled = {id(variable) for variable, _, _ in places}
    for variable in model.weights:
        if id(variable) not in filled:
            raise ValueError(
                say(
                    "The file has no value for {}. Build the model with the layers that it had; "
                    "a subclassed one with the same attributes, and call it once.",
                    variable.path,
                )
            )
    return places, state


def places_in_checkpoint(graph, reader, node, layer):
    """Return (variable, name, value) of each weight of a layer and of those inside it."""
    places = []
    for child in node.children:
        inner_node = graph.nodes[child.node_id]
        start, _, number = child.local_name.partition("layer_with_weights-")
        if not start and number.isdecimal():
            inner = layers_with_weights(layer)[int(number) :][:1]
            inner = inner[0] if inner else None
        else:
            inner = getattr(layer, child.local_name, None)
        if isinstance(inner, keras.layers.Layer):
            places += places_in_checkpoint(graph, reader, inner_node, inner)
        elif isinstance(inner, keras.Variable) and inner_node.attributes:
            attribute = inner_node.attributes[0]
            value = reader.get_tensor(attribute.checkpoint_key)
            places.append((inner, attribute.full_name, value))
    return places


# The model


def build(saved, custom_objects):
    """Return a layer or model of Keras 3 for what Keras 2 wrote about one.

    Args:
        saved: dict with `class_name` and `config`.
        custom_objects: dict from names to classes of your own.
    """
    class_name = saved["class_name"]
    config = saved["config"]
    name = config.get("name", class_name)
    if class_name == "Sequential":
        return build_sequential(config, custom_objects)
    if class_name in MODELS:
        return build_functional(config, custom_objects)
    layer_class = custom_objects.get(class_name.rpartition(">")[2])
    if layer_class is None:
        layer_class = getattr(keras.layers, class_name, None)
        if saved.get("registered_name") or layer_class is None:
            raise ValueError(
                say(
                    "Layer {} is a {}, which Keras 3 does not have. If it is a class of your "
                    'own: keras2.convert(path, custom_objects={{"{}": YourClass}}). Otherwise: {}',
                    name,
                    class_name,
                    class_name.rpartition(">")[2],
                    BUILD_IT,
                )
            )
    if (
        class_name in ("Lambda", *OTHER_IN_KERAS_3)
        or "hard_sigmoid" in config.values()
        or (class_name == "Normalization" and not config.get("mean"))
    ):
        raise ValueError(
            say(
                "Layer {} ({}) is not the same in Keras 3, or is a program and not a "
                "setting. {}",
                name,
                class_name,
                BUILD_IT,
            )
        )
    config = settings_of(layer_class, config, custom_objects, f"Layer {name}")
    try:
        return layer_class(**config)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            say(
                "Layer {} ({}) cannot be built: {} {}",
                name,
                class_name,
                reason_of(error),
                BUILD_IT,
            )
        ) from None


def settings_of(some_class, config, custom_objects, owner):
    """Return the settings of Keras 2 as arguments of a class of Keras 3."""
    accepted = arguments_of(some_class)
    settings = {}
    for key, saved_value in config.items():
        value = plain(saved_value)
        if key == "alpha" and "negative_slope" in accepted:
            settings["negative_slope"] = value  # LeakyReLU
        elif key == "dtype" and isinstance(value, dict):
            settings["dtype"] = value["config"]["name"]  # a policy
        elif key in ("layer", "backward_layer", "cell") and value:
            settings[key] = build(value, custom_objects)
        elif key == "cells":
            settings[key] = [build(cell, custom_objects) for cell in value]
        elif key == "axis" and isinstance(value, list) and len(value) == 1:
            settings[key] = value[0]  # BatchNormalization
        elif isinstance(value, str) and value in custom_objects:
            settings[key] = custom_objects[value]
        elif key in accepted:
            settings[key] = value
        elif NOT_NEEDED.get(key, "") not in (..., value):
            raise ValueError(
                say(
                    "{} has the setting {}={}, which Keras 3 does not have. {}",
                    owner,
                    key,
                    f"{value!r}",
                    BUILD_IT,
                )
            )
    return settings


def arguments_of(some_class):
    """Return the names of all arguments that a class and those it is made from take."""
    names = {"name", "trainable", "dtype", "activity_regularizer"}
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
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape"):
        return tuple(plain(item) for item in value["items"])
    if "class_name" in value and "config" in value:
        # Without the module, which has another name today.
        return {"class_name": value["class_name"], "config": plain(value["config"])}
    return {key: plain(item) for key, item in value.items()}


def build_input(config):
    """Return the symbolic input that an InputLayer of Keras 2 stands for."""
    return keras.Input(
        batch_shape=plain(config["batch_input_shape"]),
        dtype=config.get("dtype"),
        name=config["name"],
    )


def build_sequential(config, custom_objects):
    """Return a keras.Sequential, built."""
    model = keras.Sequential(name=config["name"])
    # Before TensorFlow 2.2 the first layer has the shape, later an InputLayer.
    first = config["layers"][0]["config"]
    if first.get("batch_input_shape"):
        shape = plain(first["batch_input_shape"])
        model.add(keras.Input(batch_shape=shape, dtype=plain(first["dtype"])))
    for saved in config["layers"]:
        if saved["class_name"] != "InputLayer":
            model.add(build(saved, custom_objects))
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


def build_functional(config, custom_objects):
    """Return a functional keras.Model: all layers are built, then called as they were."""
    layers = {}
    outputs = {}  # of each layer, one entry a call
    calls = {}  # of each layer, those that are still to come
    for saved in config["layers"]:
        name = saved.get("name", saved["config"]["name"])
        outputs[name] = []
        calls[name] = plain(saved.get("inbound_nodes", []))
        if saved["class_name"] == "InputLayer":
            outputs[name].append([build_input(saved["config"])])
            continue
        layers[name] = build(saved, custom_objects)
        if starts_with_an_input(saved):
            outputs[name].append(None)  # a model's call number 0 is its own graph
    while any(calls.values()):
        before = sum(map(len, calls.values()))
        for name, waiting in calls.items():
            while waiting and all(is_there(place, outputs) for place in waiting[0]):
                result = call_layer(layers[name], waiting.pop(0), outputs, name)
                outputs[name].append(keras.tree.flatten(result))
        if sum(map(len, calls.values())) == before:
            waiting = [name for name, todo in calls.items() if todo]
            raise ValueError(
                say(
                    "What the layers {} are called with is not in the file. {}",
                    ", ".join(waiting),
                    BUILD_IT,
                )
            )
    model = keras.Model(
        tensors_at(config["input_layers"], outputs),
        tensors_at(config["output_layers"], outputs),
        name=config["name"],
    )
    if config.get("trainable") is False:
        model.trainable = False
    # Weights in an inner model, and the optimizer's states, go by this order.
    if [layer.name for layer in model.layers] != list(outputs):
        raise ValueError(
            say(
                "The layers of {} come in another order in Keras 3. {}",
                config["name"],
                BUILD_IT,
            )
        )
    return model


def starts_with_an_input(saved):
    """Return whether Keras 2 counted the calls of an inner model from 1 on."""
    layers = saved["class_name"] in MODELS and saved["config"]["layers"]
    if not layers:
        return False
    first = layers[0]
    return first["class_name"] == "InputLayer" or "batch_input_shape" in first["config"]


def is_there(place, outputs):
    """Return whether the tensors that one argument needs have been computed."""
    needed = [place[:3]]
    if len(place) > 3:
        needed += [value for value in place[3].values() if is_place(value, outputs)]
    return all(name in outputs and len(outputs[name]) > n for name, n, _ in needed)


def is_place(value, outputs):
    """Return whether a value stands for a tensor: [layer, number of the call, output]."""
    return isinstance(value, list) and len(value) == 3 and value[0] in outputs


def call_layer(layer, call, outputs, name):
    """Call a layer as it was called in Keras 2, and return its symbolic output."""
    arguments = [outputs[place[0]][place[1]][place[2]] for place in call]
    keywords = {}
    for key, value in (call[0][3] if len(call[0]) > 3 else {}).items():
        if is_place(value, outputs):
            keywords[key] = outputs[value[0]][value[1]][value[2]]
        elif isinstance(value, bool | int | float | str):
            keywords[key] = value
        elif value is not None:
            raise ValueError(
                say(
                    "Layer {} is called with {}={}, which is not understood. {}",
                    name,
                    key,
                    f"{value!r}",
                    BUILD_IT,
                )
            )
    try:
        return layer(arguments[0] if len(arguments) == 1 else arguments, **keywords)
    except (TypeError, ValueError) as error:
        raise ValueError(
            say(
                "Layer {} cannot be called: {} {}",
                name,
                reason_of(error),
                BUILD_IT,
            )
        ) from None


def tensors_at(places, outputs):
    """Return the symbolic tensors at places, in the structure that these have."""
    if is_place(places, outputs):
        return outputs[places[0]][places[1]][places[2]]
    if isinstance(places, dict):
        return {key: tensors_at(place, outputs) for key, place in places.items()}
    tensors = [tensors_at(place, outputs) for place in places]
    return tensors[0] if len(tensors) == 1 else tensors


# How it was compiled


def compile_as_saved(model, training, custom_objects):
    """Compile a model with the optimizer, losses and metrics of Keras 2."""
    saved = plain(training["optimizer_config"])
    class_name = saved["class_name"].removeprefix("Custom>")
    if class_name not in OPTIMIZERS:
        raise ValueError(
            say(
                "The optimizer {} is not among {}. {}",
                class_name,
                ", ".join(OPTIMIZERS),
                BUILD_IT,
            )
        )
    optimizer_class = getattr(keras.optimizers, class_name)
    config = settings_of(
        optimizer_class,
        saved["config"],
        custom_objects,
        say("The optimizer {}", class_name),
    )
    if isinstance(config["learning_rate"], dict):
        config["learning_rate"] = keras.optimizers.schedules.deserialize(
            config["learning_rate"]
        )
    metrics = from_saved(training.get("metrics"), keras.metrics, custom_objects)
    if metrics and len(metrics) == 1 and isinstance(metrics[0], list):
        metrics = metrics[0]
    model.compile(
        optimizer=optimizer_class(**config),
        loss=from_saved(training["loss"], keras.losses, custom_objects),
        metrics=metrics,
        weighted_metrics=from_saved(
            training.get("weighted_metrics"), keras.metrics, custom_objects
        ),
        loss_weights=training.get("loss_weights"),
    )


def from_saved(saved, module, custom_objects):
    """Return losses or metrics for what Keras 2 wrote about them, in the same structure.

    Args:
        saved: None, a name, a dict with `class_name`, or a list or dict of these.
        module: `keras.losses` or `keras.metrics`.
        custom_objects: dict from names to functions and classes of your own.
    """
    if isinstance(saved, list):
        return [from_saved(item, module, custom_objects) for item in saved]
    if isinstance(saved, dict) and "class_name" not in saved:
        return {k: from_saved(v, module, custom_objects) for k, v in saved.items()}
    if isinstance(saved, dict):
        name, config = saved["class_name"], plain(saved["config"])
    else:
        name, config = saved, None
    if name == "function":
        name, config = config, None
    if config and name in ("MeanMetricWrapper", "LossFunctionWrapper"):
        name, config = config["fn"], {"name": config["name"]}
        if name in vars(module) and module is keras.metrics:
            function = getattr(module, name)
            return keras.metrics.MeanMetricWrapper(function, name=config["name"])
    if name is None or name in custom_objects:
        return custom_objects.get(name)
    if config is None and is_known(name, module):
        return name
    if config is None or not isinstance(vars(module).get(name), type):
        raise ValueError(
            say(
                "The model is compiled with {}, which Keras 3 does not have. If it is your "
                'own: keras2.convert(path, custom_objects={{"{}": yours}}).',
                name,
                name,
            )
        )
    config.pop("fn", None)
    if config.get("reduction") == "auto":
        del config["reduction"]
    return getattr(module, name)(**config)


def is_known(name, module):
    """Return whether Keras 3 has a loss or metric of this name."""
    if module is keras.metrics and name in ("accuracy", "acc", "crossentropy", "ce"):
        return True
    try:
        return module.get(name) is not None
    except ValueError:
        return False


# The values


def fill(model, places, state):
    """Give a model its weights and, if it is compiled, its optimizer's state.

    Args:
        model: a built keras.Model.
        places: list of (variable, name in Keras 2, value).
        state: list of (name, value): what the file holds besides, or all of it.
    """
    for variable, name, value in places:
        if tuple(variable.shape) != value.shape:
            raise ValueError(
                say(
                    "{} has the shape {} in the file and {} in the model. Build the model as it "
                    "was.",
                    name,
                    value.shape,
                    tuple(variable.shape),
                )
            )
    for variable, _, value in places:
        variable.assign(value)
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return
    prefix = type(optimizer).__name__
    steps = values_of(state, [f"{prefix}/iter", "iteration"])
    optimizer.build(model.trainable_variables)
    slots = slots_of(optimizer, model, places, prefix)
    if not steps and not any(values_of(state, names) for _, names in slots):
        if any(name.endswith("/iter") for name, _ in state):
            raise ValueError(
                say(
                    "The file has the state of another optimizer than {}: {}",
                    prefix,
                    BUILD_IT,
                )
            )
        return
    if steps and steps[0] == 0:
        return  # compiled, and never trained
    for variable, names in slots:
        values = values_of(state, names)
        if len(values) != 1:
            raise ValueError(
                say(
                    "The optimizer's state {} is {} times in the file; it should be there once. "
                    "{}",
                    names[0],
                    len(values),
                    BUILD_IT,
                )
            )
        variable.assign(values[0])
    optimizer.iterations.assign(steps[0])
    old = values_of(state, ["RMSprop/iter"])
    if old and not any(v.name.endswith("_momentum") for v in optimizer.variables):
        warnings.warn(
            say(
                "RMSprop without momentum, of before TensorFlow 2.11, adds epsilon after the "
                "square root, and Keras 3 before it: training continues with the same state, "
                "and with other steps where gradients are small."
            ),
            stacklevel=3,
        )
    rate = values_of(state, [f"{prefix}/learning_rate", "learning_rate"])
    if rate:
        optimizer.learning_rate = float(rate[0])


def values_of(state, names):
    return [value for name, value in state if name in names]


def slots_of(optimizer, model, places, prefix):
    """Return (variable of the optimizer, its possible names in Keras 2)."""
    names = {id(variable): name for variable, name, _ in places}
    slots = []
    for slot, old_slots in SLOTS.items():
        variables = [v for v in optimizer.variables if v.name.endswith(f"_{slot}")]
        if not variables:
            continue
        for variable, weight in zip(variables, model.trainable_variables, strict=True):
            weight_name = names[id(weight)]
            old = [f"{prefix}/{weight_name}/{old_slot}" for old_slot in old_slots]
            new = [f"{prefix}/{old_slot}/{weight_name}" for old_slot in old_slots]
            slots.append((variable, old + new))
    return slots


def compare_with_graph(model, path):
    """Raise ValueError if a model predicts otherwise than the graph of its SavedModel."""
    graph = tf.saved_model.load(str(path))
    inputs = getattr(model, "inputs", None)
    if not inputs:
        signature = graph.signatures["serving_default"].structured_input_signature
        inputs = list(signature[1].values())
    random = np.random.default_rng(1)
    arrays = []
    for tensor in inputs:
        shape = [2 if tensor.shape[0] is None else tensor.shape[0]]
        shape += [32 if size is None else size for size in tensor.shape[1:]]
        values = random.uniform(0, 2, shape)
        arrays.append(tf.constant(values.astype(tf.as_dtype(tensor.dtype).name)))
    given = arrays[0] if len(arrays) == 1 else arrays
    wanted = tf.nest.flatten(graph(given))
    for output, want in zip(keras.tree.flatten(model(given)), wanted, strict=True):
        difference = float(np.abs(np.subtract(output, want)).max())
        if not difference <= 1e-4 * max(1, float(np.abs(want).max())):
            raise ValueError(
                say(
                    "{} was converted, and predicts something else than its own graph (by {}), "
                    "so the result is not returned. {}",
                    path,
                    f"{difference:.2g}",
                    BUILD_IT,
                )
            )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        convert(sys.argv[1]).save(sys.argv[2])
    except ValueError as problem:
        sys.exit(str(problem))
