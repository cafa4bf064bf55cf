"""A model file becomes a `.keras` file: written, loaded again, compared, then put in place."""

import json
import logging
import os
import tempfile
from pathlib import Path

from modelfile import keras2, older, tfjs
from modelfile.description import reason_of
from modelfile.h5_files import SHORT_NAMES
from modelfile.sentences import say

import h5py
import keras
import numpy as np

logging.getLogger("absl").setLevel(logging.ERROR)  # Keras says that metrics are new


def from_h5(path):
    """Load an `.h5` file of Keras 3 with its optimizer's state, as lesson 3 does."""
    with h5py.File(path) as file:
        training = json.loads(file.attrs.get("training_config", "null"))
        values = []
        if "optimizer_weights" in file:
            group = file["optimizer_weights"]
            values = [group[name][()] for name in group.attrs["weight_names"]]
    if training is None:
        return load_to_predict(path)
    if training["loss"] in SHORT_NAMES:
        model = load_to_predict(path)
        optimizer = keras.optimizers.deserialize(training["optimizer_config"])
        model.compile(optimizer, training["loss"], metrics=training["metrics"])
        model.optimizer.build(model.trainable_variables)
    else:
        model = keras.models.load_model(path)
        # Compiled again, it has a new optimizer, with a place for the state.
        model.compile_from_config(model.get_compile_config())
    if len(values) > 2:  # the counter and the learning rate are always there
        for variable, value in zip(model.optimizer.variables, values, strict=True):
            variable.assign(value)
    return model


def load_to_predict(path):
    return keras.models.load_model(path, compile=False)


# For each kind of file: how to load it, and how to load the old file as it is, to compare.
LOADERS = {
    "keras2.h5": (keras2.convert, load_to_predict),
    "keras2.savedmodel": (keras2.convert, None),  # it compares with the graph itself
    "h5": (from_h5, load_to_predict),
    "tfjs": (tfjs.load, None),  # only a browser runs it
    "keras": (keras.models.load_model, load_to_predict),
}


def convert(path, kind, new, minor=None):
    """Write a `.keras` file.

    Args:
        path: of the old file or folder.
        kind: of the old file, a key of LOADERS.
        new: pathlib.Path of the file to write; it must not be there.
        minor: if not None, Keras 3.`minor` has to be able to read it.

    Returns:
        list of str: sentences about what was written and compared.

    Raises:
        ValueError: it cannot be converted. Nothing is written.
        FileExistsError: the new file is there already.
    """
    load, load_old = LOADERS[kind]
    # In the same folder, so that the finished file only has to be renamed.
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=new.parent) as folder:
        made = Path(folder) / "model.keras"
        try:
            model = load(path)
            old_model = load_old(path) if load_old else model
            if kind == "keras":
                made = Path(path)
            else:
                model.save(made)
            if minor is not None:
                older.write(made, Path(folder) / "older.keras", minor)
                made = Path(folder) / "older.keras"
            loaded = keras.models.load_model(made)
            difference = largest_difference(old_model, loaded)
        except Exception as error:  # Keras raises errors of many kinds
            raise ValueError(reason_of(error, 400)) from error
        sentences = [
            say("Written: {}, {} parameters.", new, f"{loaded.count_params():,}")
        ]
        if difference is None:
            sentences.append(
                say("It was loaded again; its predictions were not compared.")
            )
        elif difference > 1e-4:
            raise ValueError(
                say(
                    "the new file predicts something else, by {}: not kept.",
                    f"{difference:.2g}",
                )
            )
        elif load_old or kind == "keras2.savedmodel":
            sentences.append(
                say(
                    "It was loaded again, and predicts as the old file does (largest difference "
                    "{}).",
                    f"{difference:.1g}",
                )
            )
        else:
            sentences.append(
                say("It was loaded again, and has the weights of the old file.")
            )
        sentences += compare_optimizers(model, loaded)
        put(made, new)
    return sentences


def rewrite(path, new, minor):
    """Write a `.keras` file for Keras 3.`minor` without loading it, nor its classes.

    Returns, raises: as `convert`.
    """
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=new.parent) as folder:
        made = Path(folder) / "model.keras"
        older.write(path, made, minor)
        put(made, new)
    return [
        say("Written: {}.", new),
        say(
            "It was not loaded again, which needs your code: compare predictions "
            "yourself."
        ),
    ]


def largest_difference(model, other):
    """Return by how much two models' predictions for random inputs differ, or None."""
    inputs = getattr(other, "inputs", None)
    if not inputs:
        return None
    random = np.random.default_rng(1)
    arrays = []
    for tensor in inputs:
        shape = [2 if tensor.shape[0] is None else tensor.shape[0]]
        shape += [32 if size is None else size for size in tensor.shape[1:]]
        arrays.append(random.uniform(0, 2, shape).astype(tensor.dtype))
    given = arrays[0] if len(arrays) == 1 else arrays
    outputs = keras.tree.flatten(model.predict(given, verbose=0))
    others = keras.tree.flatten(other.predict(given, verbose=0))
    differences = []
    for output, other_output in zip(outputs, others, strict=True):
        scale = max(1.0, float(np.abs(output).max()))
        differences.append(
            float(np.abs(np.subtract(output, other_output)).max()) / scale
        )
    return max(differences)


def compare_optimizers(model, loaded):
    """Return a sentence on the optimizer's state.

    Raises:
        ValueError: it did not come back.
    """
    if getattr(model, "optimizer", None) is None:
        return [say("No optimizer: model.compile(...) before it is trained.")]
    steps = int(model.optimizer.iterations)
    if not steps:
        return [say("Training begins with a fresh optimizer.")]
    states = [optimizer.variables for optimizer in (model.optimizer, loaded.optimizer)]
    same = len(states[0]) == len(states[1])
    if not same or any(np.any(a != b) for a, b in zip(*states, strict=True)):
        raise ValueError(say("the optimizer's state did not come back: not kept."))
    name = type(model.optimizer).__name__
    return [
        say(
            "The state of its optimizer, {}, is in it: training continues at step {}.",
            name,
            f"{steps:,}",
        )
    ]


def put(made, new):
    """Give a finished file its name, if there is no file of that name.

    Raises:
        FileExistsError: there is one.
    """
    new.open("xb").close()
    try:
        os.replace(made, new)
    except BaseException:
        new.unlink()
        raise
