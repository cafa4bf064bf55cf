"""Lesson 17: files of others, and files that changed.

Each cell of the table "What a file from somebody else can do" (docs/formats.md) is tried here.
"""

import hashlib
import pickle

import lesson
import models

import keras
import numpy as np
import onnx.parser
import onnxruntime
import pytest
import safetensors.numpy
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from conftest import change_one_byte, numbers

OTHERS = "17_files_of_others.py"
CHANGED = "17_files_that_changed.py"
X = np.ones((1, 784), "float32")


def test_lesson_17_refuses_code_in_both_formats(default_run):
    text = default_run(OTHERS).stdout
    assert text.count("error  ValueError: Requested the deserialization of a `L") == 2
    assert text.count("error  ValueError: Requested the deserialization of a `T") == 1
    assert "error  ValueError: Object arrays cannot be loaded when allow_pickle" in text


def test_lesson_17_shows_a_saved_model_that_overwrites_a_file(default_run):
    finished = default_run(OTHERS)
    assert "ok     after loading, the file says: my own text" in finished.stdout
    assert "ok     after one call, the file says: overwritten" in finished.stdout
    assert (finished.folder / "victim.txt").read_text() == "overwritten"


def test_lesson_17_names_the_damaged_part(default_run):
    text = default_run(CHANGED).stdout
    assert "ok     the damaged file: model.weights.h5" in text
    assert "ok     the good file: None" in text


def test_lesson_17_loads_a_damaged_weights_file_that_predicts_wrong_digits(default_run):
    (right,) = numbers(r"saved model gets ([\d,]+) right", default_run(CHANGED).stdout)
    (wrong,) = numbers(r"the damaged one: ([\d,]+)", default_run(CHANGED).stdout)
    assert right > 9000
    assert wrong < 7500


def test_lesson_17_keeps_the_checksum_beside_the_file(default_run):
    folder = default_run(CHANGED).folder
    content = (folder / "mnist.weights.h5").read_bytes()
    kept = (folder / "mnist.weights.h5.sha256").read_text()
    assert kept == hashlib.sha256(content).hexdigest()


# What a file can run


class TrapAtLoading(tf.saved_model.experimental.TrackableResource):
    """A resource, as a vocabulary is one, that writes a file when it is made ready."""

    def __init__(self, victim):
        super().__init__()
        self.victim = str(victim)

    def _create_resource(self):
        return tf.raw_ops.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.int64)

    @tf.function
    def _initialize(self):
        tf.io.write_file(self.victim, "overwritten")
        return 1


class ModelWithTrap(tf.Module):
    def __init__(self, victim):
        super().__init__()
        self.trap = TrapAtLoading(victim)

    @tf.function(input_signature=[tf.TensorSpec((None, 784))])
    def serve(self, x):
        self.trap.resource_handle  # noqa: B018  makes it a part of the model
        return x


@pytest.mark.parametrize(
    "load",
    [
        tf.saved_model.load,
        lambda path: keras.layers.TFSMLayer(path, call_endpoint="serve"),
    ],
    ids=["tf.saved_model.load", "TFSMLayer"],
)
def test_a_saved_model_can_write_a_file_as_soon_as_it_is_loaded(tmp_path, load):
    victim = tmp_path / "victim.txt"
    tf.saved_model.save(ModelWithTrap(victim), str(tmp_path / "trap"))
    victim.write_text("my own text")
    load(str(tmp_path / "trap"))
    assert victim.read_text() == "overwritten"


@pytest.fixture
def trap(tmp_path):
    """A folder, and a layer that calls a SavedModel which writes victim.txt there."""

    class Trap(keras.layers.Layer):
        def call(self, inputs):
            tf.io.write_file(str(tmp_path / "victim.txt"), "overwritten")
            return inputs

    model = keras.Sequential([keras.Input((784,)), Trap()])
    model.export(tmp_path / "trap", verbose=False)
    layer = keras.layers.TFSMLayer(str(tmp_path / "trap"), call_endpoint="serve")
    return tmp_path, layer


def test_a_keras_layer_that_calls_a_saved_model_writes_the_file_when_it_is_called(trap):
    folder, layer = trap
    keras.Sequential([keras.Input((784,)), layer])
    assert not (folder / "victim.txt").exists()
    layer(X)
    assert (folder / "victim.txt").exists()


@pytest.mark.parametrize(
    "suffix, message",
    [(".keras", "loads an external SavedModel"), (".h5", "Unknown layer: 'TFSMLayer'")],
)
def test_a_file_with_a_layer_that_calls_a_saved_model_is_refused(trap, suffix, message):
    folder, layer = trap
    keras.Sequential([keras.Input((784,)), layer]).save(folder / f"m{suffix}")
    with pytest.raises(ValueError, match=message):
        keras.models.load_model(folder / f"m{suffix}")
    assert not (folder / "victim.txt").exists()


def test_litert_does_not_run_an_operation_that_writes_files(trap):
    folder, _ = trap
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "trap"))
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    with lesson.quietly():
        content = converter.convert()
        with pytest.raises(RuntimeError, match="Select TensorFlow op"):
            Interpreter(model_content=content).allocate_tensors()
    assert not (folder / "victim.txt").exists()


def test_onnx_runtime_has_no_operation_that_writes_files():
    text = """
        <ir_version: 9, opset_import: ["" : 18]>
        trap (float[1] x) => (float[1] y) { y = WriteFile(x) }
    """
    content = onnx.parser.parse_model(text).SerializeToString()
    with pytest.raises(Exception, match="No Op registered for WriteFile"):
        onnxruntime.InferenceSession(content)


def test_safetensors_refuses_a_pickle(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(pickle.dumps({"weight": np.ones(3)}))
    with pytest.raises(safetensors.SafetensorError):
        safetensors.numpy.load_file(path)
    with pytest.raises(safetensors.SafetensorError, match="object"):
        safetensors.numpy.save_file({"weight": np.array([{"any": "object"}])}, path)


@pytest.mark.parametrize("save", [np.save, np.savez])
def test_numpy_refuses_a_pickle(tmp_path, save):
    path = tmp_path / ("a.npz" if save is np.savez else "a.npy")
    save(path, np.array([{"any": "object"}]))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        loaded = np.load(path)
        loaded["arr_0"]


# What notices one changed byte; the formats of Keras and TensorFlow: experiments.damage


def test_a_changed_byte_is_noticed_in_npz_and_not_in_npy(tmp_path):
    weights = models.build().get_weights()[0]
    np.save(tmp_path / "a.npy", weights)
    np.savez(tmp_path / "a.npz", weights)
    change_one_byte(tmp_path / "a.npy")
    change_one_byte(tmp_path / "a.npz")
    assert not np.array_equal(np.load(tmp_path / "a.npy"), weights)
    with pytest.raises(Exception, match="Bad CRC-32"):
        np.load(tmp_path / "a.npz")["arr_0"]


def test_a_changed_byte_in_a_litert_file_is_not_noticed(tmp_path):
    model = models.build()
    path = tmp_path / "m.tflite"
    with lesson.quietly():
        model.export(path, format="litert", verbose=False)
    change_one_byte(path)
    interpreter = Interpreter(model_content=path.read_bytes())
    interpreter.get_signature_runner()(**{name_of_input(interpreter): X})


def test_a_changed_byte_in_onnx_or_safetensors_is_not_noticed(tmp_path):
    model = models.build()
    model(X)
    path = tmp_path / "m.onnx"
    with lesson.quietly():
        model.export(path, format="onnx", verbose=False)
    inputs = {model.inputs[0].name: X}
    change_one_byte(path)
    (predictions,) = onnxruntime.InferenceSession(path).run(None, inputs)
    assert predictions.shape == (len(X), 10)

    kernel = model.get_weights()[0]
    path = tmp_path / "m.safetensors"
    safetensors.numpy.save_file({"weight": kernel}, path)
    change_one_byte(path)
    assert not np.array_equal(safetensors.numpy.load_file(path)["weight"], kernel)


def name_of_input(interpreter):
    (signature,) = interpreter.get_signature_list().values()
    return signature["inputs"][0]
