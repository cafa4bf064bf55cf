"""The seven formats of these lessons, and plain arrays: how to save, and how to load.

`path` is the file or folder to write or read; its name is `Format.file`. A function that loads
gets `build` as well, which returns a new compiled classifier. Where it is called, the file is of
no use without the program that made the model.
"""

from collections.abc import Callable
from typing import NamedTuple

import lesson
import models
import tfjs

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


def load_weights_and_state(path, build):
    model = build()
    model.optimizer.build(model.trainable_variables)  # lesson 1
    model.load_weights(path)
    return model


def save_checkpoint(model, path):
    tf.train.Checkpoint(model=model).write(path / "checkpoint")


def load_checkpoint(path, build):
    model = build()
    tf.train.Checkpoint(model=model).read(
        path / "checkpoint"
    ).assert_existing_objects_matched()
    return model


def save_model(model, path):
    model.save(path)


def load_model(path, build):
    return keras.models.load_model(path)


def load_h5_and_state(path, build):  # lesson 3
    model = models.compile_classifier(keras.models.load_model(path, compile=False))
    model.optimizer.build(model.trainable_variables)
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
        interpreter = Interpreter(str(path))
        interpreter.allocate_tensors()
    return interpreter.get_signature_runner()


def save_tfjs(model, path):
    path.mkdir(exist_ok=True)
    tfjs.save(model, path)


def load_tfjs(path, build):
    return tfjs.load(path / "model.json")


def save_arrays(model, path):
    np.savez(
        path,
        *(variable.numpy() for variable in model.variables + model.optimizer.variables),
    )


def load_arrays(path, build):
    model = build()
    model.optimizer.build(model.trainable_variables)
    variables = model.variables + model.optimizer.variables
    with np.load(path) as arrays:
        for variable, array in zip(variables, arrays.values(), strict=True):
            variable.assign(array)
    return model


class Format(NamedTuple):
    """A way to save: its name, the file or folder, and the functions above."""

    name: str
    file: str
    save: Callable
    load: Callable
    load_by_hand: Callable | None = None  # keeps more, and takes more code


FORMATS = [
    Format(
        ".weights.h5",
        "mnist.weights.h5",
        save_weights,
        load_weights,
        load_weights_and_state,
    ),
    Format("checkpoint", "checkpoint", save_checkpoint, load_checkpoint),
    Format(".keras", "mnist.keras", save_model, load_model),
    Format(".h5", "mnist.h5", save_model, load_model, load_h5_and_state),
    Format("SavedModel", "exported", save_saved_model, load_saved_model),
    Format("LiteRT", "mnist.tflite", save_litert, load_litert),
    Format("TensorFlow.js", "web", save_tfjs, load_tfjs),
]
# The floor: weights and optimizer state, without a word on what they are.
ARRAYS = Format("np.savez", "mnist.npz", save_arrays, load_arrays)
