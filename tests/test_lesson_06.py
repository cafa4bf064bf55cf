"""Lesson 6: files of Keras 2."""

from conftest import numbers

SCRIPT = "06_keras2_files.py"


def test_lesson_6_shows_what_todays_keras_says_to_the_old_file(default_run):
    text = default_run(SCRIPT).stdout
    assert "error  ValueError: Invalid value for argument `reduction`." in text


def test_lesson_6_converts_with_one_command_and_the_new_file_has_adams_state(
    default_run,
):
    text = default_run(SCRIPT).stdout
    assert "Both train three batches the same" in text
    assert "training continues at step 3,750" in text
    assert "ok     Adam has its state, after 3,750 steps" in text


def test_lesson_6_continues_by_hand_as_tensorflow_2_3_did(default_run):
    text = default_run(SCRIPT).stdout
    (difference,) = numbers(r"weights differ from .* at most ([\d.e-]+)", text)
    assert difference < 1e-5
