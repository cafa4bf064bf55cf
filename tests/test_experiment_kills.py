"""Kills: nothing that SafeCheckpoint or resumable.py has saved is lost."""

import os
import re
import signal

from conftest import ROOT, need, stop_in_the_middle

SCRIPT = "experiments.kills"


def rows(text):
    """Return the table as a dict: what stands behind each callback, as numbers."""
    found = {}
    for name, row in re.findall(r"^   ([\w.]+) +((?:\d+ +){5}\d+/\d+)$", text, re.M):
        found[name] = [int(number) for number in re.findall(r"\d+", row)]
    return found


def test_kills_kills_as_often_as_it_is_told_to_and_loses_nothing(default_run):
    finished = default_run(SCRIPT)
    assert (finished.returncode, finished.stderr) == (0, "")
    table = rows(finished.stdout)
    safe = ["SafeCheckpoint", "resumable.py"]
    assert list(table) == [
        safe[0],
        "ModelCheckpoint",
        "BackupAndRestore",
        "OrbaxCheckpoint",
        safe[1],
    ]
    for method in safe:
        kills, _, unusable, wrong, epochs, equal, ended = table[method]
        assert kills == 2
        assert (unusable, wrong, equal) == (0, 0, ended)
        assert ended >= 1
        assert epochs <= 12 * ended + kills


def test_the_transcript_of_kills_is_of_a_run_with_the_defaults():
    table = rows((ROOT / "output" / "kills.txt").read_text(encoding="utf-8"))
    assert [row[0] for row in table.values()] == [24, 24, 24, 24, 24]
    assert sum(row[1] for row in table.values()) >= 5
    for method in "SafeCheckpoint", "resumable.py":
        _, _, unusable, wrong, _, equal, ended = table[method]
        assert (unusable, wrong, equal) == (0, 0, ended)
    # More than one training: when one has ended, the next one begins.
    assert ended >= 2


# Lesson 10 starts its process in the same way, and is stopped by Ctrl-C in its test.
def test_kills_leaves_no_process_behind_when_it_is_killed(folder):
    need(os.name == "posix", "this test sends signals")
    how = signal.SIGKILL
    status, _, errors, alive = stop_in_the_middle(folder, SCRIPT, "Experiment", how)
    assert status == -how
    assert alive == []
    assert "Traceback" not in errors
