"""docs/model-files.md: its commands and its Python are executed, in both languages."""

import os
import re
import shutil
import subprocess
import sys

import lesson  # noqa: F401  starts TensorFlow quietly

import keras
import pytest
from conftest import ROOT

PAGES = ["docs/model-files.md", "docs/zh/model-files.md"]


def blocks(page, language):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def test_both_pages_have_the_same_commands_and_python():
    for language in "sh", "python":
        assert blocks(PAGES[0], language) == blocks(PAGES[1], language)


def test_the_commands_and_the_python_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "datasets" / "keras2", "datasets/keras2")
    shutil.copy("datasets/keras2/functional/model.h5", "old.h5")
    for command in "".join(blocks(PAGES[0], "sh")).splitlines():
        arguments = command.split()[1:]
        finished = subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
    for code in blocks(PAGES[0], "python"):
        exec(code, {})
    assert keras.models.load_model("from_keras2.keras").optimizer.iterations == 3750
    assert keras.models.load_model("older.keras").optimizer.iterations == 3750


@pytest.mark.parametrize("page", PAGES)
def test_its_table_of_refusals_names_what_is_refused(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in "Lambda", "StringLookup", "LocallyConnected1D", "Nadam":
        assert name in text.partition("--for")[0]
