"""Each page of README.zh-CN.md and docs/zh is the same as its English twin, but for prose.

It names the scripts in zh/, and shows what they print. What only readers of Chinese need
stands there between two marks, and is left out here.
"""

import re
from collections import Counter

import pytest
from conftest import ROOT, TEXTS, TWINS, code, table_below

FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.M | re.S)
COMMENT = re.compile(r'  # .*|""".*"""')
CELLS = {
    "是": "yes",
    "否": "no",
    "手动": "by hand",
    "检查点": "checkpoint",
    "少数": "few",
}
BEGIN, END = "<!-- 仅中文版 -->", "<!-- 仅中文版结束 -->"
MARKED = re.compile(rf"^{BEGIN}\n(.*?)^{END}$", re.M | re.S)


def sections(name):
    """Return the sections of a page, each as (its blocks of code, the rest of it).

    Without what is translated in a block: comments, and what a script prints.
    """
    text = re.sub(r"(?<!docs/)\bzh/", "", MARKED.sub("", TEXTS[name]))
    return [
        (
            [
                (kind, "" if kind == "text" else COMMENT.sub("", block))
                for kind, block in FENCED.findall(part)
            ],
            # Behind this a table has what resumable.py prints: see below.
            FENCED.sub("", part).partition("| Not exact: |")[0],
        )
        for part in re.split(r"^## ", text, flags=re.M)
    ]


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
        for cell, other in zip(
            map(str.strip, row), map(str.strip, their_row), strict=True
        ):
            if cell in CELLS.values() or cell.isdecimal():
                assert CELLS.get(other, other) == cell


def test_the_table_of_what_survives_is_the_same():
    tables = [
        table_below(TEXTS[name], heading)
        for name, heading in [
            ("docs/formats.md", "What survives"),
            ("docs/zh/formats.md", "哪些内容能保留"),
        ]
    ]
    tables[1] = [[CELLS.get(cell, cell) for cell in row] for row in tables[1]]
    assert tables[0] == tables[1]


def test_each_message_of_the_table_is_one_of_resumable_py_in_chinese():
    said = (ROOT / "zh" / "resumable.py").read_text(encoding="utf-8")
    rows = table_below(TEXTS["docs/zh/your-own-model.md"], "“Not exact” 说的是什么")
    assert len(rows) == 13
    for message, _ in rows:
        for text in code(message):
            for piece in text.split("..."):
                assert piece.strip() in re.sub(r'"\n *f?"', "", said), text
