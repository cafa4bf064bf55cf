"""README.md and README.zh-CN.md as HTML, section by section."""

import dataclasses
import itertools
import re
import urllib.parse
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

ROOT = Path(__file__).resolve().parent.parent
FILES = {"en": "README.md", "zh": "README.zh-CN.md"}
PYTHON = PythonLexer(stripnl=False)
CLASSES = HtmlFormatter(nowrap=True)  # static/style.css has their colours
# What is named in the text becomes a link, unless it is one.
NAMED = re.compile(
    r"(\.venv/bin/)?python -m experiments\.(?P<experiment>\w+)"
    r"|(?<![\w/.])(?P<file>(?:programs/)?\w+\.py)\b"
    r"|\blesson (?P<lesson>\d+)\b|第 (?P<chinese>\d+) 课",
    re.I,
)
NUMBERS_OF_LESSONS = "Lesson", "课"  # the heading of a column that has them


@dataclasses.dataclass
class Section:
    """A section: its heading, its body in Markdown, and the name that links have for it."""

    title: str
    body: str
    anchor: str


@dataclasses.dataclass
class Lesson:
    """A row of the lessons' tables: a number, names of files, other links, text, seconds."""

    number: int
    files: list
    links: list
    about: str
    time: str


@cache
def sections(language):
    """Return the sections of a README, as Section; the first is what is above all headings."""
    text = (ROOT / FILES[language]).read_text(encoding="utf-8")
    text = re.sub(r"^<!--.*-->\n", "", text, flags=re.M)  # marks for a test
    found = []
    for part in re.split(r"^## ", text.removeprefix("# "), flags=re.M):
        title, body = part.split("\n", 1)
        anchor = re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
        found.append(Section(title, body.strip(), anchor))
    return found


def lessons(body):
    """Return the section of the lessons as a list: Markdown (str), and lists of Lesson."""
    found = []
    # A lesson's row begins with its number, and that column has no heading.
    for piece in re.split(r"^((?:\|.*\n)+)", f"{body}\n", flags=re.M):
        if not re.match(r"\| \|.*\n.*\n\| \d", piece):
            found.append(re.sub(r"^\*\*(.+)\*\*$", r"### \1", piece, flags=re.M))
            continue
        rows = []
        for line in piece.splitlines()[2:]:
            number, names, about, _, time = re.split(r" \| ?", line.strip("| "))
            links = re.findall(r"\]\((.+?)\)", names + about)
            files = [name for name in links if name.endswith(".py")]
            others = [name for name in links if name not in files]
            rows.append(Lesson(int(number), files, others, about, time))
        found.append(rows)
    return found


@cache
def highlighted(code):
    """Return Python code as a list of lines in HTML."""
    return highlight(code, PYTHON, CLASSES).splitlines()


def _fence(code, language, _):
    if language == "python":
        return "\n".join(highlighted(code)) + "\n"
    return str(escape(code))


MARKDOWN = MarkdownIt("commonmark", {"html": False, "highlight": _fence})
MARKDOWN.enable("table")


def html(text, address, inline=False, names=True):
    """Return Markdown as HTML.

    Args:
        text: str, Markdown.
        address: a function from a link as it is written to the one on the page, or None
            where the pages have none.
        inline: whether the text is within a paragraph.
        names: whether scripts and lessons become links where they are named.

    Raises:
        ValueError: a link leads nowhere.
    """
    tokens = MARKDOWN.parseInline(text) if inline else MARKDOWN.parse(text)
    _label_cells(tokens)
    for token in tokens:
        for child in token.children or []:
            for attribute in ("href", "src"):
                written = urllib.parse.unquote(child.attrs.get(attribute, ""))
                if written and not address(written):
                    raise ValueError(
                        f"The pages have no place for a link to {written}."
                    )
                if written:
                    child.attrs[attribute] = address(written)
            if child.type == "image":
                child.attrs["loading"] = "lazy"
    done = MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})
    return named(done, address) if names else done


def _label_cells(tokens):
    """Write a column's heading into each of its cells: a narrow screen has no columns."""
    headings, column = [], 0
    for token, following in itertools.pairwise(tokens):
        if token.type == "table_open":
            headings = []
        elif token.type == "tr_open":
            column = 0
        elif token.type == "th_open":
            headings.append(following.content)
        elif token.type == "td_open":
            token.attrs["data-label"] = headings[column]
            if headings[column] in NUMBERS_OF_LESSONS:
                linked = re.sub(r"\d+", r"[\g<0>](lesson:\g<0>)", following.content)
                following.children = MARKDOWN.parseInline(linked)[0].children
            column += 1


def named(text, address):
    """Return HTML in which scripts, experiments and lessons that are named are links."""
    done, inside = [], 0
    for piece in re.split(r"(<[^>]*>)", text):
        if re.match(r"<(a|pre|h\d)\b", piece):
            inside += 1
        elif re.match(r"</(a|pre|h\d)>", piece):
            inside -= 1
        done.append(
            piece
            if inside or piece.startswith("<")
            else NAMED.sub(lambda match: _link(match, address), piece)
        )
    return "".join(done)


def _link(match, address):
    found = match.groupdict()
    number = found["lesson"] or found["chinese"]
    if found["experiment"]:
        target = address(f"experiments/{found['experiment']}.py")
    else:
        target = address(f"lesson:{number}" if number else found["file"])
    return f'<a href="{target}">{match[0]}</a>' if target else match[0]
