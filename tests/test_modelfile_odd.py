"""modelfile on files that others have made, and on what happens to files on their way."""

import json
import os
import re
import shutil
import struct
import sys
import types
import zipfile
from pathlib import Path

import lesson  # noqa: F401  starts TensorFlow quietly
from modelfile import __main__ as command_line
from modelfile import keras_config, older
from modelfile.reader import Reader

import fork_server
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
        ("orbax", "orbax", True, "gives a Sequential random weights, without an"),
        ("orbax/1", "orbax", True, "41 parameters"),
        ("outer.zip", "zip", False, "what is in it: inner.zip"),
        (
            "q_int8.keras",
            "keras",
            True,
            "what is quantized (int8) stays as it is",
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


def command(*arguments):
    """Run the command in this process, and return its exit status."""
    with pytest.MonkeyPatch.context() as changes, pytest.raises(SystemExit) as ended:
        changes.setattr(sys, "argv", ["modelfile", *map(str, arguments)])
        command_line.main()
    return ended.value.code


def typed(about, **own):
    """Execute the lines to type, with the reader's own program, and return their names."""
    module = types.ModuleType(keras_config.OWN_CODE)
    vars(module).update(own)
    names = {}
    with pytest.MonkeyPatch.context() as changes:
        changes.setitem(sys.modules, keras_config.OWN_CODE, module)
        exec("\n".join(about["code"]), names)
    return names


# Files that can be used, and what the lines to type leave behind.
TYPED = {
    "ckpt_tf1": "values",
    "frozen_inf.pb": "predictions",
    "nadam_3.6.0.keras": "predictions",
    "oneone_3.12.1.keras": "predictions",
    "orbax": "predictions",
    "q_int8.keras": "predictions",
    "rotation_3.3.3.keras": "predictions",
    "tfjs_string": None,  # only a browser runs it
    "two_inputs_b_first.keras": "predictions",
    "unpacked_keras": "predictions",
}


@pytest.mark.parametrize("name", sorted(path.name for path in ODD.iterdir()))
def test_what_it_says_to_type_runs(said, name, tmp_path, monkeypatch):
    source = ODD / name
    copy = shutil.copytree if source.is_dir() else shutil.copy
    copy(source, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    about = said(name)
    if name == "README.md" or not about["usable"]:
        assert about["code"] == []
        return
    for line in about["code"]:
        if line.startswith("# This command again, with "):
            assert command(name, *line.partition("with ")[2].split()) == 0
    names = typed(about)
    assert TYPED[name] is None or TYPED[name] in names


def test_the_graph_of_tensorflow_1_is_restored_by_the_lines_to_type(
    said, tmp_path, bare_python
):
    # They turn eager execution off, for the whole of their process.
    lines = said(ODD / "ckpt_tf1" / "model.ckpt-10.meta")["code"]
    script = tmp_path / "typed.py"
    check = "print(session.run(tf.compat.v1.report_uninitialized_variables()))"
    script.write_text("\n".join([*lines, check]), encoding="utf-8")
    finished = fork_server.run(
        bare_python, [str(script)], ODD, dict(os.environ), timeout=120
    )
    assert (finished.returncode, finished.stdout.strip()) == (0, "[]")


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


def test_what_pytorch_has_written_as_safetensors_is_read_as_it_says(said, tmp_path):
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    path = tmp_path / "model.safetensors"
    module = torch.nn.Linear(3, 2).to(torch.bfloat16)
    library.save_model(module, path, {"format": "pt"})
    about = said(path)
    assert "PyTorch; it does not say when." in about["written_by"]
    assert (about["facts"]["parameters"], about["facts"]["dtype"]) == (8, ["bfloat16"])
    assert typed(about)["arrays"]["weight"].shape == (2, 3)


def test_sparse_weights_of_litert_are_no_damage(said, tmp_path):
    values = np.random.default_rng(1).random((64, 64), "float32")
    values[np.random.default_rng(2).random((64, 64)) < 0.9] = 0
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder("float32", [1, 64], name="x")
        y = tf.matmul(x, tf.constant(values))
        converter = tf.compat.v1.lite.TFLiteConverter.from_session(session, [x], [y])
        converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
        content = converter.convert()
    (tmp_path / "sparse.tflite").write_bytes(content)
    from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415

    graph = schema.Model.GetRootAs(content).Subgraphs(0)
    tensors = [graph.Tensors(place) for place in range(graph.TensorsLength())]
    assert any(tensor.Sparsity() is not None for tensor in tensors)
    about = said(tmp_path / "sparse.tflite")
    assert (about["problems"], about["facts"]["parameters"]) == ([], 64 * 64)
    names = typed(about)
    np.testing.assert_array_equal(names["predictions"][0], np.zeros((1, 64)))


def write_onnx_with_data_outside(path, count):
    onnx = pytest.importorskip("onnx")
    weights = onnx.TensorProto(name="w", dims=[count], data_type=1, data_location=1)
    for key, value in [("location", "big.data"), ("offset", "0")]:
        weights.external_data.add(key=key, value=value)
    weights.external_data.add(key="length", value=str(4 * count))
    ends = [onnx.helper.make_tensor_value_info(n, 1, [count]) for n in ("x", "y")]
    node = onnx.helper.make_node("Add", ["x", "w"], ["y"])
    graph = onnx.helper.make_graph([node], "graph", ends[:1], ends[1:], [weights])
    onnx.save(onnx.helper.make_model(graph), path)


def test_of_onnx_a_large_file_of_weights_is_read_in_pieces(said, tmp_path):
    count = 120_000_000  # 480 MB, of which the disk has next to nothing
    write_onnx_with_data_outside(tmp_path / "model.onnx", count)
    with open(tmp_path / "big.data", "wb") as file:
        file.truncate(4 * count)
    about = said(tmp_path / "model.onnx")
    assert (about["problems"], about["facts"]["parameters"]) == ([], count)
    with open(tmp_path / "big.data", "r+b") as file:
        file.seek(400_000_000)
        file.write(np.float32(np.nan).tobytes())
    assert "NaN or infinite" in said(tmp_path / "model.onnx")["problems"][0]
    with open(tmp_path / "big.data", "r+b") as file:
        file.truncate(4 * count - 1)
    assert "Its weights are cut" in said(tmp_path / "model.onnx")["problems"][0]
    (tmp_path / "big.data").unlink()
    assert "put big.data beside it" in said(tmp_path / "model.onnx")["problems"][0]


def test_layers_of_hugging_faces_tf_model_h5_are_rows_of_their_own(said, tmp_path):
    # As transformers writes it: one layer of Keras, and in it the names of all arrays.
    with h5py.File(tmp_path / "tf_model.h5", "w") as file:
        names = [
            f"tf_bert_model/bert/encoder/layer_._{number}/output/dense/{kind}:0"
            for number in range(8)
            for kind in ("kernel", "bias")
        ]
        group = file.create_group("bert")
        for name in names:
            group[name] = np.ones((4, 4) if "kernel" in name else 4, "float32")
        group.attrs["weight_names"] = names
        file.attrs["layer_names"] = ["bert"]
        file.attrs["backend"] = "tensorflow"
        file.attrs["keras_version"] = "2.13.1"
    about = said(tmp_path / "tf_model.h5")
    assert about["problems"] == []
    assert len(about["layers"]) == 8
    assert about["layers"][0]["name"].endswith("layer_._0/output/dense")
    assert about["layers"][0]["arrays"] == ["(4, 4)", "(4,)"]
    assert about["facts"]["parameters"] == 8 * 20


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
    assert classes["Dense"]["quantization_config"] == [13, None]
    assert classes["MultiHeadAttention"]["use_gate"] == [14, False]
    assert max(older.table()["tested"]) == int(keras.__version__.split(".")[1])


def test_what_an_older_version_cannot_have_is_said(said, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile("nadam", "mse")
    model.save(tmp_path / "model.keras")
    settings = said(tmp_path / "model.keras")["facts"]["new_settings"]
    assert older.obstacles(settings, 6) == ["Nadam's variables"]
    assert older.obstacles(settings, 10) == []


@pytest.mark.parametrize(
    "name, first_refuses, what",
    [
        ("rotation_3.3.3.keras", 6, "RandomRotation value_range"),
        ("nadam_3.6.0.keras", 10, "Nadam's variables"),
    ],
)
def test_what_newer_versions_refuse_is_said(said, capsys, name, first_refuses, what):
    assert f"newer ones refuse {what} of that time" in " ".join(
        said(ODD / name)["needs"]
    )
    with pytest.raises((TypeError, ValueError)):
        keras.models.load_model(ODD / name)
    assert command(ODD / name, "--for", f"3.{first_refuses}") == 1
    assert "refuses the file" in capsys.readouterr().out
    assert command(ODD / name, "--for", f"3.{first_refuses - 1}") == 0
    assert "reads the file as it is" in capsys.readouterr().out


# Models that were never compiled, and quantized ones


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "linear"])
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_model_that_was_never_compiled_can_be_trained_as_it_says(
    said, tmp_path, name, activation
):
    inputs = keras.Input((2,))
    keras.Model(inputs, keras.layers.Dense(3, activation)(inputs)).save(tmp_path / name)
    names = typed(said(tmp_path / name))
    labels = np.zeros(1) if activation == "softmax" else np.zeros((1, 3))
    model = names["model"]
    model.fit(names["x"], labels, verbose=0)
    assert model.optimizer.iterations == 1
    assert model.loss == {
        "softmax": "sparse_categorical_crossentropy",
        "sigmoid": "binary_crossentropy",
    }.get(activation, "mean_squared_error")


@pytest.mark.filterwarnings("ignore:Skipping variable|Layer InputLayer does not have")
@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_of_a_quantized_model_only_the_rest_continues_training(said, tmp_path, mode):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="dense")])
    model.compile("adam", "mse", run_eagerly=True)
    model.fit(np.ones((2, 8)), np.ones((2, 4)), verbose=0)
    model.layers[0].enable_lora(2)
    model.quantize(mode)
    model.save(tmp_path / "model.keras")
    about = said(tmp_path / "model.keras")
    assert f"what is quantized ({mode}" in about["can"][1]
    assert "added LoRA to the quantized weights of dense" in " ".join(about["needs"])
    loaded = typed(about)["model"]
    assert int(loaded.optimizer.iterations) == 0  # its state was skipped
    names = [
        variable.path.rpartition("/")[2] for variable in loaded.trainable_variables
    ]
    assert names == ["bias", "lora_kernel_a", "lora_kernel_b"]


def test_a_class_that_an_older_version_lacks_is_an_obstacle(said, tmp_path):
    layers = [keras.Input((8, 8, 3)), keras.layers.AdaptiveAveragePooling2D(2)]
    keras.Sequential(layers).save(tmp_path / "model.keras")
    settings = said(tmp_path / "model.keras")["facts"]["new_settings"]
    assert older.obstacles(settings, 12) == ["AdaptiveAveragePooling2D"]
    assert re.search(
        r"Keras 3\.13 or newer", said(tmp_path / "model.keras")["needs"][0]
    )


# Several inputs


def two_inputs():
    """Return a model that computes a - 2 b, and with a and b exchanged another result."""
    a = keras.Input((3,), name="a")
    b = keras.Input((3,), name="b", dtype="int32")
    first = keras.layers.Subtract(name="first")([a, 2.0 * keras.ops.cast(b, "float32")])
    return keras.Model([b, a], [first, keras.layers.Rescaling(10, name="second")(a)])


def export(path):
    two_inputs().export(path, verbose=False)


def export_litert(path):
    two_inputs().export(path, format="litert", verbose=False)


def export_onnx(path):
    pytest.importorskip("onnx")
    model = two_inputs()
    model([np.zeros((1, 3), "int32"), np.zeros((1, 3))])  # it has to be called once
    model.export(path, format="onnx", verbose=False)


def save_module(path):
    @tf.function(input_signature=[tf.TensorSpec([None, 3]), tf.TensorSpec([None, 3])])
    def function(a, b):
        return {"first": a - 2 * b, "second": 10 * a}

    module = tf.Module()
    tf.saved_model.save(module, path, signatures={"other": function})


def graph_of_two_inputs():
    with tf.Graph().as_default() as graph:
        # A graph has them in the order in which they were made.
        b = tf.compat.v1.placeholder("float32", [None, 3], name="b")
        a = tf.compat.v1.placeholder("float32", [None, 3], name="a")
        return graph, [a, b], [tf.subtract(a, 2 * b), tf.multiply(10.0, a)]


def freeze(path):
    graph, _, _ = graph_of_two_inputs()
    path.write_bytes(graph.as_graph_def().SerializeToString())


def convert_without_signature(path):
    graph, inputs, outputs = graph_of_two_inputs()
    with tf.compat.v1.Session(graph=graph) as session:
        converter = tf.compat.v1.lite.TFLiteConverter
        content = converter.from_session(session, inputs, outputs).convert()
    path.write_bytes(content)


@pytest.mark.parametrize(
    "write, name",
    [
        (export, "exported"),
        (save_module, "module"),
        (freeze, "frozen.pb"),
        (export_litert, "model.tflite"),
        (convert_without_signature, "old.tflite"),
        (export_onnx, "model.onnx"),
    ],
)
def test_with_several_inputs_each_gets_its_own_data(said, tmp_path, write, name):
    write(tmp_path / name)
    lines = said(tmp_path / name)["code"]
    data = next(n for n, line in enumerate(lines) if line.startswith("data = "))
    data = lines.index("}", data) + 1
    names = {}
    exec("\n".join(lines[:data]), names)
    for key, array in names["data"].items():
        assert array.shape == (1, 3)
        array[:] = {"a": [7, 8, 9], "b": [1, 2, 3]}[re.findall(r"\b[ab]\b", key)[0]]
    exec("\n".join(lines[data:]), names)
    predictions = names["predictions"]
    if isinstance(predictions, dict):
        predictions = predictions.values()
    found = sorted(np.asarray(one).tolist() for one in predictions)
    assert found == [[[5, 4, 3]], [[70, 80, 90]]]


@pytest.mark.filterwarnings("ignore:The structure of")
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_model_that_was_made_with_a_dict_gets_a_dict(said, tmp_path, name):
    number, words = (
        keras.Input((2,), name="z"),
        keras.Input((3,), name="a", dtype="int32"),
    )
    outputs = {
        "sum": keras.layers.Dense(1)(number),
        "words": keras.layers.Embedding(9, 2)(words),
    }
    keras.Model({"p": number, "o": words}, outputs).save(tmp_path / name)
    names = typed(said(tmp_path / name))
    assert {key: x.shape for key, x in names["x"].items()} == {"o": (1, 3), "p": (1, 2)}
    assert set(names["predictions"]) == {"sum", "words"}


def test_inputs_of_onnx_that_share_an_open_size_get_the_same(said, tmp_path):
    onnx = pytest.importorskip("onnx")
    ends = [
        onnx.helper.make_tensor_value_info(name, dtype, sizes)
        for name, dtype, sizes in [
            ("image", 10, ["n", 3, "high", "wide"]),
            ("mask", 10, ["high", "wide"]),
            ("words", 8, ["n"]),
            ("product", 10, None),
            ("same", 8, None),
        ]
    ]
    nodes = [
        onnx.helper.make_node("Mul", ["image", "mask"], ["product"]),
        onnx.helper.make_node("Identity", ["words"], ["same"]),
    ]
    graph = onnx.helper.make_graph(nodes, "graph", ends[:3], ends[3:])
    version = [onnx.helper.make_opsetid("", 20)]
    model = onnx.helper.make_model(graph, ir_version=10, opset_imports=version)
    onnx.save(model, tmp_path / "model.onnx")
    product, words = typed(said(tmp_path / "model.onnx"))["predictions"]
    assert product.shape == (1, 3, 224, 224)
    assert list(words) == ["text"]


def test_a_graph_with_a_phase_that_prints_predicts_and_an_unknown_shape_is_named(
    said, tmp_path
):
    for name, shape in [("known.pb", [None, 4, 2]), ("unknown.pb", None)]:
        with tf.Graph().as_default() as graph:
            training = tf.compat.v1.placeholder("bool", [], name="is_training")
            x = tf.compat.v1.placeholder("float32", shape, name="x")
            y = tf.cond(training, lambda x=x: 2 * x, lambda x=x: x)
            tf.print(y)
            tf.identity(y)
            (tmp_path / name).write_bytes(graph.as_graph_def().SerializeToString())
    (prediction,) = typed(said(tmp_path / "known.pb"))["predictions"]
    assert prediction.shape == (1, 4, 2)
    about = said(tmp_path / "unknown.pb")
    assert "The shape of x: it is not in the file." in about["needs"]
    assert "predictions" not in typed(about)


def test_a_litert_model_gets_a_length_that_its_layers_take(said, tmp_path):
    inputs = keras.Input((None, 3))
    x = keras.layers.Conv1D(2, 3)(inputs)  # at least three steps
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))
    model.export(tmp_path / "model.tflite", format="litert", verbose=False)
    (prediction,) = typed(said(tmp_path / "model.tflite"))["predictions"].values()
    assert prediction.shape == (1, 2)


# Checkpoints of programs with names of their own


def small_model():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("adam", "mean_squared_error", run_eagerly=True)
    return model


@pytest.mark.parametrize("names", [["net"], ["net", "opt"], ["model"]])
def test_a_checkpoint_is_restored_under_the_names_that_it_has(said, tmp_path, names):
    model = small_model()
    model.fit(np.ones((2, 4)), np.ones((2, 2)), verbose=0)
    objects = dict(zip(names, [model, model.optimizer], strict=False))
    checkpoint = tf.train.Checkpoint(epoch=tf.Variable(3), **objects)
    checkpoint.save(str(tmp_path / "ckpt"))
    about = said(tmp_path)
    assert (about["facts"]["parameters"], about["facts"]["steps"]) == (10, 1)
    assert about["facts"]["optimizer_state"]
    loaded = typed(about, build_model=small_model)["model"]
    assert loaded.optimizer.iterations == 1
    for one, other in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_checkpoint_without_an_optimizer_wants_a_model_without_one(said, tmp_path):
    layers = [keras.Input((4,)), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    tf.train.Checkpoint(model=model).save(str(tmp_path / "ckpt"))
    about = said(tmp_path)
    assert "does not compile the model" in about["code"][1]
    loaded = typed(about, build_model=lambda: keras.Sequential(layers))["model"]
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])
    with pytest.raises(AssertionError):
        typed(about, build_model=small_model)


# Folders of OrbaxCheckpoint


def functional_model():
    inputs = keras.Input((4,), name="inputs")
    x = keras.layers.Dense(3, name="hidden")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(x), name="net")


def sequential_model():
    layers = [keras.layers.Dense(3, name="hidden"), keras.layers.Dense(2, name="end")]
    return keras.Sequential([keras.Input((4,)), *layers], name="net")


def wrapped_model():
    inputs = keras.Input((4, 1), name="inputs")
    lstm = keras.layers.LSTM(2, name="lstm")
    both = keras.layers.Bidirectional(lstm, name="both")(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, name="end")(both), name="net")


def nested_model():
    inputs = keras.Input((4,), name="inputs")
    return keras.Model(inputs, sequential_model()(inputs), name="outer")


@pytest.mark.parametrize(
    "build", [functional_model, sequential_model, wrapped_model, nested_model]
)
def test_a_folder_of_orbax_comes_back_with_all_its_values(said, tmp_path, build):
    pytest.importorskip("orbax.checkpoint")

    def build_model():
        model = build()
        model.compile(keras.optimizers.Adam(name="steps"), "mse", run_eagerly=True)
        return model

    model, folder = build_model(), tmp_path / "folder"
    x = np.ones((4, 4), "float32")
    save = keras.callbacks.OrbaxCheckpoint(folder, save_on_background=False)
    model.fit(x, np.ones((4, 2)), verbose=0, callbacks=[save])

    def has_all(loaded):
        both = loaded.weights + loaded.optimizer.variables
        wanted = model.weights + model.optimizer.variables
        return all(map(np.array_equal, both, wanted))

    about = said(folder)
    assert f"{len(model.weights)} variables." in about["contents"]
    assert "An optimizer's state." in about["contents"]
    assert has_all(typed(about, build_model=build_model)["model"])
    assert has_all(typed(said(folder / "0"), build_model=build_model)["model"])
    needs = " ".join(about["needs"])
    assert ("random" in needs) == (build is not functional_model)
    # It is as it says: Keras loads it, and its values are others.
    loaded = keras.models.load_model(folder)
    assert has_all(loaded) == (build is functional_model)
    assert ("Your program" in needs) == (build in (wrapped_model, nested_model))
    if "Your program" in needs:
        assert "(steps, " in needs
        with pytest.raises(AssertionError, match=r"hidden|lstm"):
            typed(about, build_model=lambda: loaded)


# What a file does not say about training


def dropped():
    inputs = keras.Input((3, 4))
    x = keras.layers.GRU(3, recurrent_dropout=0.5, name="gru")(inputs)
    return keras.Model(inputs, keras.layers.Dense(2)(x))


def attending():
    inputs = keras.Input((3, 4))
    attention = keras.layers.MultiHeadAttention(1, 2, dropout=0.5, name="attention")
    x = keras.layers.GlobalAveragePooling1D()(attention(inputs, inputs))
    return keras.Model(inputs, keras.layers.Dense(2)(x))


def frozen_attention():
    inputs = keras.Input((3, 4))
    attention = keras.layers.MultiHeadAttention(1, 2, name="attention")
    x = keras.layers.GlobalAveragePooling1D()(attention(inputs, inputs))
    attention.trainable = False
    return keras.Model(inputs, keras.layers.Dense(2)(x))


@pytest.mark.filterwarnings("ignore:Skipping variable")
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("build", [dropped, attending, frozen_attention])
def test_where_training_continues_otherwise_it_is_said(said, tmp_path, build, name):
    def train(model):
        model.fit(x, y, shuffle=False, verbose=0)
        return model.get_weights()

    model, x, y = build(), np.ones((4, 3, 4), "float32"), np.ones((4, 2))
    model.compile("adam", "mean_squared_error", run_eagerly=True)
    train(model)
    model.save(tmp_path / name)
    about = said(tmp_path / name)
    loaded = typed(about)["model"]
    same = all(map(np.array_equal, train(model), train(loaded)))
    assert not same
    sentence = about["can"][1]
    assert "as if never interrupted" not in sentence
    if build is not frozen_attention:
        wanted = "gru" if build is dropped else "attention"
        assert f"the random numbers of {wanted} are not in the file" in sentence
    else:
        assert "each layer in attention" in " ".join(about["needs"])


def test_an_optimizer_with_a_loss_scale_has_its_state(said, tmp_path):
    model = small_model()
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    model.compile(optimizer, "mean_squared_error", run_eagerly=True)
    model.fit(np.ones((2, 4)), np.ones((2, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    about = said(tmp_path / "model.keras")
    assert (about["facts"]["steps"], about["facts"]["optimizer_state"]) == (1, True)
    loaded = typed(about)["model"].optimizer.variables
    for one, other in zip(model.optimizer.variables, loaded, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_h5_file_that_was_compiled_and_never_trained_can_be_trained(said, tmp_path):
    small_model().save(tmp_path / "model.h5")
    x, y = np.ones((2, 4)), np.ones((2, 2))
    with pytest.raises(ValueError, match="Unknown variable"):
        keras.models.load_model(tmp_path / "model.h5").fit(x, y, verbose=0)
    model = typed(said(tmp_path / "model.h5"))["model"]
    model.fit(x, y, verbose=0)
    assert model.optimizer.iterations == 1
