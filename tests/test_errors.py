"""The tables of docs/errors.md: each error is provoked, and each fix is executed."""

import json
import re
import subprocess
import tomllib

from pages import errors

import fork_server
import pytest
from conftest import ROOT

FOLDER = ROOT / "tests" / "errors"
PROGRAMS = tomllib.loads((FOLDER / "programs.toml").read_text(encoding="utf-8"))
SAID = FOLDER / "said.json"
ROWS = errors.rows()
IDS = [row["id"] for row in ROWS]
LONG = 800  # characters: a line can have the whole configuration of a model


@pytest.fixture(scope="module")
def ran(tmp_path_factory, bare_python):
    """What tests/errors/run.py writes: it runs all programs with requirements.txt alone."""
    file = tmp_path_factory.mktemp("errors") / "ran.json"
    finished = subprocess.run(
        [*fork_server.OFFLINE, bare_python, FOLDER / "run.py", file],
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return json.loads(file.read_text(encoding="utf-8"))


def squeezed(text):
    """Return a text without spaces, colours and marks, as the finder of the pages sees it."""
    text = re.sub(r"\x1b?\[[0-9;]+m", "", text).replace('"', "'")
    return re.sub(r"[\s`│|>\\]", "", text).lower()


def pattern(find):
    """Return what a row looks for as a regular expression; `*` is any text."""
    pieces = [re.escape(squeezed(piece)) for piece in find.split("*")]
    return re.compile(".{0,200}?".join(pieces))


def numberless(text):
    """Return a squeezed text with 'adam' for 'adam_1': Keras numbers its names."""
    return squeezed(re.sub(r"_\d+'", "'", text))


def message(row):
    """Return the message of a row, squeezed."""
    return squeezed(row["says"])


def test_both_pages_are_what_the_data_says():
    for language, file in errors.FILES.items():
        written = (ROOT / file).read_text(encoding="utf-8")
        assert written == errors.markdown(language), "python -m pages.errors writes it"


def test_each_row_has_a_program_or_says_where_its_message_was_quoted_from():
    assert sorted(PROGRAMS) == sorted(IDS)
    assert len(set(IDS)) == len(IDS) >= 100
    for row in ROWS:
        if "says" in row and "source" not in row and not row.get("general"):
            assert PROGRAMS[row["id"]]["run"], row["id"]
        if (
            "sees_en" in row
        ):  # a fault without a message: the program checks that it is one
            assert "assert " in PROGRAMS[row["id"]]["before"], row["id"]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
class TestRow:
    def test_its_programs_say_its_message(self, row, ran):
        result = ran[row["id"]]
        assert result["before"]["failed"] is None
        patterns = [pattern(find) for find in row.get("find", [])]
        for said in result["said"]:
            assert any(find.search(squeezed(said["text"])) for find in patterns), said
        if result["said"] and "..." not in row["says"]:
            assert message(row) in numberless(result["said"][0]["text"])

    def test_what_it_says_to_type_works_without_its_message(self, row, ran):
        for fix in ran[row["id"]]["fix"]:
            assert fix["failed"] is None
            assert "says" not in row or message(row) not in numberless(fix["text"])
        assert ran[row["id"]]["fix"] or row["id"] == "dll"

    def test_it_is_about_a_lesson_that_is_there(self, row):
        assert list(ROOT.glob(f"{row['lesson']:02}_*.py"))


def test_the_finder_is_tried_with_what_is_said_today(ran, request):
    """tests/test_pages.py pastes what is in said.json."""
    if request.config.getoption("--renew"):
        texts = {
            name: [as_a_user_sees(said["text"]) for said in result["said"]]
            for name, result in ran.items()
            if result["said"]
        }
        content = json.dumps(texts, indent=1, ensure_ascii=False) + "\n"
        SAID.write_text(content, encoding="utf-8", newline="\n")
    said = json.loads(SAID.read_text(encoding="utf-8"))
    wanted = {name: len(result["said"]) for name, result in ran.items()}
    assert {name: len(texts) for name, texts in said.items()} == {
        name: count for name, count in wanted.items() if count
    }, "renew it: pytest tests/test_errors.py --renew"


def as_a_user_sees(text):
    """Return what was said without what is of this test and this machine."""
    text = re.sub(r'  File ".*?run\.py", line.*\n    exec\(.*\n(?: +\^+\n)?', "", text)
    text = text.replace(str(ROOT), "/home/me/project")
    text = re.sub(r"/tmp/\w+", "/tmp/folder", text)
    text = re.sub(r"[IWE]0000 00:00:.*\n?", "", text)
    lines = [
        line if len(line) < LONG else f"{line[: LONG // 2]} [...] {line[-LONG // 2 :]}"
        for line in text.splitlines()
    ]
    return "\n".join(lines)
