"""Lesson 2: the whole model in one file."""

import io
import json
import re
import shutil
import zipfile

import h5py
from conftest import ROOT, numbers

SCRIPT = "02_save_load_full_model.py"


def test_lesson_2_shows_what_is_inside_the_file(default_run):
    text = default_run(SCRIPT).stdout
    for name in ("metadata.json", "config.json", "model.weights.h5"):
        assert re.search(rf"^ +{re.escape(name)} +[\d,]+ B$", text, re.M)
    assert "ok     the loss: SparseCategoricalCrossentropy" in text
    assert "ok     the optimizer: Adam" in text


def test_the_file_of_lesson_2_has_all_weights_and_the_whole_optimizer_state(
    default_run,
):
    with zipfile.ZipFile(default_run(SCRIPT).folder / "mnist.keras") as archive:
        config = json.loads(archive.read("config.json"))
        arrays = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    assert config["class_name"] == "Sequential"
    names = []
    arrays["layers"].visit(names.append)
    sizes = [arrays["layers"][name].size for name in names if "/vars/" in name]
    assert sum(sizes) == 50_890
    assert len(arrays["optimizer/vars"]) == 10


def test_lesson_2_resumes_in_a_process_that_does_not_know_the_models(default_run):
    program = (ROOT / "programs/resume.py").read_text(encoding="utf-8")
    code = program.split('"""')[2]
    assert "\nimport models" not in code
    assert ".compile(" not in code
    text = default_run(SCRIPT).stdout
    assert "ok     the new process predicts the same" in text
    assert "never interrupted: not one bit differs" in text


def test_lesson_2_without_adams_state_is_another_training(default_run):
    (difference,) = numbers(
        r"with a fresh Adam: weights differ by up to ([\d.]+)",
        default_run(SCRIPT).stdout,
    )
    assert difference > 0.01


def test_the_second_process_can_be_started_by_hand_again_and_again(default_run, folder):
    finished = folder.run_forked("programs/resume.py")
    assert finished.returncode == 1
    assert "mnist.keras is not there. Run 02_save_load_full_model.py first." in (
        finished.stderr
    )
    written = default_run(SCRIPT).folder
    copy = folder.path / "saved" / written.name
    shutil.copytree(written, copy, dirs_exist_ok=True)
    finished = folder.run_forked("programs/resume.py", "--samples", "320")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "ok     the new process predicts the same" in finished.stdout


def test_lesson_2_stops_when_the_second_process_fails(folder):
    (folder.path / "programs/resume.py").write_text("raise SystemExit('no')")
    finished = folder.run_forked(SCRIPT, "--samples", "320")
    assert finished.returncode == 1
    assert finished.stderr.splitlines()[-1].startswith("The new process failed")
