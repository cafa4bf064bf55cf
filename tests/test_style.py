"""The lessons are written for beginners: what they must not have is found by tests/style.py."""

import pytest
import style
from conftest import LESSONS


@pytest.mark.parametrize("script", LESSONS)
def test_a_lesson_can_be_read_by_a_beginner(script):
    assert style.problems(style.ROOT / script) == []


@pytest.mark.parametrize(
    "line, what",
    [
        ("rows = [x for y in z for x in y]", "a nested comprehension"),
        ("rows = [[x for x in y] for y in z]", "a nested comprehension"),
        ("a, b = (x for x in y)", "a tuple unpacked from a comprehension"),
        ("print(*rows)", "a star outside a signature"),
        ("first, *others = rows", "a star outside a signature"),
        ("row = {**others}", "a star outside a signature"),
        ("key = lambda x: x", "a lambda"),
        ("a = b if c else d", "a conditional expression"),
        ("assert 1 < a < 2", "a chained comparison"),
        ("def f():\n    def g():\n        pass", "a nested function"),
        ("for path in paths:\n    model.save(path)", "save in a loop or an f-string"),
        ("losses = [load_model(x).loss for x in y]\nkeras.models.load_model(p)", ""),
        ("models = [keras.models.load_model(x) for x in y]", "load_model in a loop"),
        ("print(f'{model.export(path)}')", "export in a loop or an f-string"),
        ("a = 1\n" * 11, "11 lines without a blank line or a comment"),
        ("a = 1\n\n" * 51, "more than 100 lines"),
        ("# " + "a" * 87, "more than 88 columns"),
    ],
)
def test_each_rule_finds_what_it_forbids(tmp_path, line, what):
    path = tmp_path / "99_lesson.py"
    path.write_text(line)
    found = style.problems(path)
    assert any(what in problem for problem in found) if what else found == []
    assert all(problem.startswith("99_lesson.py:") for problem in found)


def test_what_is_plain_enough_is_allowed(tmp_path):
    path = tmp_path / "99_lesson.py"
    path.write_text(
        "class A:\n"
        "    def __init__(self, **kwargs):\n"
        "        super().__init__(**kwargs)\n\n"
        "layer = keras.layers.Lambda(lambda x: 2 * x)\n"
        "names = [file.name for file in files]\n"
    )
    assert style.problems(path) == []
