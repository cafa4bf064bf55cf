"""The losses of a resumed training, batch by batch."""

import re

from conftest import numbers

SCRIPT = "experiments.resume_loss"


def test_resume_loss_shows_that_the_first_loss_is_equal_and_then_a_fresh_adam_parts(
    default_run,
):
    text = default_run(SCRIPT).stdout
    rows = re.findall(r"^   (\d+) +([\d.]+) +([\d.]+) +([\d.]+)$", text, re.M)
    assert [row[0] for row in rows] == ["1", "2", "5", "10", "100", "1000", "1875"]
    assert rows[0][1] == rows[0][2] == rows[0][3]
    for _, uninterrupted, from_file, fresh in rows[1:]:
        assert uninterrupted == from_file != fresh
    assert "ok     from the file: all losses are equal" in text
    assert numbers(r"another training: weights differ by up to ([\d.]+)", text)[0] > 0.1


def test_resume_loss_draws_a_plot(default_run):
    content = (default_run(SCRIPT).folder / "resume.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (960, 720)


def test_resume_loss_runs_with_few_images_and_another_model(shared_folder):
    finished = shared_folder.run_forked(
        SCRIPT, "--samples", "33", "--model", "subclassed"
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "   2      " in finished.stdout
    assert "   5      " not in finished.stdout
