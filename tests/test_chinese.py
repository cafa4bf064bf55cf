"""README.zh-CN.md is the same page as README.md: whatever is not prose is equal.

What only readers of Chinese need stands there between two marks, and is left out here.
"""

import re
from collections import Counter

import pytest
from conftest import PAGES, code

FENCED = re.compile(r"^ *```\w*\n(.*?)^ *```", re.M | re.S)
BEGIN, END = "<!-- 仅中文版 -->", "<!-- 仅中文版结束 -->"
MARKED = re.compile(rf"^{BEGIN}\n(.*?)^{END}$", re.M | re.S)
ENGLISH, CHINESE = (
    re.split(r"^## ", page, flags=re.M) for page in (PAGES[0], MARKED.sub("", PAGES[1]))
)
TITLES = [section.splitlines()[0] for section in ENGLISH]


def prose(section):
    """Return a section without its blocks of code."""
    return FENCED.sub("", section)


def cells(section):
    return [line.split("|") for line in section.splitlines() if line.startswith("|")]


def test_each_page_links_to_the_other_at_its_top():
    assert "(README.zh-CN.md)" in PAGES[0].splitlines()[2]
    assert "(README.md)" in PAGES[1].splitlines()[2]


def test_the_marks_are_in_pairs_and_there_is_something_between_them():
    blocks = MARKED.findall(PAGES[1])
    assert blocks
    assert all(block.strip() for block in blocks)
    marks = re.findall(r"^.*<!--.*$", PAGES[1], re.M)
    assert marks == [BEGIN, END] * len(blocks)
    assert "<!--" not in PAGES[0]


def test_three_terminals_are_told_one_mirror():
    mirrors = re.findall(r"PIP_INDEX_URL ?= ?\"?(https://[^\s`\"]+)", PAGES[1])
    assert len(mirrors) == 3
    assert len(set(mirrors)) == 1


def test_no_line_is_broken_between_two_chinese_characters():
    # A browser can show such a break as a space.
    chinese = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
    assert re.findall(rf".*{chinese}\n *{chinese}.*", FENCED.sub("", PAGES[1])) == []


def test_both_pages_have_the_same_number_of_sections():
    assert len(ENGLISH) == len(CHINESE)


@pytest.mark.parametrize(
    "english, chinese", list(zip(ENGLISH, CHINESE, strict=True)), ids=TITLES
)
class TestSection:
    def test_blocks_of_code_are_equal(self, english, chinese):
        # In any order: in China tf.min.js comes first, as the CDN may be out of reach.
        assert sorted(FENCED.findall(chinese)) == sorted(FENCED.findall(english))

    def test_code_in_the_text_is_equal(self, english, chinese):
        assert Counter(code(prose(chinese))) == Counter(code(prose(english)))

    def test_numbers_are_equal(self, english, chinese):
        numbers = [
            Counter(
                re.findall(
                    r"\d+(?:\.\d+)*", re.sub(r"(`+).+?\1|\(http.+?\)", "", prose(page))
                )
            )
            for page in (english, chinese)
        ]
        assert numbers[0] == numbers[1]

    def test_links_are_equal(self, english, chinese):
        links = [
            [
                target
                for target in re.findall(r"\]\((.+?)\)", page)
                if "README." not in target[:7]
            ]
            for page in (english, chinese)
        ]
        files = [
            [target for target in page if not target.startswith("#")] for page in links
        ]
        assert files[0] == files[1]
        assert len(links[0]) == len(links[1])

    def test_tables_have_the_same_cells_and_the_same_code_in_each(
        self, english, chinese
    ):
        assert len(cells(chinese)) == len(cells(english))
        for ours, theirs in zip(cells(english), cells(chinese), strict=True):
            assert [code(cell) for cell in ours] == [code(cell) for cell in theirs]
            for cell, other in zip(ours, theirs, strict=True):
                if cell.strip() in ("yes", "no", "by hand") or cell.strip().isdecimal():
                    assert cell == other


def test_the_table_of_what_survives_is_the_same():
    tables = [page.split("| weights |")[1].split("\n\n")[0] for page in PAGES]
    assert tables[0] == tables[1]
