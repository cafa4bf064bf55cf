"""Lesson 7: who wrote a file, and a file for older versions of Keras."""

import zipfile

import lesson  # noqa: F401  starts TensorFlow quietly

SCRIPT = "07_older_keras.py"


def config(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read("config.json").decode()


def test_the_new_file_lacks_what_is_new_and_has_all_the_rest(default_run):
    folder = default_run(SCRIPT).folder
    before, by_hand = folder / "mnist.keras", folder / "by-hand.keras"
    for name in "quantization_config", "optional", "input_axes", "output_axes":
        assert f'"{name}"' in config(before)
        assert f'"{name}"' not in config(by_hand)
    with zipfile.ZipFile(before) as old, zipfile.ZipFile(by_hand) as new:
        assert new.namelist() == old.namelist()
        for name in "metadata.json", "model.weights.h5":
            assert new.read(name) == old.read(name)
