"""zh/ is the course in Chinese: the same code, and Chinese wherever a reader reads."""

import re
from collections import Counter

from modelfile.sentences import LOCALE
from translate import __main__ as translate
from translate import source

import polib
import pytest
from conftest import LESSONS, ROOT, code
from rich.cells import cell_len
from test_output import words_and_numbers

CATALOGUE = polib.pofile(str(translate.CATALOGUE))
KNOWN = translate.catalogue()
TERMS = re.findall(r"^(.+) = (.+)$", CATALOGUE.header, re.M)
FILES = translate.english_files()
TEXTS = translate.english_texts()
PROSE = {
    text.english: KNOWN[text.english]
    for texts in TEXTS.values()
    for text in texts
    if text.kind in ("comment", "behind", "docstring")
}
# Chinese, but not its punctuation; what stands beside it without a space.
CHINESE, LATIN = r"[\u4e00-\u9fff]", r"[\w`](?<![\u4e00-\u9fff])"


# The catalogue


def test_every_text_has_one_chinese_one_and_no_other_is_there():
    assert translate.missing(TEXTS, KNOWN) == {}
    assert translate.left_over(TEXTS, KNOWN) == []
    assert len(KNOWN) == len(CATALOGUE)


@pytest.mark.parametrize("english, chinese", TERMS)
def test_a_term_is_always_translated_with_its_one_word(english, chinese):
    # Not in a name, as `resumable.py`, and not as a heading, for which it may be too long.
    term = re.compile(
        rf"(?<![\w.`/'_-]){english}(?:s|es|ed)?(?![\w`/'_=(-]|\.\w)", re.I
    )
    printed = {
        text.english
        for texts in TEXTS.values()
        for text in texts
        if text.kind in ("string", "f-string") and " " in text.english
    }
    printed = {
        text
        for text in printed
        if KNOWN.get(text, text) != text  # others stay English
    }
    used = [text for text in printed if term.search(source.VALUE.sub("", text))]
    assert [text for text in used if chinese not in KNOWN[text]] == []


def test_code_has_its_backticks_in_both_languages():
    for english, chinese in PROSE.items():
        assert Counter(code(english)) == Counter(code(chinese)), english


def test_files_and_lessons_that_prose_names_are_the_same_in_both_languages():
    for english, chinese in PROSE.items():
        names = r"[\w/]+\.py|experiments\.\w+"
        named = set(re.findall(names, english, re.A))
        assert named == set(re.findall(names, chinese, re.A)), english
        lessons = set(re.findall(r"lessons? (\d+)", english, re.I))
        assert lessons <= set(re.findall(r"第 (\d+) 课", chinese)), english


def test_a_space_stands_between_chinese_and_other_letters():
    for chinese in KNOWN.values():
        plain = source.VALUE.sub("", chinese)
        assert re.findall(f"{CHINESE}{LATIN}|{LATIN}{CHINESE}", plain) == [], chinese
        assert re.findall(f"{CHINESE}[,.:;!?()]|[,:;!?()]{CHINESE}", plain) == [], (
            chinese
        )


# The files


def test_zh_is_what_the_program_writes():
    assert translate.differing(KNOWN) == []


@pytest.mark.parametrize("name", FILES)
def test_the_code_in_zh_is_that_of_the_english_file(name):
    english, chinese = (
        (folder / name).read_text(encoding="utf-8") for folder in (ROOT, ROOT / "zh")
    )
    assert source.skeleton(chinese) == source.skeleton(english)
    assert max(map(cell_len, chinese.splitlines())) <= 88
    # No line is broken inside code between backticks.
    assert [line for line in chinese.splitlines() if line.count("`") % 2] == []


def test_a_text_without_chinese_is_listed_and_code_is_left_alone():
    english = (
        '"""A title.\n\nA paragraph\nof two lines.\n\n    code here\n"""\n'
        "x = 1  # one\n"
        "# A comment\n# of two lines.\n"
        'lesson.note(f"{x:,} files are there.")\n'
        'model.save("two words")\n'
        'names = ["hidden"]\n'
    )
    found = {text.english: text.needed for text in source.texts(english)}
    assert found == {
        "A title.": True,
        "A paragraph of two lines.": True,
        "one": True,
        "A comment of two lines.": True,
        "{x:,} files are there.": True,
        "two words": True,
        "hidden": False,
    }
    known = {
        "A comment of two lines.": "注释。",
        "{x:,} files are there.": "有 {x:,} 个。",
    }
    assert translate.missing({"a.py": source.texts(english)}, known).keys() == {
        "A title.",
        "A paragraph of two lines.",
        "one",
        "two words",
    }
    chinese = source.translated(english, known)
    assert '# 注释。\nlesson.note(f"有 {x:,} 个。")\n' in chinese
    assert source.skeleton(chinese) == source.skeleton(english)


@pytest.mark.parametrize(
    "changed", ['lesson.note(f"{y:,}")', 'lesson.note("")', 'print(f"{x:,}")']
)
def test_other_code_has_another_skeleton(changed):
    assert source.skeleton(changed) != source.skeleton('lesson.note(f"{x:,} files")')


# What is printed


def pattern(chinese):
    """Return a pattern that a printed sentence matches, blanks left out."""
    pieces = re.split(source.VALUE.pattern, chinese)
    return ".*".join(re.escape("".join(piece.split())) for piece in pieces)


SENTENCES = [
    *KNOWN.values(),
    *(e.msgstr for e in polib.pofile(str(LOCALE / "zh/LC_MESSAGES/modelfile.po"))),
]
PATTERNS = {
    pattern(text.replace("{}", "{x}")) for text in SENTENCES if re.search(CHINESE, text)
}
# Behind a mark, the number of a step, the name of an error or the one of a model.
SAID = re.compile(rf"(?:\W*(?:ok|--|error\w+:|\d+\.|\|))?(?:{'|'.join(PATTERNS)})")


def own_sentences(printed):
    """Yield each line with Chinese in it, and it alone or with the next ones, no blanks."""
    lines = printed.splitlines()
    for number, line in enumerate(lines):
        if re.search(CHINESE, line) and not line.startswith("   > "):  # code
            joined = ["".join(lines[number : number + n]) for n in (1, 2, 3)]
            yield line, ["".join(text.split()) for text in joined]


def shape(printed):
    """Return what a transcript has in both languages, in its order."""
    # What Keras says may be wrapped elsewhere behind something Chinese.
    marks = re.findall(r"^ +(ok|error|warns|FAIL|--)  |^(\d+)\. ", printed, re.M)
    listed = re.findall(r"^ +(\S.*?) +[\d,]+ B\b", printed, re.M)
    return marks, listed


@pytest.mark.parametrize("script", LESSONS)
def test_a_chinese_transcript_is_that_of_its_lesson(default_run, script, request):
    name = script.replace(".py", ".txt")
    path = ROOT / "output" / "zh" / name
    if request.config.getoption("--renew"):
        finished = default_run(f"zh/{script}")
        assert (finished.returncode, finished.stderr) == (0, "")
        path.parent.mkdir(exist_ok=True)
        path.write_text(finished.stdout, encoding="utf-8", newline="\n")
    printed = path.read_text(encoding="utf-8")
    assert shape(printed) == shape((ROOT / "output" / name).read_text(encoding="utf-8"))
    # What modelfile says of a file is tested in test_modelfile_chinese.py.
    said_of_a_file = r"(?ms)^(datasets|saved)/\S+\.(h5|keras)\n\n这是什么 .*?^请输入$"
    for line, candidates in own_sentences(re.sub(said_of_a_file, "", printed)):
        assert any(SAID.fullmatch(text) for text in candidates), candidates
        assert cell_len(line) <= 88
    assert not SAID.fullmatch("这一句没有人说过。")


def test_a_lesson_and_its_second_process_speak_chinese_on_an_english_system(
    shared_folder,
):
    script = "zh/02_save_load_full_model.py"
    finished = shared_folder.run_forked(
        script, "--samples", "320", LC_ALL="en_US.UTF-8", LANGUAGE="en"
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    transcript = ROOT / "output/zh/02_save_load_full_model.txt"
    words, _ = words_and_numbers(transcript.read_text(encoding="utf-8"))
    assert words_and_numbers(finished.stdout)[0] == words


@pytest.mark.parametrize("script", [LESSONS[0], f"zh/{LESSONS[0]}"])
def test_help_is_in_the_language_of_the_file_not_of_the_system(shared_folder, script):
    system = {"LC_ALL": "en_US.UTF-8" if "zh" in script else "zh_CN.UTF-8"}
    finished = shared_folder.run_forked(script, "--help", LANGUAGE="", **system)
    assert finished.returncode == 0
    assert finished.stdout.startswith("用法：" if "zh" in script else "usage: ")
    assert finished.stdout.isascii() == ("zh" not in script)
