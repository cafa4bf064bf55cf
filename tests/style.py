"""How readable a lesson is: what the style forbids, and a table of measures.

    python tests/style.py [FILE ...]

prints the table, for all lessons if no file is named.
"""

import ast
import io
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINES, COLUMNS, RUN = 100, 88, 10
OWN = {path.stem for path in ROOT.glob("[a-z]*.py")}
# These stand at the left margin, or in a function that is what the lesson teaches.
TAUGHT = {
    "export",
    "load_model",
    "load_weights",
    "save",
    "save_model",
    "save_weights",
}
COMPREHENSIONS = ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp
LOOPS = ast.For, ast.While, *COMPREHENSIONS
FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef


def code_lines(source):
    """Return the numbers of the lines that have code: no blank, comment or docstring."""
    numbers = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (
            tokenize.COMMENT,
            tokenize.NL,
            tokenize.NEWLINE,
            tokenize.INDENT,
            tokenize.DEDENT,
            tokenize.ENDMARKER,
        ):
            numbers.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(
            node, (ast.Module, ast.ClassDef, *FUNCTIONS)
        ) and ast.get_docstring(node):
            text = node.body[0]
            numbers -= set(range(text.lineno, text.end_lineno + 1))
    return sorted(numbers)


def runs(source):
    """Return (first line, length) of each run of code lines without a blank or a comment."""
    found = []
    for number in code_lines(source):
        if found and number == sum(found[-1]):
            found[-1] = found[-1][0], found[-1][1] + 1
        else:
            found.append((number, 1))
    return found


def is_star(node):
    """Whether a call, list or dict is filled with what a star unpacks.

    `function(**settings)` is not counted here: `super().__init__(**kwargs)` and
    `cls(**config)` are how every Keras class is written.
    """
    if isinstance(node, ast.Dict):
        return None in node.keys
    return isinstance(node, ast.Starred)


def clever(source):
    """Return (line, what it is) of each construct that a beginner stumbles over."""
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        inside = [child for child in ast.walk(node) if child is not node]
        if isinstance(node, COMPREHENSIONS):
            found.append((line, "a comprehension"))
            if len(node.generators) > 1 or any(
                isinstance(x, COMPREHENSIONS) for x in inside
            ):
                found.append((line, "a nested comprehension"))
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, COMPREHENSIONS)
            and isinstance(node.targets[0], (ast.Tuple, ast.List))
        ):
            found.append((line, "a tuple unpacked from a comprehension"))
        if is_star(node):
            found.append((line, "a star outside a signature"))
        if isinstance(node, ast.Lambda):
            found.append((line, "a lambda"))
        if isinstance(node, ast.IfExp):
            found.append((line, "a conditional expression"))
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            found.append((line, "a chained comparison"))
        if isinstance(node, FUNCTIONS) and any(
            isinstance(x, FUNCTIONS) for x in inside
        ):
            found.append((line, "a nested function"))
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "zip"
            and node.keywords
        ):
            found.append((line, "zip(strict=)"))
    return sorted(found)


def lambdas_that_are_taught(source):
    """Return the lines of `keras.layers.Lambda(lambda ...)`: there it is the subject."""
    return {
        argument.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "Lambda"
        for argument in node.args
    }


def hidden_calls(source):
    """Return (line, name) of each call that is taught, in a loop or an f-string."""
    found = set()
    for outer in ast.walk(ast.parse(source)):
        if isinstance(outer, (*LOOPS, ast.JoinedStr)):
            for node in ast.walk(outer):
                if (
                    isinstance(node, ast.Call)
                    and getattr(node.func, "attr", "") in TAUGHT
                ):
                    found.add(
                        (node.lineno, f"{node.func.attr} in a loop or an f-string")
                    )
    return sorted(found)


# A single comprehension and `zip(strict=True)` are plain enough.
ALLOWED = "a comprehension", "zip(strict=)"


def problems(path):
    """Return what the style forbids in a lesson, each as "file:line: what"."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    found = [(line, what) for line, what in clever(source) if what not in ALLOWED]
    taught = lambdas_that_are_taught(source)
    found = [
        (line, what) for line, what in found if what != "a lambda" or line not in taught
    ]
    found += hidden_calls(source)
    if len(lines) > LINES:
        found.append((len(lines), f"more than {LINES} lines"))
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            found.append((number, f"more than {COLUMNS} columns"))
    for first, length in runs(source):
        if length > RUN:
            found.append((first, f"{length} lines without a blank line or a comment"))
    return [f"{path.name}:{line}: {what}" for line, what in sorted(found)]


def own_names(source):
    """Return the names of this project's modules that a reader has to know."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in OWN:
            names.add(f"{node.value.id}.{node.attr}")
        if isinstance(node, ast.ImportFrom) and node.module in OWN:
            names.update(f"{node.module}.{name.name}" for name in node.names)
    return names


def measures(path):
    """Return lines, widest line, clever constructs per 100 code lines, longest run, own names."""
    source = path.read_text(encoding="utf-8")
    code = code_lines(source)
    return [
        len(source.splitlines()),
        max(len(line) for line in source.splitlines()),
        round(100 * len(clever(source)) / len(code)),
        max(length for _, length in runs(source)),
        len(own_names(source)),
    ]


if __name__ == "__main__":
    paths = [Path(name) for name in sys.argv[1:]] or sorted(
        ROOT.glob("[0-9][0-9]_*.py")
    )
    print(f"{'':32}lines  columns  clever/100  longest run  own names")
    for path in paths:
        print(
            f"{path.name:32}{'{:5}  {:7}  {:10}  {:11}  {:9}'.format(*measures(path))}"
        )
