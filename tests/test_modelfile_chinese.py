"""modelfile in Chinese: each of its sentences has one, and it is shown where it is chosen."""

import argparse
import ast
import inspect
import json
import os
import re
import string
import subprocess
import sys

from modelfile import __main__ as command_line
from modelfile import sentences
from modelfile.description import Description
from modelfile.reader import Reader
from modelfile.sentences import LOCALE, say, translated

import polib
import pytest
from conftest import ROOT
from rich.cells import cell_len

FILE = LOCALE / "zh" / "LC_MESSAGES" / "modelfile.po"
CATALOGUE = polib.pofile(str(FILE))
SOURCES = sorted((ROOT / "modelfile").glob("*.py"))
MODEL_FILE = "datasets/keras2/functional/model.h5"
TWO_WORDS = re.compile(
    r"(?<![\w./`'\"=\\-])[A-Za-z]?[a-z']+,?(?: [a-z']+,?)+(?![\w./(=])"
)


def not_in_chinese(printed):
    """Return the lines with two English words side by side; names in quotes are no words."""
    printed = re.sub(r"'[\w.]+'", "", printed)
    return [line for line in printed.splitlines() if TWO_WORDS.search(line)]


@pytest.fixture
def chinese(monkeypatch):
    """Make this process speak Chinese."""
    monkeypatch.setenv("LANGUAGE", "zh")
    sentences.choose_language("zh")


def templates(path):
    """Return the templates of all sentences that a source makes."""
    nodes = ast.walk(ast.parse(path.read_bytes()))
    calls = [n for n in nodes if isinstance(n, ast.Call)]
    return [n.args[0] for n in calls if getattr(n.func, "id", "") == "say"]


def test_the_catalogue_that_is_read_is_made_of_the_one_that_is_written(request):
    compiled = FILE.with_suffix(".mo")
    if request.config.getoption("--renew"):
        CATALOGUE.save_as_mofile(str(compiled))
    assert compiled.read_bytes() == CATALOGUE.to_binary()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_template_has_its_chinese(path):
    known = {entry.msgid for entry in CATALOGUE if entry.msgstr and not entry.fuzzy}
    for template in templates(path):
        assert isinstance(template, ast.Constant), ast.unparse(template)
        assert template.value in known


def test_every_entry_is_a_template_or_a_word_of_argparse():
    said = {t.value for path in SOURCES for t in templates(path)}
    left_over = [entry.msgid for entry in CATALOGUE if entry.msgid not in said]
    nodes = ast.walk(ast.parse(inspect.getsource(argparse)))
    words = {node.value for node in nodes if isinstance(node, ast.Constant)}
    assert [text for text in left_over if text not in words] == []


def test_the_chinese_has_the_same_values():
    for entry in CATALOGUE:
        fields = [f for _, f, _, _ in string.Formatter().parse(entry.msgid)]
        values = [f"<{number}>" for number in range(len(fields) - fields.count(None))]
        shown = entry.msgstr.format(*values)
        assert all(shown.count(value) == 1 for value in values), entry.msgid


def literals_that_read_like_sentences(path):
    tree = ast.parse(path.read_bytes())
    nodes = list(ast.walk(tree))
    inside = {id(n.value) for n in nodes if isinstance(n, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.JoinedStr) or getattr(
            getattr(node, "func", None), "id", ""
        ) in ("say", "re"):
            inside |= {id(n) for n in ast.walk(node) if n is not node}
    for node in nodes:
        if id(node) in inside:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [getattr(value, "value", None) for value in node.values]
            yield "".join(p if isinstance(p, str) else "{}" for p in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_code(text):
    try:
        ast.parse(
            text.strip().replace("{}", "x") + (" pass" if text.endswith(":") else "")
        )
    except SyntaxError:
        return False
    return True


# Where `say` may not be there, and commands.
ENGLISH = "{} is missing. Start this", "python -m modelfile ", "\n\n    python -m"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_sentence_is_said_without_its_template(path):
    for text in literals_that_read_like_sentences(path):
        if re.search(r"[a-z]{2,} \(?[a-z]{2,}|^[A-Z{].*[a-z)}]\.$", text):
            assert is_code(text) or text.startswith(ENGLISH), text


def run(*arguments, **environment):
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "modelfile", *arguments],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


def test_a_model_file_is_described_in_chinese_as_its_page_shows(request):
    finished = run(MODEL_FILE, "--language", "zh")
    assert finished.stderr == ""
    said, _, to_type = finished.stdout.partition("请输入\n")
    assert not_in_chinese(said) == []
    lines = [line.strip() for line in said.splitlines()]
    assert not any(line[:1] in [*sentences.CLOSES] for line in lines)
    assert max(map(cell_len, said.splitlines())) <= 88
    english = (ROOT / "output/modelfile.txt").read_text(encoding="utf-8")
    code, english_code = (
        re.sub("#.*", "", text) for text in (to_type, english.partition("Type\n")[2])
    )
    assert code == english_code
    comments = re.findall("# (.*)", to_type)
    assert comments[0] == "您的数据"
    assert not_in_chinese("\n".join(comments)) == []
    page = (ROOT / "docs/zh/model-files.md").read_text(encoding="utf-8")
    assert f"```text\n{finished.stdout}```" in page
    transcript = ROOT / "output/zh/modelfile.txt"
    if request.config.getoption("--renew"):
        transcript.write_text(finished.stdout, encoding="utf-8", newline="\n")
    assert transcript.read_text(encoding="utf-8") == finished.stdout


def test_the_systems_language_is_spoken_where_none_is_asked_for():
    system = {"LANGUAGE": "", "LC_ALL": "", "LC_MESSAGES": ""}
    chinese = run("web", LANG="zh_CN.UTF-8", **system).stdout
    assert "这是什么" in chinese
    assert run("web", "--language", "zh", LANG="en_US.UTF-8").stdout == chinese
    for arguments, language in [([], "de_DE.UTF-8"), (["--language", "en"], "zh_CN")]:
        assert "What it is" in run("web", *arguments, LANG=language, **system).stdout


def test_what_programs_read_about_a_model_file_is_english():
    finished = run(MODEL_FILE, "--json", "--language", "zh")
    about = json.loads(finished.stdout)
    assert about["what"] == "A whole model of Keras 2 in an HDF5 file, .h5."
    assert finished.stdout == run(MODEL_FILE, "--json", "--language", "en").stdout


def test_the_values_of_a_sentence_are_translated_with_it_and_names_are_not(chinese):
    names = say("{} and {} more", "Predict., Dense", 3)
    sentence = say("Loss: {}.", names)
    assert sentence == "Loss: Predict., Dense and 3 more."
    assert translated(sentence) == "损失函数：Predict., Dense 等，另有 3 个。"
    assert translated("Predict.") == "Predict."
    assert translated(say("Predict.")) == "预测。"


@pytest.fixture(scope="module")
def reader():
    one = Reader()
    yield one
    one.stop()


@pytest.mark.parametrize(
    "name, content, remedy",
    [
        ("model.h5", b"<!DOCTYPE html>", "找名为 Download 或 Raw 的链"),
        ("empty.keras", b"", "里面什么也没有。请重新复制或下载。"),
        ("cut.keras", b"PK\3\4", "文件被截断了，缺少结尾。"),
    ],
)
def test_what_is_no_model_gets_its_remedy_in_chinese(
    chinese, monkeypatch, capsys, tmp_path, reader, name, content, remedy
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    command_line.show(reader.describe(name), [])
    said = capsys.readouterr().out
    assert remedy in said
    assert not_in_chinese(said.replace("Download 或 Raw", "")) == []


def test_names_in_a_model_file_stay_as_they_are(chinese, capsys):
    about = Description("model", what=say("A folder."))
    about.refuse(
        say("Arrays of a layer that its configuration does not have: {}.", "Predict.")
    )
    inner = say("{} of {} layers", "Sequential", 2)
    for name, kind in [("sequential", inner), ("same", "Dense")]:
        row = {"name": name, "kind": kind, "arrays": ["(3,)"], "parameters": 3}
        about.layers.append(row)
    command_line.show(about.clean(), [])
    said = capsys.readouterr().out
    assert "没有这个层：Predict.。" in said
    assert re.search(r"^sequential +Sequential（2 层） +\(3,\) +3$", said, re.M)
    assert re.search(r"^same +Dense +\(3,\) +3$", said, re.M)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        [],
        ["x", "--for", "4"],
        ["x", "--convert", "x.h5"],
        ["x", "--convert", "saved.keras"],
        ["x", "--convert", "no folder/x.keras"],
    ],
    ids=" ".join,
)
def test_the_usage_is_chinese(monkeypatch, capsys, tmp_path, arguments):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANGUAGE", "en")
    (tmp_path / "saved.keras").touch()
    monkeypatch.setattr(sys, "argv", ["modelfile", *arguments, "--language", "zh"])
    with pytest.raises(SystemExit):
        command_line.arguments()
    text = "".join(capsys.readouterr())
    assert not_in_chinese(re.sub(r"python -m modelfile|no folder", "", text)) == []
    assert "用法：" in text
    assert "--help" in arguments or "modelfile：错误：" in text
