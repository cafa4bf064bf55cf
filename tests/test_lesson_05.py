"""Lesson 5: weights into another model."""

SCRIPT = "05_another_model.py"


def test_lesson_5_shows_the_error_and_the_silence(default_run):
    text = default_run(SCRIPT).stdout
    assert "error  ValueError: A total of 1 objects could not be loaded" in text
    assert "ok     the largest change of a weight: 0.0" in text
    assert "error  AssertionError: Found 4 Python objects that were not bound" in text


def test_lesson_5_shows_three_ways_to_copy_an_architecture(default_run):
    text = default_run(SCRIPT).stdout.split("5. The architecture alone")[1]
    for call in ("clone_model", "from_config", "model_from_json"):
        assert f"ok     {call}: weights differ by up to " in text
    assert "ok     with its weights" in text
