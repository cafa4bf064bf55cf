"""Lesson 1: weights alone."""

from conftest import numbers

SCRIPT = "01_save_load_weights.py"


def test_lesson_1_goes_on_training_where_it_stopped(default_run):
    text = default_run(SCRIPT).stdout
    (first,) = numbers(r"ok     accuracy in epoch 1: ([\d.]+)%", text)
    (third,) = numbers(r"ok     accuracy in epoch 3: ([\d.]+)%", text)
    assert 90 < first < 93
    assert third > 95.5


def test_lesson_1_shows_the_videos_call_with_its_error(default_run):
    text = default_run(SCRIPT).stdout
    assert "error  ValueError: The filename must end in `.weights.h5`." in text


def test_lesson_1_shows_what_the_weights_file_keeps_of_adam(default_run):
    text = default_run(SCRIPT).stdout
    assert text.count("warns  Skipping variable loading for optimizer 'adam") == 1
    assert "optimizer/\n         vars/0" in text
    assert "ok     Adam has counted 3,750 batches" in text  # 2 epochs of 1,875
    assert "ok     their weights: not one bit differs" in text
