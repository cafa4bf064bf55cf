"""Lesson 16: the same file on NumPy and JAX, and ONNX."""

import re
import subprocess
import sys

import lesson  # noqa: F401  starts TensorFlow quietly

import keras
from conftest import ROOT, numbers

SCRIPT = "16_other_frameworks.py"


def test_lesson_16_predicts_and_trains_elsewhere(default_run):
    text = default_run(SCRIPT).stdout
    for backend in ("numpy", "jax"):
        (difference,) = numbers(rf"{backend}: predictions differ by .* (\S+)", text)
        assert difference < 1e-4
    assert numbers(r"ok     weights differ by at most (\S+)", text)[0] < 1e-4
    assert numbers(r"logits, the model's outputs, differ by .* (\S+)", text)[0] < 1e-4
    assert "ok     Adam has made 1,975 steps" in text


def test_what_jax_has_saved_comes_back_with_adams_steps(default_run):
    model = keras.models.load_model(default_run(SCRIPT).folder / "jax.keras")
    assert model.optimizer.iterations.numpy() == 1975


def test_keras_on_numpy_does_not_train(default_run):
    program = """
import keras, numpy
model = keras.models.load_model("mnist.keras")
model.fit(numpy.zeros((32, 784)), numpy.zeros(32))
"""
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=default_run(SCRIPT).folder,
        env={"KERAS_BACKEND": "numpy"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert "NotImplementedError: fit not implemented for NumPy" in finished.stderr


def test_keras_on_numpy_needs_jax():
    program = "import sys; sys.modules['jax'] = None; import keras"
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env={"KERAS_BACKEND": "numpy"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert "import of jax halted" in finished.stderr


def test_without_the_packages_lesson_16_says_what_to_install(shared_folder, tmp_path):
    # Python runs this file when it starts; then the packages cannot be imported.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys; sys.modules.update(jax=None, tf2onnx=None)"
    )
    finished = shared_folder.run(SCRIPT, "--samples", "320", PYTHONPATH=str(tmp_path))
    assert finished.returncode == 0
    assert finished.stderr == ""
    text = " ".join(finished.stdout.split())
    for name in "JAX", "tf2onnx":
        assert f"{name} is not installed: this step is left out." in text
    assert "pip install -r requirements-other.txt" in text


def test_the_second_process_started_alone_says_what_to_run_first(folder):
    finished = folder.run_forked("programs/other_backend.py")
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert "Run 16_other_frameworks.py first" in finished.stderr.splitlines()[-1]


def test_the_packages_are_pinned_and_the_tests_have_them():
    pinned = (ROOT / "requirements-other.txt").read_text()
    for line in pinned.splitlines():
        assert re.fullmatch(r"#.*|[\w-]+==[\d.]+", line), line
    wanted = (ROOT / "tests" / "requirements.txt").read_text()
    assert "-r ../requirements-other.txt" in wanted
