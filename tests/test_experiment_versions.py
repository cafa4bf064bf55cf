"""Versions: which Keras can load the files of which other?"""

import csv
import os
import signal
import subprocess
import sys

import lesson  # noqa: F401  starts TensorFlow quietly
from experiments import versions
from pages import errors

import keras
import pytest
from conftest import QUICKER, ROOT, need, stop_in_the_middle

SCRIPT = "experiments.versions"
KERAS_2, OLD, LAST = QUICKER[SCRIPT][1:]
NEW = keras.__version__
KERAS_3 = OLD, LAST, NEW
MODELS = "sequential", "two branches", "CNN", "subclassed"

# What an older version says to a file of this one. docs/errors.md says it, too.
MESSAGES = {
    KERAS_2: "TypeError: Unrecognized keyword arguments: ['batch_shape']",
    OLD: "TypeError: Unrecognized keyword arguments passed to Dense: "
    "{'quantization_config': None}",
    LAST: "TypeError: GlorotUniform.__init__() got an unexpected keyword argument "
    "'input_axes'",
}


def read(path):
    """Return for each (format, written by, read by) the outcomes, and the messages."""
    outcomes, messages = {}, {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            place = row["format"], row["written by"], row["read by"]
            outcomes.setdefault(place, {})[row["model"]] = row["outcome"]
            messages.setdefault(place, []).append(row["message"])
    return outcomes, messages


@pytest.fixture
def outcomes(default_run):
    return read(default_run(SCRIPT).folder / "versions.csv")[0]


def all_models(outcome):
    return dict.fromkeys(MODELS, outcome)


def test_weights_go_from_every_keras_3_to_every_other(outcomes):
    for writer in KERAS_3:
        for reader in KERAS_3:
            assert outcomes[".weights.h5", writer, reader] == all_models("resumes")


def test_a_keras_file_loads_in_a_newer_version_and_not_in_an_older_one(outcomes):
    refused = {**all_models("error"), "subclassed": "resumes"}
    for i, writer in enumerate(KERAS_3):
        for j, reader in enumerate(KERAS_3):
            expected = all_models("resumes") if i <= j else refused
            assert outcomes[".keras", writer, reader] == expected


def test_a_file_written_for_older_versions_loads_in_each(outcomes):
    for writer in KERAS_3:
        for reader in KERAS_3:
            assert outcomes[".older.keras", writer, reader] == all_models("resumes")


def test_h5_does_not_resume_in_any_keras_3(outcomes):
    for writer in KERAS_3:
        for reader in KERAS_3:
            assert "resumes" not in outcomes[".h5", writer, reader].values()


def test_keras_2_takes_the_weights_of_keras_3_and_nothing_else(outcomes):
    for writer in KERAS_3:
        for form in ".keras", ".h5", ".older.keras":
            assert outcomes[form, writer, KERAS_2] == all_models("error")
        weights = {**all_models("predicts"), "subclassed": "error"}
        assert outcomes[".weights.h5", writer, KERAS_2] == weights


@pytest.mark.parametrize("reader", MESSAGES)
@pytest.mark.parametrize("form", [".keras", ".h5"])
def test_an_older_version_says_what_the_page_on_errors_says(default_run, reader, form):
    _, messages = read(default_run(SCRIPT).folder / "versions.csv")
    assert MESSAGES[reader] in messages[form, NEW, reader]


def test_the_page_on_errors_has_these_messages():
    said = [row.get("says") for row in errors.rows()]
    for message in MESSAGES.values():
        assert message.removeprefix("TypeError: ") in said


def test_the_published_numbers_are_of_all_versions_and_agree(outcomes):
    published, _ = read(ROOT / "figures" / "versions.csv")
    everything = [*versions.VERSIONS, NEW]
    assert {writer for _, writer, _ in published} == set(everything)
    assert {reader for _, _, reader in published} == set(everything)
    for place, found in outcomes.items():
        assert published[place] == found


def test_versions_draws_a_picture_as_wide_as_a_page(default_run):
    content = (default_run(SCRIPT).folder / "versions.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20], "big") == 1200


def test_without_the_package_index_it_says_so_in_one_sentence(folder):
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_FIND_LINKS": "",
        "PIP_NO_CACHE_DIR": "1",
    }
    finished = folder.run(SCRIPT, "--versions", OLD, **nowhere)
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert line.startswith(
        f"keras=={OLD} cannot be installed; this needs the package index, and a network."
    )
    assert not (folder.path / "saved/experiments/versions/installed" / OLD).exists()


def test_what_an_interrupted_installation_has_left_is_not_used(tmp_path, monkeypatch):
    def pip(command, **_):
        target = command[command.index("--target") + 1]
        assert not target.exists()
        (target / "keras").mkdir(parents=True)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(versions.subprocess, "run", pip)
    (tmp_path / "unfinished" / "half").mkdir(parents=True)
    versions.install("3.6.0", tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["3.6.0", "keras"]


def test_a_version_that_is_there_is_not_installed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(versions.subprocess, "run", None)
    (tmp_path / "3.6.0").mkdir()
    versions.install("3.6.0", tmp_path)


def test_a_process_that_fails_gets_one_sentence():
    with (
        subprocess.Popen(
            [sys.executable, "-c", ""], stdout=subprocess.PIPE, text=True
        ) as child,
        pytest.raises(SystemExit) as stopped,
    ):
        versions.wait_for_a_line("3.6.0", child, ROOT / "saved")
    assert stopped.value.code == (
        "The process with Keras 3.6.0 has failed: see the end of saved/3.6.0.log."
    )


@pytest.mark.parametrize("text", ["three", "3.6", "4.0.0", "3.6.0rc1"])
def test_something_else_than_a_version_gets_a_usage_message(monkeypatch, capsys, text):
    monkeypatch.setattr(sys, "argv", ["versions", "--versions", text])
    with pytest.raises(SystemExit) as stopped:
        versions.main()
    assert stopped.value.code == 2
    assert f"must be a version such as 3.6.0, not '{text}'" in capsys.readouterr().err


def test_ctrl_c_leaves_no_process_behind(default_run, folder):
    need(os.name == "posix", "this test sends a signal")
    installed = default_run(SCRIPT).folder / "installed"
    own = folder.path / "saved" / "experiments" / "versions"
    own.mkdir(parents=True)
    (own / "installed").symlink_to(installed)
    status, _, errors, alive = stop_in_the_middle(
        folder, SCRIPT, "Experiment", signal.SIGINT, "--versions", LAST
    )
    assert status == -signal.SIGINT
    assert alive == []
    assert "Traceback" not in errors
