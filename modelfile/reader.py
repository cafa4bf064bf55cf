"""The process that reads. A damaged file can make a library crash, hang or eat memory.

HDF5's does so with about one of a hundred damaged files. So files are read in a process
of its own, which is ended when it takes too long, and started again for the next file.
"""

import contextlib
import json
import multiprocessing
import os

from modelfile import late
from modelfile.description import Description
from modelfile.sentences import Sentence, say

SECONDS = 18  # for a file
STARTING = 120  # seconds for the process, or TensorFlow in it, on a slow computer
MEMORY = 900_000_000  # bytes, where the system can limit it (not on Windows)


class Reader:
    """Describes files in a process of its own, which starts with the first file."""

    def __init__(self):
        self.process = None

    def describe(self, path, seconds=SECONDS):
        """Return what `kinds.describe` says, as a dict; None if there is no such file.

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
                answer = _unpacked(self._connection.recv_bytes())
                if answer not in ("starting", "started"):
                    return answer
                limit = STARTING if answer == "starting" else seconds
            reason = say("Reading it was stopped after {} seconds", limit)
        except (EOFError, OSError):
            reason = say("The library that reads such files crashes with it")
        self.stop()
        description = Description(path, what=say("It looks like a model file."))
        description.refuse(
            say("{}: it is damaged, or was made to do harm. Take another copy.", reason)
        )
        return description.clean()

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


def _read(connection):
    """Answer questions until the other side is gone. Runs in the process that reads."""
    # Only this process needs what it imports: the one that asks starts sooner.
    from modelfile.kinds import describe  # noqa: PLC0415

    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)  # start-up lines of TensorFlow, last words of a crash
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  Windows has none

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    late.listener = lambda message: connection.send_bytes(_packed(message))
    late.tell("started")
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
        connection.send_bytes(_packed(answer))


def _packed(value):
    """Return a value as JSON, which is safe to read wherever it comes from."""
    return json.dumps(_plain(value)).encode()


def _plain(value):
    if isinstance(value, Sentence):
        return {"template": value.template, "values": _plain(value.values)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _unpacked(content):
    def revive(found):
        if found.keys() == {"template", "values"}:
            return Sentence(found["template"], *found["values"])
        return found

    return json.loads(content, object_hook=revive)
