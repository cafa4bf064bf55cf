"""What is printed is Chinese where that is asked for, and English, unchanged, elsewhere.

That it has an entry for all that lessons print is tested with their transcripts.
"""

import argparse
import ast
import inspect
import os
import re
import subprocess
import sys

import language

import polib
import pytest
from conftest import LESSONS, ROOT, not_in_chinese
from rich.cells import cell_len

CATALOGUE = polib.pofile(str(ROOT / "chinese.po"))
PRINTED = [entry for entry in CATALOGUE if not entry.msgctxt]
TERMS = re.findall(r"^(.+) = (.+)$", CATALOGUE.header, re.M)
# modelfile speaks Chinese itself: see test_modelfile_chinese.py.
TRANSCRIPTS = sorted(
    set((ROOT / "output").glob("*.txt")) - {ROOT / "output/modelfile.txt"}
)
# resumable.py is copied into other people's programs: it speaks English only.
SOURCES = [
    *sorted(set(ROOT.glob("*.py")) - {ROOT / "resumable.py"}),
    *ROOT.glob("programs/*.py"),
    *ROOT.glob("experiments/*.py"),
]
ARGPARSE = inspect.getsource(argparse)


def in_chinese(path):
    return language.translate_output(path.read_text(encoding="utf-8"))


# The catalogue


def test_the_catalogue_is_read_as_polib_reads_it():
    for context in ("", "prose"):
        entries = [e for e in CATALOGUE if (e.msgctxt or "") == context]
        assert language.entries(context) == {e.msgid: e.msgstr for e in entries}
        assert len(language.entries(context)) == len(entries)


def test_every_entry_is_translated():
    assert [e.msgid for e in CATALOGUE if not e.msgstr or e.fuzzy or e.obsolete] == []


def test_the_chinese_has_the_same_values():
    for entry in PRINTED:
        wanted = language.PLACEHOLDER.findall(entry.msgid)
        found = language.PLACEHOLDER.findall(entry.msgstr)
        numbered = sorted(re.findall(r"\{(\d)\}", entry.msgstr))
        in_order = [str(number) for number in range(len(wanted))]
        assert (found, numbered) in [(wanted, []), ([], in_order)], entry.msgid


def test_no_sentence_is_taken_for_another_one():
    for entry in PRINTED:
        found = language.PLACEHOLDER.findall(entry.msgid)
        one = {"{sentence}": "it predicts as before"}  # a sentence of the catalogue
        values = [one.get(place, f"v{number}") for number, place in enumerate(found)]
        english = language._with_values(entry.msgid, values)
        values = [language.entries().get(value, value) for value in values]
        chinese = language._with_values(entry.msgstr, values)
        assert language.translate(english) == chinese


def test_the_head_has_one_chinese_term_for_each_english_one():
    assert len(TERMS) > 20
    assert len({english for english, _ in TERMS}) == len(TERMS)
    assert len({chinese for _, chinese in TERMS}) == len(TERMS)


@pytest.mark.parametrize("english, chinese", TERMS)
def test_a_term_is_always_translated_with_its_one_word(english, chinese):
    # Not in a name, as `resumable.py`, and not as a heading, for which it may be too long.
    term = re.compile(
        rf"(?<![\w.`/'_-]){english}(?:s|es|ed)?(?![\w`/'_=(-]|\.\w)", re.I
    )
    used = [e for e in PRINTED if " " in e.msgid and term.search(e.msgid)]
    assert used
    assert [e.msgid for e in used if chinese not in e.msgstr] == []


# Its entries and the sources


def texts(tree):
    """Return the strings of a source: {} stands for each value, as in the catalogue."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield as_in_catalogue(node)
            # The title, or a paragraph, of a docstring that is printed.
            yield node.value.split("\n")[0].strip()
            yield from (" ".join(part.split()) for part in node.value.split("\n\n"))
        elif isinstance(node, ast.JoinedStr):
            yield as_in_catalogue(node)


def as_in_catalogue(node):
    """Return a literal string, plain or with values, as a msgid; None for other code."""
    if isinstance(node, ast.JoinedStr):
        values = [getattr(value, "value", None) for value in node.values]
        text = "".join(v if isinstance(v, str) else "{}" for v in values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = re.sub(r"%\(\w+\)[sr]", "{}", node.value)
    else:
        return None
    return re.sub(r"(\{\})+", "{}", text.strip())


def plain(msgid):
    return language.PLACEHOLDER.sub("{}", msgid)


def sentences(tree):
    """Return the sentences that a source prints, as it says them, where they are literal."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            literal = [as_in_catalogue(argument) for argument in node.args]
            helps = [as_in_catalogue(k.value) for k in node.keywords if k.arg == "help"]
            if re.fullmatch(r"step|note|check\w*|exit|print|\w*Error", name):
                yield from literal
            yield from helps


def test_every_entry_is_said_somewhere():
    said = {text for path in SOURCES for text in texts(ast.parse(path.read_bytes()))}
    # What is put together of pieces is in a transcript.
    printed = "".join(path.read_text(encoding="utf-8") for path in TRANSCRIPTS)
    printed = " ".join(printed.split())
    words = re.sub(r"%(\(\w+\))?[sr]", "{}", ARGPARSE)
    left_over = [
        entry.msgid
        for entry in PRINTED
        if plain(entry.msgid) not in said
        and plain(entry.msgid).removesuffix(".") not in said
        and plain(entry.msgid).strip("{}: ") not in words
        and not re.search(
            re.escape(plain(entry.msgid)).replace(r"\{\}", r"\S+"), printed
        )
    ]
    assert left_over == []


# What a reader does not see in Chinese.
NOT_SEEN = {
    "this takes the class",  # experiments/survival.py catches it
    "{} is damaged",  # experiments/damage.py catches it
}
# It runs on an old TensorFlow, without `language`; its transcript is tested below.
OLD = "video_claims.py"


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if path.name != OLD], ids=lambda path: path.name
)
def test_every_sentence_that_a_source_prints_has_an_entry(path):
    known = {plain(entry.msgid) for entry in PRINTED}
    missing = [
        sentence
        for sentence in sentences(ast.parse(path.read_bytes()))
        if sentence
        and re.search(r"[a-z]{2,} [a-z]{2,}", sentence)
        and not sentence.startswith(("end {}", "unusable {}", "epoch {}", "batches {}"))
        and sentence not in known | NOT_SEEN
    ]
    assert missing == []


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_every_sentence_that_was_printed_has_an_entry(path):
    chinese = in_chinese(path)
    assert not_in_chinese(chinese) == []
    assert re.search("[\u4e00-\u9fff]", chinese)


# The screen


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_chinese_lines_are_as_wide_as_english_ones(path):
    english = path.read_text(encoding="utf-8").splitlines()
    tables = [line for line in in_chinese(path).splitlines() if "   " in line.strip()]
    for line in in_chinese(path).splitlines():
        assert language.columns(line) == cell_len(line)
        assert cell_len(line) <= 88 or line in [*english, *tables]


def cut(line, starts):
    """Return the cells of a line that begin at these columns of the screen."""
    wide = "".join(c + "\0" * (cell_len(c) - 1) for c in line)
    ends = [*starts[1:], None]
    return [wide[a:b].replace("\0", "") for a, b in zip(starts, ends, strict=True)]


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_chinese_tables_are_aligned(path):
    lines = in_chinese(path).splitlines()
    for number, line in enumerate(lines):
        if re.fullmatch(r" +-+( {3}-+)+", line):
            starts = [match.start() for match in re.finditer("-+", line)]
            end = lines.index("", number)
            for row in [lines[number - 1], *lines[number + 1 : end]]:
                for cell in filter(str.strip, cut(row + "   ", starts)):
                    assert cell.endswith("   ") and not cell.startswith(" "), row


def test_a_long_sentence_is_wrapped_and_no_line_begins_with_what_closes():
    text = "   ok     " + "it predicts as before" + "\n"
    entries = language.entries()
    long = "，".join([entries["it predicts as before"]] * 9) + "。"
    lines = language.wrap(long, "   ok     ")
    assert len(lines) > 2
    assert all(80 <= cell_len(line) <= 88 for line in lines[:-1])
    assert all(line.startswith(" " * 10) for line in lines[1:])
    assert not any(line.strip()[0] in language.CLOSES for line in lines)
    assert "".join(line[10:] for line in lines) == long
    assert language.translate_output(text) == f"   ok     {entries[text[10:-1]]}\n"


def test_what_keras_says_stays_as_it_is():
    said = (
        "   error  ValueError: Unknown variable: <Variable path=hidden, shape=(784, 64)>.\n"
        "          This optimizer can only be called for the variables it has.\n"
        "Epoch 1/2\n1875/1875 - 1s - 460us/step - accuracy: 0.9139 - loss: 0.3028\n"
        "   saved/x/mnist.weights.h5        629,976 B\n      layers/\n   > import lesson\n"
    )
    assert language.translate_output(said) == said
    assert not_in_chinese(said) == []


def test_chinese_stays_as_it_is():
    for path in TRANSCRIPTS:
        chinese = in_chinese(path)
        assert language.translate_output(chinese) == chinese


def test_an_error_of_our_own_is_chinese_behind_its_kind():
    said = "   error  ValueError: An older Keras does not know renorm=True.\n"
    chinese = "   error  ValueError: 旧版 Keras 不认识 renorm=True。\n"
    assert language.translate_output(said) == chinese


def test_a_missing_file_names_the_file_and_the_remedy_in_chinese():
    remedy = language.translate(
        "Restore it with `git checkout -- datasets/mnist.npz`, or copy it again from where "
        "you got these lessons."
    )
    said = language.translate(
        "The data file /x y/mnist.npz is missing. Restore it with `git checkout -- "
        "datasets/mnist.npz`, or copy it again from where you got these lessons."
    )
    assert said == f"缺少数据文件 /x y/mnist.npz。{remedy}"
    assert "`git checkout -- datasets/mnist.npz`" in remedy


# The choice of a language

SYSTEM = {"LC_ALL": "zh_CN.UTF-8"}


@pytest.mark.parametrize(
    "command, environment, chosen",
    [
        ("", {}, "en"),
        ("", {"LANG": "zh_CN.UTF-8"}, "zh"),
        ("", {"LANG": "de_DE.UTF-8"}, "en"),
        ("", {"LC_MESSAGES": "zh_TW", "LANG": "en_US.UTF-8"}, "zh"),
        ("", {"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        ("", {"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, "zh"),
        ("--language en", SYSTEM, "en"),
        ("--language zh", {}, "zh"),
        ("--samples 10 --language=zh --model functional", {}, "zh"),
        ("--lang zh", {}, "zh"),
        ("--language zh", {language.VARIABLE: "en"}, "zh"),
        ("", {language.VARIABLE: "en", **SYSTEM}, "en"),
        ("", {language.VARIABLE: "zh"}, "zh"),
        ("zh", {}, "en"),
    ],
)
def test_the_command_chooses_then_the_parent_then_the_system(
    monkeypatch, command, environment, chosen
):
    monkeypatch.setattr(language, "WINDOWS", False)
    assert language.choose(["x.py", *command.split()], environment) == chosen


@pytest.mark.parametrize("chinese, chosen", [(True, "zh"), (False, "en")])
def test_on_windows_the_users_language_chooses(monkeypatch, chinese, chosen):
    monkeypatch.setattr(language, "WINDOWS", True)
    monkeypatch.setattr(language, "_windows_is_chinese", lambda: chinese)
    assert language.choose(["x.py"], {}) == chosen
    assert language.choose(["x.py"], {"LANG": "en_US"}) == "en"


@pytest.mark.skipif(not language.WINDOWS, reason="only Windows has this function")
def test_windows_says_whether_its_user_reads_chinese():
    assert language._windows_is_chinese() in (True, False)


def test_a_lesson_speaks_chinese_where_the_system_does(folder):
    # On a console that shows nothing but ASCII.
    console = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    system = {"LESSONS_LANGUAGE": "", "LC_ALL": "zh_CN.UTF-8"}
    finished = folder.run(
        LESSONS[0], "--samples", "1", "--model", "functional", **console, **system
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    printed = finished.stdout.encode().decode("unicode_escape")  # "\\u4e2d" and so on
    assert "，Keras " in printed and "，函数式模型，" in printed
    assert not_in_chinese(printed) == []


# A reader's own program: it may import these, on a Chinese system, too.
TAKEN_HOME = [
    "custom",
    "data",
    "modelfile.keras2",
    "modelfile.tfjs",
    "models",
    "resumable",
]


@pytest.mark.parametrize("module", TAKEN_HOME)
def test_importing_a_module_changes_nothing_that_a_readers_program_prints(
    tmp_path, module
):
    table = "format   same\n------   ----\n.keras   yes"
    program = tmp_path / "program.py"
    program.write_text(
        f"import {module}\nprint('saved')\nprint('yes')\nprint({table!r})"
    )
    environment = {**os.environ, "LC_ALL": "zh_CN.UTF-8", "PYTHONPATH": str(ROOT)}
    environment["KERAS_BACKEND"] = "numpy"  # starts faster
    del environment[language.VARIABLE]
    finished = subprocess.run(
        [sys.executable, program], env=environment, capture_output=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.decode().splitlines() == f"saved\nyes\n{table}".splitlines()
