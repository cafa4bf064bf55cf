"""What the tests share: a copy of the lessons, a way to run them, and models.

The lessons run as a user runs them: in a process of their own, from another working
directory, with an empty home folder and without a network, in a folder whose name has a
space and Chinese characters.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import lesson  # noqa: F401  starts TensorFlow quietly
import data
import models

import pytest

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted(path.name for path in ROOT.glob("[0-9][0-9]_*.py"))
SOURCES = [*LESSONS, "lesson.py", "data.py", "models.py", "datasets"]


def need(condition, reason):
    """Skip a test where something is missing, with a plain reason; fail in CI."""
    if not condition:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def _offline():
    """Return a command prefix that takes the network away, or nothing where none can."""
    prefix = ["unshare", "--map-root-user", "--net"]
    try:
        subprocess.run([*prefix, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return prefix


OFFLINE = _offline()


class Folder:
    """A copy of the lessons, with an empty home folder and a place to start from."""

    def __init__(self, path):
        self.path = path / "学习 TensorFlow"
        self.home = path / "home"
        self.elsewhere = path / "elsewhere"
        for folder in (self.path, self.home, self.elsewhere):
            folder.mkdir()
        for name in SOURCES:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, self.path / name)

    def environment(self, **changes):
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TF_"))}
        home = {"HOME": str(self.home), "USERPROFILE": str(self.home)}
        return {**keep, **home, "PYTHONUTF8": "1", **changes}

    def run(self, script, *arguments, python=sys.executable, **environment):
        """Run a lesson; return the finished process, with its output as text."""
        return subprocess.run(
            [*OFFLINE, python, str(self.path / script), *arguments],
            cwd=self.elsewhere,
            env=self.environment(**environment),
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )


@pytest.fixture
def folder(tmp_path):
    """A fresh copy of the lessons, for one test."""
    return Folder(tmp_path)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """One copy of the lessons for all tests that only look at what a lesson prints."""
    return Folder(tmp_path_factory.mktemp("lessons"))


@pytest.fixture(scope="session")
def default_run(shared_folder):
    """Return a function: the finished process of a lesson with its defaults, run once."""
    finished = {}

    def run(script):
        if script not in finished:
            finished[script] = shared_folder.run(script)
        return finished[script]

    return run


@pytest.fixture(scope="session")
def mnist():
    """All of MNIST, as `data.load_mnist` returns it."""
    return data.load_mnist()


@pytest.fixture(scope="session")
def few(mnist):
    """500 batches of training images and labels."""
    (x_train, y_train), _ = mnist
    return x_train[:16000], y_train[:16000]


@pytest.fixture(scope="session", params=models.BUILDS)
def build(request):
    """Each of the three functions that build the classifier."""
    return models.BUILDS[request.param]
