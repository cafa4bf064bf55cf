"""Lesson 16: the same file on NumPy, JAX and PyTorch, weights for PyTorch, and ONNX."""

import re
import subprocess
import sys
from importlib.util import find_spec

import lesson  # noqa: F401  starts TensorFlow quietly
import models

import keras
import numpy as np
import pytest
from conftest import ROOT, need, numbers
from safetensors.numpy import load_file, save_file

SCRIPT = "16_other_frameworks.py"


def test_lesson_16_predicts_and_trains_elsewhere(default_run):
    text = default_run(SCRIPT).stdout
    for backend in ("numpy", "jax", "torch"):
        (difference,) = numbers(rf"{backend}: predictions differ by .* (\S+)", text)
        assert difference < 1e-4
    differences = re.findall(r"ok     weights differ by at most (\S+)", text)
    assert len(differences) == 2
    assert max(map(float, differences)) < 1e-4
    assert numbers(r"largest difference: (\S+)", text)[0] < 1e-4


def test_what_keras_on_jax_has_saved_comes_back_with_adams_steps(default_run):
    model = keras.models.load_model(default_run(SCRIPT).folder / "jax.keras")
    assert model.optimizer.iterations.numpy() == 1975


def test_what_keras_on_pytorch_has_saved_does_not_train_on_tensorflow(default_run):
    path = default_run(SCRIPT).folder / "torch.keras"
    x, y = np.zeros((32, 784), "float32"), np.zeros(32)
    with pytest.raises(TypeError, match="expected Tensor as element 0"):
        keras.models.load_model(path).fit(x, y, verbose=0)
    model = keras.models.load_model(path, compile=False)
    assert model.predict(x, verbose=0).shape == (32, 10)


def test_what_keras_on_pytorch_has_saved_does_not_load_without_pytorch(
    default_run, monkeypatch
):
    path = default_run(SCRIPT).folder / "torch.keras"
    name = "keras.src.backend.torch.optimizers.torch_adam"
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(TypeError, match=f"parent module {name} cannot be imported"):
        keras.models.load_model(path)


def test_pytorch_without_keras_predicts_the_same(default_run):
    (difference,) = numbers(
        r"PyTorch: .* at most (\S+) of the largest", default_run(SCRIPT).stdout
    )
    assert difference < 1e-5
    program = (ROOT / "programs" / "in_pytorch.py").read_text(encoding="utf-8")
    assert "import keras" not in program


def test_safetensors_writes_a_transposed_array_in_its_old_order_silently(tmp_path):
    kernel = np.arange(6, dtype="float32").reshape(2, 3)
    path = tmp_path / "kernel.safetensors"
    save_file({"weight": kernel.T}, path)
    assert np.array_equal(load_file(path)["weight"], kernel.reshape(3, 2))
    save_file({"weight": np.ascontiguousarray(kernel.T)}, path)
    assert np.array_equal(load_file(path)["weight"], kernel.T)


def test_keras_on_pytorch_wants_one_step_per_execution(tmp_path):
    need(find_spec("torch"), "torch is not installed")
    models.build_and_compile().save(tmp_path / "m.keras")
    program = """
import keras, numpy
model = keras.models.load_model("m.keras")
try:
    model.predict(numpy.zeros((32, 784)), verbose=0)
except ValueError as error:
    print(error)
model.steps_per_execution = 1
print(model.predict(numpy.zeros((32, 784)), verbose=0).shape)
"""
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"KERAS_BACKEND": "torch"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert "`steps_per_execution` must be 1 with the PyTorch" in finished.stdout
    assert finished.stdout.endswith("(32, 10)\n"), finished.stderr


def test_the_file_for_openvino_is_named_by_a_str(tmp_path):
    with pytest.raises(AttributeError, match="no attribute 'endswith'"):
        models.build().export(tmp_path / "m.xml", format="openvino")


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
        "import sys; sys.modules.update(jax=None, tf2onnx=None, torch=None)"
    )
    finished = shared_folder.run(SCRIPT, "--samples", "320", PYTHONPATH=str(tmp_path))
    assert finished.returncode == 0
    assert finished.stderr == ""
    text = " ".join(finished.stdout.split())
    for name in "jax", "tf2onnx", "torch":
        assert f"{name} is not installed: what needs it is left out." in text
    assert "pip install -r requirements-other.txt" in text


@pytest.mark.parametrize("program", ["other_backend.py", "in_pytorch.py"])
def test_a_second_process_started_alone_says_what_to_run_first(folder, program):
    need(find_spec("torch"), "torch is not installed")
    finished = folder.run(f"programs/{program}", PYTHONPATH="")
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert "Run 16_other_frameworks.py first" in finished.stderr.splitlines()[-1]


def test_the_packages_are_pinned_and_the_tests_have_them():
    pinned = (ROOT / "requirements-other.txt").read_text()
    for line in pinned.splitlines():
        assert re.fullmatch(r"#.*|[\w-]+==[\d.]+", line), line
    wanted = (ROOT / "tests" / "requirements.txt").read_text()
    assert "-r ../requirements-other.txt" in wanted
