"""The seven formats of the lessons, Orbax and plain arrays: how to save, and how to load.

Each function that saves gets a model and the path of the file or folder to write. Each one
that loads gets that path, and `build`: a function that returns a new compiled model of the
same kind. Where it is called, the file is of no use without the program that made the model.
"""

import shutil
import zipfile
from importlib.util import find_spec
from typing import NamedTuple

import lesson
import models
from modelfile import tfjs

import h5py
import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter


def save_weights(model, path):
    model.save_weights(path)


def load_weights(path, build):
    model = build()
    model.load_weights(path)
    return model


def load_weights_and_state(path, build):  # lesson 1
    model = build()
    model.optimizer.build(model.trainable_variables)
    model.load_weights(path)
    return model


def save_checkpoint(model, path):
    tf.train.Checkpoint(model=model).write(path / "checkpoint")


def load_checkpoint(path, build):
    model = build()
    status = tf.train.Checkpoint(model=model).read(path / "checkpoint")
    status.assert_existing_objects_matched()
    return model


def save_model(model, path):
    model.save(path)


def load_model(path, build):
    return keras.models.load_model(path)


def check_zip(path):
    """Raise an error if a zip, such as a `.keras` file, does not have its checksums.

    Python 3.12 and later do not always compare them while Keras loads the file.

    Raises:
        zipfile.BadZipFile: a part of the file is not what was written. Damage can also
            raise other errors.
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"{damaged} in {path.name} is damaged")


def load_checked_model(path, build):
    check_zip(path)
    return keras.models.load_model(path)


def load_h5_and_state(path, build):  # lesson 3
    model = keras.models.load_model(path)
    # Compile it again, with a new optimizer: the loaded one has no place for its state.
    model.compile_from_config(model.get_compile_config())
    with h5py.File(path) as file:
        group = file["optimizer_weights"]
        values = [group[name][()] for name in group.attrs["weight_names"]]
    for variable, value in zip(model.optimizer.variables, values, strict=True):
        variable.assign(value)
    return model


def save_saved_model(model, path):
    model.export(path, verbose=False)


def load_saved_model(path, build):
    return tf.saved_model.load(path)


def save_litert(model, path):
    model.export(path, format="litert", verbose=False)


def load_litert(path, build):
    with lesson.quietly():
        interpreter = Interpreter(model_content=path.read_bytes())
        interpreter.allocate_tensors()
    return interpreter.get_signature_runner()


def save_tfjs(model, path):
    path.mkdir(exist_ok=True)
    tfjs.save(model, path)


def load_tfjs(path, build):
    return tfjs.load(path / "model.json")


def start_orbax(model, path):
    """Begin to save, as `fit` does at the end of an epoch.

    Returns:
        keras.callbacks.OrbaxCheckpoint: its `on_train_end` waits until all is written.
    """
    shutil.rmtree(path, ignore_errors=True)
    callback = keras.callbacks.OrbaxCheckpoint(path)
    callback.set_model(model)
    callback.on_epoch_end(0)
    return callback


def save_orbax(model, path):
    start_orbax(model, path).on_train_end()


def load_orbax(path, build):
    # It goes by names, and those of a new program are counted from the start.
    keras.utils.clear_session()
    return load_weights_and_state(path, build)


def save_arrays(model, path):
    variables = model.variables + model.optimizer.variables
    np.savez(path, *[variable.numpy() for variable in variables])


def load_arrays(path, build):
    model = build()
    model.optimizer.build(model.trainable_variables)
    variables = model.variables + model.optimizer.variables
    with np.load(path) as arrays:
        for variable, array in zip(variables, arrays.values(), strict=True):
            variable.assign(array)
    return model


def load_as_a_program(load, path, build, own=(models.Classifier,)):
    """Load with one of the functions above, and do what training does first.

    That is to build the optimizer. A TensorFlow checkpoint is read only then, as far as it
    is the optimizer's state.

    Args:
        load: one of the functions above.
        path: what it loads.
        build: function that returns a new compiled model.
        own: the program's own classes and functions that the file may name.
    """
    # Loading .h5, Keras does not look for the name under which a class is registered.
    with keras.saving.custom_object_scope({thing.__name__: thing for thing in own}):
        loaded = load(path, build)
    optimizer = getattr(loaded, "optimizer", None)
    if optimizer and not optimizer.built:
        optimizer.build(loaded.trainable_variables)
    return loaded


def predict(loaded, x):
    """Return what a model computes, whatever it is that one of the functions has loaded.

    Args:
        loaded: a Keras model, a SavedModel or LiteRT's runner.
        x: float32 (n, features).

    Returns:
        float32 array (n, outputs).
    """
    if hasattr(loaded, "get_input_details"):  # LiteRT has names for inputs and outputs
        (name,) = loaded.get_input_details()
        (outputs,) = loaded(**{name: x}).values()
        return outputs
    if hasattr(loaded, "serve"):
        return loaded.serve(x).numpy()
    return loaded(x).numpy()


class Format(NamedTuple):
    """A way to save.

    `load` is what one calls first. `load_by_hand` takes more code, and keeps more or
    notices more; where there is no such thing, it is the same.
    """

    name: str
    file: str
    save: object
    load: object
    load_by_hand: object


WEIGHTS = Format(
    ".weights.h5",
    "model.weights.h5",
    save_weights,
    load_weights,
    load_weights_and_state,
)
CHECKPOINT = Format(
    "checkpoint", "checkpoint", save_checkpoint, load_checkpoint, load_checkpoint
)
KERAS = Format(".keras", "model.keras", save_model, load_model, load_checked_model)
H5 = Format(".h5", "model.h5", save_model, load_model, load_h5_and_state)
SAVED_MODEL = Format(
    "SavedModel", "exported", save_saved_model, load_saved_model, load_saved_model
)
LITERT = Format("LiteRT", "model.tflite", save_litert, load_litert, load_litert)
TFJS = Format("TensorFlow.js", "web", save_tfjs, load_tfjs, load_tfjs)
FORMATS = [WEIGHTS, CHECKPOINT, KERAS, H5, SAVED_MODEL, LITERT, TFJS]

# By names: `load_model` loses the weights of a Sequential model, see lesson 8.
ORBAX = Format("Orbax", "orbax", save_orbax, load_model, load_orbax)
# Before .h5, which takes the optimizer out of what the live model knows of itself.
WITH_ORBAX = [*FORMATS[:3], *([ORBAX] if find_spec("orbax") else []), *FORMATS[3:]]

# The floor: weights and optimizer state, and nothing about what they are.
ARRAYS = Format("np.savez", "model.npz", save_arrays, load_arrays, load_arrays)
