"""modelfile: what it says about files of all kinds, and that what it says to type works."""

import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import types
import zipfile
from pathlib import Path

import lesson  # noqa: F401  starts TensorFlow quietly
import models
from experiments import formats
from modelfile import __main__ as command_line
from modelfile import convert, keras_config, older, reader
from modelfile.description import literal, printable

import h5py
import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf
from conftest import ROOT

KERAS_2 = ROOT / "datasets" / "keras2"
READER = reader.Reader()  # one for all tests
X = np.linspace(0, 1, 16 * 6, dtype="float32").reshape(16, 6)
Y = np.arange(16) % 3


def small_model(*layers, trained=True):
    """Return a small model; its optimizer has taken one step."""
    keras.utils.set_random_seed(1 if trained else 7)
    middle = layers or [keras.layers.Dense(4, "relu", name="hidden")]
    model = keras.Sequential(
        [keras.Input((6,)), *middle, keras.layers.Dense(3, name="logits")], name="small"
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    if trained:
        model.fit(X, Y, batch_size=16, verbose=0)
    return model


def fresh_model():
    """Return the same model with other weights, as a reader's program builds it."""
    return small_model(trained=False)


def graph_function(model):
    from tensorflow.python.framework import convert_to_constants  # noqa: PLC0415

    signature = tf.TensorSpec([None, 6], tf.float32)
    function = tf.function(model).get_concrete_function(signature)
    return convert_to_constants.convert_variables_to_constants_v2(function)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A folder with a small file of each kind, written once, and the model in `model`."""
    folder = tmp_path_factory.mktemp("files")
    model = small_model()
    for each in [*formats.FORMATS, formats.ARRAYS]:
        if each is formats.CHECKPOINT:
            (folder / "checkpoint").mkdir()
        each.save(model, folder / each.file)
    for name, settings in [("m", {}), ("sharded", {"max_shard_size": 2e-7})]:
        model.save_weights(
            folder / f"{name}.weights.{'json' if settings else 'h5'}", **settings
        )
    model.export(folder / "model.onnx", format="onnx", verbose=False)
    (folder / "architecture.json").write_text(model.to_json(), encoding="utf-8")
    header = b'{"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}'
    content = len(header).to_bytes(8, "little") + header + bytes(24)
    (folder / "model.safetensors").write_bytes(content)
    graph = graph_function(model).graph.as_graph_def()
    (folder / "frozen.pb").write_bytes(graph.SerializeToString())
    small_model(keras.layers.Dropout(0.5, name="random")).save(folder / "dropout.keras")
    (folder / "graph_model.json").write_text(
        '{"format": "graph-model", "modelTopology": {"node": []}, "weightsManifest": []}'
    )
    return folder, model


@pytest.fixture(scope="session")
def never_interrupted():
    """The weights after one more step."""
    model = small_model()
    model.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    return model.get_weights()


def assert_same(weights, others):
    for weight, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(weight, other)


def said(path, seconds=reader.SECONDS):
    """Return what is said about a file, in the process that reads."""
    about = READER.describe(str(path), seconds)
    assert about is not None
    return about


def run(*arguments, cwd=None):
    """Run the command as a user does."""
    command = [sys.executable, "-m", "modelfile", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def call(*arguments):
    """Run it in this process, which takes a tenth of the time."""
    output, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with (
        pytest.MonkeyPatch.context() as changes,
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        pytest.raises(SystemExit) as ended,
    ):
        changes.setattr(sys, "argv", ["modelfile", *map(str, arguments)])
        command_line.main()
    texts = []
    for stream in output, errors:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8"))
    return subprocess.CompletedProcess(arguments, ended.value.code, *texts)


def typed(about, **own):
    """Execute the lines that are to be typed, and return the names that they define."""
    module = types.ModuleType(keras_config.OWN_CODE)
    vars(module).update(own)
    sys.modules[keras_config.OWN_CODE] = module
    names = {}
    try:
        exec("\n".join(about["code"]), names)
    finally:
        del sys.modules[keras_config.OWN_CODE]
    return names


def as_array(predictions):
    if isinstance(predictions, dict):
        (predictions,) = predictions.values()
    return np.array(predictions[0] if isinstance(predictions, list) else predictions)


# What is said of each file that the lessons write. Of the model with six inputs, four
# hidden units and three logits: 43 parameters.

WRITTEN = {
    "model.keras": ("keras", "A whole model in the format of Keras, .keras."),
    "model.h5": ("h5", "A whole model in an HDF5 file, .h5."),
    "model.weights.h5": ("weights.h5", "The weights of a model"),
    "sharded.weights.json": ("weights.json", "The list of several files"),
    "sharded_00000.weights.h5": ("weights.json", "The list of several files"),
    "checkpoint": ("checkpoint", "A TensorFlow checkpoint"),
    "checkpoint/checkpoint": ("checkpoint", "A TensorFlow checkpoint"),
    "checkpoint/checkpoint.index": ("checkpoint", "A TensorFlow checkpoint"),
    "exported": ("savedmodel", "as model.export of Keras 3 writes it"),
    "exported/saved_model.pb": ("savedmodel", "as model.export of Keras 3 writes it"),
    "exported/variables/variables.index": ("savedmodel", "as model.export of Keras 3"),
    "model.tflite": ("litert", "A model for LiteRT"),
    "web": ("tfjs", "A layers model for TensorFlow.js"),
    "web/model.json": ("tfjs", "A layers model for TensorFlow.js"),
    "web/weights.bin": ("tfjs", "A layers model for TensorFlow.js"),
    "model.onnx": ("onnx", "A model in the format ONNX"),
    "frozen.pb": ("graph", "A frozen graph of TensorFlow"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_that_the_lessons_write_is_described(files, name):
    folder, _ = files
    kind, what = WRITTEN[name]
    if kind == "onnx":
        pytest.importorskip("onnx")
    about = said(folder / name)
    assert about["kind"] == kind
    assert what in about["what"]
    assert about["problems"] == []
    assert about["usable"]
    assert about["can"]
    if kind != "weights.json":
        assert about["facts"]["parameters"] == 43
        assert sum(row["parameters"] for row in about["layers"]) == 43
        assert about["facts"]["dtype"] == ["float32"]


@pytest.mark.parametrize("name", WRITTEN)
def test_what_it_says_to_type_predicts_as_the_saved_model(files, name, monkeypatch):
    folder, model = files
    monkeypatch.chdir(folder)  # the paths are relative ones, as a user types them
    about = said(name)
    names = typed(about, build_model=fresh_model)
    wanted = model(np.zeros((1, 6), "float32"))
    if "predictions" in names:
        predictions = as_array(names["predictions"])
    else:
        predictions = names["model"](np.zeros((1, 6), "float32"))
    np.testing.assert_allclose(predictions, wanted, atol=1e-6)


TRAINED = [
    "model.keras",
    "model.h5",
    "model.weights.h5",
    "sharded.weights.json",
    "checkpoint",
]


@pytest.mark.parametrize("name", TRAINED)
def test_where_it_says_that_training_continues_it_does_so_to_the_last_bit(
    files, never_interrupted, name
):
    folder, _ = files
    about = said(folder / name)
    assert any("Continue training" in sentence for sentence in about["can"])
    if name != "sharded.weights.json":
        assert about["facts"]["steps"] == 1
        assert about["facts"]["optimizer_state"]

    resumed = typed(about, build_model=fresh_model)["model"]
    resumed.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    assert_same(resumed.get_weights(), never_interrupted)


def test_layers_loss_optimizer_and_version_are_those_of_the_file(files):
    folder, _ = files
    for name in "model.keras", "model.h5":
        about = said(folder / name)
        rows = [(row["name"], row["kind"], row["arrays"]) for row in about["layers"]]
        assert rows[1:] == [
            ("hidden", "Dense", ["(6, 4)", "(4,)"]),
            ("logits", "Dense", ["(4, 3)", "(3,)"]),
        ]
        assert about["facts"]["keras_version"] == keras.__version__
        assert about["facts"]["loss"] == "SparseCategoricalCrossentropy"
        assert about["facts"]["optimizer"] == "Adam"


def test_a_file_under_another_name_gets_its_name_back(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for source, name, wanted in [
        ("model.keras", "model.h5", "model.keras"),
        ("model.h5", "download", "download.h5"),
        ("model.weights.h5", "w.h5", "w.weights.h5"),
    ]:
        Path(name).write_bytes((files[0] / source).read_bytes())
        about = said(name)
        assert any(f"Another name, {wanted}" in sentence for sentence in about["needs"])
        Path(name).rename(wanted)
        assert typed(about, build_model=fresh_model)["model"].count_params() == 43


def test_dropout_is_named_where_training_does_not_continue_to_the_last_bit(files):
    about = said(files[0] / "dropout.keras")
    assert "not to the last bit" in about["can"][1]
    assert "random" in about["can"][1]


def test_arrays_are_described_and_loaded(files, tmp_path):
    about = said(files[0] / "model.npz")
    assert about["kind"] == "npz"
    assert len(typed(about)["arrays"]) == len(about["layers"])
    np.save(tmp_path / "x.npy", X)
    about = said(tmp_path / "x.npy")
    assert about["kind"] == "npy"
    np.testing.assert_array_equal(typed(about)["array"], X)


def test_a_graph_model_of_tensorflow_js_has_no_lines_to_type(files):
    about = said(files[0] / "graph_model.json")
    assert about["kind"] == "tfjs.graph"
    assert about["code"] == []


def test_a_saved_model_of_a_module_and_one_that_writes_files(tmp_path):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
        def __call__(self, x):
            tf.io.write_file(str(tmp_path / "written"), "text")
            return 2 * x

    tf.saved_model.save(Module(), tmp_path / "module")
    about = said(tmp_path / "module")
    assert "no Keras" in about["written_by"][0]
    assert about["facts"]["file_operations"] == ["WriteFile"]
    assert "read or write files" in about["problems"][0]
    assert not (tmp_path / "written").exists()
    typed(about)
    assert (tmp_path / "written").exists()  # as it said


# Keras 2


@pytest.mark.parametrize(
    "name, kind",
    [
        ("functional/model.h5", "keras2.h5"),
        ("sequential/model.h5", "keras2.h5"),
        ("sequential/model", "keras2.savedmodel"),
        ("subclassed/model", "keras2.savedmodel"),
        ("sequential/weights", "checkpoint"),
        ("sequential/weights/.index", "checkpoint"),
        ("subclassed/weights/checkpoint", "checkpoint"),
    ],
)
def test_a_file_of_2020_is_described_and_predicts_with_the_lines_to_type(
    name, kind, mnist
):
    about = said(KERAS_2 / name)
    assert about["kind"] == kind
    assert about["problems"] == []
    assert about["facts"]["parameters"] == 50_890
    assert about["facts"]["steps"] == 3750
    assert about["facts"]["optimizer_state"]

    def build_model():
        if "subclassed" not in name:
            return models.build_and_compile()
        model = models.subclassed()
        model.dense1, model.dense2 = model.hidden, model.logits
        return models.compile(model)

    names = typed(about, build_model=build_model)
    if kind == "checkpoint":
        assert names["model"].optimizer.iterations == 3750
        predictions = names["model"](np.zeros((1, 784), "float32"))
    else:
        predictions = as_array(names["predictions"])
    folder = KERAS_2 / name.partition("/")[0]
    with np.load(folder / "reference.npz") as reference:
        logits = reference["logits"]
    images = mnist[1][0][:100]
    if "model" in names:
        np.testing.assert_allclose(names["model"](images), logits, atol=1e-4)
    assert predictions.shape == (1, 10)


PROGRAM = """
import numpy as np, tensorflow as tf
keras = tf.keras
assert keras.Model.__module__.startswith("tf_keras")
model = keras.Sequential([keras.layers.Dense(3, input_shape=(6,))])
model.compile("adam", "mse")
model.fit(np.ones((2, 6)), np.ones((2, 3)), verbose=0)
for name in "model.keras", "model.h5", "model":
    model.save(name)
for name in "weights.h5", "model.weights.h5", "weights/":
    model.save_weights(name)
np.save("outputs.npy", model.predict(np.zeros((1, 6))))
"""


def test_files_of_the_last_keras_2_are_described_and_used(tmp_path, monkeypatch):
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    command = [sys.executable, "-c", PROGRAM]
    subprocess.run(
        command, check=True, capture_output=True, cwd=tmp_path, env=environment
    )
    monkeypatch.chdir(tmp_path)

    def build_model():
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
        model.compile("adam", "mse")
        return model

    kinds = {
        "model.keras": "keras2.keras",
        "model.h5": "keras2.h5",
        "model": "keras2.savedmodel",
        "weights.h5": "keras2.weights",
        "model.weights.h5": "weights.h5",
        "weights": "checkpoint",
    }
    for name, kind in kinds.items():
        about = said(name)
        assert (about["kind"], about["problems"]) == (kind, [])
        assert about["facts"].get("own_classes", []) == []
        names = typed(about, build_model=build_model)
        outputs = names.get("predictions")
        outputs = (
            names["model"](np.zeros((1, 6))) if outputs is None else as_array(outputs)
        )
        np.testing.assert_allclose(outputs, np.load("outputs.npy"), atol=1e-6)


# The reader's own classes, and code in a file


@keras.saving.register_keras_serializable(package="tests")
class Twice(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs


def test_own_classes_are_named_and_imported_by_the_lines_to_type(tmp_path):
    model = small_model(Twice(name="doubled"))
    for name in "model.keras", "model.h5":
        model.save(tmp_path / name)
        about = said(tmp_path / name)
        assert about["facts"]["own_classes"] == ["Twice"]
        assert "the class or function Twice" in about["needs"][0]
        predictions = typed(about, Twice=Twice)["predictions"]
        np.testing.assert_allclose(predictions, model(np.zeros((1, 6))), atol=1e-6)


def own_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred))


def test_own_functions_and_short_names_of_losses_are_seen_in_an_h5_file(tmp_path):
    model = small_model()
    model.compile("adam", loss=own_loss)
    model.save(tmp_path / "own.h5")
    about = said(tmp_path / "own.h5")
    assert about["facts"]["own_classes"] == ["own_loss"]
    typed(about, own_loss=own_loss)["model"].fit(X, np.ones((16, 3)), verbose=0)
    model = fresh_model()
    model.compile("adam", loss=own_loss)
    model.fit(X, np.ones((16, 3)), batch_size=16, verbose=0)
    model.save(tmp_path / "own.h5")
    loaded = typed(said(tmp_path / "own.h5"), own_loss=own_loss)["model"]
    assert_same(loaded.optimizer.variables, model.optimizer.variables)
    model.compile("adam", loss="mse")
    model.save(tmp_path / "mse.h5")
    about = said(tmp_path / "mse.h5")
    assert any("compile=False" in sentence for sentence in about["needs"])
    typed(about)
    model = fresh_model()
    model.compile("adam", loss="mse")
    model.fit(X, np.ones((16, 3)), batch_size=16, verbose=0)
    model.save(tmp_path / "mse.h5")
    sentences = convert.convert(tmp_path / "mse.h5", "h5", tmp_path / "mse.keras")
    assert "training continues at step 1." in sentences[-1]


def test_a_keras_file_that_has_forgotten_its_optimizer_says_how_to_give_it_back(
    never_interrupted, tmp_path
):
    model = small_model()
    model.save(tmp_path / "model.h5")
    model.save(tmp_path / "second.keras")
    about = said(tmp_path / "second.keras")
    assert "load_model takes RMSprop" in about["problems"][0]
    model = typed(about)["model"]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss)
    model.optimizer.build(model.trainable_variables)
    model.load_weights(tmp_path / "second.keras")
    model.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    assert_same(model.get_weights(), never_interrupted)


def test_what_comes_back_otherwise_is_said(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        small_model().save(tmp_path / "mixed.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    about = said(tmp_path / "mixed.keras")
    try:
        assert (
            typed(about)["model"].optimizer.iterations == 1
        )  # its state is not skipped
    finally:
        keras.config.set_dtype_policy("float32")
    base = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)], name="base")
    base.trainable = False
    model = small_model(base)
    model.save(tmp_path / "frozen.keras")
    about = said(tmp_path / "frozen.keras")
    assert "for each layer of base" in about["needs"][0]
    assert "see what it needs" in about["can"][1]
    lstm = keras.layers.LSTM(2, stateful=True, name="memory")
    keras.Sequential([keras.Input(batch_shape=(4, 3, 1)), lstm]).save(
        tmp_path / "s.keras"
    )
    assert "reset_state() of the layer memory" in said(tmp_path / "s.keras")["needs"][0]


def test_an_operation_between_layers_is_named_where_an_h5_file_does_not_load(tmp_path):
    def build_model():
        inputs = keras.Input((6,))
        return keras.Model(inputs, keras.layers.Dense(3)(inputs / 255))

    model = build_model()
    model.save(tmp_path / "model.h5")
    with pytest.raises(ValueError, match="TrueDivide"):
        keras.models.load_model(tmp_path / "model.h5")
    about = said(tmp_path / "model.h5")
    assert "does not find TrueDivide" in about["needs"][-1]
    loaded = typed(about, build_model=build_model)["model"]
    assert_same(loaded.get_weights(), model.get_weights())


def test_a_schedule_of_the_learning_rate_is_no_sign_of_keras_2(tmp_path):
    model = small_model()
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 9)), "mse"
    )
    model.optimizer.build(model.trainable_variables)
    model.save_weights(tmp_path / "model.weights.h5")
    about = said(tmp_path / "model.weights.h5")
    assert "Keras 3" in about["what"]
    assert about["facts"]["steps"] == 0


def test_a_lambda_layer_is_called_what_it_is_code(tmp_path):
    model = small_model(keras.layers.Lambda(lambda x: 2 * x))
    for name in "model.keras", "model.h5":
        model.save(tmp_path / name)
        about = said(tmp_path / name)
        assert "a piece of Python that is in the file" in " ".join(about["needs"])
        assert any("safe_mode=False" in line for line in about["code"])
    new = tmp_path / "new.keras"
    finished = call(tmp_path / "model.h5", "--convert", new)
    assert finished.returncode == 1
    assert "code in it, which is not run" in finished.stdout
    assert not new.exists()


def test_a_name_that_is_no_python_does_not_get_into_the_lines_to_type(files, tmp_path):
    evil = "Twice)\nimport os; os.remove('x') #"

    def change(config):
        config["config"]["layers"][1]["class_name"] = evil
        config["config"]["layers"][1]["module"] = "stranger"

    about = said(changed_config(files[0] / "model.keras", tmp_path, change))
    assert evil.splitlines()[0] in " ".join(about["needs"])
    assert "os.remove" not in "".join(about["code"])
    assert "\n" not in "".join(about["needs"])


def changed_config(source, folder, change):
    """Write a copy of a `.keras` file with another configuration."""
    path = folder / "changed.keras"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config)
            new.writestr(name, content)
    return path


# What is no model


def web_page(path, _):
    path.write_text("\n<!DOCTYPE html><html><title>Sign in</title></html>")


def pointer(path, _):
    path.write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 98765\n"
    )


def zip_with_a_model(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(files / "model.keras", "folder/model.keras")


def tar_with_a_model(path, files):
    with tarfile.open(path, "w:gz") as archive:
        archive.add(files / "model.h5", "folder/model.h5")


def pytorch(path, _):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00.")


class Trap:
    def __reduce__(self):
        return os.mkdir, ("opened",)


def a_pickle(path, _):
    import pickle  # noqa: PLC0415  only to write one

    path.write_bytes(pickle.dumps(Trap()))


def empty(path, _):
    path.write_bytes(b"")


def cut_keras(path, files):
    content = (files / "model.keras").read_bytes()
    path.write_bytes(content[: len(content) // 2])


def cut_h5(path, files):
    content = (files / "model.h5").read_bytes()
    path.write_bytes(content[: len(content) // 2])


def text(path, _):
    path.write_text("epoch,loss\n1,0.5\n")


def other_hdf5(path, _):
    with h5py.File(path, "w") as file:
        file["photos"] = np.zeros(3)


def numbers(path, _):
    path.write_bytes(bytes(range(256)))


@pytest.mark.parametrize(
    "make, kind, sentence",
    [
        (web_page, "html", "look for a link named Download or Raw"),
        (pointer, "lfs", "The file itself (98765 bytes) was not downloaded"),
        (zip_with_a_model, "zip", "Unpack it first, then ask about what is in it"),
        (tar_with_a_model, "tar", "Unpack it first, then ask about what is in it"),
        (pytorch, "pytorch", "Load it with PyTorch"),
        (a_pickle, "pickle", "It was not opened here"),
        (empty, "empty", "Copy or download it again"),
        (cut_keras, "zip", "It was cut: its end is missing"),
        (cut_h5, "hdf5", "damaged or not complete"),
        (text, "text", "It is no model"),
        (other_hdf5, "hdf5", "At its top it has: photos"),
        (numbers, "unknown", "00 01 02 03"),
    ],
)
def test_what_is_no_model_gets_its_name_and_a_remedy(
    files, tmp_path, monkeypatch, make, kind, sentence
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.h5"
    make(path, files[0])
    about = said(path)
    assert about["kind"] == kind
    assert sentence in about["problems"][0]
    assert not about["usable"]
    assert about["code"] == []
    assert [file.name for file in tmp_path.iterdir()] == ["model.h5"]  # nothing was run


def test_a_missing_part_is_named(files, tmp_path):
    folder, _ = files
    (tmp_path / "web").mkdir()
    for source, copy in [
        ("checkpoint/checkpoint.index", "checkpoint.index"),
        ("web/model.json", "web/model.json"),
        ("sharded.weights.json", "sharded.weights.json"),
    ]:
        (tmp_path / copy).write_bytes((folder / source).read_bytes())
    for name, missing in [
        ("checkpoint.index", "checkpoint.data-00000-of-00001"),
        ("web/model.json", "weights.bin"),
        ("sharded.weights.json", "sharded_00000.weights.h5"),
    ]:
        about = said(tmp_path / name)
        assert missing in about["problems"][0]
        assert not about["usable"]


def test_a_folder_names_the_models_in_it(files):
    about = said(KERAS_2 / "sequential")
    assert about["kind"] == "folder"
    assert "model, model.h5, reference.npz, weights" in about["problems"][0]
    assert "No model is directly in it" in said(ROOT / "tests")["problems"][0]


def test_a_file_of_resumable_py_is_known(files, tmp_path):
    with zipfile.ZipFile(files[0] / "dropout.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "newest.keras", "w") as archive:
        for name, content in [
            *parts.items(),
            ("training.json", "{}"),
        ]:
            archive.writestr(name, content)
    about = said(tmp_path / "newest.keras")
    assert "resumable.fit" in about["can"][1]


# What is wrong with a file


def test_a_damaged_part_of_a_keras_file_is_named(files, tmp_path):
    content = bytearray((files[0] / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model.keras").write_bytes(content)
    about = said(tmp_path / "model.keras")
    assert "model.weights.h5 does not have its checksum" in about["problems"][0]
    assert not about["usable"]


def test_a_damaged_checkpoint_is_noticed(files, tmp_path):
    for file in (files[0] / "checkpoint").iterdir():
        content = bytearray(file.read_bytes())
        if ".data" in file.name:
            content[10] ^= 1
        (tmp_path / file.name).write_bytes(content)
    about = said(tmp_path / "checkpoint")
    assert "damaged" in about["problems"][0]
    assert not about["usable"]


def test_nan_is_found_in_every_format(tmp_path):
    model = small_model()
    model.layers[0].bias.assign([0, 1, np.nan, 2])
    for each in [*formats.FORMATS, formats.ARRAYS]:
        path = tmp_path / each.file
        if each is formats.CHECKPOINT:
            path.mkdir()
        each.save(model, path)
        about = said(path)
        assert "NaN or infinite" in about["problems"][0], each.name
        assert not about["usable"]


def test_arrays_that_the_configuration_does_not_have_are_named(files, tmp_path):
    def remove_a_layer(config):
        del config["config"]["layers"][2]

    path = changed_config(files[0] / "model.keras", tmp_path, remove_a_layer)
    assert "layers/dense_1/vars/0" in said(path)["problems"][0]


# Made to do harm


def zip_with_a_path(path, files):
    with (
        zipfile.ZipFile(files / "model.keras") as old,
        zipfile.ZipFile(path, "w") as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("../../outside.txt", "text")


def zip_bomb(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
        with archive.open("model.weights.h5", "w", force_zip64=True) as member:
            for _ in range(300):
                member.write(bytes(1_000_000))


def deep_json(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[" * 100_000 + "]" * 100_000)


def deep_configuration(path, files):
    part = '{"class_name": "Sequential", "config": {"layers": ['
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", part * 5_000 + "]}}" * 5_000)


def external_link(path, files):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["dense"]
        file["dense"] = h5py.ExternalLink("/etc/passwd", "/")
        file.create_group("layers")


def external_model(path, files):
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}"
        file["model_weights"] = h5py.ExternalLink(str(files / "model.h5"), "/")


def external_values(path, files):
    secret = path.with_name("secret.bin")
    secret.write_bytes(bytes(16))
    with h5py.File(path, "w") as file:
        external = [(str(secret), 0, 16)]
        file.create_dataset("layers/dense/vars/0", (4,), "f4", external=external)
    secret.unlink()


def endless_shape(path, files):
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/dense/vars/0", (10**12,), "f4", chunks=(1000,))


def wide_chunk(path, files):
    # One chunk of 4 GB, of which a few kilobytes are in the file.
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "layers/dense/vars/0", (10**9,), "f4", chunks=(10**9,), compression="gzip"
        )
        data.id.write_direct_chunk((0,), b"x\x9c" + bytes(5000))


def endless_array(path, files):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights.npy", content)


def program_in_a_header(path, files):
    header = "__import__('os').mkdir('opened')"
    path.write_bytes(b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header.encode())


def paths_in_tensorflow_js(path, files):
    manifest = [{"paths": ["../../../../etc/passwd"], "weights": []}]
    model = {"modelTopology": {"config": {"layers": []}}, "weightsManifest": manifest}
    path.write_text(json.dumps(model))


HOSTILE = [
    (zip_with_a_path, ".keras", "would be written outside of the folder"),
    (zip_bomb, ".keras", "It is a zip bomb"),
    (deep_json, ".keras", "nested too deep"),
    (deep_configuration, ".keras", "nested too deep"),
    (external_link, ".h5", "a link to another place or file, which is not followed"),
    (external_model, ".h5", "model_weights is a link to another place or file"),
    (external_values, ".h5", "are in another file, which is not opened"),
    (endless_shape, ".h5", "only 0 bytes of values are there"),
    (wide_chunk, ".h5", "bytes of values are there"),
    (endless_array, ".npz", "its values are not there"),
    (program_in_a_header, ".npy", "damaged"),
    (paths_in_tensorflow_js, ".json", "put passwd beside it"),
]


def test_a_hostile_file_gets_a_sentence_and_little_memory_and_time(
    files, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    READER.stop()  # a new process, for its memory
    for make, ending, sentence in HOSTILE:
        path = tmp_path / f"{make.__name__}{ending}"
        make(path, files[0])
        about = said(path)
        assert sentence in " ".join(about["problems"]), make.__name__
        assert not about["usable"]
        path.unlink()
        assert list(tmp_path.iterdir()) == []  # nothing was written, nor run
    status = Path(f"/proc/{READER.process.pid}/status")
    if status.is_file():
        peak = next(line for line in status.read_text().splitlines() if "VmHWM" in line)
        assert int(peak.split()[1]) * 1024 < 2**30
    else:
        assert psutil.Process(READER.process.pid).memory_info().rss < 2**30


def test_control_characters_of_a_name_are_not_printed(files, tmp_path):
    def rename(config):
        config["config"]["layers"][1]["config"]["name"] = (
            "red \x1b[31m \x07 \u202e name"
        )
        config["config"]["layers"][1]["class_name"] = "Own\x1b]0;title\x07"
        config["config"]["layers"][1]["module"] = "\x9b31m"

    path = changed_config(files[0] / "model.keras", tmp_path, rename)
    evil = tmp_path / ("\x1b[31mname.keras" if os.name == "posix" else "name.keras")
    path.rename(evil)
    for arguments in [evil], [evil, "--json"]:
        finished = run(*arguments)
        assert "red" in finished.stdout
        output = finished.stdout + finished.stderr
        assert all(c.isprintable() or c == "\n" for c in output)


def test_a_file_that_takes_too_long_is_given_up_and_the_next_one_is_read(
    files, tmp_path
):
    # 200 million bytes of weights, all of them zero.
    weights = [{"name": "x", "shape": [50_000_000], "dtype": "float32"}]
    model = {"modelTopology": {"config": {"layers": []}}}
    model["weightsManifest"] = [{"paths": ["weights.bin"], "weights": weights}]
    (tmp_path / "model.json").write_text(json.dumps(model))
    with open(tmp_path / "weights.bin", "wb") as file:
        file.truncate(200_000_000)
    about = said(tmp_path, 0.01)
    assert "Reading it was stopped after 0.01 seconds" in about["problems"][0]
    assert not about["usable"]
    assert said(files[0] / "model.keras")["usable"]


def damaged_copies(content, count, seed):
    """Yield copies that are cut, or have other bytes in a few places."""
    rng = random.Random(seed)
    for number in range(count):
        if number % 5 == 0:
            yield content[: rng.randrange(len(content))]
            continue
        copy = bytearray(content)
        for _ in range(rng.choice([1, 1, 4, 30])):
            copy[rng.randrange(len(copy))] = rng.randrange(256)
        yield bytes(copy)


FUZZED = [
    "model.keras",
    "model.h5",
    "model.weights.h5",
    "sharded.weights.json",
    "checkpoint/checkpoint.index",
    "checkpoint/checkpoint.data-00000-of-00001",
    "exported/saved_model.pb",
    "model.tflite",
    "web/model.json",
    "model.onnx",
    "frozen.pb",
    "model.npz",
    "model.safetensors",
    "architecture.json",
]


@pytest.mark.parametrize("name", FUZZED)
def test_of_500_damaged_copies_each_gets_an_answer(files, tmp_path, name):
    if name == "model.onnx":
        pytest.importorskip("onnx")
    folder, _ = files
    source = folder / name
    for neighbour in source.parent.iterdir():
        if source.parent != folder and neighbour.is_file():
            (tmp_path / neighbour.name).write_bytes(neighbour.read_bytes())
    path = tmp_path / source.name
    assert said(source)["usable"]
    refused = 0
    for copy in damaged_copies(source.read_bytes(), 500, name):
        path.write_bytes(copy)
        about = said(path, 5)
        assert about["what"]
        assert about["usable"] or about["problems"]
        refused += not about["usable"]
    assert refused > 100  # the copies that were cut, at least


# What is described, and which file of it is damaged.
FUZZED_TOO = [
    ("odd_files/ckpt_tf1", "model.ckpt-10.index"),
    ("odd_files/ckpt_tf1/model.ckpt-10.meta", "model.ckpt-10.meta"),
    ("odd_files/graph_tf1.pbtxt", "graph_tf1.pbtxt"),
    ("odd_files/orbax", "1/_CHECKPOINT_METADATA"),
    ("odd_files/orbax", "1/model_config/_strings.json"),
    ("odd_files/orbax", "1/pytree/_METADATA"),
    ("odd_files/rotation_3.3.3.keras", "rotation_3.3.3.keras"),
    ("odd_files/tfjs_string", "group1-shard1of1.bin"),
    ("odd_files/tfjs_string", "model.json"),
    ("odd_files/unpacked_keras", "config.json"),
    ("odd_files/unpacked_keras", "model.weights.h5"),
    ("old_files/smd_dw", "keras_metadata.pb"),
    ("old_files/smd_dw", "variables/variables.index"),
    ("old_files/k224_seq.h5", "k224_seq.h5"),
    ("old_files/t215_cnn.keras", "t215_cnn.keras"),
    ("old_files/t215_seq.json", "t215_seq.json"),
]


@pytest.mark.parametrize("name, damaged", FUZZED_TOO)
def test_of_damaged_copies_of_files_of_others_each_gets_an_answer(
    tmp_path, name, damaged
):
    source = ROOT / "tests" / name
    path = tmp_path / source.name
    if source.is_dir():
        shutil.copytree(source, path)
        damaged = path / damaged
    else:
        damaged = Path(shutil.copy(source, path))
    cuts = 0
    for number, copy in enumerate(damaged_copies(damaged.read_bytes(), 60, name)):
        damaged.write_bytes(copy)
        about = said(path, 5)
        assert about["what"]
        assert about["usable"] or about["problems"]
        cuts += number % 5 == 0 and not about["usable"]
    assert cuts >= 10  # of 12 that were cut


def test_pickles_and_files_of_pytorch_are_not_opened_however_damaged(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.ones(3)}, tmp_path / "new.pt")
    torch.save(
        {"w": torch.ones(3)},
        tmp_path / "old.pt",
        _use_new_zipfile_serialization=False,
    )
    module = torch.jit.trace(torch.nn.Linear(2, 1), torch.ones(1, 2))
    torch.jit.save(module, tmp_path / "script.pt")
    a_pickle(tmp_path / "pickle.pkl", None)
    for path in sorted(tmp_path.iterdir()):
        for copy in [path.read_bytes(), *damaged_copies(path.read_bytes(), 40, 1)]:
            path.write_bytes(copy)
            about = said(path, 5)
            assert about["what"]
            assert not about["usable"]
            assert len(about["problems"]) == 1
            assert about["code"] == []
    assert not (tmp_path / "opened").exists()


def test_the_script_has_an_answer_to_a_damaged_file_too(files, tmp_path):
    content = bytearray((files[0] / "model.h5").read_bytes())
    content[100:2000] = bytes(1900)
    (tmp_path / "model.h5").write_bytes(content)
    finished = run(tmp_path / "model.h5")
    assert finished.returncode == 1
    assert finished.stderr == ""
    assert "It is damaged or not complete" in " ".join(finished.stdout.split())


# --convert and --for


@pytest.mark.parametrize(
    "name", ["functional/model.h5", "sequential/model", "model.h5", "web/model.json"]
)
def test_a_file_is_converted_and_predicts_and_trains_as_before(
    files, never_interrupted, tmp_path, name
):
    path = KERAS_2 / name if (KERAS_2 / name).exists() else files[0] / name
    about = said(path)
    new = tmp_path / "new.keras"
    sentences = convert.convert(about["path"], about["kind"], new)
    assert any("loaded again" in sentence for sentence in sentences)
    assert [file.name for file in tmp_path.iterdir()] == ["new.keras"]
    old = typed(about)
    model = keras.models.load_model(new)
    predictions = as_array(old["predictions"])
    (x,) = old["data"].values() if "data" in old else [old["x"]]
    np.testing.assert_allclose(model(x), predictions, atol=1e-5)
    assert said(new)["facts"]["steps"] == about["facts"].get("steps")
    if name == "model.h5":
        model.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
        assert_same(model.get_weights(), never_interrupted)


def test_a_new_file_is_never_written_over_another(files, tmp_path):
    new = tmp_path / "new.keras"
    new.write_text("mine")
    finished = call(files[0] / "model.h5", "--convert", new)
    assert finished.returncode == 2
    assert "is there already" in finished.stderr
    assert new.read_text() == "mine"
    # Not even one that came into being in the meantime.
    with pytest.raises(FileExistsError):
        convert.convert(files[0] / "model.h5", "h5", new)
    assert new.read_text() == "mine"
    assert [file.name for file in tmp_path.iterdir()] == ["new.keras"]


def test_what_cannot_be_converted_says_why_and_leaves_nothing(files, tmp_path):
    folder, _ = files
    damaged = tmp_path / "damaged.keras"
    damaged.write_bytes((folder / "model.keras").read_bytes()[:-100])
    small_model(Twice()).save(tmp_path / "own.h5")
    (tmp_path / "new").mkdir()
    new = tmp_path / "new" / "new.keras"
    for path, reason in [
        (
            folder / "model.weights.h5",
            "this kind of file does not become a .keras file",
        ),
        (folder / "model.keras", "It is a .keras file already"),
        (damaged, "see what is wrong with it"),
        (tmp_path / "own.h5", "it needs your code, Twice"),
        (KERAS_2 / "subclassed" / "model", "a model of a class of its own, MyModel"),
    ]:
        finished = call(path, "--convert", new)
        assert finished.returncode == 1
        assert reason in " ".join(finished.stdout.split())
        assert list(new.parent.iterdir()) == []


def test_the_script_converts_for_an_older_version(files, tmp_path):
    new = tmp_path / "new.keras"
    finished = run(files[0] / "model.h5", "--convert", new, "--for", "3.3")
    assert finished.returncode == 0, finished.stdout
    assert finished.stderr == ""
    assert "predicts as the old file does" in finished.stdout
    assert "training continues at step 1." in finished.stdout
    about = said(new)
    assert about["facts"]["needs_keras"] == 0
    assert about["usable"]


def test_a_file_with_own_classes_is_written_for_an_older_version_without_them(tmp_path):
    small_model(Twice(name="doubled")).save(tmp_path / "model.keras")
    new = tmp_path / "new.keras"
    finished = call(tmp_path / "model.keras", "--convert", new, "--for", "3.12")
    assert finished.returncode == 0
    assert "not loaded again, which needs your code" in finished.stdout
    about = said(new)
    assert about["facts"]["needs_keras"] <= 12
    assert typed(about, Twice=Twice)["model"].optimizer.iterations == 1


def test_a_file_for_the_oldest_version_has_nothing_that_it_does_not_know(
    files, tmp_path
):
    functional = models.compile(models.functional(2))
    functional.save(tmp_path / "functional.keras")
    for path in files[0] / "model.keras", tmp_path / "functional.keras":
        older.write(path, tmp_path / "old.keras", 0)
        about = said(tmp_path / "old.keras")
        assert about["facts"]["needs_keras"] == 0
        assert_same(
            keras.models.load_model(tmp_path / "old.keras").get_weights(),
            keras.models.load_model(path).get_weights(),
        )


def test_which_versions_refuse_a_file_is_said(files, tmp_path):
    path = files[0] / "model.keras"
    assert "Keras 3.15 or newer" in said(path)["needs"][0]
    finished = call(path, "--for", "3.12")
    assert finished.returncode == 0
    assert "Keras 3.12 refuses the file as it is" in finished.stdout
    finished = call(path, "--for", "3.15.1")
    assert "Keras 3.15 reads the file as it is" in finished.stdout
    renorm = keras.layers.BatchNormalization(renorm=True)
    keras.Sequential([keras.Input((6,)), renorm]).save(tmp_path / "renorm.keras")
    finished = call(tmp_path / "renorm.keras", "--for", "3.12")
    assert finished.returncode == 1
    assert "does not know BatchNormalization renorm=True" in finished.stdout
    finished = call(path, "--for", "2.15")
    assert finished.returncode == 1
    assert "Keras 2 reads no .keras" in finished.stdout


# The script


def test_its_description_takes_less_than_two_seconds_and_imports_no_tensorflow(files):
    program = (
        "import sys, time; start = time.perf_counter()\n"
        "from modelfile import kinds\n"
        "for name in sys.argv[1:]: print(kinds.describe(name).kind)\n"
        "assert time.perf_counter() - start < 2\n"
        "assert not {'tensorflow', 'keras', 'lesson'} & set(sys.modules)\n"
    )
    names = [
        n
        for n, (kind, _) in WRITTEN.items()
        if kind not in ("checkpoint", "savedmodel")
    ]
    command = [sys.executable, "-c", program, *[files[0] / name for name in names]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    finished = subprocess.run(
        command, capture_output=True, encoding="utf-8", check=False, env=environment
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split() == [WRITTEN[name][0] for name in names]


def test_wrong_use_ends_with_status_2_and_one_sentence(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = files[0] / "model.h5"
    for arguments, sentence in [
        (["nothing.h5"], "there is no file, folder or checkpoint nothing.h5"),
        ([path, "--convert", "new.h5"], "must end in .keras"),
        ([path, "--convert", "nowhere/new.keras"], "there is no folder nowhere"),
        ([path, "--for", "three"], "must be a version such as 3.12, not 'three'"),
    ]:
        finished = call(*arguments)
        assert finished.returncode == 2
        assert sentence in finished.stderr
        assert finished.stdout == ""


def test_where_a_package_is_missing_it_says_so():
    command = [sys.executable, "-S", "-m", "modelfile", "model.h5"]
    finished = subprocess.run(
        command, capture_output=True, encoding="utf-8", check=False, cwd=ROOT
    )
    assert finished.returncode == 1
    assert "rich is missing. Start this with the Python" in finished.stderr


def test_json_has_the_same_for_programs(files):
    finished = call(files[0] / "model.keras", "--json")
    assert finished.returncode == 0
    about = json.loads(finished.stdout)
    assert about == {**said(files[0] / "model.keras"), "result": []}


def test_many_layers_are_cut_at_a_screenful(tmp_path):
    layers = [keras.layers.Dense(2, name=f"layer-{number}") for number in range(60)]
    keras.Sequential([keras.Input((6,)), *layers]).save(tmp_path / "deep.keras")
    finished = run("deep.keras", cwd=tmp_path)
    assert len(finished.stdout.splitlines()) < 45
    assert "and 49 more: --json lists all of them" in finished.stdout
    assert max(map(len, finished.stdout.splitlines())) < 100


def test_it_prints_what_its_transcript_says(request):
    path = ROOT / "output" / "modelfile.txt"
    printed = run("datasets/keras2/functional/model.h5", cwd=ROOT).stdout
    if request.config.getoption("--renew"):
        path.write_text(printed, encoding="utf-8", newline="\n")
    assert printed == path.read_text(encoding="utf-8")


def test_a_name_becomes_a_string_on_one_line():
    for name in ["plain", "a\nb", 'quote"', "back\\slash", "\x1b[31m", "中文"]:
        assert eval(literal(name)) == name
        assert "\n" not in literal(name)
    assert printable("a\x1b\u202eb中") == "a\\x1b\\u202eb中"
