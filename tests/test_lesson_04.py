"""Lesson 4: custom classes."""

SCRIPT = "04_custom_classes.py"


def test_lesson_4_shows_each_mistake_with_its_error_and_its_remedy(default_run):
    text = default_run(SCRIPT).stdout
    for error, remedy in (
        ("TypeError: Could not locate class 'VideoModel'", "with custom_objects"),
        ("ValueError: A total of 2 objects could not be loaded", "with get_config"),
        ("ValueError: Layer count mismatch", "with from_config"),
    ):
        step = text.split(f"error  {error}")[1]
        assert f"ok     {remedy} it loads" in step.split("\n   error ")[0]
    assert "ok     not one bit is different" in text
