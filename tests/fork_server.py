"""Run scripts in a process that has imported TensorFlow already, four seconds faster.

The standard library's fork server imports TensorFlow once and is copied for each run. A run
has its own memory, folder, arguments, environment and output, and it imports the
project's own modules itself. It has no network, where that can be taken away. Its Python is
the one of conftest's `bare_python`, which has requirements.txt alone.
"""

import atexit
import contextlib
import functools
import multiprocessing
import os
import runpy
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

AVAILABLE = "forkserver" in multiprocessing.get_all_start_methods()  # not on Windows


def _offline():
    """Return a command prefix that takes the network away, or nothing where none can."""
    only_loopback = 'ip link set lo up && exec "$@"'
    prefix = ["unshare", "--map-root-user", "--net", "sh", "-c", only_loopback, "sh"]
    try:
        subprocess.run([*prefix, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return prefix


OFFLINE = _offline()


@contextlib.contextmanager
def _path_of(python):
    """While a process is started, which takes it over, have the import path of a Python."""
    ours = sys.path
    root = str(Path(python).parent.parent)
    installed = sysconfig.get_path("purelib", "venv", {"base": root})
    sys.path = [*(one for one in ours if "site-packages" not in one), installed]
    yield
    sys.path = ours


@functools.cache
def _server(python):
    """Start the fork server, without a network, and return its multiprocessing context."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow", "keras"])
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder) / "python"
        command = shlex.join([*OFFLINE, python])
        start.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        start.chmod(0o700)
        context.set_executable(str(start))
        # A first run, so that the file is not needed any more.
        first = context.Process(target=int)
        first.start()
        first.join()
        context.set_executable(sys.executable)
    return context


def run(python, command, directory, environment, timeout):
    """Run a script or a module, and wait for its end.

    Args:
        python: the path of the Python, in all runs the same.
        command: list of str, what stands behind `python`: ["-m", module, ...] or
            [path, ...].
        directory: the working directory.
        environment: dict of str.
        timeout: seconds after which it is killed.

    Returns:
        subprocess.CompletedProcess: with its output as text.

    Raises:
        subprocess.TimeoutExpired: it took longer.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / "output", Path(folder) / "errors"]
        with _path_of(python):
            process = _server(python).Process(
                target=_run_in_the_fork, args=(command, directory, environment, files)
            )
            process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(command, timeout)
        output, errors = (file.read_text(encoding="utf-8") for file in files)
        return subprocess.CompletedProcess(command, process.exitcode, output, errors)


def _run_in_the_fork(command, directory, environment, files):
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    for descriptor, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), descriptor)
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    for stream in sys.stdout, sys.stderr:
        stream.reconfigure(encoding=encoding)
    try:
        if command[0] == "-m":
            sys.argv = command[1:]
            sys.path.insert(0, str(directory))
            runpy.run_module(command[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = command
            sys.path.insert(0, str(Path(command[0]).parent))
            runpy.run_path(command[0], run_name="__main__")
    except Exception:
        sys.excepthook(*sys.exc_info())
        sys.exit(1)
    finally:
        # The fork server's processes end without it.
        atexit._run_exitfuncs()
