"""modelfile.tfjs writes what TensorFlow.js reads (test_lesson_15.py), and refuses the rest."""

import json

import lesson  # noqa: F401  starts TensorFlow quietly
import models
from modelfile import tfjs

import keras
import numpy as np
import pytest

Dense = keras.layers.Dense


def inputs():
    return keras.Input((8,))


def two_outputs():
    x = inputs()
    return keras.Model(x, [Dense(8)(x), Dense(8)(x)], name="fork")


def one_layer_twice():
    x, layer = inputs(), Dense(8)
    return keras.Model(x, layer(layer(x)), name="twice")


def shortcut():
    x = inputs()
    return keras.Model(x, keras.layers.Add(name="plus")([x, Dense(8)(x)]))


class AddsOne(keras.Model):
    def __init__(self):
        super().__init__(name="adds_one")
        self.dense = Dense(8)

    def call(self, x):
        return self.dense(x) + 1


def adds_one():
    model = AddsOne()
    model(np.zeros((1, 8)))
    return model


@pytest.fixture
def saved(tmp_path, build):
    """A classifier, and the file that it was saved to."""
    model = build()
    tfjs.save(model, tmp_path)
    return model, tmp_path / "model.json"


def test_a_saved_model_comes_back_with_the_same_predictions(saved, mnist):
    model, path = saved
    images = mnist[1][0]
    np.testing.assert_array_equal(tfjs.load(path)(images), model(images))


def test_a_stack_of_dense_layers_comes_back_as_it_was(tmp_path):
    layers = [
        Dense(5, activation, use_bias=i % 2 > 0)
        for i, activation in enumerate(tfjs.ACTIVATIONS)
    ]
    layers[0].trainable = False
    model = keras.Sequential([inputs(), *layers])
    tfjs.save(model, tmp_path)
    loaded = tfjs.load(tmp_path / "model.json")
    keys = ("name", "units", "activation", "use_bias", "trainable")
    for ours, its in zip(model.layers, loaded.layers, strict=True):
        assert [ours.get_config()[key] for key in keys] == [
            its.get_config()[key] for key in keys
        ]
    x = np.random.default_rng(1).random((50, 8), "float32")
    np.testing.assert_array_equal(loaded(x), model(x))


def test_what_is_written_is_the_bytes_of_the_weights(saved):
    model, path = saved
    written = np.fromfile(path.with_name("weights.bin"), "<f4")
    np.testing.assert_array_equal(
        written, np.concatenate([w.ravel() for w in model.get_weights()])
    )


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: [Dense(4), keras.layers.Dropout(0.5, name="drop")],
            "Layer 'drop' is a Dropout",
        ),
        (
            lambda: [keras.Sequential([Dense(4)], name="inner")],
            "Layer 'inner' is a Sequential",
        ),
        (
            lambda: [Dense(4, "hard_sigmoid", name="a")],
            "Layer 'a' has an activation that is none",
        ),
        (
            lambda: [Dense(4, keras.ops.sin, name="a")],
            "Layer 'a' has an activation that is none",
        ),
        (
            lambda: [Dense(4, kernel_regularizer="l2", name="a")],
            "Layer 'a' .* kernel_regularizer",
        ),
        (
            lambda: [Dense(4, bias_constraint="non_neg", name="a")],
            "Layer 'a' .* bias_constraint",
        ),
        (lambda: [Dense(4, dtype="float16", name="a")], "Layer 'a' .*: dtype"),
        (
            lambda: keras.Sequential([Dense(4, name="a")]),
            "Layer 'a' has no weights yet",
        ),
        (lambda: keras.Sequential(name="empty"), "Model 'empty' has no layers"),
        (
            lambda: keras.Sequential([keras.Input((3, 8)), Dense(4)], name="deep"),
            "Model 'deep'",
        ),
        (shortcut, "Layer 'plus' is a Add"),
        (two_outputs, "Model 'fork' does something else than call its layers"),
        (one_layer_twice, "Model 'twice' does something else than call its layers"),
        (adds_one, "Model 'adds_one' does something else than call its layers"),
    ],
)
def test_anything_else_is_refused_with_its_name_and_nothing_is_written(
    tmp_path, make, message
):
    model = make()
    if isinstance(model, list):
        model = keras.Sequential([inputs(), *model])
    with pytest.raises(ValueError, match=message):
        tfjs.save(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_something_else_gets_one_sentence(tmp_path):
    tfjs.save(models.sequential(), tmp_path)
    path, weights = tmp_path / "model.json", tmp_path / "weights.bin"
    text, content = path.read_text(), weights.read_bytes()
    layer, weight = '"class_name": "Dense"', '"dtype": "float32"'
    for changed, replaced, message in (
        ("not JSON", content, "Expecting value"),
        ("[]", content, "list indices"),
        ("{}", content, "there is no 'modelTopology'"),
        (
            text.replace(layer, '"class_name": "Conv2D"'),
            content,
            "layer 'hidden' is a Conv2D",
        ),
        (
            text.replace(weight, '"dtype": "int32"'),
            content,
            "'hidden/kernel' is not stored as float32",
        ),
        (
            text.replace("hidden/bias", "other/bias"),
            content,
            "there is no 'other/bias'",
        ),
        (text, content[:-4], "cannot reshape array of size 9 into shape"),
        (text, content + bytes(4), "1 numbers too many"),
        (text, content[:-1], "buffer size must be a multiple"),
    ):
        path.write_text(changed)
        weights.write_bytes(replaced)
        with pytest.raises(ValueError, match=message) as raised:
            tfjs.load(path)
        assert str(raised.value).startswith(
            f"{path} cannot be loaded as a TensorFlow.js layers"
        )
    description = json.loads(text)
    description["weightsManifest"][0]["weights"].pop()
    path.write_text(json.dumps(description))
    weights.write_bytes(content[:-40])
    with pytest.raises(ValueError, match="no values for logits/bias"):
        tfjs.load(path)


def test_a_file_cannot_point_to_another_folder(tmp_path):
    (tmp_path / "inside").mkdir()
    tfjs.save(models.sequential(), tmp_path / "inside")
    path = tmp_path / "inside" / "model.json"
    path.write_text(path.read_text().replace("weights.bin", "../weights.bin"))
    (path.parent / "weights.bin").rename(tmp_path / "weights.bin")
    with pytest.raises(FileNotFoundError):
        tfjs.load(path)
