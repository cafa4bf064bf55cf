"""MNIST from `datasets/mnist.npz`, as flat float32 arrays. No network is needed."""

import hashlib
import io
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent / "datasets"
SHA256 = {
    "mnist.npz": "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64",
    "keras2.h5": "fe2e388e6bb35611953c27c7149e15d5f8ecca5ead7afd4eea1c23321100b0ed",
}
TRAINING_IMAGES = 60_000


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


def keras2_file():
    """Return the path of a model that Keras 2 saved (see datasets/README.md).

    Raises:
        DatasetError: as `load_mnist` does.
    """
    _read("keras2.h5")
    return FOLDER / "keras2.h5"


def _flat(images):
    return images.reshape(len(images), -1) / np.float32(255)


def _read(name):
    """Return the bytes of a file of the datasets folder, if they are the original ones."""
    path = FOLDER / name
    restore = (
        f"Restore it with `git checkout -- datasets/{name}`, or copy it again from where "
        "you got these lessons."
    )
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(f"The data file {path} is missing. {restore}") from None
    except OSError as error:
        raise DatasetError(
            f"The data file {path} cannot be read ({error.strerror}). {restore}"
        ) from None
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        raise DatasetError(
            f"The data file {path} is damaged: its {len(content):,} bytes do not have the "
            f"SHA-256 of the original. {restore}"
        )
    return content
