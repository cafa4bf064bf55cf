"""A script as a page shows it: steps, and in each step prose beside code.

What is prose:

- a paragraph of the script's docstring, its lines joined; one that is indented is code,
  and is not prose;
- a block of comments that have lines of their own, at one indentation, its lines joined;
  an empty `#` line ends a paragraph;
- the comment at the end of a line of code;
- a function's docstring, if it is one line.
"""

import ast
import dataclasses
import io
import re
import textwrap
import tokenize

STEP = "lesson.step("
# Between two lines of Chinese there is no space, and none beside its punctuation.
NO_SPACE = re.compile(
    r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])|(?<=[\u3000-\u303f\uff00-\uffef]) "
    r"| (?=[\u3000-\u303f\uff00-\uffef])"
)
TO_A_TOOL = re.compile(r"noqa|fmt:|type:")  # no word to a reader


@dataclasses.dataclass
class Line:
    """A line of code: its number in the file (from 1), its text, and the prose in it."""

    number: int
    text: str
    prose: str = ""


@dataclasses.dataclass
class Row:
    """Paragraphs of prose, and the lines of code that they are about; each can be none."""

    prose: list = dataclasses.field(default_factory=list)
    lines: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Step:
    """What stands below a `lesson.step(number, title)`; what is before the first has none."""

    number: int | None = None
    title: str = ""
    rows: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Script:
    """A script: its text, its title, and the rest of its docstring as (is code, paragraph)."""

    text: str
    title: str
    introduction: list
    steps: list


def read(path):
    """Return the Script that a Python file is.

    Raises:
        SyntaxError: the file is not Python.
    """
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    (_, title), *introduction = _paragraphs(ast.get_docstring(tree) or path.name)
    comments, prose = _comments(text)
    first = 1
    if ast.get_docstring(tree):
        first = tree.body[0].end_lineno + 1
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            docstring = node.body[0]
            if docstring.lineno == docstring.end_lineno:
                prose[docstring.lineno] = docstring.value.value
    headings = {
        node.lineno: (node.args[0].value, node.args[1].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node).startswith(STEP)
    }

    steps = [Step(rows=[Row()])]
    before = None  # the indentation of the comment in the line before
    for number, line in enumerate(text.splitlines()[first - 1 :], first):
        rows = steps[-1].rows
        if number in comments:
            indentation = len(line) - len(line.lstrip())
            if any(line.text.strip() for line in rows[-1].lines):
                rows.append(Row())
            if not comments[number]:
                before = None
            elif indentation == before:
                rows[-1].prose[-1] = joined([rows[-1].prose[-1], comments[number]])
            else:
                rows[-1].prose.append(comments[number])
                before = indentation
            continue
        before = None
        if number in headings:
            # A comment right above the heading belongs to the step.
            belongs = rows.pop() if not rows[-1].lines else Row()
            steps.append(Step(*headings[number], [belongs]))
            rows = steps[-1].rows
        rows[-1].lines.append(Line(number, line, prose.get(number, "")))
    for step in steps:
        step.rows = [row for row in step.rows if _trim(row)]
    return Script(text, title, introduction, [step for step in steps if step.rows])


def sentences(path):
    """Return all prose of a Python file, in its order, each sentence or paragraph once."""
    script = read(path)
    found = [script.title]
    found += [text for is_code, text in script.introduction if not is_code]
    for step in script.steps:
        for row in step.rows:
            found += row.prose
            found += [line.prose for line in row.lines if line.prose]
    return list(dict.fromkeys(found))


def joined(lines):
    """Return lines of prose as one line."""
    return NO_SPACE.sub("", " ".join(lines))


def _paragraphs(docstring):
    """Return (is code, text) of each paragraph; code keeps its lines."""
    found = []
    for paragraph in re.split(r"\n\s*\n", docstring):
        is_code = paragraph.startswith(" ")
        text = textwrap.dedent(paragraph) if is_code else joined(paragraph.split())
        found.append((is_code, text))
    return found


def _comments(text):
    """Return the texts of full-line comments, and of those behind code, by line number."""
    full, behind = {}, {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comment = token.string.removeprefix("#").strip()
            if not token.line[: token.start[1]].strip():
                full[token.start[0]] = comment
            elif not TO_A_TOOL.match(comment):
                behind[token.start[0]] = comment
    return full, behind


def _trim(row):
    """Take the empty lines off the ends of a row, and return whether anything is left."""
    while row.lines and not row.lines[0].text.strip():
        del row.lines[0]
    while row.lines and not row.lines[-1].text.strip():
        del row.lines[-1]
    return bool(row.prose or row.lines)
