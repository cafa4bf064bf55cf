"""How a lesson talks (arguments, steps, checks, tables, listings) and starts processes.

Import this module before TensorFlow or Keras: it starts them without their
start-up messages. What a lesson teaches is never in here.
"""

import argparse
import atexit
import contextlib
import errno
import functools
import gc
import importlib.metadata
import io
import logging
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import warnings
import zipfile
from pathlib import Path

import language

ROOT = Path(__file__).resolve().parent
WINDOWS = os.name == "nt"
INSTALL = "Start the lesson with the Python in .venv, as README.md shows; it has all it takes."

# What the arguments of a lesson can be: the names in models.py, the images of MNIST.
MODELS = ["sequential", "functional", "subclassed"]
TRAINING_IMAGES = 60_000


def _require_all_files():
    """Leave with one sentence where only some of the files were copied."""
    for name in ("chinese.po", "data.py", "models.py", "datasets"):
        if not (ROOT / name).exists():
            sys.exit(f"{name} is missing: copy the whole folder of the lessons.")


def _require_keras_3():
    """Leave with one sentence where the lessons cannot run."""
    try:
        version = importlib.metadata.version("keras")
    except importlib.metadata.PackageNotFoundError:
        sys.exit(f"Keras is not installed for {sys.executable}. {INSTALL}")
    if int(version.split(".")[0]) < 3:
        sys.exit(
            f"These lessons need Keras 3, and this Python has Keras {version}, which "
            f"came with an old TensorFlow. {INSTALL}"
        )
    if os.environ.get("TF_USE_LEGACY_KERAS", "").lower() in ("1", "true"):
        sys.exit(
            "These lessons need Keras 3, and the environment variable "
            "TF_USE_LEGACY_KERAS asks TensorFlow for Keras 2. Unset it and try again."
        )


def _exit_without_traceback(kind, error, traceback):
    if issubclass(kind, KeyboardInterrupt):
        print("\nStopped by Ctrl-C. You can start it again.")
    elif issubclass(kind, BrokenPipeError) or (
        WINDOWS and issubclass(kind, OSError) and error.errno == errno.EINVAL
    ):
        pass  # whoever read this output is no more
    elif issubclass(kind, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        reason = headline(error.strerror)
        print(f"A file cannot be written or read: {reason}{where}.", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _exit_without_traceback


@contextlib.contextmanager
def quietly():
    """Keep what C++ code writes to standard error in the block; show it if the block fails.

    TensorFlow and LiteRT write some lines whatever the log level, so the file
    descriptor itself is redirected.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 2)
        try:
            yield
        except BaseException:
            messages.seek(0)
            os.write(terminal, messages.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _why_tensorflow_does_not_start(error):
    if WINDOWS and "DLL" in str(error):
        return (
            f"TensorFlow does not start: {error}. Install the latest Visual C++ "
            "Redistributable (x64) of Microsoft, which TensorFlow needs on Windows."
        )
    return f"TensorFlow does not start: {error}. {INSTALL}"


_require_all_files()
_require_keras_3()
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A second less for each process: Python's garbage collector does not look through all
# that TensorFlow makes, neither while it is imported nor at the end.
gc.disable()
try:
    with quietly():
        import h5py
        import keras
        import numpy as np
        import tensorflow as tf

        # Results that are equal to the last bit are the proof in these lessons. A CPU
        # gives them; a GPU may not, and is no faster with a model this small.
        tf.config.set_visible_devices([], "GPU")
except ImportError as error:
    sys.exit(_why_tensorflow_does_not_start(error))
gc.freeze()
gc.enable()
for _library in "tensorflow", "matplotlib":
    logging.getLogger(_library).setLevel(logging.ERROR)
# Lines appear when they are printed, also in a pipe. A console that cannot show
# a character gets an escape for it.
sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
if WINDOWS:
    os.system("")  # lets an old console of Windows show progress bars


def arguments(doc, model=False, parser=None):
    """Read the arguments of a lesson, and print its title.

    Args:
        doc: the lesson's docstring; its first line is the title.
        model: whether the lesson takes `--model`.
        parser: an `argparse.ArgumentParser` with the lesson's own arguments, if it
            has any.

    Returns:
        argparse.Namespace: `samples` (int), `full` (bool: all of MNIST is used, so
        that accuracies can be judged), `model` (str) if the lesson takes it, and the
        lesson's own.
    """
    title = doc.splitlines()[0]
    parser = parser or argparse.ArgumentParser()
    parser.description = title
    if model:
        parser.add_argument(
            "--model",
            choices=MODELS,
            default=MODELS[0],
            help="how the classifier is built (default: %(default)s)",
        )
    parser.add_argument(
        "--samples",
        type=number(TRAINING_IMAGES),
        default=TRAINING_IMAGES,
        metavar="N",
        help="train with the first N images (default: all %(default)s)",
    )
    language.add_argument(parser)
    args = parser.parse_args()
    args.full = args.samples == TRAINING_IMAGES
    print(title)
    images = f"{args.samples:,} training images"
    if model:
        images = f"{args.model} model, {images}"
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {images}")
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
        pathlib.Path: `saved/<name of the script>` beside the script.

    Raises:
        SystemExit: the folder cannot be made; or it is on Windows, and its path has
            characters that TensorFlow cannot handle there.
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
    except OSError as error:
        sys.exit(f"The folder {path} cannot be made: {error.strerror}.")
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


def check(sentence, passed, judged=True):
    """Print `sentence` as proven, or stop the lesson with exit status 1.

    Args:
        sentence: the claim, with the values that it is about.
        passed: whether it holds.
        judged: False if the claim needs all of MNIST, say, and this run has less of it;
            then it is printed, and nothing is proven.
    """
    if not judged:
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
    """Check that two arrays of float32 differ by less than 0.0001."""
    difference = float(np.abs(np.subtract(array, other)).max())
    check(f"{sentence} at most {difference:.1g}", difference < 1e-4)


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


def free_ports():
    """Return two ports of this machine that nobody listens on."""
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
        In the pipe it is English, for this process to read: what it prints of it is
        translated here.
    """
    if output == subprocess.PIPE:
        environment[language.VARIABLE] = "en"
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


def run_in_a_new_process(code, directory):
    """Print Python code and run it in a new process; stop the lesson if it fails.

    Args:
        code: the source. It can import `data`, `lesson` and `models`.
        directory: the process's working directory.
    """
    code = textwrap.dedent(code).strip()
    print(*(f"   > {line}".rstrip() for line in code.splitlines()), "", sep="\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=directory, env=environment
    )
    if process.returncode:
        sys.exit("The new process failed: see its message above.")


def run(script, *arguments):
    """Run another program of these lessons in a new process, and wait for its end.

    It prints where this process prints. If it fails, the lesson stops.

    Args:
        script: its file name.
        *arguments: its arguments.
    """
    command = [sys.executable, ROOT / script, *arguments]
    if subprocess.run(command, check=False).returncode:
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
    print(
        textwrap.fill(
            text,
            width=88,
            initial_indent=f"   {label:5}  " if label else "   ",
            subsequent_indent=" " * 10 if label else "   ",
            break_on_hyphens=False,
            break_long_words=False,
        )
    )
