"""modelfile on files that others have made, and on what happens to files on their way."""

import json
import re
import struct
import zipfile
from pathlib import Path

import lesson  # noqa: F401  starts TensorFlow quietly
from modelfile import keras_config, older
from modelfile.reader import Reader

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

ODD = Path(__file__).resolve().parent / "odd_files"
OLD = Path(__file__).resolve().parent / "old_files"


@pytest.fixture(scope="module")
def said():
    """Return a function that returns what is said about a file."""
    reader = Reader()
    yield lambda path: reader.describe(str(path))
    reader.stop()


@pytest.mark.parametrize(
    "name, kind, usable, sentence",
    [
        ("ckpt_tf1", "checkpoint1", True, "An optimizer's state: 8 arrays"),
        ("ckpt_tf1/model.ckpt-10.meta", "graph1", True, "TensorFlow 1.15.5"),
        ("crlf.h5", "text_transfer", False, "Copy it again as a binary file"),
        ("frozen_inf.pb", "graph", True, "Predict."),
        ("oneone_3.12.1.keras", "keras", True, "Keras 3.4 or newer"),
        ("onnx_cut/m.onnx", "onnx", False, "m.onnx.data has 100 bytes"),
        ("orbax", "orbax", True, "random weights, without an error"),
        ("orbax/1", "orbax", True, "41 parameters"),
        ("outer.zip", "zip", False, "what is in it: inner.zip"),
        (
            "q_int8.keras",
            "keras",
            True,
            "Not continue training: its layers are quantized",
        ),
        ("second_half.keras", "keras", False, "Its beginning is missing"),
        ("sharded_cut/sh.weights.json", "weights.json", False, "sh_00001.weights.h5"),
        ("tfjs_string", "tfjs.graph", True, "10,002 parameters"),
        ("two_inputs_b_first.keras", "keras", True, "Predict."),
        ("unpacked_keras", "keras.folder", True, "with its state after 2 steps"),
        ("../old_files/t215_seq.json", "keras2.json", True, "Keras 2.15.0"),
        ("../old_files/t215_ops.h5", "keras2.h5", True, "after it is converted"),
        ("../old_files/smd_dw", "keras2.savedmodel", True, "DepthwiseConv2D"),
    ],
)
def test_it_is_described_truly(said, name, kind, usable, sentence):
    if kind == "onnx":
        pytest.importorskip("onnx")
    about = said(ODD / name)
    assert about["kind"] == kind
    assert about["usable"] == usable, about["problems"]
    assert usable or len(about["problems"]) == 1
    assert sentence in json.dumps(about)


def test_of_a_checkpoint_of_tensorflow_1_slots_are_no_parameters(said):
    facts = said(ODD / "ckpt_tf1")["facts"]
    assert (facts["parameters"], facts["steps"]) == (8 * 16 + 16 + 16 + 1, 10)


@pytest.mark.parametrize("name", ["graph.pbtxt", "old.ckpt"])
def test_other_files_of_tensorflow_1_have_their_names(said, tmp_path, name):
    path = tmp_path / name
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.placeholder("float32", [None, 2], name="x")
        variable = tf.compat.v1.get_variable("w", [2, 3], use_resource=False)
        session.run(variable.initializer)
        if name == "graph.pbtxt":
            tf.io.write_graph(session.graph, str(tmp_path), name)
        else:
            version = tf.compat.v1.train.SaverDef.V1
            saver = tf.compat.v1.train.Saver(write_version=version)
            saver.save(session, str(path), write_meta_graph=False)
    about = said(path)
    if name == "graph.pbtxt":
        assert about["kind"] == "graph.text"
        assert "Variables, without their values: w." in about["contents"]
    else:
        assert about["kind"] == "checkpoint1"
        assert about["facts"]["parameters"] == 6
        assert typed(about)["values"]["w"].shape == (2, 3)


def typed(about):
    names = {}
    exec("\n".join(about["code"]), names)
    return names


@pytest.mark.parametrize(
    "name",
    [
        "oneone_3.12.1.keras",
        "q_int8.keras",
        "two_inputs_b_first.keras",
        "unpacked_keras",
        "frozen_inf.pb",
        "ckpt_tf1",
        "../old_files/t215_ops.h5",
    ],
)
def test_what_it_says_to_type_runs(said, name, monkeypatch):
    monkeypatch.chdir(ODD)
    names = typed(said(name))
    assert "predictions" in names or len(names["values"]) == 15


def two_texts():
    one = keras.Input((1,), dtype="string", name="zz")
    other = keras.Input((3,), dtype="int32", name="aa")
    lookup = keras.layers.StringLookup(vocabulary=["a", "b"])(one)
    joined = keras.layers.Concatenate()([lookup, other])
    return keras.Model([one, other], [joined, keras.ops.sum(joined, axis=1)])


def cropped():
    inputs = keras.Input((None, None, 3))
    outputs = keras.layers.Cropping2D(30)(inputs)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(outputs))


@pytest.mark.parametrize("build", [two_texts, cropped])
def test_texts_integers_and_open_sizes_can_be_typed(said, tmp_path, build):
    build().save(tmp_path / "model.keras")
    assert "predictions" in typed(said(tmp_path / "model.keras"))


# Kinds of files


def write_safetensors(path, arrays, cut=0):
    header, content = {}, b""
    for name, array in arrays.items():
        start = len(content)
        content += array.tobytes()
        offsets = [start, len(content)]
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": offsets}
    text = json.dumps(header).encode()
    whole = struct.pack("<Q", len(text)) + text + content
    path.write_bytes(whole[: len(whole) - cut])


def test_safetensors_are_described_and_damage_in_them_is_seen(said, tmp_path):
    path = tmp_path / "model.safetensors"
    arrays = {"w": np.ones((3, 4), "f4"), "b": np.zeros(4, "f4")}
    write_safetensors(path, arrays)
    about = said(path)
    assert (about["kind"], about["usable"]) == ("safetensors", True)
    assert about["facts"]["parameters"] == 16
    write_safetensors(path, arrays, cut=4)
    assert "the file was cut" in said(path)["problems"][0]
    arrays["w"][1, 1] = np.nan
    write_safetensors(path, arrays)
    assert "NaN or infinite numbers in an array: w" in said(path)["problems"][0]


def test_torchscript_gets_other_advice_than_torch_save(said, tmp_path):
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("model/code/__torch__.py", "class Model: pass")
    assert "torch.jit.load" in said(tmp_path / "model.pt")["problems"][0]


def test_what_macos_adds_to_a_zip_is_not_the_model(said, tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name in "config.json", "metadata.json", "model.weights.h5":
            archive.write(ODD / "unpacked_keras" / name, f"model/{name}")
        archive.writestr("__MACOSX/model/._config.json", "x")
    problem = said(tmp_path / "model.keras")["problems"][0]
    assert "unpacked, and packed again with its folder" in problem


def test_a_preset_of_kerashub_and_a_list_of_weights_have_their_names(said, tmp_path):
    config = {"module": "keras_hub.src.models.bert", "class_name": "BertBackbone"}
    (tmp_path / "config.json").write_text(json.dumps({**config, "config": {}}))
    (tmp_path / "metadata.json").write_text(
        '{"keras_version": "3.10.0", "keras_hub_version": "0.20.0"}'
    )
    (tmp_path / "model.weights.h5").write_bytes(b"")
    about = said(tmp_path)
    assert about["kind"] == "preset"
    assert "keras_hub.models.BertBackbone.from_preset" in about["code"][1]
    weights = [{"name": "w", "shape": [2], "dtype": "float32"}]
    manifest = [{"paths": ["g.bin"], "weights": weights}]
    (tmp_path / "weights_manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "g.bin").write_bytes(np.ones(2, "f4").tobytes())
    about = said(tmp_path / "weights_manifest.json")
    assert (about["kind"], about["facts"]["parameters"]) == ("tfjs.weights", 2)


def test_what_is_of_keras_2_is_not_called_the_readers_own(said):
    assert said(OLD / "t215_ops.h5")["facts"]["own_classes"] == []
    names = ["CuDNNGRU", "LocallyConnected1D", "TFOpLambda", "ThresholdedReLU"]
    layers = [{"class_name": name, "config": {"name": name}} for name in names]
    assert keras_config.own_names({"config": {"layers": layers}}) == {}


# Safety


def test_the_function_that_a_lambda_layer_calls_is_named(said, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(keras.ops.sin)])
    model.save(tmp_path / "model.keras")
    about = said(tmp_path / "model.keras")
    assert about["facts"]["lambda_functions"] == ["sin"]
    assert "also in safe mode" in about["needs"][0]
    assert not any("safe_mode=False" in line for line in about["code"])


def test_a_virtual_dataset_is_refused_before_the_other_file_is_opened(said, tmp_path):
    with h5py.File(tmp_path / "model.h5", "w") as file:
        source = h5py.VirtualSource("other.h5", "x", (5,), "f4", maxshape=(None,))
        layout = h5py.VirtualLayout((5,), "f4", maxshape=(None,))
        layout[: h5py.h5s.UNLIMITED] = source[: h5py.h5s.UNLIMITED]
        file.create_virtual_dataset("layers/dense/vars/0", layout)
    assert (
        "are in another file, which is not opened"
        in said(tmp_path / "model.h5")["problems"][0]
    )


def test_to_print_into_a_file_is_among_the_operations_that_touch_files(said, tmp_path):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def __call__(self, x):
            tf.print(x, output_stream=f"file://{tmp_path}/printed")
            return x

    tf.saved_model.save(Module(), tmp_path / "module")
    assert said(tmp_path / "module")["facts"]["file_operations"] == ["PrintV2"]


# Other versions of Keras 3


def test_of_each_argument_the_version_that_brought_it_is_known():
    classes = older.table()["classes"]
    assert classes["Dense"]["quantization_config"] == [14, None]
    assert classes["MultiHeadAttention"]["use_gate"] == [14, False]
    assert max(older.table()["tested"]) == int(keras.__version__.split(".")[1])


def test_what_an_older_version_cannot_have_is_said(said, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile("nadam", "mse")
    model.save(tmp_path / "model.keras")
    settings = said(tmp_path / "model.keras")["facts"]["new_settings"]
    assert older.obstacles(settings, 6) == ["Nadam's variables"]
    assert older.obstacles(settings, 10) == []


def test_a_class_that_an_older_version_lacks_is_an_obstacle(said, tmp_path):
    layers = [keras.Input((8, 8, 3)), keras.layers.AdaptiveAveragePooling2D(2)]
    keras.Sequential(layers).save(tmp_path / "model.keras")
    settings = said(tmp_path / "model.keras")["facts"]["new_settings"]
    assert older.obstacles(settings, 12) == ["AdaptiveAveragePooling2D"]
    assert re.search(r"Keras 3\.1[45]", said(tmp_path / "model.keras")["needs"][0])
