"""Starts TensorFlow and Keras without their start-up messages, for lesson.py.

Importing this module does it. What keeps TensorFlow from starting is said in one sentence.
"""

import contextlib
import gc
import importlib.metadata
import logging
import os
import sys
import tempfile

WINDOWS = os.name == "nt"
INSTALL = "Start the lesson with the Python in .venv, as README.md shows; it has all it takes."


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


_require_keras_3()
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A second less for each process: Python's garbage collector does not look through all
# that TensorFlow makes, neither while it is imported nor at the end.
gc.disable()
try:
    with quietly():
        import keras  # noqa: F401
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
