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
from conftest import ROOT, code, table_below

PAGE = (ROOT / "docs/your-own-model.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "docs/zh/your-own-model.md").read_text(encoding="utf-8")


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
        for block in blocks(PAGE):
            exec(compile(block, "docs/your-own-model.md", "exec"), names)
            assert "Not exact" not in capsys.readouterr().out, block
    assert sorted(os.listdir("saved")) == [
        *("drawn", "files", "own_training", "own_training.keras", "photos"),
        *("pipeline", "run", "shaken", "short_epochs"),
    ]
    assert names["difference"] == 0


def test_the_check_notices_another_model_of_thirty_thousand_classes(home):
    def untrained():
        return keras.Sequential(
            [keras.Input((784,)), keras.layers.Dense(30_000, activation="softmax")]
        )

    check = blocks(PAGE)[1]
    names = {"np": np, "keras": keras, "model": untrained(), "x": np.ones((10, 784))}
    exec(check, names)
    untrained().save("my_model.keras")
    with pytest.raises(AssertionError, match="off by"):
        exec(check[check.index("loaded_model") :], names)


def test_own_training_is_shown_as_it_is():
    program = (ROOT / "programs/own_training.py").read_text(encoding="utf-8")
    assert program in blocks(PAGE)


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


def test_the_chinese_page_has_the_same_code_and_tables():
    assert blocks(CHINESE) == blocks(PAGE)
    for page in PAGE, CHINESE:
        assert len(page.splitlines()) <= 250
        rows = [line for line in page.splitlines() if line.startswith("|")]
        assert len(rows) == 21
        assert max(map(len, rows)) <= 100
    headings = [re.findall("^#+ ", page, re.M) for page in (PAGE, CHINESE)]
    assert headings[0] == headings[1]
    assert resumable.BOUND == 64 * 2**20  # "up to 64 MB"
