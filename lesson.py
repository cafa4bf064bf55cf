"""How a lesson talks (arguments, steps, checks, tables, listings) and starts processes.

Import this module before TensorFlow or Keras: it starts them without their
start-up messages. What a lesson teaches is never in here.
"""

import argparse
import atexit
import contextlib
import errno
import functools
import io
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import warnings
import zipfile
from importlib.util import find_spec
from pathlib import Path

import quiet  # first: it starts TensorFlow without its messages
import data
from modelfile.sentences import choose_language, wrapped

import h5py
import keras
import numpy as np
import tensorflow as tf

HERE, ROOT = data.HERE, data.ROOT
WINDOWS = quiet.WINDOWS
quietly = quiet.quietly
WIDTH = 88  # columns of what is printed; a Chinese character takes two
DISK_SPACE = 50e6  # bytes; no lesson writes more

choose_language("en")  # of argparse, and of modelfile where a lesson starts it
# Lines appear when they are printed, also in a pipe. A console that cannot show
# a character gets an escape for it.
sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
if WINDOWS:
    os.system("")  # lets an old console of Windows show progress bars


def _leave_quietly(kind, error, traceback):
    """Say one sentence after Ctrl-C, and nothing if the reader of the output has gone."""
    if issubclass(kind, KeyboardInterrupt):
        print("\nStopped by Ctrl-C. You can start it again.")
    elif not issubclass(kind, BrokenPipeError) and not (
        # How Windows reports a closed pipe.
        WINDOWS and issubclass(kind, OSError) and error.errno == errno.EINVAL
    ):
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _leave_quietly


def arguments(doc):
    """Read the arguments of a lesson, and print its title.

    Args:
        doc: the lesson's docstring; its first line is the title.

    Returns:
        argparse.Namespace: `samples` (int), `full` (bool: all of MNIST is used, so
        that accuracies can be checked).
    """
    title = doc.splitlines()[0]
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument(
        "--samples",
        type=number(data.TRAINING_IMAGES),
        default=data.TRAINING_IMAGES,
        metavar="N",
        help="train with the first N images (default: all %(default)s)",
    )
    args = parser.parse_args()
    args.full = args.samples == data.TRAINING_IMAGES
    print(title)
    print(
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}, "
        f"{args.samples:,} training images"
    )
    return args


def number(largest):
    """Return the argument type "a whole number from 1 to `largest`"."""

    def parse(text):
        if not text.isdecimal() or not 1 <= int(text) <= largest:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from 1 to {largest}, not {text!r}"
            )
        return int(text)

    return parse


def folder(script):
    """Make the folder that a lesson writes to.

    Args:
        script: the lesson's `__file__`.

    Returns:
        pathlib.Path: of that name in `saved/`, in the project's folder.

    Raises:
        SystemExit: nothing can be written there, or the disk is full; or it is on
            Windows, and its path has characters that TensorFlow cannot handle there.
    """
    path = ROOT / "saved" / Path(script).stem
    # On Windows TensorFlow takes such a path for one that is not there (tensorflow
    # issue 60682 on GitHub).
    if WINDOWS and not str(path).isascii():
        sys.exit(
            f"On Windows TensorFlow cannot write to {path}: its path has other "
            r"characters than plain Latin ones. Move the lessons to C:\lessons, say."
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        sys.exit(f"Nothing can be written to the folder {path}: {error.strerror}.")
    free = shutil.disk_usage(path).free
    if free < DISK_SPACE:
        sys.exit(
            f"The disk of {path} is full: {free / 1e6:.1f} MB are free, and a lesson may "
            f"take {DISK_SPACE / 1e6:.0f} MB. Make room and try again."
        )
    # So that a user's name with such characters does no harm: LiteRT's export writes
    # to the folder for temporary files, which has that name in its path.
    if WINDOWS and not tempfile.gettempdir().isascii():
        tempfile.tempdir = str(path)
    return path


def step(number, title):
    """Print the heading of a step."""
    print(f"\n{number}. {title}\n")


def note(text):
    """Print a sentence of explanation or a result."""
    _say("", text)


def check(sentence, passed, enough_data=True):
    """Print `sentence` as proven, or stop the lesson with exit status 1.

    Args:
        sentence: the claim, with the values that it is about.
        passed: whether it holds.
        enough_data: False if the claim needs all of MNIST, say, and this run has less of it;
            then it is printed, and nothing is proven.
    """
    if not enough_data:
        _say("--", f"not checked, this run is too small for it: {sentence}")
    elif passed:
        _say("ok", sentence)
    else:
        _say("FAIL", sentence)
        sys.exit(1)


def check_equal(sentence, array, other):
    """Check that two arrays are equal to the last bit; if not, print both and stop."""
    if not np.array_equal(array, other):
        print(array, other, sep="\n")
    check(sentence, np.array_equal(array, other))


def check_close(sentence, array, other):
    """Check that two arrays of float32 are equal but for rounding."""
    difference = float(np.abs(np.subtract(array, other)).max())
    check(f"{sentence}: {difference:.1g}", are_close(array, other))


def are_close(array, other):
    """Return whether two arrays of float32 are equal but for rounding.

    float32 has seven digits. What another program or another processor computes may
    differ in the last two, counted from the largest value of all.
    """
    difference = np.abs(np.subtract(array, other)).max()
    return bool(difference <= 1e-5 * np.abs(other).max())


def check_same_weights(sentence, model, other):
    """Check that all weights of two models are equal to the last bit."""
    difference = largest_difference(model.get_weights(), other.get_weights())
    if difference:
        note(f"The largest difference of a weight is {difference:.3g}.")
    check(sentence, difference == 0)


def check_other_weights(sentence, model, other):
    """Check that a weight of two models differs, and print the largest difference."""
    difference = largest_difference(model.get_weights(), other.get_weights())
    check(f"{sentence}: weights differ by up to {difference:.3g}", difference > 0)


@contextlib.contextmanager
def expect_error(kind, text):
    """Show the error that the block must raise: a `kind` whose message has `text`."""
    try:
        yield
    except kind as error:
        if text not in str(error):
            raise
        _say("error", f"{type(error).__name__}: {headline(error)}")
    else:
        check(f'this raises {kind.__name__}: "... {text} ..."', False)


@contextlib.contextmanager
def expect_warning(text):
    """Show what Keras warns of in the block; one of the warnings must have `text`."""
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = logging.getLogger("absl")  # Keras uses it beside Python's `warnings`
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *_: messages.append(str(message))
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    for message in dict.fromkeys(messages):
        _say("warns", headline(message))
    if not any(text in message for message in messages):
        check(f'this warns: "... {text} ..."', False)


def headline(message, width=240):
    """Return the beginning of a message as one line of at most `width` characters."""
    return textwrap.shorten(str(message), width, placeholder=" ...")


def is_installed(package):
    """Return whether a package of requirements-other.txt can be imported; say it if not."""
    if find_spec(package):
        return True
    note(
        f"{package} is not installed: what needs it is left out. Install it with: "
        ".venv/bin/python -m pip install -r requirements-other.txt"
    )
    return False


def free_ports():
    """Return two ports of this machine that are free."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        return one.getsockname()[1], other.getsockname()[1]


def start(script, *arguments, output=subprocess.PIPE, **environment):
    """Start a script as a child process. It is killed when this process ends, if not before.

    Args:
        script: path of the script.
        *arguments: its arguments.
        output: where its standard output goes; None: to where this process's goes.
        **environment: environment variables that it gets besides those of this process.

    Returns:
        subprocess.Popen: with its standard input, and output if it is a pipe, as text.
    """
    child = subprocess.Popen(
        [sys.executable, script, *arguments],
        stdin=subprocess.PIPE,
        stdout=output,
        text=True,
        env={**os.environ, **environment},
        # Ctrl-C stops this process, and this process the child.
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # Windows
    )
    atexit.register(child.kill)
    return child


def run(*command, directory=None):
    """Run Python in a new process, and wait for its end. If it fails, the lesson stops.

    Args:
        *command: what stands behind `python`: a program of this project and its arguments;
            "-m", a module of it and its arguments; or "-c" and Python code, which is
            printed first.
        directory: the process's working directory.
    """
    program, *arguments = command
    environment = dict(os.environ)
    if program == "-c":
        code = textwrap.dedent(arguments[0]).strip()
        print(*(f"   > {line}".rstrip() for line in code.splitlines()), "", sep="\n")
        arguments = [code]
        environment["PYTHONPATH"] = str(HERE)
    elif program != "-m":
        program = HERE / program
    command = [sys.executable, program, *arguments]
    if subprocess.run(command, check=False, cwd=directory, env=environment).returncode:
        sys.exit("The new process failed: see its message above.")


def largest_difference(weights, others):
    """Return the largest absolute difference between two lists of arrays.

    Args:
        weights: arrays, such as `model.get_weights()` returns.
        others: arrays of the same shapes.

    Returns:
        float: 0.0 if and only if all values are equal.
    """
    return max(float(abs(a - b).max()) for a, b in zip(weights, others, strict=True))


def show(path):
    """Print names and sizes of a file or folder, and of what is in it."""
    _list(path.relative_to(ROOT).as_posix(), path, 1)


def _list(name, path, depth):
    if path.is_dir():
        print(f"{'   ' * depth}{name}/")
        for child in sorted(path.iterdir()):
            _list(child.name, child, depth + 1)
        return
    _row(depth, name, path.stat().st_size)
    if path.suffix == ".h5":
        _list_h5(path, depth + 1)
    elif path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                _row(depth + 1, member.filename, member.file_size)
                if member.filename.endswith(".h5"):
                    _list_h5(io.BytesIO(archive.read(member)), depth + 2)


def _list_h5(file, depth):
    with h5py.File(file) as content:
        for name, value in content.attrs.items():
            _row(depth, f"{name} (attribute)", len(value))
        for name, group in content.items():
            print(f"{'   ' * depth}{name}/")
            group.visititems(functools.partial(_list_dataset, depth + 1))


def _list_dataset(depth, name, item):
    if isinstance(item, h5py.Dataset):
        _row(depth, name, item.nbytes, f"{item.dtype} {item.shape}")


def _row(depth, name, size, about=""):
    indent = "   " * depth
    print(f"{indent}{name:{50 - len(indent)}} {size:>10,} B  {about}".rstrip())


def _say(label, text):
    start = f"   {label:5}  " if label else "   "
    lines = wrapped(" ".join(text.split()), WIDTH - len(start)).split("\n")
    print(start + f"\n{' ' * len(start)}".join(lines))
