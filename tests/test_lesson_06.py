"""Lesson 6: a file of Keras 2."""

SCRIPT = "06_keras2_files.py"


def test_lesson_6_loads_the_file_with_adams_state_and_converts_it(default_run):
    text = default_run(SCRIPT).stdout
    assert "error  TypeError: <class 'keras.src.losses.losses.Sparse" in text
    assert "ok     Adam has seen 3750 batches: two epochs" in text
    assert "ok     not one bit is different" in text
