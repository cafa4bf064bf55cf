"""Lesson 6: files of Keras 2."""

from conftest import numbers

SCRIPT = "06_keras2_files.py"


def test_lesson_6_shows_what_todays_calls_say_to_the_old_files(default_run):
    text = default_run(SCRIPT).stdout
    assert "error  ValueError: File format not supported: filepath=weights/." in text
    assert "error  ValueError: Invalid value for argument `reduction`." in text


def test_lesson_6_goes_on_as_tensorflow_2_3_did(default_run):
    text = default_run(SCRIPT).stdout
    assert "optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE" in text
    assert text.count("ok     logits differ from TensorFlow 2.3 by at most") == 2
    (difference,) = numbers(r"weights differ from .* at most ([\d.e-]+)", text)
    assert difference < 1e-5
    assert "ok     its Adam has seen two epochs" in text
