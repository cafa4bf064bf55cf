"""Lesson 12: two processes that train one model."""

import contextlib
import json
import math
import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import lesson

import psutil
from conftest import (
    ROOT,
    TEXTS,
    need,
    numbers,
    start_and_read_until,
    stop_in_the_middle,
)

SCRIPT = "12_two_workers.py"
ON_JAX = "12_two_workers_jax.py"


def test_lesson_12_trains_on_two_real_processes_in_step(default_run):
    text = default_run(SCRIPT).stdout.split("2. Their checkpoint")[0]
    lines = re.findall(r"worker (\d): (batch \d+, loss [\d.]+)", text)
    said = {rank: [line for who, line in lines if who == rank] for rank in "01"}
    assert said["0"] == said["1"]
    assert len(said["0"]) == 6
    assert "ok     both have equal weights" in text


def test_lesson_12_loads_the_checkpoint_in_a_single_process(default_run):
    text = default_run(SCRIPT).stdout
    (difference,) = numbers(r"ok     weights differ by at most ([\d.e-]+)", text)
    assert difference < 0.001


def test_lesson_12_ends_soon_after_a_worker_died_and_finishes_the_job(default_run):
    text = default_run(SCRIPT).stdout.split("3. A worker")[1]
    assert "a worker stopped: " in text
    (seconds,) = numbers(r"ok     the chief failed, too, ([\d.]+) s later", text)
    assert seconds < 60
    (batch,) = numbers(r"The checkpoint is from batch (\d+) of 600", text)
    assert 100 <= batch < 600
    assert "worker 0: batch 100," not in text.split("4. Start both again")[1]
    assert "ok     as undisturbed: not one bit differs" in text


# Lesson 10 starts its process in the same way, and is stopped by Ctrl-C in its test.
def test_lesson_12_leaves_no_process_behind_when_it_is_killed(folder):
    need(os.name == "posix", "this test sends signals")
    how, line = signal.SIGKILL, "worker 0: batch 100"
    status, _, errors, alive = stop_in_the_middle(folder, SCRIPT, line, how)
    assert status == -how
    assert alive == []
    assert "Traceback" not in errors


def config(ports, number):
    """Return the environment variable of a worker that uses the first or second port."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    return json.dumps({"cluster": cluster, "task": {"type": "worker", "index": number}})


def test_a_worker_that_waits_in_vain_ends_with_the_program_that_started_it():
    # Nobody listens on the port of the second worker.
    program = textwrap.dedent("""
        import sys
        import lesson
        worker = lesson.start("programs/worker.py", ".", "1", TF_CONFIG=sys.argv[1])
        print(worker.pid)
        worker.wait(6)
    """)
    finished = subprocess.run(
        [sys.executable, "-c", program, config(lesson.free_ports(), 0)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert finished.stderr.endswith("timed out after 6 seconds\n")
    # It is killed without being waited for.
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(finished.stdout)).wait(timeout=10)


def test_workers_of_tensorflow_listen_on_all_interfaces():
    # Not as we would have it: docs/cluster.md warns of it. Should this fail, mend that page.
    need(os.name == "posix", "this test looks at the sockets of a process")
    program = textwrap.dedent("""
        import lesson
        import tensorflow as tf
        address = f"127.0.0.1:{lesson.free_ports()[0]}"
        server = tf.distribute.Server({"worker": [address]}, "worker", 0)
        print("up", flush=True)
        input()
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "up\n"
    addresses = {
        connection.laddr.ip
        for connection in psutil.Process(process.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    process.communicate("\n")
    assert addresses <= {"::", "0.0.0.0"}
    assert addresses


FIT = """
import lesson, models
import numpy as np, tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
with strategy.scope():
    model = models.compile(models.sequential(), steps_per_execution=1)
try:
    model.fit(np.zeros((6400, 784), "float32"), np.zeros(6400), verbose=0)
except Exception as error:
    print(error)
"""


def test_fit_under_multi_worker_mirrored_strategy_does_not_work():
    ports = lesson.free_ports()
    workers = []
    for number in range(2):
        worker = subprocess.Popen(
            [sys.executable, "-c", FIT],
            cwd=ROOT,
            env={**os.environ, "TF_CONFIG": config(ports, number)},
            stdout=subprocess.PIPE,
            text=True,
        )
        workers.append(worker)
    for worker in workers:
        assert "PerReplica" in worker.communicate(timeout=60)[0]


def test_the_page_on_clusters_calculates_how_often_to_save_correctly():
    section = " ".join(
        TEXTS["docs/cluster.md"].split("**How often.**")[1].split("\n\n")[0].split()
    )
    save, days, machines = numbers(
        r"takes (\d+) s, a machine fails once in (\d+) days, and there are (\d+) machines",
        section,
    )
    failure = days * 24 * 3600 / machines
    interval = math.sqrt(2 * save * failure)
    cost = save / interval + interval / (2 * failure)
    assert f"every {failure / 3600:.2f} hours, {failure:.0f} s;" in section
    assert f"`sqrt(2 * {save:.0f} * {failure:.0f})` is {interval:.0f} s." in section
    assert f"every {interval / 60:.0f} minutes" in section
    assert f"{cost:.1%} of the time" in section


# On JAX


def test_lesson_12_on_jax_continues_with_two_workers_and_on_other_devices(default_run):
    text = default_run(ON_JAX).stdout
    assert "Epoch 1/3" not in text.split("2. Start both")[1]
    for devices in "four", "one":
        (difference,) = numbers(rf"{devices}: weights differ by at most (\S+)", text)
        assert difference < 1e-5


def test_each_worker_on_jax_has_written_its_part(default_run):
    newest = default_run(ON_JAX).folder / "two workers" / "orbax" / "2" / "pytree"
    names = {path.name for path in newest.iterdir()}
    assert {"ocdbt.process_0", "ocdbt.process_1"} <= names


def test_workers_on_jax_listen_on_this_computer_only_and_end_with_the_lesson(folder):
    need(os.name == "posix", "this test looks at the sockets of a process")
    lesson_process, _ = start_and_read_until(folder, ON_JAX, "Epoch 1/3")
    workers = psutil.Process(lesson_process.pid).children(recursive=True)
    assert len(workers) == 2
    addresses = {
        connection.laddr.ip
        for worker in workers
        for connection in worker.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses
    assert addresses <= {"127.0.0.1", "::ffff:127.0.0.1", "127.0.1.1"}
    # JAX catches this signal: docs/cluster.md says so.
    workers[1].terminate()
    time.sleep(1)
    assert workers[1].is_running()
    lesson_process.kill()
    lesson_process.communicate(timeout=60)
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []
