"""modelfile outside of this folder: copied, and installed."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

MODEL = ROOT / "datasets" / "keras2" / "functional" / "model.h5"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# What pip installs; resumable.py is one file.
INSTALLED = ["modelfile", *(path.name for path in ROOT.glob("resumable.py"))]


def run(*command, cwd, **environment):
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**keep, "PYTHONUTF8": "1", **environment},
    )


def copy(name, folder):
    if (ROOT / name).is_dir():
        no_cache = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=no_cache)
    else:
        shutil.copy(ROOT / name, folder)


@pytest.fixture
def elsewhere(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere"


def test_copied_into_an_empty_folder_it_describes_and_converts(
    tmp_path, elsewhere, bare_python
):
    folder = tmp_path / "我的 model files"
    folder.mkdir()
    copy("modelfile", folder)
    old = shutil.copy(MODEL, folder / "旧 model.h5")
    python = [bare_python, "-m", "modelfile", old]
    new = folder / "新 model.keras"
    finished = run(*python, "--convert", new, cwd=elsewhere, PYTHONPATH=str(folder))
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "training continues at step 3,750" in finished.stdout
    assert finished.stderr == ""
    assert new.stat().st_size > 600_000
    chinese = run(*python, "--language", "zh", cwd=elsewhere, PYTHONPATH=str(folder))
    assert "优化器：Adam" in chinese.stdout


def test_pip_installs_the_command_and_no_lesson(tmp_path, elsewhere):
    source = tmp_path / "source"
    source.mkdir()
    for name in [*INSTALLED, "pyproject.toml", "models.py", "lesson.py"]:
        copy(name, source)
    pip = [sys.executable, "-m", "pip", "-q"]
    alone = ["--no-deps", "--no-index", "--disable-pip-version-check"]
    wheels = [*alone, "--no-build-isolation", "-w", tmp_path]
    built = run(*pip, "wheel", *wheels, source, cwd=elsewhere)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in names if "dist-info" not in name} == set(INSTALLED)
    target = tmp_path / "installed"
    installed = run(*pip, "install", *alone, "-t", target, wheel, cwd=elsewhere)
    assert installed.returncode == 0, installed.stderr
    command = target / "bin" / "modelfile"
    if os.name == "nt":
        command = command.with_suffix(".exe")
    for language, what in [
        ("en", "A whole model of Keras 2"),
        ("zh", "Keras 2 的完整"),
    ]:
        arguments = [MODEL, "--language", language]
        finished = run(command, *arguments, cwd=elsewhere, PYTHONPATH=str(target))
        assert finished.returncode == 0, finished.stderr
        assert what in finished.stdout
    keras_3 = ROOT / "tests" / "odd_files" / "two_inputs_b_first.keras"
    finished = run(
        command, keras_3, "--for", "3.6", cwd=elsewhere, PYTHONPATH=str(target)
    )
    assert "Keras 3.6 refuses the file as it is" in finished.stdout


def imported(path):
    """Return the names of the packages that a source imports."""
    text = path.read_text(encoding="utf-8")
    found = set(re.findall(r"^ *(?:import|from) (\w+)", text, re.M))
    return found - sys.stdlib_module_names


def test_it_imports_nothing_of_the_lessons_and_its_packages_are_listed():
    paths = [Path(path) for name in INSTALLED for path in [ROOT / name]]
    sources = [
        p for path in paths for p in (path.glob("*.py") if path.is_dir() else [path])
    ]
    packages = set().union(*map(imported, sources)) - {"modelfile"}
    packages = {{"google": "protobuf"}.get(name, name) for name in packages}
    listed = {re.match(r"[\w-]+", one)[0] for one in PROJECT["project"]["dependencies"]}
    # Where it is installed, what is in an ONNX file is said, too.
    assert packages - {"onnx"} == {name.replace("-", "_") for name in listed}
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    for one in PROJECT["project"]["dependencies"]:
        name, _, version = one.partition(">=")
        end = f"(=={re.escape(version)}|$)" if version else r"\b"
        assert re.search(f"^{name}{end}", pinned, re.M), one
