"""From an empty folder, the lessons run one after another with requirements.txt alone."""

import pytest
from conftest import LESSONS


@pytest.fixture(scope="module")
def bare_folder(tmp_path_factory, prepared_folder):
    """A copy of the lessons with nothing saved yet."""
    return prepared_folder(tmp_path_factory.mktemp("bare"))


@pytest.mark.parametrize("script", LESSONS)
def test_a_lesson_runs_in_the_order_of_the_book(bare_folder, script):
    finished = bare_folder.run_forked(script, "--samples", "320")  # ten batches
    assert (finished.returncode, finished.stderr) == (0, ""), finished.stdout
    assert "FAIL" not in finished.stdout
