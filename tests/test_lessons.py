"""Each lesson runs as a user runs it, and shows what it promises."""

import os
import re
import shutil
import signal
import subprocess
import sys
import venv

import lesson

import pytest
from conftest import (
    LESSONS,
    ROOT,
    SOURCES,
    need,
    stop_in_the_middle,
)
from fork_server import OFFLINE

FEW = ("--samples", "2000")


def assert_passed(finished):
    assert finished.stderr == ""
    assert finished.returncode == 0, finished.stdout
    assert "FAIL" not in finished.stdout
    assert finished.stdout.isascii()


@pytest.mark.parametrize("script", LESSONS)
def test_a_lesson_proves_all_its_claims_by_default(default_run, script):
    finished = default_run(script)
    assert_passed(finished)
    assert "not checked" not in finished.stdout
    steps = [int(number) for number in re.findall(r"^(\d+)\. ", finished.stdout, re.M)]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) >= 3


@pytest.mark.parametrize("script", LESSONS)
def test_a_lesson_writes_to_its_own_folder_only(default_run, script):
    own = default_run(script).folder
    root = own.parent.parent
    allowed = {"saved", "home", "__pycache__", *SOURCES}
    assert {path.name for path in root.iterdir()} <= allowed
    assert list(own.parent.iterdir()) == [own]
    assert not list((root.parent / "elsewhere").iterdir())


def test_the_network_was_away(folder):
    need(OFFLINE, "`unshare` is needed to take the network away")
    script = folder.path / "connect.py"
    script.write_text("import socket; socket.create_connection(('192.0.2.1', 80), 5)")
    for run in folder.run, folder.run_forked:
        assert "Network is unreachable" in run(script.name).stderr


# Wrong use


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--samples", "0"], "must be a whole number from 1 to 60000, not '0'"),
        (["--samples", "60001"], "must be a whole number from 1 to 60000, not '60001'"),
        (["--samples", "many"], "must be a whole number from 1 to 60000, not 'many'"),
        (["--samples", "-5"], "must be a whole number from 1 to 60000, not '-5'"),
        (["--epochs", "3"], "unrecognized arguments: --epochs 3"),
    ],
)
def test_a_wrong_argument_gets_a_usage_message(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(sys, "argv", ["01_save_load_weights.py", *arguments])
    with pytest.raises(SystemExit) as stopped:
        lesson.arguments("Lesson 1")
    assert stopped.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: 01_save_load_weights.py")
    assert message in printed.err


@pytest.mark.parametrize("script", [LESSONS[0], LESSONS[-1]])
def test_a_lesson_with_a_wrong_argument_does_nothing_else(shared_folder, script):
    finished = shared_folder.run_forked(script, "--epochs", "3")
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr.startswith(f"usage: {script}")


def test_help_says_what_the_arguments_do(shared_folder):
    finished = shared_folder.run_forked("01_save_load_weights.py", "--help")
    assert finished.returncode == 0
    for text in ("Lesson 1", "--samples", "all 60000"):
        assert text in finished.stdout


def one_line(finished):
    assert finished.returncode == 1
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    return line


def test_keras_2_by_environment_variable_gets_one_sentence(shared_folder):
    line = one_line(shared_folder.run(LESSONS[0], TF_USE_LEGACY_KERAS="1"))
    assert "TF_USE_LEGACY_KERAS" in line
    assert "Unset it" in line


def test_an_old_tensorflow_gets_one_sentence(shared_folder, tmp_path):
    # What pip leaves behind when it installs Keras 2.15.
    record = tmp_path / "keras-2.15.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: keras\nVersion: 2.15.0\n"
    )
    line = one_line(
        shared_folder.run("01_save_load_weights.py", PYTHONPATH=str(tmp_path))
    )
    assert "need Keras 3, and this Python has Keras 2.15.0" in line
    assert "Python in .venv" in line


def test_a_python_without_keras_gets_one_sentence(shared_folder, tmp_path):
    venv.create(tmp_path / "bare")
    scripts, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    python = tmp_path / "bare" / scripts / name
    line = one_line(shared_folder.run("01_save_load_weights.py", python=str(python)))
    assert "Keras is not installed" in line
    assert "Python in .venv" in line


def test_lessons_without_their_data_get_one_sentence(folder):
    shutil.rmtree(folder.path / "datasets")
    finished = folder.run_forked("01_save_load_weights.py")
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert "mnist.npz is missing. Restore it with" in line


def test_a_lesson_that_was_copied_alone_names_what_it_misses(tmp_path):
    shutil.copy(ROOT / LESSONS[0], tmp_path)
    finished = subprocess.run(
        [sys.executable, tmp_path / LESSONS[0]],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert finished.stderr.endswith("No module named 'lesson'\n")


def test_a_learners_own_mistake_keeps_its_traceback(folder):
    script = folder.path / LESSONS[0]
    text = script.read_text(encoding="utf-8")
    before, first_step = text.split("lesson.step(1,")
    script.write_text(
        f'{before}open("nope.txt")\n\nlesson.step(1,{first_step}', encoding="utf-8"
    )
    finished = folder.run_forked(script.name, *FEW)
    assert finished.returncode == 1
    line = before.count("\n") + 1
    assert f'{LESSONS[0]}", line {line}, in <module>' in finished.stderr
    assert 'open("nope.txt")' in finished.stderr
    assert "FileNotFoundError: [Errno 2]" in finished.stderr


def test_a_folder_that_cannot_be_made_gets_one_sentence(folder):
    (folder.path / "saved").write_text("in the way")
    finished = folder.run_forked("01_save_load_weights.py", *FEW)
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert "Nothing can be written to the folder" in line
    assert (folder.path / "saved").read_text() == "in the way"


def test_a_claim_that_does_not_hold_stops_the_lesson(folder):
    script = folder.path / "01_save_load_weights.py"
    text = script.read_text(encoding="utf-8")
    changed = text.replace(
        "    loaded_model.load_weights(weights_file)",
        '    __import__("warnings").warn("Skipping variable loading for optimizer")',
    )
    assert changed != text
    script.write_text(changed, encoding="utf-8")
    finished = folder.run_forked(script.name, *FEW)
    assert finished.returncode == 1
    assert "FAIL   it predicts as before" in finished.stdout
    assert finished.stdout.count("[[") == 2  # both values
    assert "4. Load Adam's state" not in finished.stdout


# During `fit`. Lesson 10 is stopped while it waits for another process.
def test_ctrl_c_stops_a_lesson_with_one_sentence(folder):
    need(os.name == "posix", "this test sends a signal")
    status, output, errors, _ = stop_in_the_middle(
        folder, "01_save_load_weights.py", "Epoch 1/2", signal.SIGINT
    )
    assert status == -signal.SIGINT
    assert errors == ""
    assert output.splitlines()[-1].startswith("Stopped by Ctrl-C.")
