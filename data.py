"""MNIST from `datasets/mnist.npz`, as flat float32 arrays. No network is needed."""

import hashlib
import io
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent if HERE.name == "zh" else HERE  # zh/ has the lessons in Chinese
sys.path.append(str(ROOT))  # so that they find modelfile, too
FOLDER = ROOT / "datasets"
TRAINING_IMAGES = 60_000
RESTORE = (
    "Restore it with `git checkout -- datasets/{}`, or copy it again from where you got "
    "these lessons."
)


class DatasetError(SystemExit):
    """A data file cannot be used.

    A `SystemExit`, so that a lesson which does not catch it ends with this
    message and exit status 1 instead of a traceback.
    """


def load_mnist(samples=None):
    """Load the MNIST digits (LeCun and Cortes; see datasets/README.md).

    Args:
        samples: how many training images to return, the first ones of the file;
            all 60,000 by default. The test images are always all 10,000.

    Returns:
        `(x_train, y_train), (x_test, y_test)` as `keras.datasets.mnist.load_data`
        does. Images: float32 (n, 784), 0.0 is black and 1.0 white. Labels: uint8
        (n,), the digits 0 to 9.

    Raises:
        ValueError: `samples` is not a whole number from 1 to 60,000.
        DatasetError: the file is missing, cannot be read, or is not the original
            one, byte for byte.
    """
    if samples is None:
        samples = TRAINING_IMAGES
    if not isinstance(samples, int) or not 1 <= samples <= TRAINING_IMAGES:
        raise ValueError(
            f"samples must be a whole number from 1 to {TRAINING_IMAGES}, not {samples!r}"
        )
    with np.load(io.BytesIO(_read("mnist.npz"))) as arrays:
        return (
            (_flat(arrays["x_train"][:samples]), arrays["y_train"][:samples]),
            (_flat(arrays["x_test"]), arrays["y_test"]),
        )


def keras2_file(name):
    """Return the path of what TensorFlow 2.3 saved in 2020 (see datasets/README.md).

    Args:
        name: a file or folder in `datasets/keras2`, such as "sequential/weights".

    Returns:
        pathlib.Path: its path; all files in it are the original ones.

    Raises:
        DatasetError: as `load_mnist` does.
        KeyError: there is no such file.
    """
    found = []
    for file in _checksums():
        if f"{file}/".startswith(f"keras2/{name}/"):
            found.append(file)
            _read(file)
    if not found:
        raise KeyError(name)
    return FOLDER / "keras2" / name


def _flat(images):
    return images.reshape(len(images), -1) / np.float32(255)


def _checksums():
    """Return dict: for each data file, by its name, its SHA-256."""
    lines = _content("SHA256SUMS").decode().splitlines()
    return {name: checksum for checksum, name in map(str.split, lines)}


def _read(name):
    """Return the bytes of a file of the datasets folder, if they are the original ones."""
    content = _content(name)
    if hashlib.sha256(content).hexdigest() != _checksums()[name]:
        raise DatasetError(
            f"The data file {FOLDER / name} is damaged: its {len(content):,} bytes do not "
            f"have the SHA-256 of the original. {RESTORE.format(name)}"
        )
    return content


def _content(name):
    path = FOLDER / name
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(
            f"The data file {path} is missing. {RESTORE.format(name)}"
        ) from None
    except OSError as error:
        raise DatasetError(
            f"The data file {path} cannot be read ({error.strerror}). "
            f"{RESTORE.format(name)}"
        ) from None
