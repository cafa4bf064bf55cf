"""Lesson 10: what is saved survives kills, a full disk, and garbage."""

import os
import shutil
import signal
import subprocess
import sys

import lesson
import models
from experiments import kills

import keras
import pytest
from conftest import (
    ROOT,
    need,
    numbers,
    start_and_read_until,
    stop_in_the_middle,
)

SCRIPT = "10_survive_a_crash.py"
PROGRAM = "programs/train_safely.py"
FEW = ("--samples", "2000")


def test_a_training_that_was_killed_continues_and_one_that_has_ended_begins_anew(
    folder,
):
    process, _ = start_and_read_until(folder, PROGRAM, "Epoch 4/6", *FEW)
    process.kill()
    process.communicate()
    continued, new = (folder.run_forked(PROGRAM, *FEW) for _ in range(2))
    assert (continued.returncode, continued.stderr) == (0, "")
    (done,) = numbers(r"(\d+) of 6 epochs are done", continued.stdout)
    assert done >= 3
    assert f"Epoch {int(done)}/6" not in continued.stdout
    assert "   0 of 6 epochs are done" in new.stdout


def fit(few, resumed, epochs):
    model, done, callback = resumed
    settings = {"shuffle": False, "verbose": 0, "callbacks": [callback]}
    x, y = few[0][:3200], few[1][:3200]  # 100 batches
    model.fit(x, y, initial_epoch=done, epochs=epochs, **settings)
    return model


@pytest.mark.parametrize("build", models.BUILDS)
def test_training_that_was_stopped_continues_to_the_last_bit(
    tmp_path, few, build, monkeypatch
):
    def new_model():
        keras.utils.set_random_seed(1)
        return models.build_and_compile(build)

    monkeypatch.setattr(kills, "new_model", new_model)
    ends = []
    for stops in ([2], [1, 2]):
        folder = tmp_path / str(len(stops))
        folder.mkdir()
        for stop in stops:
            model = fit(few, kills.safe_checkpoint(folder), stop)
        ends.append(model.get_weights())
    assert lesson.largest_difference(*ends) == 0


@pytest.mark.parametrize(
    "damage",
    ["b''", "b'garbage'", "content[:9]", "changed", "without(0)", "without(8)"],
)
def test_a_damaged_file_gives_a_clear_line_and_the_one_before_it_is_used(
    tmp_path, few, capsys, damage
):
    fit(few, kills.safe_checkpoint(tmp_path), 3)
    newest = tmp_path / "epoch-0003.keras"
    assert sorted(tmp_path.iterdir()) == [tmp_path / "epoch-0002.keras", newest]
    content = newest.read_bytes()
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1

    def without(place):
        """Change a byte of the zip's directory: its mark, or that of encryption."""
        directory = bytearray(content)
        directory[content.index(b"PK\x01\x02") + place] ^= 1
        return directory

    newest.write_bytes(eval(damage))
    resumed = kills.safe_checkpoint(tmp_path)
    model, done, _ = resumed
    assert (done, model.optimizer.iterations.numpy()) == (2, 2 * 100)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.strip() == "epoch-0003.keras is damaged: the file before it is used."
    # When training continues, the garbage is replaced, and the good file is kept.
    fit(few, resumed, 3)
    assert kills.safe_checkpoint(tmp_path)[1] == 3
    newest.unlink()
    assert kills.safe_checkpoint(tmp_path)[1] == 2


def test_files_that_cannot_be_used_are_not_taken_for_a_new_training(tmp_path):
    paths = [tmp_path / f"epoch-000{number}.keras" for number in (2, 3)]
    for path in paths:
        path.write_bytes(b"garbage")
    with pytest.raises(SystemExit, match=r"No file in .* can be used. Delete them"):
        kills.safe_checkpoint(tmp_path)
    assert [path.read_bytes() for path in paths] == [b"garbage", b"garbage"]


def test_a_half_written_file_is_never_taken_for_a_checkpoint(tmp_path, few):
    fit(few, kills.safe_checkpoint(tmp_path), 1)
    content = (tmp_path / "epoch-0001.keras").read_bytes()
    (tmp_path / "unfinished.keras").write_bytes(content[:1000])
    assert kills.safe_checkpoint(tmp_path)[1] == 1


def on_a_disk_of(kilobytes, options, place, command, **arguments):
    """Run a command with a small disk in the place of a folder."""
    mount = f'mount -t tmpfs -o size={kilobytes}k,{options} tmpfs "$0" && exec "$@"'
    unshare = ["unshare", "--map-root-user", "--mount"]
    return subprocess.run(
        [*unshare, "sh", "-c", mount, str(place), *command],
        capture_output=True,
        encoding="utf-8",
        check=False,
        **arguments,
    )


@pytest.fixture
def disks(tmp_path):
    """Skip where no small disk can be mounted."""
    need(shutil.which("unshare"), "`unshare` is needed to mount a small disk")
    finished = on_a_disk_of(100, "rw", tmp_path, ["true"])
    need(finished.returncode == 0, f"no small disk can be mounted: {finished.stderr}")


FILL_THE_DISK = """
import sys
from pathlib import Path
import lesson
from experiments import kills
import numpy as np

x, y = np.zeros((320, 784), "float32"), np.zeros(320)
folder = Path(sys.argv[1])
model, epoch, callback = kills.safe_checkpoint(folder)
try:
    model.fit(x, y, epochs=5, verbose=0, callbacks=[callback])
except OSError as error:
    print("stopped:", error.strerror)
model, epoch, _ = kills.safe_checkpoint(folder)
print("epoch", epoch, "batches", int(model.optimizer.iterations))
"""


def test_a_full_disk_leaves_the_last_checkpoint_as_it_was(disks, tmp_path):
    # Room for two checkpoints of 632 kB and for a part of the third.
    command = [sys.executable, "-c", FILL_THE_DISK, str(tmp_path)]
    finished = on_a_disk_of(1500, "rw", tmp_path, command, cwd=ROOT)
    assert finished.stderr == ""
    stopped, resumed = finished.stdout.splitlines()
    assert stopped == "stopped: No space left on device"
    assert resumed == "epoch 2 batches 20"


@pytest.mark.parametrize(
    "kilobytes, options, reason",
    [(800, "rw", "is full: 0.8 MB are free"), (800, "ro", "Read-only file system")],
)
def test_a_disk_that_takes_no_more_gives_one_sentence(
    disks, folder, kilobytes, options, reason
):
    saved = folder.path / "saved"
    saved.mkdir()
    command = [sys.executable, str(folder.path / SCRIPT), *FEW]
    home = {"cwd": folder.elsewhere, "env": folder.environment()}
    finished = on_a_disk_of(kilobytes, options, saved, command, **home)
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert reason in line


# Lesson 12 and the experiment kills start theirs in the same way, and are killed.
def test_ctrl_c_stops_lesson_10_with_one_sentence_and_leaves_no_process_behind(folder):
    need(os.name == "posix", "this test sends a signal")
    how = signal.SIGINT
    status, output, errors, alive = stop_in_the_middle(
        folder, SCRIPT, "2. Kill", how, *FEW
    )
    assert status == -how
    assert alive == []
    assert errors == ""
    assert output.endswith("Stopped by Ctrl-C. You can start it again.\n")
