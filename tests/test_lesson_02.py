"""Lesson 2: the whole model in one file."""

import shutil

SCRIPT = "02_save_load_full_model.py"


def test_the_second_process_can_be_started_by_hand_again_and_again(default_run, folder):
    finished = folder.run_forked("programs/resume.py")
    assert finished.returncode == 1
    assert "mnist.keras is not there. Run 02_save_load_full_model.py first." in (
        finished.stderr
    )
    written = default_run(SCRIPT).folder
    copy = folder.path / "saved" / written.name
    shutil.copytree(written, copy, dirs_exist_ok=True)
    finished = folder.run_forked("programs/resume.py", "--samples", "320")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "ok     the new process predicts the same" in finished.stdout


def test_lesson_2_stops_when_the_second_process_fails(folder):
    (folder.path / "programs/resume.py").write_text("raise SystemExit('no')")
    finished = folder.run_forked(SCRIPT, "--samples", "320")
    assert finished.returncode == 1
    assert finished.stderr.splitlines()[-1].startswith("The new process failed")
