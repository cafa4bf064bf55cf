"""The tables of docs/errors.md: each error is provoked, and each fix is executed."""

import contextlib
import logging
import os  # noqa: F401  for the table
import re
import shutil
import sys
import warnings
import zipfile
from pathlib import Path

import lesson  # noqa: F401  starts TensorFlow quietly
import custom  # noqa: F401  for the table
import data
import models
from experiments import zoo_models
from modelfile import keras2, older, tfjs  # noqa: F401  for the table

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from conftest import ERRORS, ROOT, change_one_byte, code, cut_short


class Unregistered(keras.Model):
    """A class as the video writes it: no `build`, no `get_config`, not registered."""

    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(64, activation="relu")
        self.logits = keras.layers.Dense(10)

    def call(self, inputs):
        return self.logits(self.hidden(inputs))


class WithoutGetConfig(models.Classifier):
    get_config = keras.Model.get_config


class WithoutFromConfig(models.Classifier):
    @classmethod
    def from_config(cls, config):
        return cls(**config)


# What leads to each message. TensorFlow.js is not here: it says its sentence in a
# browser, see test_lesson_15.py.
PROVOKE = {
    "The filename must end": ['model.save_weights("weights/")'],
    "Invalid filepath extension": ['model.save("model/")'],
    "File format not supported": ['keras.models.load_model("exported")'],
    "File not found": ['keras.models.load_model("mnist-cut.keras")'],
    # Keras of Python 3.11 reads this member as a whole; see the table.
    "BadZipFile": [
        'zipfile.ZipFile("mnist-changed.keras").read("model.weights.h5")',
    ],
    "(truncated file": ['model.load_weights("mnist-cut.weights.h5")'],
    "(file signature not found": [
        'model.load_weights("page.h5")',
        'keras.models.load_model("page.h5")',
    ],
    "[Errno 2] Unable": ['model.load_weights("not-there.weights.h5")'],
    "'models/mnist.keras'": ['model.save("models/mnist.keras")'],
    "No model config found": ['keras.models.load_model("mnist.weights.h5")'],
    "Skipping variable loading": [
        'fresh.load_weights("mnist.weights.h5")',
        'other_optimizer.load_weights("mnist.weights.h5")',
    ],
    "A total of 1 objects": ['model.load_weights("subclassed.weights.h5")'],
    "has not yet been built": ['unbuilt.load_weights("mnist.weights.h5")'],
    "`set_weights(weights)`": ["unbuilt.set_weights(arrays)"],
    "Found 4 Python objects": [
        "tf.train.Checkpoint(model=models.functional()).read('checkpoint')"
        ".assert_existing_objects_matched()",
    ],
    "Could not locate class": ['keras.models.load_model("unregistered.keras")'],
    "Unknown layer: 'Classifier'": ['keras.models.load_model("subclassed.h5")'],
    "Layer count mismatch": [
        'keras.models.load_model("no-from-config.h5", custom_objects=own_classes)',
        "keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)]).load_weights("
        '"model.h5")',
    ],
    "Shape mismatch": [
        'keras.models.load_model("no-get-config.h5", custom_objects=own_classes)',
        'models.sequential(units=32).load_weights("model.h5")',
    ],
    "`Lambda` layer": ['keras.models.load_model("lambda.keras")'],
    "no attribute 'fit'": ['tf.saved_model.load("exported").fit(x, y)'],
    "have been deleted": ['tf.saved_model.load("exported").serve(x)'],
    "Unknown variable": ['keras.models.load_model("model.h5").fit(x, y)'],
    "Invalid value for argument": ['keras.models.load_model("keras2.h5")'],
    "You must call `compile()`": ["uncompiled.fit(x, y)"],
    "You are saving your model": ['model.save("again.h5")'],
    "Compiled the loaded model": ['keras.models.load_model("model.h5")'],
    "sequential.Sequential'> could not": ['keras.models.load_model("layer.keras")'],
    "Object Twice": ["with_twice.save('twice.keras')"],
    "'TrueDivide'": ['keras.models.load_model("scaled.h5")'],
    "'my_loss'": ['keras.models.load_model("own.keras")'],
    "string indices": ['keras.models.load_model("own.h5")'],
    "'keras.metrics.mse'": ['keras.models.load_model("mse.h5")'],
    "StringLookup.call()": ['words(np.array(["a"]))'],
    "Discretization.call()": ["bins(zoo_models.NUMBERS)"],
    "`compile()` was not called": ['keras.models.load_model("gan.keras")'],
    "name already exists": ['ada.save("ada.h5")'],
    "RestoreV2": ['tf.train.Checkpoint(model=model).read("mixed")'],
    "Select TensorFlow op(s)": ['run_litert("lstm.tflite")'],
    "'get_weights'": ["model.optimizer.get_weights()"],
    "must end in `.keras`": ['keras.callbacks.ModelCheckpoint("best")'],
    "When using `save_weights_only": [
        'keras.callbacks.ModelCheckpoint("cp.ckpt", save_weights_only=True)',
    ],
    "has never called": ['uncalled.export("exported-2")'],
    "tf.lite.Interpreter": ['tf.lite.Interpreter("mnist.tflite")'],
    "An InputLayer should": [],
    # These are what older versions say: see test_experiment_versions.py.
    "['batch_shape']": [],
    "{'quantization_config': None}": [],
    "argument 'input_axes'": [],
}


@pytest.fixture(scope="module")
def files(tmp_path_factory, few):
    """A folder with the files that the table speaks of."""
    folder = tmp_path_factory.mktemp("files")
    x_train, y_train = few[0][:320], few[1][:320]
    for name, build in (
        ("mnist", models.sequential),
        ("subclassed", models.subclassed),
    ):
        model = models.compile(build())
        model.fit(x_train, y_train, verbose=0)
        for ending in ".keras", ".weights.h5":
            (model.save if ending == ".keras" else model.save_weights)(
                folder / f"{name}{ending}"
            )
        if name == "mnist":
            model.export(folder / "exported", verbose=False)
            model.export(folder / "mnist.tflite", format="litert", verbose=False)
            tf.train.Checkpoint(model=model).write(folder / "checkpoint")
        model.save(folder / f"{name}.h5")
    for ending in "keras", "weights.h5":
        whole = folder / f"mnist.{ending}"
        shutil.copy(whole, folder / f"mnist-before.{ending}")
        cut_short(shutil.copy(whole, folder / f"mnist-cut.{ending}"))
    change_one_byte(shutil.copy(folder / "mnist.keras", folder / "mnist-changed.keras"))
    (folder / "mnist.h5").rename(folder / "model.h5")
    twice = [keras.Input((784,)), keras.layers.Lambda(lambda x: 2 * x)]
    keras.Sequential(twice).save(folder / "lambda.keras")
    for cls, name in (
        (WithoutFromConfig, "no-from-config"),
        (WithoutGetConfig, "no-get-config"),
    ):
        model = cls(hidden=32)
        model.build((None, 784))
        model.save(folder / f"{name}.h5")
    # As a file of `models.Classifier` is where that class is not known.
    with (
        zipfile.ZipFile(folder / "subclassed.keras") as source,
        zipfile.ZipFile(folder / "unregistered.keras", "w") as target,
    ):
        for name in source.namelist():
            content = source.read(name).replace(
                b"lessons>Classifier", b"others>Classifier"
            )
            target.writestr(name, content)
    shutil.copy(data.keras2_file("functional/model.h5"), folder / "keras2.h5")
    save_more(folder)
    (folder / "page.h5").write_text("<!DOCTYPE html>")
    (folder / "page.keras").write_text("<!DOCTYPE html>")
    return folder


def my_loss(y_true, y_pred):
    return keras.losses.mean_squared_error(y_true, y_pred) * 2


def scaled_model():
    inputs = keras.Input((784,))
    return keras.Model(inputs, keras.layers.Dense(10)(inputs / 255.0))


def run_litert(path):
    Interpreter(model_content=Path(path).read_bytes()).allocate_tensors()


class Scale(keras.layers.Layer):
    """Your own layer, registered nowhere."""

    def call(self, inputs):
        return inputs / 2


class Twice(keras.layers.Layer):
    """A layer that is given another layer, without `get_config`."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def call(self, inputs):
        return self.layer(self.layer(inputs))


def save_more(folder):
    """Save models that are not the classifier: the table speaks of them, too."""
    keras.Sequential([keras.Input((4,)), Scale()]).save(folder / "layer.keras")
    scaled_model().save(folder / "scaled.h5")
    model = models.sequential()
    model.compile("adam", my_loss)
    model.save(folder / "own.keras")
    model.save(folder / "own.h5")
    model.compile("adam", "mse")
    model.save(folder / "mse.h5")
    words = keras.layers.StringLookup()
    words.adapt(["a", "b"])
    words = keras.Sequential([keras.Input((), dtype="string"), words])
    words.save(folder / "words.keras")
    words.save(folder / "words.h5")
    bins = zoo_models.discretization()
    zoo_models.adapt(bins, zoo_models.NUMBERS)
    bins.save(folder / "bins.keras")
    bins.save_weights(folder / "bins.weights.h5")
    gan = zoo_models.two_optimizers()
    gan.save(folder / "gan.keras")
    gan.save_weights(folder / "gan.weights.h5")
    keras.config.set_dtype_policy("mixed_float16")
    mixed = models.build_and_compile()
    keras.config.set_dtype_policy("float32")
    mixed.optimizer.build(mixed.trainable_variables)
    tf.train.Checkpoint(model=mixed).write(folder / "mixed")
    lstm = keras.Sequential([keras.Input((6, 4)), keras.layers.LSTM(4)])
    lstm.export(folder / "lstm.tflite", format="litert", verbose=False)


def other_optimizer():
    model = models.sequential()
    model.compile(optimizer="sgd", loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def bins():
    model = zoo_models.discretization()
    model.load_weights("bins.weights.h5")
    return model


def ada():
    model = zoo_models.adafactor()
    model.optimizer.build(model.trainable_variables)
    return model


# Models that few programs use: each is made when a program names it.
MODELS = {
    "fresh": models.build_and_compile,
    "other_optimizer": other_optimizer,
    "scaled": scaled_model,
    "with_twice": lambda: keras.Sequential(
        [keras.Input((4,)), Twice(keras.layers.Dense(4))]
    ),
    "words": lambda: keras.models.load_model("words.h5", compile=False),
    "bins": bins,
    "ada": ada,
    "gan": zoo_models.two_optimizers,
    "unbuilt": Unregistered,
    "uncalled": models.subclassed,
    "uncompiled": models.sequential,
}


@pytest.fixture
def names(files, few, tmp_path, monkeypatch):
    """What the code in the table may use, but for the MODELS, in a folder with the files."""
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    (tmp_path / "web").mkdir()
    monkeypatch.chdir(tmp_path)
    model = keras.models.load_model("mnist.keras")
    yield {
        **{name: thing for name, thing in globals().items() if name not in MODELS},
        "x": few[0][:320],
        "y": few[1][:320],
        "model": model,
        "arrays": model.get_weights(),
        "own_classes": {
            cls.__name__: cls for cls in (WithoutFromConfig, WithoutGetConfig)
        },
    }
    keras.config.set_dtype_policy("float32")


def make_models(program, names):
    """Add the MODELS that a program names."""
    for name in re.findall(r"\w+", program):
        if name in MODELS and name not in names:
            names[name] = MODELS[name]()


@contextlib.contextmanager
def absl_lines():
    """Yield a list that gets a line for all that Keras says by way of absl in the block."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(
        f"{record.levelname}:absl:{record.getMessage()}"
    )
    logger = logging.getLogger("absl")
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)


def said(program, names):
    """Run a program, and return all that it warns of, and the error that it ends with."""
    make_models(program, names)
    with absl_lines() as messages, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(program, names)
        except Exception as error:
            messages.append(f"{type(error).__name__}: {error}")
    return messages + [
        f"{w.category.__name__}: {str(w.message).strip()}" for w in caught
    ]


def ways(row):
    """Return the programs that lead to the message of a row."""
    (message,) = code(row[0])
    (found,) = [programs for part, programs in PROVOKE.items() if part in message]
    return found


def test_there_is_a_way_to_each_message():
    assert len(PROVOKE) == len(ERRORS) >= 30
    for row in ERRORS:
        assert ways(row) or "InputLayer" in row[0] or row[3] == "7"


@pytest.mark.parametrize(
    "row, program", [(row, program) for row in ERRORS for program in ways(row)]
)
def test_a_message_begins_as_the_table_says(row, program, names):
    message = code(row[0])[0].replace("'adam", "'")
    # Some messages begin with an empty line.
    said_here = [" ".join(line.split()) for line in said(program, names)]
    assert any(line.startswith(message) for line in said_here), said_here


def test_a_web_page_named_keras_is_said_not_to_be_there(names):
    (message,) = said('keras.models.load_model("page.keras")', names)
    assert message.startswith("ValueError: File not found: filepath=page.keras.")
    assert not zipfile.is_zipfile("page.keras")


def test_a_layer_of_another_size_gives_the_same_message_as_another_build(names):
    said_here = said(
        'models.sequential(units=32).load_weights("mnist.weights.h5")', names
    )
    assert any("objects could not be loaded" in line for line in said_here)


def test_a_damaged_keras_file_is_noticed_by_testzip_and_by_python_311(names):
    assert zipfile.ZipFile("mnist-changed.keras").testzip() == "model.weights.h5"
    assert zipfile.ZipFile("mnist.keras").testzip() is None
    if sys.version_info < (3, 12):
        with pytest.raises(zipfile.BadZipFile, match="Bad CRC-32 for file"):
            keras.models.load_model("mnist-changed.keras")


@pytest.mark.parametrize("row", ERRORS)
def test_a_fix_works_without_the_message(row, names):
    (message,) = code(row[0])
    programs = [
        program for program in code(row[2]) if "(" in program or "import" in program
    ]
    assert programs
    if programs[-1].startswith("model.load_weights("):
        names["model"] = models.build_and_compile()
    for program in programs:
        if not program.startswith("@"):  # a decorator, to be written above a class
            messages = said(program, names)
            assert not [m for m in messages if "Error" in m.split(": ")[0]], messages
            assert not any(m.startswith(message) for m in messages)
    loads = re.fullmatch(
        r"(\w+)\.(load_weights\(.mnist.*|set_weights\(.*)", programs[-1]
    )
    if loads:  # and it has loaded something
        for array, wanted in zip(
            names[loads[1]].get_weights(), names["arrays"], strict=True
        ):
            np.testing.assert_array_equal(array, wanted)


def test_each_message_is_about_a_lesson_that_is_there():
    assert all(list(ROOT.glob(f"{int(row[3]):02}_*.py")) for row in ERRORS)
