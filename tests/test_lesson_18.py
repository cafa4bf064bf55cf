"""Lesson 18: its table is that of docs/formats.md."""

import re

from conftest import TEXTS, table_below

SCRIPT = "18_choose_a_format.py"


def test_lesson_18_loads_seven_formats(default_run):
    text = default_run(SCRIPT).stdout
    assert text.count("ok     largest difference of a logit") == 7


def test_lesson_18_ends_with_the_table_of_the_page_on_formats(default_run):
    table = default_run(SCRIPT).stdout.split("8. Which one when\n\n")[1]
    printed = [re.split(" {2,}", line.strip()) for line in table.splitlines()[1:]]
    rows = table_below(TEXTS["docs/formats.md"], "Which one when")
    assert printed == [[cell.strip("`") for cell in row] for row in rows]
