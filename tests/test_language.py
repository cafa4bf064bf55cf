"""What is printed is Chinese where that is asked for, and English, unchanged, elsewhere.

That each lesson prints Chinese is tested where it is run again: test_lessons.py, and for
those that take long test_lesson_10.py, test_lesson_12.py and test_lesson_16.py.
"""

import argparse
import ast
import inspect
import os
import re
import subprocess
import sys
import venv

import lesson
import language
from experiments import report

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
        one = {"{sentence}": "Save the weights"}  # a sentence of the catalogue
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
    "lesson.py is missing: copy the whole folder of the lessons.",  # nor is language.py there
    "this takes the class",  # experiments/survival.py catches it
    "{} is damaged",  # experiments/damage.py catches it
}
# It runs on an old TensorFlow, without `language`; its transcript is tested below.
OLD = "then.py"


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


def usage(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["01_save_load_weights.py", *arguments])
    with pytest.raises(SystemExit):
        lesson.arguments("Lesson 1: save and load weights", model=True)
    return language.translate_output("".join(capsys.readouterr()))


def test_help_is_chinese(monkeypatch, capsys):
    text = usage(monkeypatch, capsys, "--help")
    assert not_in_chinese(text) == []
    assert "--model {sequential,functional,subclassed}" in text
    assert "用前 N 张图像训练（默认：全部 60000 张）" in text
    assert "（默认：sequential）" in text


@pytest.mark.parametrize(
    "arguments",
    [["--samples", "0"], ["--model", "keras"], ["--epochs", "3"], ["--samples"]],
)
def test_a_wrong_argument_is_said_in_chinese(monkeypatch, capsys, arguments):
    text = usage(monkeypatch, capsys, *arguments)
    assert not_in_chinese(text) == []
    assert "01_save_load_weights.py：错误：" in text


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


def run(code, chosen="zh", encoding="utf-8"):
    """Run Python code with a pipe of an encoding, and return the process; its output as bytes."""
    environment = {
        **os.environ,
        language.VARIABLE: chosen,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": encoding,
        "KERAS_BACKEND": "numpy",  # starts faster, where it is not `lesson` that starts it
    }
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, check=False)


SAY = (
    "import language, sys; print('Train for two epochs'); sys.exit('That is too much.')"
)


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "ascii", "cp1252"])
def test_a_pipe_gets_chinese_or_an_escape_for_each_character(encoding):
    finished = run(SAY, encoding=encoding)
    assert finished.returncode == 1
    for printed, wanted in [
        (finished.stdout, "训练两个周期（epoch）\n"),
        (finished.stderr, "差得太多。\n"),
    ]:
        text = printed.replace(b"\r\n", b"\n")
        assert text == wanted.encode(encoding, errors="backslashreplace")


def test_in_english_nothing_is_touched_and_nothing_more_is_imported():
    code = (
        "import sys; write = sys.stdout.write; import language\n"
        "assert sys.stdout.write == write and language.entries.cache_info().misses == 0\n"
        "assert 'polib' not in sys.modules"
    )
    finished = run(code, chosen="en")
    assert (finished.returncode, finished.stderr) == (0, b"")


def test_a_claim_that_does_not_hold_is_said_in_chinese():
    finished = run("import lesson; lesson.check('it predicts as before', False)")
    assert finished.returncode == 1
    assert finished.stdout.decode().strip() == "FAIL   预测结果与保存前相同"


def test_the_systems_language_is_taken_before_tensorflow_is_started(shared_folder):
    finished = shared_folder.run(
        LESSONS[0], TF_USE_LEGACY_KERAS="1", LESSONS_LANGUAGE="", **SYSTEM
    )
    assert finished.returncode == 1
    assert finished.stderr.startswith("这些课需要 Keras 3，")


def test_a_python_without_any_package_says_so_in_chinese(shared_folder, tmp_path):
    venv.create(tmp_path / "bare")
    scripts, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    python = str(tmp_path / "bare" / scripts / name)
    finished = shared_folder.run(LESSONS[0], "--language", "zh", python=python)
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert line.startswith(f"{python} 没有安装 Keras。请按 README.zh-CN.md 的说明")


def test_without_the_catalogue_one_sentence_says_so(folder):
    (folder.path / "chinese.po").unlink()
    finished = folder.run(LESSONS[0], "--language", "zh")
    assert finished.returncode == 1
    line = "chinese.po is missing: copy the whole folder of the lessons."
    assert finished.stderr.splitlines() == [line]


def test_the_table_of_an_experiment_is_one_piece(capsys):
    # Else a process could not align it anew.
    written = []
    report.table({"model": "", "same": ""}, [["sequential", "yes"]])
    printed = capsys.readouterr().out
    written = language.translate_output(printed)
    assert written == "   模型       相同\n   --------   ----\n   序贯模型   能\n\n"
