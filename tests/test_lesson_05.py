"""Lesson 5: weights into another model."""

import ntpath
import types

import lesson
import models

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.saving import file_editor

SCRIPT = "05_another_model.py"
NEW_HEAD = "05_new_head.py"
REFUSED_FILE = "05_refused_file.py"


def test_a_functional_base_is_unfrozen_by_its_own_attribute(tmp_path):
    inputs = keras.Input((4,))
    base = keras.Model(inputs, keras.layers.Dense(3)(inputs), name="base")
    base.trainable = False
    model = keras.Sequential([keras.Input((4,)), base, keras.layers.Dense(2)])
    model.save(tmp_path / "frozen.keras")
    loaded = keras.models.load_model(tmp_path / "frozen.keras")
    assert len(loaded.trainable_variables) == 2
    loaded.get_layer("base").trainable = True
    assert len(loaded.trainable_variables) == 4


def test_a_sequential_model_in_a_functional_base_stays_frozen(tmp_path):
    inputs = keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    base = keras.Model(inputs, keras.layers.Dense(2)(inner(inputs)), name="base")
    base.trainable = False
    keras.Sequential([base, keras.layers.Dense(1)]).save(tmp_path / "frozen.keras")
    loaded = keras.models.load_model(tmp_path / "frozen.keras")
    loaded.get_layer("base").trainable = True
    assert len(loaded.trainable_variables) == 4  # of 6


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_frozen_attention_layer_is_trained_again_after_loading(tmp_path, ending):
    def build():
        inputs = keras.Input((5, 4))
        attention = keras.layers.MultiHeadAttention(2, 3, name="attention")
        outputs = keras.layers.Dense(1)(attention(inputs, inputs))
        attention.trainable = False  # before it is built, this freezes nothing
        return keras.Model(inputs, outputs)

    model = build()
    model.save(tmp_path / f"frozen{ending}")
    loaded = keras.models.load_model(tmp_path / f"frozen{ending}")
    assert loaded.get_layer("attention").trainable is False
    assert len(model.trainable_variables) == 2
    assert len(loaded.trainable_variables) == 10
    for layer in loaded.get_layer("attention")._flatten_layers(include_self=False):
        layer.trainable = False
    assert len(loaded.trainable_variables) == 2
    model.save_weights(tmp_path / "frozen.weights.h5")
    built = build()
    built.load_weights(tmp_path / "frozen.weights.h5")
    assert len(built.trainable_variables) == 2


def test_a_checkpoint_loads_what_matches_and_names_the_rest(tmp_path):
    def build(layers):
        return keras.Sequential(
            [keras.Input((4,)), *(keras.layers.Dense(4) for _ in range(layers))]
        )

    small, large = build(1), build(2)
    tf.train.Checkpoint(model=small).write(tmp_path / "checkpoint")
    status = tf.train.Checkpoint(model=large).read(tmp_path / "checkpoint")
    with pytest.raises(AssertionError, match="not bound to checkpointed values"):
        status.assert_existing_objects_matched()
    first = [model.layers[0].get_weights()[0] for model in (small, large)]
    assert np.array_equal(*first)


@pytest.mark.parametrize(
    "copy",
    [
        keras.models.clone_model,
        lambda model: keras.Sequential.from_config(model.get_config()),
        lambda model: keras.models.model_from_json(model.to_json()),
    ],
    ids=["clone_model", "from_config", "model_from_json"],
)
def test_three_ways_copy_an_architecture_with_new_weights(copy, tmp_path):
    model = models.sequential()
    new_model = copy(model)
    assert lesson.largest_difference(new_model.get_weights(), model.get_weights()) > 0
    model.save_weights(tmp_path / "model.weights.h5")
    new_model.load_weights(tmp_path / "model.weights.h5")
    assert lesson.largest_difference(new_model.get_weights(), model.get_weights()) == 0


@pytest.fixture
def edited(tmp_path):
    """A function that edits the subclassed model's file, and the model itself."""
    model = models.subclassed()
    path = tmp_path / "subclassed.weights.h5"
    model.save_weights(path)

    def edit():
        editor = keras.saving.KerasFileEditor(str(path))
        editor.summary()
        editor.add_object("layers/dense", editor.weights_dict["hidden"])
        editor.delete_object("hidden")
        editor.save(tmp_path / "edited.weights.h5")
        return tmp_path / "edited.weights.h5"

    return edit, model


def test_a_file_that_was_edited_with_keras_loads(edited):
    edit, saved = edited
    model = models.sequential()
    model.load_weights(edit())
    assert lesson.largest_difference(model.get_weights(), saved.get_weights()) == 0


def test_a_file_that_was_edited_with_keras_on_windows_does_not_load(
    edited, monkeypatch
):
    monkeypatch.setattr(file_editor, "os", types.SimpleNamespace(path=ntpath))
    edit, _ = edited
    with pytest.raises(ValueError, match="could not be loaded"):
        models.sequential().load_weights(edit())


def test_the_editor_wants_a_str(tmp_path):
    models.sequential().save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(AttributeError, match="endswith"):
        keras.saving.KerasFileEditor(tmp_path / "m.weights.h5")


def test_rename_object_takes_no_path(tmp_path):
    models.subclassed().save_weights(tmp_path / "m.weights.h5")
    editor = keras.saving.KerasFileEditor(str(tmp_path / "m.weights.h5"))
    with pytest.raises(ValueError, match="should be a leaf name"):
        editor.rename_object("hidden", "layers/dense")
