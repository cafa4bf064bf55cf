"""Lesson 17: files of others."""

from conftest import numbers

SCRIPT = "17_files_of_others.py"


def test_lesson_17_refuses_code_and_names_the_damaged_part(default_run):
    text = default_run(SCRIPT).stdout
    assert (
        "error  ValueError: Requested the deserialization of a `Lambda` layer" in text
    )
    assert "ok     the damaged file: model.weights.h5" in text
    assert "ok     the good file: None" in text


def test_lesson_17_loads_a_damaged_weights_file_that_predicts_wrong_digits(default_run):
    (right,) = numbers(r"saved model gets ([\d,]+) right", default_run(SCRIPT).stdout)
    (wrong,) = numbers(r"the damaged one: ([\d,]+)", default_run(SCRIPT).stdout)
    assert right > 9000
    assert wrong < 7500
