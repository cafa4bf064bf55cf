"""README.md, docs/ and what else is text, in both languages, as HTML."""

import dataclasses
import itertools
import posixpath
import re
import urllib.parse
from functools import cache
from pathlib import Path

from pages.errors import slug

from markdown_it import MarkdownIt
from markupsafe import escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

ROOT = Path(__file__).resolve().parent.parent
PYTHON = PythonLexer(stripnl=False)
CLASSES = HtmlFormatter(nowrap=True)  # static/style.css has their colours
# What is named in the text becomes a link, unless it is one.
NAMED = re.compile(
    r"(\.venv/bin/)?python -m experiments\.(?P<experiment>\w+)"
    r"|(?<![\w/.])(?P<file>(?:programs/)?\w+\.py)\b"
    r"|\blesson (?P<lesson>\d+)\b|第 (?P<chinese>\d+) 课",
    re.I,
)
NAME_OF_TEXT = re.compile(r"^README$|\.md$")
NUMBERS_OF_LESSONS = "Lesson", "课"  # the heading of a column that has them


@dataclasses.dataclass
class Document:
    """A text: its file (a path in the project), its title, and its body in Markdown."""

    file: str
    title: str
    body: str

    def resolve(self, link):
        """Return the file that a link of this text leads to, and the place in it, or ""."""
        path, _, place = urllib.parse.unquote(link).partition("#")
        if not path:
            return self.file, place
        return posixpath.normpath(
            posixpath.join(posixpath.dirname(self.file), path)
        ), place


@dataclasses.dataclass
class Lesson:
    """A row of the lessons' table: a number, names of files, text, seconds."""

    number: int
    files: list
    about: str
    time: str


def page_of(file):
    """Return the name of the page of a text: both languages have the same names."""
    if file.startswith("README"):
        return "index.html"
    if file.startswith("datasets/"):
        return "datasets.html"
    return f"{Path(file).stem.lower()}.html"


@cache
def documents(language):
    """Return the texts in a language, as Document; two are in English only."""
    readme, folder, *others = {
        "en": ("README.md", "docs", "CONTRIBUTING.md", "datasets/README.md"),
        "zh": ("README.zh-CN.md", "docs/zh"),
    }[language]
    pages = sorted(path.name for path in (ROOT / folder).glob("*.md"))
    found = []
    for file in (
        readme,
        *(f"{folder}/{name}" for name in pages),
        *others,
    ):
        text = (ROOT / file).read_text(encoding="utf-8")
        text = re.sub(r"^<!--.*-->$", "", text, flags=re.M)  # marks for a test
        title, body = text.removeprefix("# ").split("\n", 1)
        found.append(Document(file, title, body.strip()))
    return found


def lessons(body):
    """Return the text before the table of lessons, its parts, and the text behind it.

    Returns:
        tuple: Markdown (str), a list of (title of a part, list of Lesson), Markdown (str).
    """
    before, table, behind = re.split(r"^(\| \| .*\n(?:\|.*\n)+)", body, flags=re.M)
    parts = []
    for line in table.splitlines()[2:]:
        number, names, about, _, time = (c.strip() for c in line.split("|")[1:-1])
        if not number:
            parts.append((names.strip("*"), []))
            continue
        files = re.findall(r"\]\((.+?)\)", names)
        parts[-1][1].append(Lesson(int(number), files, about, time))
    return before, parts, behind


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


def html(text, address, titles, document=None, inline=False):
    """Return Markdown as HTML.

    Args:
        text: str, Markdown.
        address: a function from a file of the project (str), or "lesson:N", to where the
            pages have it, or to None.
        titles: dict, what a link to a file of text is called where it has the file's name.
        document: the Document that its links are written for, if there are any.
        inline: whether the text is within a paragraph.

    Raises:
        ValueError: a link leads nowhere.
    """
    tokens = MARKDOWN.parseInline(text) if inline else MARKDOWN.parse(text)
    _label_cells(tokens)
    for token, following in itertools.zip_longest(tokens, tokens[1:]):
        if token.type == "heading_open":
            token.attrs["id"] = slug(following.content)
        _lead(token.children or [], address, titles, document)
    return named(MARKDOWN.renderer.render(tokens, MARKDOWN.options, {}), address)


def _lead(children, address, titles, document):
    """Make links and pictures of a line lead to where the pages have them."""
    for child, text in itertools.zip_longest(children, children[1:]):
        link, picture = child.attrs.get("href"), child.attrs.get("src")
        if link and not link.startswith("https://"):
            child.attrs["href"] = _target(link, address, document)
            if NAME_OF_TEXT.search(text.content):
                text.content = titles[document.resolve(link)[0]]
        if picture:
            child.attrs["src"] = _target(picture, address, document)
            child.attrs["loading"] = "lazy"


def _target(link, address, document):
    """Return where the pages have what a link leads to."""
    if link.startswith("lesson:"):
        return address(link)
    file, place = document.resolve(link)
    if not address(file):
        raise ValueError(f"{document.file}: the pages have no place for {link}.")
    return address(file) + (f"#{place}" if place else "")


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
