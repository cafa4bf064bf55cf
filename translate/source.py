"""The texts of a Python file, where they stand, and the same file in another language.

A text is

- a paragraph of comments, its lines joined by one space; an empty `#` line ends it;
- the comment at the end of a line of code;
- a paragraph of a docstring, or an item of its `Args:` and the like; what is indented
  elsewhere in it is code;
- a string: its value; of an f-string what stands between its quotes, `{count:,} files`.
"""

import ast
import dataclasses
import io
import re
import tokenize

from modelfile.sentences import PIECE, wrapped

from rich.cells import cell_len

WIDTH = 88  # columns; a Chinese character takes two
TO_A_TOOL = re.compile(r"noqa|fmt:|type:")  # no word to a reader
ITEMS = "Args:", "Raises:", "Attributes:"
SECTIONS = *ITEMS, "Returns:", "Yields:"
# What is handed to the first is printed; to the second, mostly what Keras says.
PRINTS = re.compile(r"step|note|check\w*|exit|print|warn|\w*Error|help")
OTHERS_SAY = re.compile("expect_(error|warning)|find|startswith")
WORD, TWO_WORDS = re.compile("[A-Za-z]{2,}"), re.compile("[a-z]{2,},? [a-z]{2,}")
VALUE = re.compile(r"\{\{|\}\}|\{(?:[^{}]|\{[^{}]*\})+\}|%\(\w+\)s")
CODE, BLANK = re.compile("`[^`]+`"), "\ue000"  # not a space to `wrapped`
PAUSE, SPACE = re.compile(".*[，。、：；！？）”]"), re.compile(".* ")
# In a string: a value, or what can stand at the end of a line.
PART = re.compile(rf"{VALUE.pattern}|{PIECE.pattern}", re.S)


@dataclasses.dataclass
class Text:
    """A text of a file.

    Attributes:
        english: str, the text.
        start: offset of its first character in the file.
        end: offset behind its last one.
        indent: columns before its second and the following lines.
        kind: "comment", "behind" (code), "docstring", "string", "f-string", "block" (a
            string of several lines).
        needed: whether readers see it; a name of a layer, say, need not be translated.
        alone: of a string, whether no brackets stand around it.
    """

    english: str
    start: int
    end: int
    indent: int
    kind: str
    needed: bool = True
    alone: bool = False

    def add(self, more, end):
        """Add another line."""
        self.english += f" {more}"
        self.end = end


def texts(code):
    """Return all texts of a Python file, as a list of Text in their order.

    Raises:
        SyntaxError: it is not Python.
    """
    lines = code.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))

    def offset(line, column):  # Python counts the columns of a node in bytes
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    found = _comments(code, starts)
    tree = ast.parse(code)
    for parent in ast.walk(tree):
        for node in ast.iter_child_nodes(parent):
            node.parent = parent
    inside = set()  # of an f-string
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside.update(id(part) for part in ast.walk(node) if part is not node)
    for node in ast.walk(tree):
        if id(node) in inside or not _is_string(node):
            continue
        start = offset(node.lineno, node.col_offset)
        end = offset(node.end_lineno, node.end_col_offset)
        if isinstance(node.parent, ast.Expr):
            found += _paragraphs(code[start:end], start, node.col_offset)
        else:
            found.append(_string(node, code[start:end], start))
    return sorted(found, key=lambda text: text.start)


def translated(code, catalogue):
    """Return a Python file with its texts in another language.

    Args:
        code: str, the file.
        catalogue: dict, for each text its translation. What is not in there stays.
    """
    for text in reversed(texts(code)):
        if text.english in catalogue:
            written = _written(text, catalogue[text.english])
            code = code[: text.start] + written + code[text.end :]
    return code


def skeleton(code):
    """Return the syntax tree of a Python file without its strings, as a str.

    Of an f-string it has the values, in any order.
    """
    tree = ast.parse(code)
    for parent in ast.walk(tree):
        for name, field in ast.iter_fields(parent):
            if isinstance(field, list):
                setattr(parent, name, [_without_text(node) for node in field])
            else:
                setattr(parent, name, _without_text(field))
    return ast.dump(tree)


def _without_text(node):
    if isinstance(node, ast.JoinedStr):
        values = [v for v in node.values if isinstance(v, ast.FormattedValue)]
        return ast.Constant(sorted(map(ast.unparse, values)))
    return ast.Constant("") if _is_string(node) else node


def _is_string(node):
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _comments(code, starts):
    """Return a list of the Text of each paragraph of comments."""
    found, paragraph, last = [], None, None
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type != tokenize.COMMENT:
            continue
        number, column = token.start
        start = starts[number - 1] + column
        end = start + len(token.string)
        comment = token.string.removeprefix("#").strip()
        if token.line[:column].strip():
            if not TO_A_TOOL.match(comment):
                found.append(Text(comment, start, end, column, "behind"))
        elif not comment:
            paragraph = None
        elif paragraph and (number, column) == (last + 1, paragraph.indent):
            paragraph.add(comment, end)
        else:
            paragraph = Text(comment, start, end, column, "comment")
            found.append(paragraph)
        last = number
    return found


def _paragraphs(docstring, start, indent):
    """Return a list of the Text of each paragraph of a docstring, given with its quotes."""
    quotes = re.match(r"\w*(\"\"\"|\")", docstring)
    found, text, section = [], None, ""
    for number, line in enumerate(docstring.splitlines(keepends=True)):
        content, column = line.strip(), len(line) - len(line.lstrip())
        if number == 0:
            content, column = line[quotes.end() :].strip(), indent
        if start + len(line) - 1 >= 0 and number == docstring.count("\n"):
            content = content.removesuffix(quotes[1]).rstrip()
        first = start + line.index(content)
        start += len(line)
        if column == indent and content:
            section = content if content in SECTIONS else ""
        item = section in ITEMS and column == indent + 4
        if not content or item or content in SECTIONS:
            text = None
        if not content or (column > indent and not section):
            continue
        end = first + len(content)
        if text:
            text.add(content, end)
        else:
            text = Text(content, first, end, column + 4 * item, "docstring")
            found.append(text)
        if content in SECTIONS:
            text = None
    return found


def _string(node, written, start):
    """Return the Text of a string that is no docstring."""
    place = node.parent
    call = place.arg if isinstance(place, ast.keyword) else ""
    if isinstance(place, ast.Call):
        call = getattr(place.func, "attr", getattr(place.func, "id", ""))
    is_f_string = isinstance(node, ast.JoinedStr)
    english = _of_f_string(node) if is_f_string else node.value
    kind = "block" if '"""' in written else "f-string" if is_f_string else "string"
    rule = WORD if PRINTS.fullmatch(call or "") else TWO_WORDS
    needed = kind != "block" and bool(rule.search(VALUE.sub("", english)))
    needed = needed and not OTHERS_SAY.fullmatch(call or "")
    brackets = ast.Call | ast.keyword | ast.List | ast.Tuple | ast.Dict
    alone = not isinstance(place, brackets) and node.lineno == node.end_lineno
    end = start + len(written)
    return Text(english, start, end, node.col_offset, kind, needed, alone)


def _of_f_string(node):
    """Return what stands between the quotes of an f-string, its pieces joined."""
    text = ""
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += part.value.replace("{", "{{").replace("}", "}}")
        else:
            text += ast.unparse(ast.JoinedStr([part]))[2:-1]
    return text


def _lines(chinese, width):
    """Return a text in lines, broken behind punctuation or at a space if one is near.

    No line is broken inside code between backticks. The last has more than three
    characters.
    """
    lines, rest = [], CODE.sub(lambda code: code[0].replace(" ", BLANK), chinese)
    while cell_len(rest) > width:
        line = wrapped(rest, width).split("\n")[0]
        for pause in filter(None, (PAUSE.match(line), SPACE.match(line))):
            if cell_len(pause[0]) > width - 24:
                line = pause[0]
                break
        lines.append(line.rstrip())
        rest = rest[len(line) :].lstrip()
    short = lines and cell_len(rest) < 8
    if short:
        return _lines(chinese, width - 2)
    return [line.replace(BLANK, " ") for line in (*lines, rest)]


def _written(text, chinese):
    """Return a translation as it stands in the file."""
    if text.kind == "behind":
        return f"# {chinese}"
    if text.kind == "comment":
        lines = _lines(chinese, WIDTH - text.indent - 2)
        return f"\n{' ' * text.indent}".join(f"# {line}" for line in lines)
    if text.kind == "docstring":
        lines = _lines(chinese, WIDTH - text.indent - 3)
        return f"\n{' ' * text.indent}".join(lines)
    if text.kind == "block":
        return f'"""{chinese}"""'
    prefix = "f" * (text.kind == "f-string")
    pieces = [""]
    for part in PART.findall(chinese):
        if cell_len(pieces[-1] + part) > WIDTH - min(text.indent, 20) - 4:
            pieces.append("")
        pieces[-1] += part
    escapes = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t"})
    quoted = "\n".join(f'{prefix}"{piece.translate(escapes)}"' for piece in pieces)
    return f"({quoted})" if text.alone and len(pieces) > 1 else quoted
