"""Lesson 4: what is saved survives kills, a full disk, and garbage."""

import os
import re
import shutil
import signal
import subprocess
import sys

import lesson
import models

import keras
import pytest
from conftest import ROOT, Folder, need, numbers, stop_in_the_middle

SCRIPT = "04_checkpoint_and_recover.py"


def test_lesson_4_kills_often_and_inside_saves_and_loses_nothing(default_run):
    text = default_run(SCRIPT).stdout
    rows = {
        name: [int(number) for number in row.split()] + [end]
        for name, row, end in re.findall(
            r"^   (\w+) +((?:\d+ +){5})(yes|no)$", text.split("4. What")[1], re.M
        )
    }
    assert list(rows) == ["SafeCheckpoint", "ModelCheckpoint", "BackupAndRestore"]
    assert all(row[0] == 24 for row in rows.values())
    assert sum(row[1] for row in rows.values()) >= 5
    _, _, unusable, wrong_epoch, _, equal = rows["SafeCheckpoint"]
    assert (unusable, wrong_epoch, equal) == (0, 0, "yes")


def test_lesson_4_counts_what_loading_notices(default_run):
    text = default_run(SCRIPT).stdout.split("5. What")[1]
    for name in (
        ".keras",
        "checkpoint",
        "SavedModel's weights",
        ".weights.h5 and sha256",
    ):
        assert numbers(rf" {re.escape(name)} +(\d+) +(\d+) +(\d+)\n", text)[1] == 0
    for name in (".h5", ".weights.h5"):
        noticed, wrong, cut = numbers(
            rf" {re.escape(name)} +(\d+) +(\d+) +(\d+)\n", text
        )
        assert noticed < 5
        assert wrong > 20
        assert cut == 40


# What lesson 4 defines before it starts.
DEFINITIONS = (ROOT / SCRIPT).read_text(encoding="utf-8").split("if sys.argv[1:2]")[0]


@pytest.fixture(scope="module")
def lesson_4():
    names = {"__name__": "lesson_4"}
    exec(DEFINITIONS, names)
    return names


def trained(build="sequential"):
    return models.compile_classifier(models.BUILDS[build]())


@pytest.mark.parametrize("build", models.BUILDS)
def test_training_that_was_stopped_goes_on_to_the_last_bit(
    tmp_path, lesson_4, few, build
):
    ends = []
    for stops in ([2], [1, 2]):
        folder = tmp_path / str(len(stops))
        keras.utils.set_random_seed(1)
        for stop in stops:
            model, epoch, callback = lesson_4["resume_safely"](folder, trained(build))
            settings = {"shuffle": False, "verbose": 0, "callbacks": [callback]}
            model.fit(*few, initial_epoch=epoch, epochs=stop, **settings)
        ends.append(model.get_weights())
    assert lesson.largest_difference(*ends) == 0


@pytest.mark.parametrize("garbage", [b"", b"garbage", b"PK\x03\x04garbage"])
def test_garbage_gives_a_clear_line_and_the_checkpoint_before_it_is_used(
    tmp_path, lesson_4, few, capsys, garbage
):
    folder = tmp_path / "checkpoints"
    model, epoch, callback = lesson_4["resume_safely"](folder, trained())
    model.fit(*few, epochs=3, verbose=0, callbacks=[callback])
    (folder / "newest.keras").write_bytes(garbage)
    model, epoch, _ = lesson_4["resume_safely"](folder, None)
    assert epoch == 2
    assert model.optimizer.iterations.numpy() == 2 * 500
    (line,) = capsys.readouterr().out.splitlines()
    assert "newest.keras cannot be used, it is damaged" in line
    # The garbage must not take the place of the good file when training goes on.
    assert lesson_4["resume_safely"](folder, None)[1] == 2
    model.fit(*few, initial_epoch=2, epochs=3, verbose=0, callbacks=[callback])
    (folder / "newest.keras").unlink()  # as if killed between the two moves
    assert lesson_4["resume_safely"](folder, None)[1] == 2


def test_files_that_cannot_be_used_are_not_taken_for_a_new_training(
    tmp_path, lesson_4, few
):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in ("newest.keras", "previous.keras"):
        (folder / name).write_bytes(b"garbage")
    with pytest.raises(ValueError, match="no checkpoint in"):
        lesson_4["resume_safely"](folder, trained())
    assert (folder / "newest.keras").read_bytes() == b"garbage"


def test_a_half_written_file_is_never_taken_for_a_checkpoint(tmp_path, lesson_4, few):
    folder = tmp_path / "checkpoints"
    model, _, callback = lesson_4["resume_safely"](folder, trained())
    model.fit(*few, epochs=1, verbose=0, callbacks=[callback])
    (folder / "new.keras").write_bytes((folder / "newest.keras").read_bytes()[:1000])
    _, epoch, _ = lesson_4["resume_safely"](folder, None)
    assert epoch == 1


def on_a_disk_of(kilobytes, options, place, command, **arguments):
    """Run a command with a small disk in the place of a folder."""
    mount = f'mount -t tmpfs -o size={kilobytes}k,{options} tmpfs "$0" && exec "$@"'
    return subprocess.run(
        [
            "unshare",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            mount,
            str(place),
            *command,
        ],
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
x, y = np.zeros((320, 784), "float32"), np.zeros(320)
folder = Path("disk") / "checkpoints"
new = models.compile_classifier(models.sequential())
model, epoch, callback = resume_safely(folder, new)
try:
    model.fit(x, y, epochs=5, verbose=0, callbacks=[callback])
except OSError as error:
    print("stopped:", error.strerror)
model, epoch, _ = resume_safely(folder, None)
print("epoch", epoch, "batches", int(model.optimizer.iterations))
"""


def test_a_full_disk_leaves_the_last_checkpoint_as_it_was(disks, tmp_path):
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pathlib import Path\n"
    )
    program += DEFINITIONS + FILL_THE_DISK
    (tmp_path / "disk").mkdir()
    # Room for two checkpoints of 632 kB and for a part of the third.
    finished = on_a_disk_of(
        1500, "rw", tmp_path / "disk", [sys.executable, "-c", program], cwd=tmp_path
    )
    assert finished.stderr == ""
    stopped, resumed = finished.stdout.splitlines()
    assert stopped == "stopped: No space left on device"
    assert resumed == "epoch 2 batches 20"


@pytest.mark.parametrize(
    "kilobytes, options, reason",
    [(800, "rw", "No space left on device"), (800, "ro", "Read-only file system")],
)
def test_a_disk_that_takes_no_more_gives_one_sentence(
    disks, tmp_path, kilobytes, options, reason
):
    folder = Folder(tmp_path)
    saved = folder.path / "saved"
    saved.mkdir()
    command = [sys.executable, str(folder.path / SCRIPT), "--samples", "320"]
    finished = on_a_disk_of(
        kilobytes,
        options,
        saved,
        command,
        cwd=folder.elsewhere,
        env=folder.environment(),
    )
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert reason in line


@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_lesson_4_leaves_no_process_behind_when_it_is_stopped(folder, how):
    need(os.name == "posix", "this test sends signals")
    how = getattr(signal, how)
    status, _, errors, alive = stop_in_the_middle(
        folder, SCRIPT, "epochs, never killed:", how, "--samples", "320"
    )
    assert status == -how
    assert alive == []
    assert "Traceback" not in errors
