"""A callback that always leaves a complete file, whenever the training is killed.

Lesson 10 uses it. Copy this file beside your program; it needs nothing else.
"""

import os
import sys
import zipfile

import keras


class SafeCheckpoint(keras.callbacks.Callback):
    """Saves after each epoch: epoch-0001.keras, epoch-0002.keras ..., the last two.

    Args:
        folder: pathlib.Path, where they go.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch, logs=None):
        unfinished = self.folder / "unfinished.keras"
        self.model.save(unfinished)
        # Wait until it is on the disk: a power failure needs this, a kill does not.
        with open(unfinished, "rb+") as file:
            os.fsync(file.fileno())
        # All or nothing. (An error on Windows while a virus scanner reads the file.)
        os.replace(unfinished, self.folder / f"epoch-{epoch + 1:04}.keras")
        # The one before it stays, in case this one is damaged. An older one goes.
        (self.folder / f"epoch-{epoch - 1:04}.keras").unlink(missing_ok=True)


def newest_complete_file(folder):
    """Return the path of the newest file that is not damaged, or None if there is none.

    Args:
        folder: pathlib.Path, that of a SafeCheckpoint.

    Raises:
        SystemExit: there are files, and all are damaged.
    """
    paths = sorted(folder.glob("epoch-*.keras"), reverse=True)
    for path in paths:
        # Since Python 3.12, `load_model` loads some damaged files, with wrong weights.
        try:
            if zipfile.ZipFile(path).testzip() is None:
                return path
        except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError):
            pass  # damage to the list of what is in the file shows as any of these
        print(f"   {path.name} is damaged: the file before it is used.")
    if paths:
        sys.exit(f"No file in {folder} can be used. Delete them to begin anew.")
    return None
