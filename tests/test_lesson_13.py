"""Lesson 13: a SavedModel predicts anywhere, and what it does not hold."""

import re

import models

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.tools import saved_model_cli

SCRIPT = "13_saved_model.py"
ENDPOINTS = "13_several_endpoints.py"


def exported(model, folder):
    """Export a model, and return what `tf.saved_model.load` makes of it."""
    model.export(folder / "exported", verbose=False)
    return tf.saved_model.load(folder / "exported")


def test_a_saved_model_predicts_the_same_for_each_build(tmp_path, build, mnist):
    images = mnist[1][0][:100]
    model = build()
    wanted = model(images)
    loaded = exported(model, tmp_path)
    assert np.allclose(loaded.serve(images), wanted, atol=1e-5)


def test_a_subclassed_model_must_be_called_once_before_export(tmp_path):
    model = models.subclassed()
    with pytest.raises(ValueError, match="must be called at least once before export"):
        model.export(tmp_path / "exported", verbose=False)


def test_load_model_refuses_a_saved_model(tmp_path):
    exported(models.sequential(), tmp_path)
    with pytest.raises(ValueError, match="File format not supported"):
        keras.models.load_model(tmp_path / "exported")


def test_a_saved_model_has_each_weight_twice(tmp_path):
    exported(models.sequential(), tmp_path)
    path = tmp_path / "exported" / "variables" / "variables"
    shapes = [shape for _, shape in tf.train.list_variables(str(path))]
    for shape in ([784, 64], [64], [64, 10], [10]):
        assert shapes.count(shape) == 2


def test_a_wrong_shape_is_refused(tmp_path):
    loaded = exported(models.sequential(), tmp_path)
    with pytest.raises(TypeError, match="Can not cast TensorSpec"):
        loaded.serve(np.zeros((1, 28, 28), "float32"))


def test_several_inputs_are_given_as_a_list_or_a_dict_as_the_model_takes_them(tmp_path):
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    outputs = keras.layers.Dense(4)(keras.layers.Concatenate()([left, right]))
    a, b = np.ones((5, 3), "float32"), np.ones((5, 2), "float32")

    model = keras.Model([left, right], outputs)
    loaded = exported(model, tmp_path)
    assert np.allclose(loaded.serve([a, b]), model([a, b]), atol=1e-5)
    with pytest.raises(TypeError, match="too many positional arguments"):
        loaded.serve(a, b)

    model = keras.Model({"left": left, "right": right}, outputs)
    inputs = {"left": a, "right": b}
    loaded = exported(model, tmp_path)
    assert np.allclose(loaded.serve(inputs), model(inputs), atol=1e-5)


def test_its_weights_can_be_trained_in_a_model_but_dropout_stays_off(tmp_path, few):
    model = keras.Sequential(
        [keras.Input((784,)), keras.layers.Dropout(0.5), keras.layers.Dense(10)]
    )
    exported(model, tmp_path)
    layer = keras.layers.TFSMLayer(tmp_path / "exported", call_endpoint="serve")
    x, y = few[0][:3200], few[1][:3200]
    assert not np.allclose(model(x, training=True), model(x))
    assert np.allclose(layer(x, training=True), model(x), atol=1e-5)

    outer = keras.Sequential([keras.Input((784,)), layer])
    outer.compile(
        optimizer="sgd",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    _, before = outer.evaluate(x, y, verbose=0)
    outer.fit(x, y, verbose=0)
    _, after = outer.evaluate(x, y, verbose=0)
    assert after > before + 0.3


# Several endpoints


def test_lesson_13_prints_what_saved_model_cli_shows(default_run, monkeypatch, capsys):
    printed = re.sub(r"\s+", " ", default_run(ENDPOINTS).stdout)
    folder = str(default_run(ENDPOINTS).folder / "exported")
    monkeypatch.setattr(
        "sys.argv", ["saved_model_cli", "show", "--all", "--dir", folder]
    )
    with pytest.raises(SystemExit):
        saved_model_cli.main()
    shown = capsys.readouterr().out
    for name in ("digits", "hidden", "serving_default"):
        assert f"signature_def['{name}']" in shown
        assert f" {name}: {{'" in printed
    for name, shape in (("pictures", "(-1, 28, 28)"), ("images", "(-1, 784)")):
        inputs = shown.split(f"inputs['{name}'] tensor_info:")[1]
        assert inputs.split("shape: ")[1].startswith(shape)


def test_an_endpoint_takes_any_batch_and_casts_an_array_but_not_a_tensor(default_run):
    loaded = tf.saved_model.load(default_run(ENDPOINTS).folder / "exported")
    for size in (1, 3):
        assert loaded.digits(np.zeros((size, 28, 28), "uint8")).shape == (size,)
    ones, nines = np.ones((1, 28, 28)), np.full((1, 28, 28), 1.9)
    assert np.array_equal(loaded.digits(ones), loaded.digits(nines))
    with pytest.raises(TypeError, match="Can not cast TensorSpec"):
        loaded.digits(tf.constant(ones))
