"""Lesson 18: seven formats, one under the other."""

from conftest import numbers

SCRIPT = "18_choose_a_format.py"


def test_lesson_18_saves_and_loads_seven_formats(default_run):
    text = default_run(SCRIPT).stdout
    steps = text.split("the logits differ by at most ")[1:]
    assert len(steps) == 7
    for step in steps:
        assert numbers(r"^([\d.e-]+)", step)[0] < 1e-5
