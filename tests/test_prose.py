"""chinese.po has the comments and docstrings of the scripts (msgctxt "prose"), for the pages."""

import re
from collections import Counter

from pages import source

import polib
import pytest
from conftest import LESSONS, ROOT, code

PROSE = {
    entry.msgid: entry.msgstr
    for entry in polib.pofile(str(ROOT / "chinese.po"))
    if entry.msgctxt == "prose"
}
PRINTED = {
    entry.msgid: entry.msgstr
    for entry in polib.pofile(str(ROOT / "chinese.po"))
    if entry.msgctxt is None
}
PROGRAMS = [f"programs/{path.name}" for path in sorted(ROOT.glob("programs/*.py"))]
SHOWN = [*LESSONS, "custom.py", *PROGRAMS]
# Chinese, but not its punctuation; what stands beside it without a space.
CHINESE, LATIN = r"[\u4e00-\u9fff]", r"[\w`](?<![\u4e00-\u9fff])"


@pytest.mark.parametrize("script", SHOWN)
def test_all_prose_of_a_script_is_there_in_chinese(script):
    missing = [text for text in source.sentences(ROOT / script) if text not in PROSE]
    assert missing == []


def test_nothing_is_there_that_no_script_says():
    said = set()
    for pattern in "*.py", "programs/*.py", "experiments/*.py":
        for path in ROOT.glob(pattern):
            said.update(source.sentences(path))
    assert set(PROSE) <= said


def test_code_has_its_backticks_in_both_languages():
    for english, chinese in PROSE.items():
        assert Counter(code(english)) == Counter(code(chinese)), english


def test_scripts_and_lessons_that_prose_names_are_the_same_in_both_languages():
    for english, chinese in PROSE.items():
        names = r"[\w/]+\.py|experiments\.\w+"
        named = set(re.findall(names, english, re.A))
        assert named == set(re.findall(names, chinese, re.A)), english
        lessons = set(re.findall(r"lessons? (\d+)", english, re.I))
        assert lessons <= set(re.findall(r"第 (\d+) 课", chinese)), english


def test_a_title_is_the_same_on_the_page_and_on_the_screen():
    for english in PROSE.keys() & PRINTED.keys():
        assert PROSE[english] == PRINTED[english]


def test_a_space_stands_between_chinese_and_other_letters():
    for chinese in PROSE.values():
        beside = re.findall(f"{CHINESE}{LATIN}|{LATIN}{CHINESE}", chinese)
        assert beside == [], chinese
        assert re.findall(f"{CHINESE}[,.:;!?()]|[,:;!?()]{CHINESE}", chinese) == []
