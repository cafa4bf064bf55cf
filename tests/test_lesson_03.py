"""Lesson 3: the H5 file."""

SCRIPT = "03_h5_format.py"


def test_lesson_3_shows_the_error_and_the_four_parts_of_the_file(default_run):
    text = default_run(SCRIPT).stdout
    for part in (
        "model_config",
        "training_config",
        "model_weights/",
        "optimizer_weights/",
    ):
        assert part in text
    assert "error  ValueError: Unknown variable" in text
    assert "ok     Adam got 2 of 10 arrays" in text


def test_lesson_3_resumes_from_the_h5_file_and_from_the_converted_one(default_run):
    text = default_run(SCRIPT).stdout
    for step in ("3. Give Adam its state", "4. The way out"):
        assert (
            "ok     as if never interrupted: not one bit differs"
            in text.split(step)[1].split("\n5.")[0]
        )
    assert text.count("ok     as if never interrupted: not one bit differs") == 2


def test_lesson_3_shows_that_the_second_file_has_another_optimizer(default_run):
    assert "ok     Adam comes back as RMSprop" in default_run(SCRIPT).stdout
