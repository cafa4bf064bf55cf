"""From an empty folder, the lessons run one after another with requirements.txt alone."""

import pytest
from conftest import LESSONS, TAKE_MODEL, Folder


@pytest.fixture(scope="module")
def bare_folder(tmp_path_factory):
    """A copy of the lessons with nothing saved yet."""
    return Folder(tmp_path_factory.mktemp("bare"))


@pytest.mark.parametrize("script", LESSONS)
def test_a_lesson_runs_in_the_order_of_the_book(bare_folder, script):
    # Ten batches.
    arguments = ["--samples", "320"]
    if script in TAKE_MODEL:
        arguments += ["--model", "subclassed"]
    finished = bare_folder.run_forked(script, *arguments)
    assert (finished.returncode, finished.stderr) == (0, ""), finished.stdout
    assert "FAIL" not in finished.stdout
