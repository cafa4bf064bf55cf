"""Write docs/errors.md and docs/zh/errors.md from docs/errors.toml.

.venv/bin/python -m pages.errors
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = tomllib.loads((ROOT / "docs" / "errors.toml").read_text(encoding="utf-8"))
FILES = {"en": "docs/errors.md", "zh": "docs/zh/errors.md"}


def rows():
    """Return all rows, in the order of the tables: dicts, as errors.toml has them."""
    return [row for group in DATA["groups"] for row in group["rows"]]


def markdown(language):
    """Return the page in a language, "en" or "zh".

    Raises:
        ValueError: a cell has a |, which would end it.
    """
    words = DATA["pages"][language]
    headings = [group[language] for group in DATA["groups"]] + [words["then_and_now"]]
    contents = " · ".join(f"[{heading}](#{slug(heading)})" for heading in headings)
    parts = [words["before"].replace("{contents}", contents)]
    for group in DATA["groups"]:
        lines = [line(row, language) for row in group["rows"]]
        head = [f"## {group[language]}", "", words["headings"], "|---|---|---|---|"]
        parts.append("\n".join(head + lines) + "\n")
    calls = [
        cells(
            code(call["then"]),
            code(call["today"]) if call["today"] else words["works"],
            call[language],
        )
        for call in DATA["calls"]
    ]
    parts.append(words["after"].replace("{calls}", "\n".join(calls)))
    return "\n".join(parts)


def line(row, language):
    """Return a row as Markdown."""
    at_the_end = DATA["pages"][language]["at_the_end"] if "ends" in row else ""
    says = row.get(f"sees_{language}") or at_the_end + code(row["says"])
    return cells(says, row[language], row[f"fix_{language}"], str(row["lesson"]))


def cells(*texts):
    """Return cells as a line of a table."""
    for text in texts:
        if "|" in text:
            raise ValueError(f"A cell of a table cannot have a |: {text}")
    return f"| {' | '.join(texts)} |"


def code(text):
    """Return text as code, also where it has backticks."""
    if "`" not in text:
        return f"`{text}`"
    return f"``{text} ``" if text.endswith("`") else f"``{text}``"


def slug(heading):
    """Return the name that links have for a heading, as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


if __name__ == "__main__":
    for language, file in FILES.items():
        (ROOT / file).write_text(markdown(language), encoding="utf-8", newline="\n")
        print(file)
