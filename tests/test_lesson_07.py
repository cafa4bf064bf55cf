"""Lesson 7: who wrote a file, and a file for older versions of Keras."""

import zipfile

import lesson  # noqa: F401  starts TensorFlow quietly

import keras

SCRIPT = "07_older_keras.py"


def config(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read("config.json").decode()


def test_lesson_7_says_who_wrote_the_file_and_writes_one_for_others(default_run):
    finished = default_run(SCRIPT)
    assert f"ok     by Keras {keras.__version__}, the one here" in finished.stdout
    assert finished.stdout.count("ok     it predicts as before") == 2
    assert "ok     not one bit is different" in finished.stdout
    assert "error  ValueError: An older Keras does not know renorm" in finished.stdout
    assert not (finished.folder / "not-written.keras").exists()


def test_the_new_file_lacks_what_is_new_and_has_all_the_rest(default_run):
    folder = default_run(SCRIPT).folder
    before, after = folder / "mnist.keras", folder / "for-older.keras"
    for name in "quantization_config", "optional", "input_axes", "output_axes":
        assert f'"{name}"' in config(before)
        assert f'"{name}"' not in config(after)
    with zipfile.ZipFile(before) as old, zipfile.ZipFile(after) as new:
        assert new.namelist() == old.namelist()
        for name in "metadata.json", "model.weights.h5":
            assert new.read(name) == old.read(name)
