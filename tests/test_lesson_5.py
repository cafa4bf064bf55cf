"""Lesson 5: several devices, several processes."""

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap

import lesson

import psutil
import pytest
from conftest import ROOT, need, numbers, stop_in_the_middle

SCRIPT = "05_distributed_training.py"


def test_lesson_5_resumes_with_and_without_a_strategy(default_run):
    text = default_run(SCRIPT).stdout
    assert "Replicas: 2" in text
    for how in (
        "without a strategy",
        "under MirroredStrategy",
        "under OneDeviceStrategy",
    ):
        difference, steps = numbers(
            rf"loaded {how} and resumed: weights\s+differ\s+by\s+at\s+most\s+([\d.e-]+),\s+and"
            r"\s+Adam\s+counts\s+(\d+)\s+steps",
            text,
        )
        assert difference < 1e-4
        assert steps == 400


def test_lesson_5_trains_on_two_real_processes_in_step(default_run):
    text = (
        default_run(SCRIPT).stdout.split("2. Two processes")[1].split("3. A worker")[0]
    )
    lines = re.findall(r"worker (\d): (step \d+, loss [\d.]+)", text)
    said = {rank: [line for who, line in lines if who == rank] for rank in "01"}
    assert said["0"] == said["1"]
    assert len(said["0"]) == 6
    together, alone = numbers(
        r"on one device: ([\d.]+)% right; trained alone: ([\d.]+)%", text
    )
    assert abs(together - alone) < 1


def test_lesson_5_ends_soon_after_a_worker_died_and_finishes_the_job(default_run):
    text = default_run(SCRIPT).stdout.split("3. A worker")[1]
    assert "a worker stopped: " in text
    (seconds,) = numbers(r"all ended after ([\d.]+) s: exit status \[1, -?\d+\]", text)
    assert seconds < 60
    assert "ok     finished: not one bit is different" in text


def test_lesson_5_says_which_port_is_taken(shared_folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, str(shared_folder.path / SCRIPT), "--port", port]
        finished = subprocess.run(
            command,
            env=shared_folder.environment(),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert f"Port {port} cannot be used" in line
    assert "--port" in line


@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_lesson_5_leaves_no_process_behind_when_it_is_stopped(folder, how):
    need(os.name == "posix", "this test sends signals")
    how = getattr(signal, how)
    status, _, errors, alive = stop_in_the_middle(
        folder, SCRIPT, "worker 0: step 100", how
    )
    assert status == -how
    assert alive == []
    assert "Traceback" not in errors


def test_a_worker_that_waits_in_vain_is_ended(tmp_path):
    # Nobody listens on the port of the second worker.
    program = textwrap.dedent("""
        import json, sys, time
        import lesson
        config = {"cluster": {"worker": [f"127.0.0.1:{port}" for port in lesson.free_ports()]},
                  "task": {"type": "worker", "index": 0}}
        worker = lesson.start("worker.py", ".", "sequential", TF_CONFIG=json.dumps(config))
        start = time.monotonic()
        print(lesson.wait_for([worker], seconds=6), time.monotonic() - start < 10)
    """)
    finished = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stderr == ""
    *_, last = finished.stdout.splitlines()
    assert last == "[-9] True"


def test_workers_of_tensorflow_listen_on_all_interfaces(folder):
    # Not as we would have it: the README warns of it. Should this fail, mend the README.
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
import keras, numpy as np, tensorflow as tf
{devices}
strategy = {strategy}
with strategy.scope():
    model = models.compile_classifier(models.sequential(), steps_per_execution={steps})
x, y = np.zeros((6400, 784), "float32"), np.zeros(6400)
try:
    model.fit(x, y, verbose=0)
except Exception as error:
    print(type(error).__name__, error)
else:
    print("works")
"""
TWO_CPUS = """
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration(), tf.config.LogicalDeviceConfiguration()]
tf.config.set_logical_device_configuration(cpu, two)
"""


def fit(environment=None, **parts):
    return subprocess.Popen(
        [sys.executable, "-c", FIT.format(**parts)],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("steps, result", [(1, "works"), (25, "InvalidArgumentError")])
def test_fit_under_mirrored_strategy_takes_one_step_per_execution(steps, result):
    mirrored = 'tf.distribute.MirroredStrategy(tf.config.list_logical_devices("CPU"))'
    process = fit(devices=TWO_CPUS, strategy=mirrored, steps=steps)
    assert process.communicate()[0].startswith(result)


def test_fit_under_multi_worker_mirrored_strategy_does_not_work():
    cluster = {"worker": [f"127.0.0.1:{port}" for port in lesson.free_ports()]}
    workers = []
    for rank in range(2):
        config = json.dumps(
            {"cluster": cluster, "task": {"type": "worker", "index": rank}}
        )
        strategy = "tf.distribute.MultiWorkerMirroredStrategy()"
        workers.append(
            fit({"TF_CONFIG": config}, devices="", strategy=strategy, steps=1)
        )
    for worker in workers:
        assert "PerReplica" in worker.communicate(timeout=60)[0]


def test_the_readme_calculates_how_often_to_save_correctly():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = " ".join(readme.split("**How often.**")[1].split("\n\n")[0].split())
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
