"""Each page of README.zh-CN.md and docs/zh is the same as its English twin, but for prose.

What only readers of Chinese need stands there between two marks, and is left out here.
"""

import re
from collections import Counter

import pytest
from conftest import TEXTS, TWINS, code

FENCED = re.compile(r"^ *```\w*\n(.*?)^ *```", re.M | re.S)
BEGIN, END = "<!-- 仅中文版 -->", "<!-- 仅中文版结束 -->"
MARKED = re.compile(rf"^{BEGIN}\n(.*?)^{END}$", re.M | re.S)


def sections(name):
    """Return the sections of a page, each as (its blocks of code, the rest of it)."""
    parts = re.split(r"^## ", MARKED.sub("", TEXTS[name]), flags=re.M)
    return [(FENCED.findall(part), FENCED.sub("", part)) for part in parts]


def test_each_readme_links_to_the_other_at_its_top():
    assert "(README.zh-CN.md)" in TEXTS["README.md"].splitlines()[2]
    assert "(README.md)" in TEXTS["README.zh-CN.md"].splitlines()[2]


def test_three_terminals_are_told_one_mirror():
    pages = TEXTS["README.zh-CN.md"] + TEXTS["docs/zh/install.md"]
    mirrors = re.findall(r"PIP_INDEX_URL ?= ?\"?(https://[^\s`\"]+)", pages)
    assert len(mirrors) == 4
    assert len(set(mirrors)) == 1


@pytest.mark.parametrize("name", TWINS)
class TestPage:
    def test_the_marks_are_in_pairs_and_there_is_something_between_them(self, name):
        blocks = MARKED.findall(TEXTS[TWINS[name]])
        assert all(block.strip() for block in blocks)
        marks = re.findall(r"^.*<!--.*$", TEXTS[TWINS[name]], re.M)
        assert marks == [BEGIN, END] * len(blocks)
        assert "<!--" not in TEXTS[name]

    def test_no_line_is_broken_between_two_chinese_characters(self, name):
        # A browser can show such a break as a space.
        chinese = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
        page = FENCED.sub("", TEXTS[TWINS[name]])
        assert re.findall(rf".*{chinese}\n *{chinese}.*", page) == []

    def test_code_numbers_links_and_tables_are_those_of_the_english_page(self, name):
        english, chinese = sections(name), sections(TWINS[name])
        assert len(chinese) == len(english)
        for (blocks, text), (their_blocks, their_text) in zip(
            english, chinese, strict=True
        ):
            # In any order: readers of Chinese find Windows first.
            assert sorted(their_blocks) == sorted(blocks)
            assert Counter(code(their_text)) == Counter(code(text))
            assert numbers(their_text) == numbers(text)
            assert links(their_text) == links(text)
            same_tables(text, their_text)


def numbers(text):
    text = re.sub(r"(`+).+?\1|\(http.+?\)", "", text)
    return Counter(re.findall(r"\d+(?:\.\d+)*", text))


def links(text):
    """Count where links lead; the place in a page has another name in each language."""
    found = [link.partition("#")[0] for link in re.findall(r"\]\((.+?)\)", text)]
    for english, chinese in TWINS.items():
        found = [link.replace(chinese, english) for link in found]
    return Counter(link.replace("../", "") for link in found if "README" not in link)


def same_tables(english, chinese):
    rows, their_rows = (
        [line.split("|") for line in text.splitlines() if line.startswith("|")]
        for text in (english, chinese)
    )
    for row, their_row in zip(rows, their_rows, strict=True):
        assert [code(cell) for cell in row] == [code(cell) for cell in their_row]
        for cell, other in zip(row, their_row, strict=True):
            if cell.strip() in ("yes", "no", "by hand") or cell.strip().isdecimal():
                assert cell == other


def test_the_table_of_what_survives_is_the_same():
    tables = [
        TEXTS[name].split("| weights |")[1].split("\n\n")[0]
        for name in ("docs/formats.md", "docs/zh/formats.md")
    ]
    assert tables[0] == tables[1]
