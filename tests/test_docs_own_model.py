"""docs/your-own-model.md: its code is executed, and its messages are those of the code."""

import ast
import os
import re
import shutil
import sys

import resumable

import keras
import numpy as np
import pytest
from conftest import ROOT, TEXTS, code, table_below

PAGE = (ROOT / "docs/your-own-model.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page, re.S)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with resumable.py, a twentieth of MNIST, and a few photos."""
    shutil.copy(ROOT / "resumable.py", tmp_path)
    (tmp_path / "datasets").mkdir()
    with np.load(ROOT / "datasets/mnist.npz") as mnist:
        few = {name: mnist[name][:640] for name in mnist.files}
    np.savez(tmp_path / "datasets/mnist.npz", **few)
    for kind in "cats", "dogs":
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for number in range(8):
            photo = few["x_train"][number][..., np.newaxis]
            keras.utils.save_img(tmp_path / f"photos/{kind}/{number}.png", photo)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def test_each_block_runs_twice_and_what_it_calls_exact_is_said_to_be_so(home, capsys):
    for _ in range(2):
        names = {"__name__": "__main__"}
        script = blocks(README)[1]
        for block in [script, *blocks(PAGE)]:
            exec(compile(block, "docs/your-own-model.md", "exec"), names)
            assert "Not exact" not in capsys.readouterr().out, block
    assert sorted(os.listdir("saved")) == [
        *("drawn", "files", "own_training", "own_training.keras", "photos"),
        *("pipeline", "run", "shaken", "short_epochs"),
    ]


def test_own_training_is_shown_as_it_is():
    program = (ROOT / "programs/own_training.py").read_text(encoding="utf-8")
    assert program in blocks(PAGE)
    program = (ROOT / "zh/programs/own_training.py").read_text(encoding="utf-8")
    assert program in TEXTS["docs/zh/your-own-model.md"]


def test_each_message_of_the_table_is_one_of_resumable_py():
    tree = ast.parse((ROOT / "resumable.py").read_text(encoding="utf-8"))
    said = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    said = "\n".join(text for text in said if isinstance(text, str))
    rows = table_below(PAGE, 'What "Not exact" says')
    assert len(rows) == 13
    for message, _ in rows:
        for text in code(message):
            for piece in text.split("..."):
                assert piece.strip(" ,") in said, text


def test_the_page_says_how_much_of_an_array_is_compared():
    assert resumable.BOUND == 64 * 2**20
    assert "64 MB" in PAGE
