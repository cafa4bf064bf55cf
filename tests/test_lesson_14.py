"""Lesson 14: what LiteRT computes, and what it refuses."""

import subprocess
import sys

import models

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

SCRIPT = "14_litert.py"
INT8 = [tf.lite.Optimize.DEFAULT]


def export(model, path, **settings):
    """Export a model, and return the bytes of its LiteRT file."""
    model.export(path, format="litert", verbose=False, **settings)
    return path.read_bytes()


def run(content, inputs):
    """Return what a LiteRT file of one input and one output computes."""
    interpreter = Interpreter(model_content=content)
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, inputs.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, inputs)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


@pytest.mark.parametrize("settings", [{}, {"optimizations": INT8}])
def test_each_build_runs_on_litert(tmp_path, build, mnist, settings):
    images = mnist[1][0][:200]
    keras.utils.set_random_seed(1)
    model = build()
    wanted = model(images)
    content = export(model, tmp_path / "m.tflite", **settings)
    results = run(content, images)
    if settings:
        assert len(content) < 56_000
        assert 1e-4 < np.abs(results - wanted).max() < 0.1
    else:
        assert len(content) > 200_000
        assert np.abs(results - wanted).max() < 1e-4


def test_the_converter_makes_the_same_of_a_saved_model(tmp_path, mnist):
    images = mnist[1][0][:200]
    model = models.sequential()
    model.export(tmp_path / "exported", verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "exported"))
    exported = export(model, tmp_path / "m.tflite")
    np.testing.assert_array_equal(
        run(converter.convert(), images), run(exported, images)
    )


def test_the_interpreter_does_not_need_tensorflow():
    program = (
        "import sys, ai_edge_litert.interpreter\n"
        "assert 'tensorflow' not in sys.modules\n"
        "assert 'keras' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_interpreter_of_tensorflow_is_deprecated(tmp_path):
    content = export(models.sequential(), tmp_path / "m.tflite")
    with pytest.warns(UserWarning, match="tf.lite.Interpreter is deprecated"):
        tf.lite.Interpreter(model_content=content)


# What it refuses

layers = keras.layers


@pytest.mark.parametrize(
    "shape, layer",
    [
        ((5, 3), lambda: layers.LSTM(4)),
        ((5, 3), lambda: layers.GRU(4)),
        ((5,), lambda: layers.Dense(4, dtype="mixed_float16")),
    ],
    ids=["LSTM", "GRU", "mixed precision"],
)
def test_some_layers_are_exported_and_then_refused(tmp_path, shape, layer):
    model = keras.Sequential([keras.Input(shape), layer()])
    content = export(model, tmp_path / "m.tflite")
    with pytest.raises(RuntimeError, match=r"Select TensorFlow op\(s\)"):
        run(content, np.zeros((1, *shape), "float32"))


@pytest.mark.parametrize(
    "layer, value, dtype",
    [
        (lambda: layers.IntegerLookup(vocabulary=[7, 8]), 8, "int64"),
        (lambda: layers.TextVectorization(vocabulary=["a", "b"]), "b", "string"),
    ],
    ids=["IntegerLookup", "TextVectorization"],
)
def test_some_vocabularies_are_exported_and_then_refused(tmp_path, layer, value, dtype):
    model = keras.Sequential([keras.Input((1,), dtype=dtype), layer()])
    content = export(model, tmp_path / "m.tflite")
    with pytest.raises(RuntimeError, match=r"Select TensorFlow op\(s\)"):
        run(content, np.array([[value]], object if dtype == "string" else dtype))


def test_a_string_lookup_runs(tmp_path):
    lookup = layers.StringLookup(vocabulary=["a", "b"])
    model = keras.Sequential([keras.Input((1,), dtype="string"), lookup])
    content = export(model, tmp_path / "m.tflite")
    assert run(content, np.array([["b"]], object)) == 2


@pytest.mark.parametrize("layer", [layers.LSTM, layers.GRU])
def test_an_unrolled_rnn_runs(tmp_path, layer):
    model = keras.Sequential([keras.Input((5, 3)), layer(4, unroll=True)])
    inputs = np.random.default_rng(0).random((2, 5, 3), "float32")
    content = export(model, tmp_path / "m.tflite")
    results = run(content, inputs)
    assert np.abs(results - model(inputs)).max() < 1e-5


def test_how_much_smaller_a_quantized_file_is_depends_on_the_layers(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 3),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
        ]
    )
    full = export(model, tmp_path / "m.tflite")
    small = export(model, tmp_path / "small.tflite", optimizations=INT8)
    assert len(small) > 0.8 * len(full)
