"""MNIST is complete, and a damaged file gives one clear sentence."""

import lesson  # noqa: F401  starts TensorFlow quietly
import data

import numpy as np
import pytest
from conftest import change_one_byte, cut_short


def test_images_are_flat_float32_between_0_and_1(mnist):
    (x_train, _), (x_test, _) = mnist
    for images, count in ((x_train, 60_000), (x_test, 10_000)):
        assert images.shape == (count, 784)
        assert images.dtype == np.float32
        assert images.min() == 0.0
        assert images.max() == 1.0


def test_each_digit_occurs_as_often_as_the_readme_of_the_data_says(mnist):
    readme = (data.FOLDER / "README.md").read_text(encoding="utf-8")
    counts = " ".join(readme.split("digit 0..9:")[1].split("\n\n")[0].split())
    for name, (_, labels) in zip(("train", "test"), mnist, strict=True):
        assert labels.dtype == np.uint8
        assert f"{name} {' '.join(map(str, np.bincount(labels)))}" in counts


def test_samples_takes_the_first_training_images_and_all_test_images(mnist):
    (x_few, y_few), (x_test, _) = data.load_mnist(7)
    (x_train, y_train), _ = mnist
    assert np.array_equal(x_few, x_train[:7])
    assert np.array_equal(y_few, y_train[:7])
    assert len(x_test) == 10_000


@pytest.mark.parametrize("samples", [0, -1, 60_001, 2.5, "7"])
def test_a_wrong_number_of_samples_is_refused(samples):
    with pytest.raises(
        ValueError, match="samples must be a whole number from 1 to 60000"
    ):
        data.load_mnist(samples)


def remove(file):
    file.unlink()


def make_unreadable(file):
    # A folder in its place: no user can read that, not even an administrator.
    file.unlink()
    file.mkdir()


def empty(file):
    file.write_bytes(b"")


@pytest.mark.parametrize(
    "script, name, damage, problem",
    [
        ("01_save_load_weights.py", "mnist.npz", remove, "is missing"),
        ("01_save_load_weights.py", "mnist.npz", make_unreadable, "cannot be read"),
        ("01_save_load_weights.py", "mnist.npz", cut_short, "is damaged"),
        ("02_save_load_full_model.py", "mnist.npz", change_one_byte, "is damaged"),
        ("03_h5_format.py", "mnist.npz", empty, "is damaged"),
        (
            "06_keras2_files.py",
            "keras2/functional/model.h5",
            change_one_byte,
            "is damaged",
        ),
    ],
)
def test_a_bad_data_file_gives_one_sentence(folder, script, name, damage, problem):
    file = folder.file_of_its_own(f"datasets/{name}")
    damage(file)
    finished = folder.run_forked(script, "--samples", "32")
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert f"{file} {problem}" in line
    assert f"git checkout -- datasets/{name}" in line
    assert not (folder.path / "saved").exists()


def test_a_bad_data_file_leaves_what_was_saved_before(folder):
    assert (
        folder.run_forked("01_save_load_weights.py", "--samples", "32").returncode == 0
    )
    saved = {p: p.read_bytes() for p in folder.path.glob("saved/**/*") if p.is_file()}
    assert saved
    change_one_byte(folder.file_of_its_own("datasets/mnist.npz"))
    assert (
        folder.run_forked("01_save_load_weights.py", "--samples", "32").returncode == 1
    )
    assert all(path.read_bytes() == content for path, content in saved.items())


def test_a_name_that_is_not_among_the_files_of_keras_2_is_refused():
    assert data.keras2_file("functional/model.h5").is_file()
    with pytest.raises(KeyError, match="func"):
        data.keras2_file("func")
