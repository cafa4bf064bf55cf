"""Lesson 5: weights into another model."""

import lesson
import models

import keras
import pytest

SCRIPT = "05_another_model.py"


def test_lesson_5_shows_the_error_and_the_silence(default_run):
    text = default_run(SCRIPT).stdout
    assert "error  ValueError: A total of 1 objects could not be loaded" in text
    assert "ok     nothing was loaded" in text
    assert "error  AssertionError: Found 4 Python objects that were not bound" in text


def test_lesson_5_unfreezes_a_base_layer_by_layer(default_run):
    text = default_run(SCRIPT).stdout.split("6. A frozen base")[1]
    assert "ok     base: it stays frozen" in text
    assert "ok     layer by layer: it is not" in text


def test_lesson_5_compares_predictions_with_those_beside_the_model(default_run):
    text = default_run(SCRIPT).stdout.split("7. Check before you trust")[1]
    assert text.count("error  AssertionError: Not equal to tolerance") == 1


def test_lesson_5_copies_an_architecture(default_run):
    text = default_run(SCRIPT).stdout.split("5. The architecture alone")[1]
    assert "ok     clone_model: weights differ by up to " in text


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
