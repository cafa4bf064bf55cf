"""The lessons run with what README.md's first command installs, and nothing else."""

import subprocess

import pytest
from conftest import LESSONS, TAKE_MODEL, Folder
from fork_server import OFFLINE


@pytest.fixture(scope="module")
def bare_folder(tmp_path_factory):
    """A copy of the lessons with nothing saved yet, in which they run one after another."""
    return Folder(tmp_path_factory.mktemp("bare"))


@pytest.mark.parametrize("script", LESSONS)
def test_a_lesson_runs_with_requirements_txt_alone(bare_folder, bare_python, script):
    # Ten batches.
    arguments = ["--samples", "320"]
    if script in TAKE_MODEL:
        arguments += ["--model", "subclassed"]
    finished = subprocess.run(
        [*OFFLINE, bare_python, bare_folder.path / script, *arguments],
        cwd=bare_folder.elsewhere,
        env=bare_folder.environment(PYTHONPATH=""),
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, ""), finished.stdout
    assert "FAIL" not in finished.stdout
