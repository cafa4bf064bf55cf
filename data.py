"""MNIST from `datasets/mnist.npz`, as flat float32 arrays. No network is needed."""

import hashlib
import io
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent / "datasets"
SHA256 = {
    "mnist.npz": "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64",
    "keras2/functional/model.h5": "c5af425b66ae37be789b80dcf2e6245cd9fb47b44d0a190f38284d10830ee4de",
    "keras2/functional/reference.npz": "f609ca46f92b131f09be5ac9d0b8b8db91a915f6a6db035858f1d44c7b272c1f",
    "keras2/sequential/model/saved_model.pb": "59264ff1ebd20cf5c6d6833f69d17e48c04b990875b980b172a7a64fc1ef01ef",
    "keras2/sequential/model/variables/variables.data-00000-of-00001": "25b2b7e5cf9a2b24b095314b80a73455e8249cacf378207537635b2a8b7816aa",
    "keras2/sequential/model/variables/variables.index": "4f4599f78ffd5fffc9f37b272c69fe34b515319a9f8df5023ae69f8851619b14",
    "keras2/sequential/model.h5": "2850dc2f47b3a2a667baa2579aefcd124df90e3afd1ab82e0439eee8bb71b400",
    "keras2/sequential/reference.npz": "f609ca46f92b131f09be5ac9d0b8b8db91a915f6a6db035858f1d44c7b272c1f",
    "keras2/sequential/weights/.data-00000-of-00001": "186d0aebd7edb9fc3ef4e9250fd93df5b02d1a739340019f69fd0686c3956824",
    "keras2/sequential/weights/.index": "a05f478fc4a449c2094eb15f5d06a448d7ec40f779227d27a1438e691d962dc7",
    "keras2/sequential/weights/checkpoint": "ba7ac3757b9a57bdd3e603acb528728d61a9479fe392a7f343330aad23f22c50",
    "keras2/subclassed/model/saved_model.pb": "d7903e75fcad3843bcfdb53ca4ae591b81c000cfe639fc2cf155a9a23cba7384",
    "keras2/subclassed/model/variables/variables.data-00000-of-00001": "fa84c774e676ce5dda9428a33b71493cc12dabd900726ae229a4b944750b8137",
    "keras2/subclassed/model/variables/variables.index": "400a493a282d632639531df352a358064efb6df041692e6514ae120549ddac84",
    "keras2/subclassed/reference.npz": "f609ca46f92b131f09be5ac9d0b8b8db91a915f6a6db035858f1d44c7b272c1f",
    "keras2/subclassed/weights/.data-00000-of-00001": "4a7713da93d1d5c80491de850481c15faa82c49a5a66a1dd0f4bc37918502d57",
    "keras2/subclassed/weights/.index": "3f7fd333940e4a6be633f377191c9fe84b12f7ae98db1c23d41c9ccd7dfe2a0d",
    "keras2/subclassed/weights/checkpoint": "ba7ac3757b9a57bdd3e603acb528728d61a9479fe392a7f343330aad23f22c50",
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
    for file in SHA256:
        if f"{file}/".startswith(f"keras2/{name}/"):
            found.append(file)
            _read(file)
    if not found:
        raise KeyError(name)
    return FOLDER / "keras2" / name


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
