"""The process that reads. A damaged file can make a library crash, hang or eat memory.

HDF5's does so with about one of a hundred damaged files. So files are read in a process
of its own, which is ended when it takes too long, and started again for the next file.
"""

import atexit
import json
import multiprocessing
import os

from model_files.description import Description

SECONDS = 18
MEMORY = 900_000_000  # bytes, where the system can limit it (not on Windows)

_process = None
_connection = None


def describe_elsewhere(path, seconds=SECONDS):
    """Return what `model_files.describe` says, as a dict; None if there is no such file.

    Args:
        path: str.
        seconds: how long it may take.
    """
    if _process is None:
        _start()
    try:
        _connection.send_bytes(json.dumps([os.getcwd(), path]).encode())
        if not _connection.poll(seconds):
            _stop()
            return _failed(path, f"Reading it was stopped after {seconds} seconds")
        return json.loads(_connection.recv_bytes())
    except (EOFError, OSError):
        _stop()
        return _failed(path, "The library that reads such files crashes with it")


def _failed(path, reason):
    about = Description(path, what="It looks like a model file.")
    about.refuse(f"{reason}: it is damaged, or was made to do harm. Take another copy.")
    return about.clean()


def _start():
    global _process, _connection  # noqa: PLW0603  one process for all files
    context = multiprocessing.get_context("spawn")
    _connection, other = context.Pipe()
    _process = context.Process(target=_read, args=(other,), daemon=True)
    _process.start()
    other.close()
    atexit.register(_stop)


def _stop():
    global _process  # noqa: PLW0603
    if _process is not None:
        _process.kill()
        _process.join()
        _connection.close()
        _process = None


def _read(connection):
    """Answer questions until the other side is gone. Runs in the process that reads."""
    from model_files import describe  # noqa: PLC0415  only this process needs it

    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)  # start-up lines of TensorFlow, last words of a crash
    try:
        import resource  # noqa: PLC0415  Windows has none

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass
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
        connection.send_bytes(json.dumps(answer).encode())
