"""Experiment: what survives of the models that people have?

Small models, one for each thing that a format may lose, are trained and saved in each
format that takes them, and copied with set_weights and with clone_model. Each file is loaded
as if by a new program that has the classes and functions of the model. What comes back is
compared with the model that was saved, trained further, and compared again. Lesson 5 is
about it.

TensorFlow.js is not here: our writer, modelfile.tfjs, takes nothing but Dense layers one
after the other. The batches come in the same order each time.
"""

import logging
import re
import shutil
import sys
import warnings
from importlib.util import find_spec
from typing import NamedTuple

import lesson
from experiments import formats, report, zoo_models

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

RESUMES, PREDICTS, ERROR = "resumes", "predicts", "error"
DRIFTS, WRONG = "DRIFTS", "WRONG"  # the silent ones
LEGEND = {
    RESUMES: "predicts as before; after more training not a bit differs from a training "
    "that was never interrupted",
    PREDICTS: "predicts as before; there is nothing to resume from, or an error or a warning "
    "says that training does not continue as before",
    DRIFTS: "silent: predicts as before, but continued training differs; no error, no warning",
    WRONG: "silent: predicts something else; no error",
    ERROR: "cannot be saved, loaded or used; survival.csv has the error",
}
COLUMNS = {
    "model": "what it has",
    ".keras": "load_model, with all your own classes and functions registered",
    ".weights.h5": "a new model, optimizer.build, load_weights: lesson 1",
    "checkpoint": "a new model, tf.train.Checkpoint, the assertion passes: lesson 5",
    "Orbax": "a new model, optimizer.build, load_weights of OrbaxCheckpoint's folder",
    ".h5": "load_model with custom_objects; the optimizer's state given back: lesson 3",
    "SavedModel": "export, tf.saved_model.load; it has no fit",
    "LiteRT": "export, Interpreter; it has no fit",
    "set_weights": "a new model, set_weights; the optimizer is not copied",
    "clone_model": "clone_model, set_weights; the optimizer is not copied",
}
WAYS = list(COLUMNS)[1:]
FILES = [
    formats.KERAS,
    formats.WEIGHTS,
    formats.CHECKPOINT,
    formats.ORBAX,
    formats.H5,
    formats.SAVED_MODEL,
    formats.LITERT,
]
FROM_CONFIG = [".keras", ".h5"]  # the file says how the model is built
NO_CHECKPOINT = [".keras", ".weights.h5", "Orbax", ".h5", "set_weights", "clone_model"]
# The silent cells, as they are known, and what to do. tests/test_experiment_zoo.py tries it.
SILENT = {
    "subclassed, layers in a list": {WRONG: ["checkpoint"]},
    "frozen Sequential base": {DRIFTS: [*FROM_CONFIG, "clone_model"]},
    "subclassed, a layer frozen": {DRIFTS: FROM_CONFIG},
    "Dropout": {DRIFTS: [".keras", ".weights.h5", "checkpoint", ".h5"]},
    "Normalization, adapted": {
        WRONG: ["checkpoint", "Orbax", "set_weights", "clone_model"]
    },
    "stateful LSTM": {WRONG: NO_CHECKPOINT},
    "LoRA": {DRIFTS: [".keras", ".weights.h5"]},
    "int8 with LoRA": {WRONG: [".keras", ".weights.h5"]},
    "regularizer set when built": {DRIFTS: FROM_CONFIG},
    "mixed_float16": {DRIFTS: ["Orbax"]},
    "mixed_float16, policy set": {DRIFTS: ["Orbax"]},
    "AdamW, biases without decay": {DRIFTS: FROM_CONFIG},
    "LossScaleOptimizer": {DRIFTS: ["Orbax"]},
    "two optimizers": {DRIFTS: ["Orbax"]},
    "own loss class, no get_config": {DRIFTS: FROM_CONFIG},
    "own layer, get_config forgets": {WRONG: [*FROM_CONFIG, "clone_model"]},
    "own layer, bare tf.Variable": {WRONG: NO_CHECKPOINT},
    "own layer, Python number": {WRONG: ["checkpoint", *NO_CHECKPOINT]},
    "layer in a plain object": {WRONG: ["checkpoint", *NO_CHECKPOINT]},
}
ADVICE = {
    "subclassed, layers in a list": "nothing of a list or a dict of layers is in a "
    "checkpoint (see tf.train.list_variables); make it a tuple, or attributes",
    "frozen Sequential base": "`base.trainable = True` unfreezes nothing (count "
    "model.trainable_variables); set it for each of base.layers",
    "subclassed, a layer frozen": "it is no longer frozen (count "
    "model.trainable_variables); freeze it in __init__, or again after loading",
    "Dropout": "give the layer's seed_generator.state back: lesson 9",
    "Normalization, adapted": "call layer.finalize_state() after loading",
    "stateful LSTM": "give layer.states back, or call layer.reset_state() before a "
    "sequence begins",
    "LoRA": "its matrices are zero, and a new optimizer never moves them; save "
    "get_weights(), and give them back with set_weights after loading",
    "int8 with LoRA": "its matrices are merged with the kernel, and rounded; save "
    "get_weights(), and give them back with set_weights after loading",
    "regularizer set when built": "it works only from the file on (count model.losses); "
    "give it to the layer when it is made",
    "mixed_float16": "the optimizer's state has other names before the first batch; call "
    "train_on_batch once before load_weights",
    "mixed_float16, policy set": "the same",
    "AdamW, biases without decay": "the file does not say so; call "
    "model.optimizer.exclude_from_weight_decay again after loading",
    "LossScaleOptimizer": "as mixed_float16, which uses it",
    "two optimizers": "the second one's state is not in the folder; save .weights.h5",
    "own loss class, no get_config": "its argument is back at the default (model.evaluate "
    "shows another loss); return it in get_config",
    "own layer, get_config forgets": "return each argument in get_config",
    "own layer, bare tf.Variable": "make it with add_weight",
    "own layer, Python number": "make it a weight: add_weight(trainable=False)",
    "layer in a plain object": "Keras does not see it (count model.weights); make it an "
    "attribute of a layer or a model",
}
# For each outcome the colour of a cell and of its word. The silent ones are dark, in print
# and for the colour-blind, too.
COLORS = {
    RESUMES: ("#e3f1ea", "#33594a"),
    PREDICTS: ("#f3f3f3", "#6b6b6b"),
    ERROR: ("#fbf3c4", "#6d5b00"),
    DRIFTS: ("#e07b00", "white"),
    WRONG: ("#7a0f3c", "white"),
}


class Cell(NamedTuple):
    """What happened to a model in one format."""

    outcome: str
    error: str = ""  # its class
    message: str = ""  # how the error or the first warning begins
    predictions: object = ""  # largest difference
    weights: object = ""  # largest difference, after more training


class Training(NamedTuple):
    """A model that was trained and is saved, and what came of it in further training."""

    case: zoo_models.Case
    saved: keras.Model
    predictions: list  # of arrays, one for each output
    resumed: list  # of arrays: the weights after more training


def tensors(x):
    return keras.tree.map_structure(tf.convert_to_tensor, x)


def train(case):
    """Train the model of a case, and another one, which starts equal and is not saved.

    Args:
        case: the `zoo_models.Case`.

    Returns:
        Training: the first model is its `saved`.
    """
    keras.utils.clear_session()  # names of layers are those of a new program
    x = tensors(case.x)
    trained = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        model = case.build()
        if case.prepare:
            case.prepare(model, case.x)
        zoo_models.fit(model, x, case.y)
        trained.append(model)
    saved, uninterrupted = trained
    # A stateful layer remembers what it has predicted. So the saved model does not predict.
    predictions = predict(uninterrupted, x)
    case.train_more(uninterrupted, x, case.y)
    return Training(case, saved, predictions, weights(uninterrupted))


def weights(model):
    """Return a model's weights by shape: float8 comes back with them in another order."""
    return sorted(model.get_weights(), key=np.shape)


def predict(loaded, x):
    """Return what a model computes, as a list of float32 arrays, one for each output.

    Args:
        loaded: a Keras model, a SavedModel or LiteRT's runner.
        x: a tensor, or a list of tensors.
    """
    if hasattr(loaded, "get_input_details"):  # LiteRT has names for inputs and outputs
        names = sorted(loaded.get_input_details())
        arrays = [tensor.numpy() for tensor in keras.tree.flatten(x)]
        outputs = loaded(**dict(zip(names, arrays, strict=True)))
        return [outputs[name] for name in sorted(outputs)]
    if hasattr(loaded, "serve"):
        return to_arrays(loaded.serve(x))
    return to_arrays(loaded(x, training=False))


def to_arrays(outputs):
    return [np.array(output, "float32") for output in keras.tree.flatten(outputs)]


def save_and_load(way, training, folder):
    """Bring a model into a new program in one of the WAYS.

    Args:
        way: one of the WAYS.
        training: the Training.
        folder: where the file goes.

    Returns:
        A Keras model, a SavedModel or LiteRT's runner.
    """
    case, saved = training.case, training.saved
    keras.utils.set_random_seed(2)  # another process has another seed
    if way == "set_weights":
        copy = case.build()
        copy.set_weights(saved.get_weights())
        return copy
    if way == "clone_model":
        copy = keras.models.clone_model(saved)
        copy.set_weights(saved.get_weights())
        return copy
    (form,) = [form for form in FILES if form.name == way]
    path = folder / form.file
    form.save(saved, path)
    keras.config.set_dtype_policy(case.policy)
    try:
        return formats.load_as_a_program(
            form.load_by_hand, path, case.build, zoo_models.OWN
        )
    finally:
        keras.config.set_dtype_policy("float32")


class Warned(logging.Handler):
    """A list of what Keras warns of while this is entered: `messages`."""

    def __init__(self):
        super().__init__()
        self.messages = []
        self.catcher = warnings.catch_warnings()

    def emit(self, record):
        self.messages.append(record.getMessage())

    def __enter__(self):
        logging.getLogger("absl").addHandler(self)
        self.catcher.__enter__()
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_: self.messages.append(str(message))
        return self

    def __exit__(self, *error):
        self.catcher.__exit__(*error)
        logging.getLogger("absl").removeHandler(self)

    def first(self):
        """Return how the first one begins that says something about this model."""
        for message in self.messages:
            # These come with each .h5 file, and the last one with each Orbax folder.
            usual = "as an HDF5 file|metrics have yet to be built|OCDBT checkpoints"
            if not re.search(usual, message):
                return beginning(message)
        return ""


def beginning(message):
    """Return how a message begins, in one line without the codes for bold letters."""
    return lesson.headline(re.sub(r"\x1b\[\d*m", "", str(message)), 160)


def are_close(model, predictions):
    """Return whether a loaded model's predictions pass the check that lesson 5 shows.

    Args:
        model: the one that was saved.
        predictions: lists of arrays, the loaded model's and the saved one's.
    """
    # float16 has three digits, and a processor that has arithmetic for it rounds in
    # another way: differences of up to 0.004 were seen.
    digits = 1e-3 if model.compute_dtype == "float32" else 1e-2
    try:
        for array, expected in zip(*predictions, strict=True):
            bound = digits * np.abs(expected).max()
            np.testing.assert_allclose(array, expected, rtol=0, atol=bound)
    except AssertionError:
        return False
    return True


def try_way(way, training, folder):
    """Save, load, predict and train further in one of the WAYS.

    Args:
        way: one of the WAYS.
        training: the Training.
        folder: where the file goes.

    Returns:
        Cell: what happened.
    """
    case = training.case
    x = tensors(case.x)
    with Warned() as warned, lesson.quietly():
        try:
            loaded = save_and_load(way, training, folder)
            found = predict(loaded, x)
        except Exception as error:  # which one is the question
            return Cell(ERROR, type(error).__name__, beginning(error))
        difference = lesson.largest_difference(found, training.predictions)
        if not are_close(training.saved, [found, training.predictions]):
            return Cell(WRONG, "", warned.first(), difference)
        if not hasattr(loaded, "train_on_batch"):
            return Cell(PREDICTS, "", "", difference)
        try:
            case.train_more(loaded, x, case.y)
        except Exception as error:
            return Cell(PREDICTS, type(error).__name__, beginning(error), difference)
    later = lesson.largest_difference(weights(loaded), training.resumed)
    # Copying weights alone is known to start the optimizer afresh.
    copied = way in ("set_weights", "clone_model")
    expected = copied and case.train_more is zoo_models.fit
    if later == 0:
        outcome = RESUMES
    elif expected or warned.first():
        outcome = PREDICTS
    else:
        outcome = DRIFTS
    return Cell(outcome, "", warned.first(), difference, later)


def plot(path, table):
    """Draw the outcomes as a grid of words on colours.

    Args:
        path: the PNG file to write.
        table: lists of str: the name of a model, and its outcome for each of the WAYS.
    """
    figure = Figure(figsize=(11, 0.27 * len(table) + 1.5), dpi=100)
    axes = figure.add_axes((0.23, 0.085, 0.76, 0.875))
    axes.set(xlim=(0, len(WAYS)), ylim=(len(table), 0))
    for y, (_, *outcomes) in enumerate(table):
        for x, outcome in enumerate(outcomes):
            background, color = COLORS[outcome]
            axes.add_patch(Rectangle((x, y), 1, 1, fc=background, ec="white", lw=1.5))
            silent = outcome in (DRIFTS, WRONG)
            axes.text(
                x + 0.5,
                y + 0.5,
                f"! {outcome}" if silent else outcome,
                color=color,
                ha="center",
                va="center",
                fontsize=10,
                weight="bold" if silent else "normal",
            )
    axes.set_xticks([x + 0.5 for x in range(len(WAYS))], WAYS, fontsize=10)
    axes.set_yticks([y + 0.5 for y in range(len(table))], [row[0] for row in table])
    axes.tick_params(
        length=0, labelsize=10, top=False, labeltop=True, labelbottom=False
    )
    axes.spines[:].set_visible(False)
    for y, outcome in enumerate(LEGEND):
        words = f"{outcome}: {LEGEND[outcome]}"
        figure.text(0.01, 0.068 - 0.0145 * y, words, fontsize=9, color="0.2")
    figure.savefig(path)


def silent_cells(table):
    """Return for each model with silent cells the ways, as SILENT has them."""
    found = {}
    for name, *outcomes in table:
        for way, outcome in zip(WAYS, outcomes, strict=True):
            if outcome in (DRIFTS, WRONG):
                found.setdefault(name, {}).setdefault(outcome, set()).add(way)
    return found


def main():
    report.arguments(__doc__)
    if find_spec("orbax") is None:
        sys.exit(
            "orbax-checkpoint is not installed. Install it with: python -m pip install -r "
            "requirements-other.txt"
        )
    folder = report.folder("zoo")
    logging.getLogger("absl").propagate = False
    bar = report.progress(len(zoo_models.ZOO) * len(WAYS))
    rows, table = [], []
    for case in zoo_models.ZOO:
        files = folder / "files"
        shutil.rmtree(files, ignore_errors=True)
        files.mkdir()
        training = train(case)
        # .h5 comes last: it takes the optimizer out of the model's configuration.
        cells = {}
        for way in sorted(WAYS, key=".h5".__eq__):
            cells[way] = try_way(way, training, files)
            bar.add(1)
        rows += [[case.name, way, *cells[way]] for way in WAYS]
        table.append([case.name, *[cells[way].outcome for way in WAYS]])
    shutil.rmtree(files)

    report.table(COLUMNS, table)
    print()
    for outcome, meaning in LEGEND.items():
        lesson.note(f"{outcome}: {meaning}")
    report.write_csv(folder / "survival.csv", ["model", "way", *Cell._fields], rows)
    plot(folder / "survival.png", table)
    lesson.note(
        f"Grid and picture: survival.csv, survival.png in {report.name(folder)}"
    )

    print()
    found = silent_cells(table)
    for name in found:
        lesson.note(f"{name}: {ADVICE.get(name, 'not known yet')}.")
    print()
    known = {}
    for name, outcomes in SILENT.items():
        known[name] = {outcome: set(ways) for outcome, ways in outcomes.items()}
    lesson.check("the silent cells are those that are known", found == known)
    resumed = [row[0] for row in table if set(row[1:4]) == {RESUMES}]
    lesson.check(
        f"{len(resumed)} of {len(table)} models resume from .keras, .weights.h5 and a "
        "checkpoint alike",
        len(resumed) > len(table) / 3,
    )
    wrong = sum(row.count(WRONG) for row in table)
    drifts = sum(row.count(DRIFTS) for row in table)
    lesson.note(
        f"The check of lesson 5, predictions that are saved beside the model and compared "
        f"after loading, notices each {WRONG} ({wrong} here), and no {DRIFTS} ({drifts})."
    )


if __name__ == "__main__":
    main()
