"""Files of Keras 1 and 2 (TensorFlow 1 to 2.15) become models of Keras 3.

    model = keras2.convert("old.h5")                # model.save("old.h5")
    model = keras2.convert("old.keras")             # model.save("old.keras")
    model = keras2.convert("old_folder")            # model.save("old_folder")
    model = keras2.convert("old.json", weights="old_weights.h5")
    model = keras2.convert("old_weights", model)    # model.save_weights("old_weights/")

tf_keras, which is Keras 2 on today's TensorFlow, loads the file and describes its model.
That model is built anew in Keras 3, gets the weights and the state of the optimizer, and
has to prove that it is the same: both predict, and both train three batches.

A file of weights does not say how the model is built, nor does any file of a subclassed
model: build it in Keras 3 with the same layers in the same order (a subclassed one with
the same attributes), compile it, and hand it over. Nothing is guessed.
"""

import json
import zipfile
from pathlib import Path

from modelfile import proof
from modelfile.description import reason_of
from modelfile.keras2_translate import BUILD_IT, MODELS, settings_of, translate
from modelfile.sentences import say

import h5py
import keras
import numpy as np
import tensorflow as tf
import tf_keras
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2, trackable_object_graph_pb2
from tensorflow.python.keras.protobuf import saved_metadata_pb2
from tf_keras.src.saving.serialization_lib import SafeModeScope

# Attributes of the optimizers of Keras 3 that are lists, one variable for each weight, and
# the names of these in Keras 2, some before and some since TensorFlow 2.11.
STATES = {
    "_momentums": ["m", "momentum"],
    "momentums": ["momentum", "m"],
    "_velocities": ["v", "rms", "velocity"],
    "_velocity_hats": ["vhat", "velocity_hat"],
    "_average_gradients": ["mg", "average_gradient"],
    "_accumulators": ["accumulator"],
    "_accumulated_grads": ["accum_grad", "accumulated_grad"],
    "_accumulated_delta_vars": ["accum_var", "accumulated_delta_var"],
    "_m": ["m"],
    "_u": ["v", "u"],
    "_linears": ["linear"],
    "_r": ["r"],
    "_c": ["c"],
    "_v": ["v"],
}


def convert(path, model=None, custom_objects=None, old_objects=None, **options):
    """Return a model of Keras 3 with what a file of Keras 2 holds.

    Args: see `convert_and_prove`.

    Returns:
        keras.Model: compiled with its optimizer's state where the file has that.

    Raises:
        ValueError: see `convert_and_prove`.
    """
    return convert_and_prove(path, model, custom_objects, old_objects, **options)[0]


def convert_and_prove(  # noqa: PLR0913, PLR0917  each is needed for some kind of file
    path, model=None, custom_objects=None, old_objects=None, weights=None, training=True
):
    """Return a model of Keras 3 with what a file of Keras 2 holds, and what was proven.

    Args:
        path: an `.h5` or `.keras` file; the folder that `save` wrote (a SavedModel); a
            `.json` file of `to_json`; the folder or the prefix that `save_weights` wrote (a
            checkpoint), or its `.h5` file.
        model: a built model of Keras 3 to fill instead of building one; needed for weights
            alone and for subclassed models. Compile it to get the optimizer's state.
        custom_objects: dict from names to classes and functions of your own, of Keras 3.
        old_objects: the same, of Keras 2 (tf_keras), to load the file with.
        weights: path of the weights that belong to a `.json` file.
        training: False to leave out the loss and the optimizer.

    Returns:
        tuple: keras.Model, and a list of sentences on what was compared.

    Raises:
        ValueError: the file is damaged, is not of Keras 2, has something that cannot be
            converted, or the new model is not the same. The message names it and what to
            do. A byte that is changed inside an `.h5` file is not noticed.
    """
    path = Path(path)
    try:
        if model is not None:
            return fill_model(path, model), []
        return rebuild(path, custom_objects or {}, old_objects or {}, weights, training)
    except (OSError, KeyError, IndexError, DecodeError, UnicodeDecodeError) as error:
        reason = reason_of(error)
    except (json.JSONDecodeError, zipfile.BadZipFile, tf.errors.OpError) as error:
        reason = reason_of(error)
    raise ValueError(
        say("{} is damaged or not complete: {}. Take another copy.", path, reason)
    )


# A file that says how its model is built


def rebuild(path, custom_objects, old_objects, weights, training):
    """Build a model anew: see `convert_and_prove`."""
    old = load(path, old_objects, weights, compile=training)
    description = json.loads(old.to_json())

    def build():
        model = translate(description, custom_objects)
        model.set_weights(old.get_weights())
        for layer in proof.layers_in(model):
            if isinstance(layer, keras.layers.Normalization) and layer.built:
                layer.finalize_state()
        if training and getattr(old, "optimizer", None) is not None:
            compile_as(model, old, custom_objects)
            if is_saved_model(path):
                names = [w.name.removesuffix(":0") for w in old.trainable_variables]
                fill_state(
                    model, names, read_values(path / "variables" / "variables")[2]
                )
                copy_state(model, old, to_old=True)
            else:
                copy_state(model, old)
        return model

    model = build()
    if is_saved_model(path):
        compare_with_graph(model, path)
    return model, prove(old, model, build)


def load(path, old_objects, weights, compile):
    """Return the model of a file, as tf_keras loads it.

    Raises:
        ValueError: it does not load, or not with its optimizer's state.
    """
    require_model(path)
    with SafeModeScope(True):
        try:
            if path.suffix == ".json":
                text = path.read_text(encoding="utf-8")
                old = tf_keras.models.model_from_json(text, old_objects)
                if weights is None:
                    raise ValueError(
                        say(
                            "{} has no weights. Give their file, too: keras2.convert(path, "
                            'weights="weights.h5").',
                            path,
                        )
                    )
                old.load_weights(weights)
                return old
            old = tf_keras.models.load_model(path, old_objects, compile=compile)
        except (ValueError, TypeError, AttributeError, ImportError) as error:
            if error.args and hasattr(error.args[0], "template"):
                raise
            raise ValueError(
                say("Keras 2 (tf_keras) does not load it: {}", reason_of(error, 300))
            ) from None
    try:
        old.get_config()
    except NotImplementedError:
        raise ValueError(
            say(
                "{} is a model of a class of its own, {}; its code is not in the file. {}",
                path,
                type(old).__name__,
                BUILD_IT,
            )
        ) from None
    if compile and getattr(old, "optimizer", None) is not None:
        check_state(path, old)
    return old


def require_model(path):
    """Raise ValueError if a path is no whole model of Keras 2."""
    if is_saved_model(path):
        saved = read_metadata(path)
        if saved["class_name"] not in MODELS or "layers" not in saved["config"]:
            raise ValueError(
                say(
                    "{} is a model of a class of its own, {}; its code is not in the file. {}",
                    path,
                    saved["class_name"],
                    BUILD_IT,
                )
            )
    elif path.is_file() and h5py.is_hdf5(path):
        with h5py.File(path) as file:
            if "model_config" not in file.attrs:
                raise ValueError(
                    say("{} has weights and no model in it. {}", path, BUILD_IT)
                )
            version = file.attrs.get("keras_version", "2")
    elif path.suffix == ".keras" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
    elif path.suffix == ".json" and path.is_file():
        version = json.loads(path.read_text(encoding="utf-8")).get("keras_version", "2")
    elif checkpoint_prefix(path):
        raise ValueError(say("{} has weights and no model in it. {}", path, BUILD_IT))
    else:
        version = "3"
    if not is_saved_model(path) and str(version)[:1] not in "12b":
        raise ValueError(
            say(
                "{} is no file of Keras 2: neither an .h5 or .keras file of it, nor a folder "
                "with a saved_model.pb, nor a checkpoint (for one in a folder, give its path "
                "without .index). Load a file of Keras 3 with keras.models.load_model.",
                path,
            )
        )


def is_saved_model(path):
    return (path / "saved_model.pb").is_file()


def check_state(path, old):
    """Raise ValueError if tf_keras has not got the optimizer's state that a file has."""
    values, names = [], []
    if path.is_file() and h5py.is_hdf5(path):
        with h5py.File(path) as file:
            if "optimizer_weights" in file:
                group = file["optimizer_weights"]
                names = texts(group, "weight_names")
                values = [group[name][()] for name in names]
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as part:
            group = h5py.File(part).get("optimizer/vars", {})
            values = [group[str(number)][()] for number in range(len(group))]
    variables = [variable for variable, _ in proof.state_of(old)]
    if len(values) < 2:
        return  # a counter at most, or a SavedModel, whose state is read by its names
    if len(values) == len(variables) - 1 and values[0].shape:
        values = [np.int64(0), *values]  # Keras 2.2 did not always count
        old.optimizer.set_weights(values)
    if hasattr(old.optimizer, "inner_optimizer") and names == [
        variable.name for variable in variables
    ]:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)  # tf_keras does not, with a loss scale
    # Keras 2.2 and 2.3 wrote more than there is.
    same = len(values) >= len(variables) and all(
        (variable.numpy() == value).all()
        for variable, value in zip(variables, values, strict=False)
    )
    if not same:
        raise ValueError(
            say(
                "The state of its optimizer, {}, is not understood, not even by Keras 2. {}",
                type(old.optimizer).__name__,
                WITHOUT_TRAINING,
            )
        )


WITHOUT_TRAINING = say(
    "To have the model without it, to predict or to be compiled anew: --no-training, or "
    "keras2.convert(path, training=False)."
)


def prove(old, model, build):
    """Compare two models, and return sentences about it; ValueError if they differ."""
    arrays = proof.inputs_that_fit(old)
    if arrays is None:
        return [say("Its predictions were not compared: no input was found that fits.")]
    apart = proof.predict_alike(old, model, arrays)
    sentences = [
        say("Both predict the same for {} inputs (difference {}).", 6, f"{apart:.1g}")
    ]
    if getattr(model, "optimizer", None) is None:
        return sentences
    try:
        apart = proof.train_alike(old, build())
    except ValueError as error:
        raise ValueError(
            say(
                "With the optimizer {}, {}. {}",
                type(model.optimizer).__name__,
                error.args[0],
                WITHOUT_TRAINING,
            )
        ) from None
    if isinstance(apart, str):
        sentences.append(say("How they train was not compared: {}.", apart))
    else:
        trained = say(
            "Both train three batches the same (difference {}).", f"{apart:.1g}"
        )
        sentences.append(trained)
    return sentences + proof.known_differences(old)


# How it was compiled


def compile_as(model, old, custom_objects):
    """Compile a model with the optimizer, losses and metrics of one of Keras 2."""
    losses, metrics = old.compiled_loss, old.compiled_metrics

    def for_each_output(found):
        if len(old.outputs or [1]) == 1 or not isinstance(found, list):
            return found
        is_flat = not any(isinstance(one, list | tuple) for one in found)
        return [found for _ in old.outputs] if is_flat else found

    model.compile(
        optimizer=optimizer_like(old.optimizer, custom_objects),
        loss=like(losses._user_losses, keras.losses, custom_objects),
        metrics=for_each_output(
            like(metrics._user_metrics, keras.metrics, custom_objects)
        ),
        weighted_metrics=for_each_output(
            like(metrics._user_weighted_metrics, keras.metrics, custom_objects)
        ),
        loss_weights=losses._user_loss_weights,
    )


def optimizer_like(old, custom_objects):
    """Return an optimizer of Keras 3 with the settings of one of Keras 2."""
    name = type(old).__name__.removesuffix("V3")
    if not hasattr(keras.optimizers, name):
        raise ValueError(
            say(
                "Keras 3 does not have the optimizer {}. {}",
                name,
                WITHOUT_TRAINING,
            )
        )
    if name == "LossScaleOptimizer":
        inner = optimizer_like(old.inner_optimizer, custom_objects)
        if not old.dynamic:
            raise ValueError(
                say("Keras 3 does not have a fixed loss scale. {}", WITHOUT_TRAINING)
            )
        return keras.optimizers.LossScaleOptimizer(
            inner,
            initial_scale=old.initial_scale,
            dynamic_growth_steps=old.dynamic_growth_steps,
        )
    config = old.get_config()
    rate, decay = config["learning_rate"], config.get("decay")
    optimizer_class = getattr(keras.optimizers, name)
    owner = say("The optimizer {}", name)
    config = {**config, "decay": 0.0}
    config = settings_of(optimizer_class, config, custom_objects, owner)
    if isinstance(rate, dict):
        settings = {k: v for k, v in rate["config"].items() if v is not None}
        rate = {"class_name": rate["class_name"], "config": settings}
        config["learning_rate"] = keras.optimizers.schedules.deserialize(rate)
    elif decay:
        schedule = keras.optimizers.schedules.InverseTimeDecay
        config["learning_rate"] = schedule(float(rate), 1, float(decay))
    return optimizer_class(**config)


def like(old, module, custom_objects):
    """Return losses or metrics of Keras 3 for those of Keras 2, in the same structure.

    Args:
        old: None, a name, a function or an object of Keras 2, or a list or dict of these.
        module: `keras.losses` or `keras.metrics`.
        custom_objects: dict from names to functions and classes of your own.
    """
    if isinstance(old, list | tuple):
        return [like(one, module, custom_objects) for one in old]
    if isinstance(old, dict):
        return {key: like(one, module, custom_objects) for key, one in old.items()}
    if old is None:
        return None
    config = None
    name = old if isinstance(old, str) else getattr(old, "__name__", None)
    if name is None:
        name, config = type(old).__name__, dict(old.get_config())
        function = getattr(old, "_fn", None) or getattr(old, "fn", None)
        if name in ("MeanMetricWrapper", "LossFunctionWrapper"):
            name, config = function.__name__, None
    if name in custom_objects:
        return custom_objects[name]
    if config is None and is_known(name, module):
        return name
    if config is None or not hasattr(module, name):
        raise ValueError(
            say(
                "The model is compiled with {}, which Keras 3 does not have. If it is your "
                'own: keras2.convert(path, custom_objects={{"{}": yours}}).',
                name,
                name,
            )
        )
    if config.get("reduction") == "auto":
        del config["reduction"]
    owner = say("The loss or metric {}", name)
    found = getattr(module, name)
    config.pop("fn", None)
    return found(**settings_of(found, config, custom_objects, owner))


def is_known(name, module):
    """Return whether Keras 3 has a loss or metric of this name."""
    if module is keras.metrics and name in ("accuracy", "acc", "crossentropy", "ce"):
        return True
    try:
        return module.get(name) is not None
    except ValueError:
        return False


# The optimizer's state


def copy_state(new, old, to_old=False):
    """Copy the state of the optimizer from a model of Keras 2 to one of Keras 3, or back."""
    new.optimizer.build(new.trainable_variables)
    pairs = same_state(new.optimizer, old.optimizer, old.trainable_variables)
    for variable, old_variable in pairs:
        if to_old:
            value = variable.numpy()
            old_variable.assign(value.astype(old_variable.dtype.as_numpy_dtype))
        else:
            variable.assign(old_variable.numpy())


def same_state(new, old, weights):
    """Return (variable of Keras 3, variable of Keras 2) of all that two optimizers keep."""
    pairs = []
    if hasattr(old, "inner_optimizer"):
        pairs += [(new.step_counter, old.dynamic_counter)]
        pairs += [(new.dynamic_scale, old.loss_scale)]
        new, old = new.inner_optimizer, old.inner_optimizer
    legacy = isinstance(old, tf_keras.optimizers.legacy.Optimizer)
    if legacy:
        old._create_all_weights(weights)
    else:
        old.build(weights)
    pairs.append((new.iterations, old.iterations))
    for attribute, names in STATES.items():
        variables = getattr(new, attribute, None) or []
        variables = [one for one in variables if one is not None]
        if not variables:
            continue
        if legacy:
            slot = next(name for name in names if name in old.get_slot_names())
            olds = [old.get_slot(weight, slot) for weight in weights]
        else:
            # Lion of Keras 2 has no underscore there.
            olds = getattr(old, attribute, None) or getattr(old, attribute[1:])
        pairs += zip(variables, olds, strict=True)
    if hasattr(new, "_u_product"):  # Nadam
        pairs.append((new._u_product, old._m_cache if legacy else old._u_product))
    if getattr(new, "use_ema", False):
        averages = new._model_variables_moving_average
        pairs += zip(averages, old._model_variables_moving_average, strict=True)
    return pairs


# A file that does not say how its model is built


def fill_model(path, model):
    """Give a model of Keras 3 the values of a file of Keras 2."""
    if is_saved_model(path):
        read_metadata(path)
        fill(model, *read_checkpoint(path / "variables" / "variables", model))
        compare_with_graph(model, path)
    elif path.is_file() and h5py.is_hdf5(path):
        with h5py.File(path) as file:
            places = places_in_h5(file, model)
            state = []
            if "optimizer_weights" in file:
                group = file["optimizer_weights"]
                for name in texts(group, "weight_names"):
                    state.append((name.removesuffix(":0"), group[name][()]))
        fill(model, places, state)
    else:
        prefix = checkpoint_prefix(path)
        if prefix is None:
            require_model(path)
        fill(model, *read_checkpoint(prefix, model))
    return model


def checkpoint_prefix(path):
    """Return the prefix of what `save_weights("folder/")` or `("prefix")` wrote, or None."""
    # With the slash of the video, the two names begin with a dot.
    if (path / ".index").is_file():
        return f"{path}/"
    return f"{path}" if Path(f"{path}.index").is_file() else None


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


def places_in_h5(file, model):
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


def read_values(prefix):
    """Return (object graph, reader, list of (name, value)) of a checkpoint."""
    reader = tf.compat.v1.train.NewCheckpointReader(str(prefix))
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    state = []
    for node in graph.nodes:
        for attribute in node.attributes:
            key = attribute.checkpoint_key
            if attribute.name == "VARIABLE_VALUE" and reader.has_tensor(key):
                state.append((attribute.full_name, reader.get_tensor(key)))
    return graph, reader, state


def read_checkpoint(prefix, model):
    """Read a checkpoint whose objects are those of `model`.

    Returns:
        tuple: (variable of the model, name in Keras 2, value) of each weight; (name,
        value) of all that is in the checkpoint.
    """
    graph, reader, state = read_values(prefix)
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
    if getattr(model, "optimizer", None) is not None:
        names = {id(variable): name for variable, name, _ in places}
        weights = [names[id(variable)] for variable in model.trainable_variables]
        fill_state(model, weights, state)


def fill_state(model, weights, state):
    """Give a model's optimizer the state that has these names in a file.

    Args:
        model: a compiled keras.Model.
        weights: list of str, the names of its trainable variables in the file.
        state: list of (name, value).
    """
    optimizer = model.optimizer
    prefix = type(optimizer).__name__
    optimizer.build(model.trainable_variables)
    wanted = []  # (variable, its possible names: before and since TensorFlow 2.11)
    for attribute, slots in STATES.items():
        for variable, weight in zip(
            getattr(optimizer, attribute, []), weights, strict=False
        ):
            names = [f"{prefix}/{weight}/{slot}" for slot in slots]
            wanted.append((variable, names + [f"{prefix}/{s}/{weight}" for s in slots]))
    steps = values_of(state, [f"{prefix}/iter", "iteration"])
    if not steps:
        if any(name.endswith("/iter") for name, _ in state):
            raise ValueError(
                say(
                    "The file has the state of another optimizer than {}. {}",
                    prefix,
                    BUILD_IT,
                )
            )
        return
    if steps[0] == 0:
        return  # compiled, and never trained
    for variable, names in wanted:
        values = values_of(state, names)
        if len(values) != 1:
            raise ValueError(
                say(
                    "The optimizer's state {} is {} times in the file; it should be there once. "
                    "{}",
                    names[0],
                    len(values),
                    WITHOUT_TRAINING,
                )
            )
        variable.assign(values[0])
    optimizer.iterations.assign(steps[0])
    rate = values_of(state, [f"{prefix}/learning_rate", "learning_rate"])
    schedule = keras.optimizers.schedules.LearningRateSchedule
    if rate and not isinstance(optimizer._learning_rate, schedule):
        optimizer.learning_rate = float(rate[0])


def values_of(state, names):
    return [value for name, value in state if name in names]


def compare_with_graph(model, path):
    """Raise ValueError if a model predicts otherwise than the graph of its SavedModel."""
    graph = tf.saved_model.load(str(path))
    if not getattr(model, "inputs", None):
        return
    arrays = proof.inputs_for(model)
    wanted = [
        np.asarray(one) for one in tf.nest.flatten(graph(proof.packed(model, arrays)))
    ]
    apart = proof.difference(wanted, proof.outputs_of(model, arrays))
    if not apart <= proof.PREDICTS:
        raise ValueError(
            say(
                "{} was converted, and predicts something else than its own graph (by {} of "
                "the largest number), so the result is not returned. {}",
                path,
                f"{apart:.1g}",
                BUILD_IT,
            )
        )
