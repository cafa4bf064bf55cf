"""The process that reads. A damaged file can make a library crash, hang or eat memory.

HDF5's does so with about one of a hundred damaged files. So files are read in a process
of its own, which is ended when it takes too long, and started again for the next file.
"""

import contextlib
import json
import multiprocessing
import os

from model_files.description import Description

SECONDS = 18  # for a file
STARTING = 120  # seconds for the process, or TensorFlow in it, on a slow computer
MEMORY = 900_000_000  # bytes, where the system can limit it (not on Windows)

_asker = None  # in the process that reads: the connection to the one that asks


class Reader:
    """Describes files in a process of its own, which starts with the first file."""

    def __init__(self):
        self.process = None

    def describe(self, path, seconds=SECONDS):
        """Return what `model_files.describe` says, as a dict; None if there is no such file.

        Args:
            path: str.
            seconds: how long it may take.
        """
        limit = seconds
        if self.process is None:
            self._start()
            limit = STARTING
        try:
            self._connection.send_bytes(json.dumps([os.getcwd(), path]).encode())
            while self._connection.poll(limit):
                answer = json.loads(self._connection.recv_bytes())
                if answer not in ("starting", "started"):
                    return answer
                limit = STARTING if answer == "starting" else seconds
            reason = f"Reading it was stopped after {limit} seconds"
        except (EOFError, OSError):
            reason = "The library that reads such files crashes with it"
        self.stop()
        about = Description(path, what="It looks like a model file.")
        about.refuse(
            f"{reason}: it is damaged, or was made to do harm. Take another copy."
        )
        return about.clean()

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self._connection.close()
            self.process = None

    def _start(self):
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self.process = context.Process(target=_read, args=(other,), daemon=True)
        self.process.start()
        other.close()


def import_tensorflow():
    """Return TensorFlow, for whose import the process that reads gets more time."""
    _say("starting")
    import tensorflow  # noqa: PLC0415  it takes seconds, and few kinds of files need it

    _say("started")
    return tensorflow


def _say(message):
    if _asker is not None:
        _asker.send_bytes(json.dumps(message).encode())


def _read(connection):
    """Answer questions until the other side is gone. Runs in the process that reads."""
    global _asker  # noqa: PLW0603
    from model_files import describe  # noqa: PLC0415  it imports this module

    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)  # start-up lines of TensorFlow, last words of a crash
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  Windows has none

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    _asker = connection
    _say("started")
    while True:
        try:
            folder, path = json.loads(connection.recv_bytes())
        except EOFError:
            return
        os.chdir(folder)  # a path can be a relative one
        try:
            answer = describe(path).clean()
        except FileNotFoundError:
            answer = None
        _say(answer)
