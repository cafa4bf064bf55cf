"""What the tests share: a copy of the lessons, a way to run them, and models.

The lessons run as a user runs them: in a process of their own, from another working
directory, with an empty home folder and without a network, in a folder whose name has a
space and Chinese characters. Only the import of TensorFlow is shared: see fork_server.py.
"""

import hashlib
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import venv
from importlib.util import find_spec
from pathlib import Path

import lesson  # noqa: F401  starts TensorFlow quietly
import data
import models

import fork_server
import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted(path.name for path in ROOT.glob("[0-9][0-9]_*.py"))
# Those that can be started: the others help them. `video_claims` runs on TensorFlow 2.3 alone.
EXPERIMENTS = [
    f"experiments.{path.stem}"
    for path in sorted(ROOT.glob("experiments/*.py"))
    if "__main__" in path.read_text(encoding="utf-8") and path.stem != "video_claims"
]
# These take long: tests run them with less. Their transcripts are of the defaults, so that
# test_output.py compares words, not numbers.
QUICKER = {
    "experiments.kills": ["--kills", "2"],
    "experiments.versions": ["--versions", "2.21.0", "3.12.4", "3.14.1"],
}
# It installs old versions of Keras: it keeps its network, and where the package index cannot
# be reached its tests are skipped.
INSTALLS = "experiments.versions"
# They use what is in requirements-other.txt.
NEEDS_MORE = [
    "08_with_orbax.py",
    "12_two_workers_jax.py",
    "16_other_frameworks.py",
    "experiments.cost",
    "experiments.kills",
    "experiments.survival",
    "experiments.zoo",
]
SOURCES = [
    *LESSONS,
    *(path.name for path in ROOT.glob("[a-z]*.py")),
    "zh",
    "programs",
    "experiments",
    "modelfile",
    "datasets",
    "web",
]

# README.md and docs/, and for each of them the same page in Chinese.
TWINS = {
    "README.md": "README.zh-CN.md",
    **{
        f"docs/{path.name}": f"docs/zh/{path.name}"
        for path in sorted(ROOT.glob("docs/*.md"))
    },
}
# In one language only.
ALONE = ["CONTRIBUTING.md", "datasets/README.md", "docs/zh/terms.md"]
TEXTS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in [*TWINS, *TWINS.values(), *ALONE]
}
README = TEXTS["README.md"]


def table_below(page, heading):
    """Return the rows of the first table below a heading, as lists of cells."""
    table = page.split(f"## {heading}\n")[1].split("\n|---")[1].split("\n\n")[0]
    return [re.split(r" ?\| ?", line)[1:-1] for line in table.splitlines()[1:]]


def code(text):
    """Return what stands between backticks."""
    return [match[1] for match in re.findall(r"(`+)(.+?)\1", text)]


def need(condition, reason):
    """Skip a test where something is missing, with a plain reason; fail in CI."""
    if not condition:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


class Folder:
    """A copy of the lessons, with an empty home folder and a place to start from.

    Its data files are hard links, or all tests together would write two gigabytes.
    """

    datasets = None  # what is linked to: see `prepared_folder`
    python = None  # has requirements.txt alone: see `prepared_folder`

    def __init__(self, path):
        # On Windows TensorFlow cannot write to such a path; lesson.folder says so.
        self.path = path / (
            "learn TensorFlow" if os.name == "nt" else "学习 TensorFlow"
        )
        self.home = path / "home"
        self.elsewhere = path / "elsewhere"
        for folder in (self.path, self.home, self.elsewhere):
            folder.mkdir(parents=True)
        for name in SOURCES:
            source, copy = ROOT / name, self.path / name
            if name == "datasets":
                shutil.copytree(self.datasets, copy, copy_function=os.link)
            elif source.is_dir():
                shutil.copytree(
                    source, copy, ignore=shutil.ignore_patterns("tf.min.js")
                )
            else:
                shutil.copy(source, copy)

    def file_of_its_own(self, name):
        """Return the path of a data file, a copy now, that a test can change."""
        path = self.path / name
        path.unlink()
        return Path(shutil.copy(ROOT / name, path))

    def environment(self, **changes):
        keep = {
            name: value
            for name, value in os.environ.items()
            # .ci/run sets it, to see how another processor rounds.
            if name == "TF_ENABLE_ONEDNN_OPTS" or not name.startswith(("PYTHON", "TF_"))
        }
        home = {"HOME": str(self.home), "USERPROFILE": str(self.home)}
        without_jax = {"PYTHONPATH": str(ROOT / "tests" / "without_jax")}
        return {**keep, **home, **without_jax, "PYTHONUTF8": "1", **changes}

    def packages(self, script):
        """Return what changes in the environment of a script that needs more packages."""
        return {"PYTHONPATH": ""} if script.removeprefix("zh/") in NEEDS_MORE else {}

    def command(self, script):
        """Return what stands behind `python` to start a lesson or an experiment."""
        return (
            ["-m", script]
            if script.startswith("experiments.")
            else [str(self.path / script)]
        )

    def working_directory(self, script):
        """Return where it is started: a lesson anywhere, an experiment in its folder."""
        return self.path if script.startswith("experiments.") else self.elsewhere

    def run(self, script, *arguments, python=sys.executable, **environment):
        """Run a lesson, or an experiment ("experiments.pairs").

        Returns:
            subprocess.CompletedProcess: with its output as text.
        """
        prefix = [] if script == INSTALLS else fork_server.OFFLINE
        return subprocess.run(
            [*prefix, python, *self.command(script), *arguments],
            cwd=self.working_directory(script),
            env=self.environment(**environment),
            capture_output=True,
            encoding="utf-8",
            timeout=600,
            check=False,
        )

    def run_forked(self, script, *arguments, **environment):
        """Do what `run` does, faster, with what requirements.txt installs, and nothing else."""
        if not fork_server.AVAILABLE:
            return self.run(script, *arguments, python=self.python, **environment)
        return fork_server.run(
            self.python,
            [*self.command(script), *arguments],
            self.working_directory(script),
            self.environment(**environment),
            timeout=600,
        )


def start_and_read_until(folder, script, line, *arguments):
    """Start a lesson, with a network, and read what it prints until a line has appeared.

    Returns:
        tuple: the process (subprocess.Popen), and what it has printed.
    """
    # Tests that run in the background ignore SIGINT, and their children would, too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, *folder.command(script), *arguments],
        cwd=folder.working_directory(script),
        env=folder.environment(**folder.packages(script)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    signal.signal(signal.SIGINT, before)
    output = ""
    while line not in output:
        more = process.stdout.readline()
        assert more, output + process.stderr.read()
        output += more
    return process, output


def stop_in_the_middle(folder, script, line, how, *arguments):
    """Send a signal to a lesson that has just printed a line.

    Returns:
        tuple: exit status, all of the output, all of the error output, and the child
        processes that are still alive ten seconds later.
    """
    process, output = start_and_read_until(folder, script, line, *arguments)
    time.sleep(1)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    more, errors = process.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=10)
    return process.returncode, output + more, errors, alive


def cut_short(file):
    file.write_bytes(file.read_bytes()[:100_000])


def change_one_byte(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def numbers(pattern, text):
    """Return the groups of a pattern that is found in a text, as numbers."""
    return [
        float(number.replace(",", "")) for number in re.search(pattern, text).groups()
    ]


def pytest_addoption(parser):
    parser.addoption(
        "--renew",
        action="store_true",
        help="write output and the figures anew, but for those of cost and versions",
    )


def pytest_report_header():
    """Say first which versions are others than those that requirements.txt names."""
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    others = []
    for name, pinned in re.findall(r"^(tensorflow|keras)==(\S+)", pins, re.M):
        version = importlib.metadata.version(name)
        if version != pinned:
            others.append(f"{name} {version} in place of {pinned}")
    if others:
        return f"Not the versions that the lessons are about: {', '.join(others)}"
    return None


class ByLesson(LoadScopeScheduling):
    """Gives all tests of a lesson or experiment to the test process that has run it."""

    def _split_scope(self, nodeid):
        lesson_of_test = re.search(
            r"\[(\d\d)_|\[experiments\.(\w+)"
            r"|test_lesson_(\d+)|test_experiment_(\w+)|test_(bare|modelfile|pages)",
            nodeid,
        )
        return lesson_of_test[lesson_of_test.lastindex] if lesson_of_test else nodeid


def pytest_xdist_make_scheduler(config, log):
    return ByLesson(config, log)


@pytest.fixture(scope="session")
def prepared_folder(tmp_path_factory, bare_python):
    """Copy the data once for a test process; its folders have links to this copy."""
    copy = tmp_path_factory.mktemp("data") / "datasets"
    Folder.datasets = shutil.copytree(ROOT / "datasets", copy)
    Folder.python = bare_python
    return Folder


@pytest.fixture(scope="session")
def bare_python(pytestconfig):
    """The Python of a virtual environment in which requirements.txt is installed, alone.

    It is kept in pytest's cache, under a name made of the file's content.
    """
    wanted = (ROOT / "requirements.txt").read_bytes() + sys.version.encode()
    place = pytestconfig.cache.mkdir("bare") / hashlib.sha256(wanted).hexdigest()[:16]
    scripts, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    python = place / scripts / name
    complete = place / "complete"
    try:
        place.mkdir()
    except FileExistsError:  # of an earlier run, or the other test process is at it
        deadline = time.monotonic() + 600
        while not complete.exists():
            assert time.monotonic() < deadline, f"delete {place} and try again"
            time.sleep(1)
        return str(python)
    venv.create(place, with_pip=True)
    # Python compiles what is imported, which is a small part of TensorFlow.
    command = [python, "-m", "pip", "install", "-q", "--no-compile", "-r"]
    command.append(ROOT / "requirements.txt")
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        shutil.rmtree(place)
    reason = f"requirements.txt cannot be installed: {finished.stderr[-300:]}"
    need(finished.returncode == 0, reason)
    complete.touch()
    return str(python)


@pytest.fixture
def folder(tmp_path, prepared_folder):
    """A fresh copy of the lessons, for one test."""
    return prepared_folder(tmp_path)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory, prepared_folder):
    """A copy of the lessons, for all tests of a test process that look at what is printed."""
    return prepared_folder(tmp_path_factory.mktemp("lessons"))


@pytest.fixture(scope="session")
def default_run(tmp_path_factory, pytestconfig, prepared_folder):
    """Return a function that runs a lesson or an experiment with its defaults.

    It returns the finished process, with the `folder` that it has written to. Each runs
    once, alone in a copy of the lessons; one that is QUICKER with less, unless transcripts
    are renewed. Most run with what requirements.txt installs, and nothing else.
    """
    finished = {}

    def run(script):
        if script not in finished:
            folder = prepared_folder(tmp_path_factory.mktemp("default"))
            less = [] if pytestconfig.getoption("--renew") else QUICKER.get(script, [])
            more = folder.packages(script)
            for name in ("jax", "orbax", "torch") if more else ():
                need(find_spec(name), f"{name} is not installed")
            start = folder.run if more or script == INSTALLS else folder.run_forked
            finished[script] = start(script, *less, **more)
            written = script.removeprefix("zh/").removesuffix(".py").replace(".", "/")
            finished[script].folder = folder.path / "saved" / written
        index = "cannot be installed" not in finished[script].stderr
        need(index, "the package index, with old versions of Keras, cannot be reached")
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
