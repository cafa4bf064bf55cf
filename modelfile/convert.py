"""A model file becomes a `.keras` file: written, loaded again, compared, then put in place."""

import json
import logging
import os
import tempfile
from pathlib import Path

from modelfile import keras2, older, proof, tfjs
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


def from_h5_and_prove(path, training):
    model = from_h5(path) if training else load_to_predict(path)
    return model, compare(load_to_predict(path), model)


def from_keras_2(path, training):
    return keras2.convert_and_prove(path, training=training)


def from_tfjs(path, training):
    return tfjs.load(path), [say("It has the weights of the old file.")]


def from_keras(path, training):
    with tempfile.TemporaryDirectory() as folder:
        # Without what an old version wrote and this one refuses.
        copy = Path(folder) / "model.keras"
        older.write(path, copy, older.minor_version(keras.__version__))
        return keras.models.load_model(copy, compile=training), []


# For each kind of file: how to load it, and what was compared.
LOADERS = {
    "keras2.h5": from_keras_2,
    "keras2.keras": from_keras_2,
    "keras2.savedmodel": from_keras_2,
    "h5": from_h5_and_prove,
    "tfjs": from_tfjs,  # only a browser runs it
    "keras": from_keras,
}


def convert(path, kind, new, minor=None, training=True):
    """Write a `.keras` file.

    Args:
        path: of the old file or folder.
        kind: of the old file, a key of LOADERS.
        new: pathlib.Path of the file to write; it must not be there.
        minor: if not None, Keras 3.`minor` has to be able to read it.
        training: False to leave out the loss and the optimizer.

    Returns:
        list of Sentence: what was written and compared.

    Raises:
        ValueError: it cannot be converted. Nothing is written.
        FileExistsError: the new file is there already.
    """
    # In the same folder, so that the finished file only has to be renamed.
    with tempfile.TemporaryDirectory(prefix=".converting-", dir=new.parent) as folder:
        made = Path(folder) / "model.keras"
        try:
            model, sentences = LOADERS[kind](path, training)
            model.save(made)
            if minor is not None:
                older.write(made, Path(folder) / "older.keras", minor)
                made = Path(folder) / "older.keras"
            loaded = keras.models.load_model(made)
            sentences += compare(model, loaded)
            sentences.append(compare_optimizers(model, loaded))
        except Exception as error:  # Keras raises errors of many kinds
            raise ValueError(reason_of(error, 400)) from error
        put(made, new)
    written = say("Written: {}, {} parameters.", new, f"{loaded.count_params():,}")
    return [written, *dict.fromkeys(sentences)]


def compare(old, new):
    """Return sentences on whether two models predict the same; ValueError if not."""
    arrays = proof.inputs_that_fit(old)
    if arrays is None:
        return [say("Its predictions were not compared: no input was found that fits.")]
    apart = proof.predict_alike(old, new, arrays)
    return [
        say(
            "It was loaded again, and predicts as the old file does (difference {}).",
            f"{apart:.1g}",
        )
    ]


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


def compare_optimizers(model, loaded):
    """Return a Sentence on the optimizer's state.

    Raises:
        ValueError: it did not come back.
    """
    if getattr(model, "optimizer", None) is None:
        return say("No optimizer: model.compile(...) before it is trained.")
    steps = int(model.optimizer.iterations)
    if not steps:
        return say("Training begins with a fresh optimizer.")
    states = [optimizer.variables for optimizer in (model.optimizer, loaded.optimizer)]
    same = len(states[0]) == len(states[1])
    if not same or any(np.any(a != b) for a, b in zip(*states, strict=True)):
        raise ValueError(say("the optimizer's state did not come back: not kept."))
    name = type(model.optimizer).__name__
    return say(
        "The state of its optimizer, {}, is in it: training continues at step {}.",
        name,
        f"{steps:,}",
    )


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
