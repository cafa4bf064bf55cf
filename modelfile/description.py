"""What is said about a file: the parts of the answer, and how a name is made safe to print."""

from dataclasses import dataclass, field
from pathlib import Path

from modelfile.sentences import Sentence, say


@dataclass
class Description:
    """What one file is, in sentences, and in `facts` for programs.

    Attributes:
        path: str, of the file or folder that is described.
        kind: one word for programs, "keras" or "savedmodel" say; "" if it is unknown.
        what: a sentence.
        written_by, contents, needs, problems, can: lists of sentences.
        layers: list of dicts with `name`, `kind`, `arrays` (list of shapes as text) and
            `parameters` (int).
        code: lines of Python that load this very file and use it.
        usable: False if the file cannot be used as it is.
        facts: dict, what is among the sentences that a program may want as a value.
    """

    path: str
    kind: str = ""
    what: str = ""
    written_by: list = field(default_factory=list)
    contents: list = field(default_factory=list)
    layers: list = field(default_factory=list)
    needs: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    can: list = field(default_factory=list)
    code: list = field(default_factory=list)
    usable: bool = True
    facts: dict = field(default_factory=dict)

    def is_a(self, kind, what):
        self.kind, self.what = kind, what

    def is_not_a_model(self, kind, what, advice):
        """Say what a file is that has no model in it, and what to do."""
        self.is_a(kind, what)
        self.refuse(advice)

    def refuse(self, sentence):
        """Add a problem that makes the file unusable."""
        self.problems.append(sentence)
        self.usable = False

    def renamed(self, path, ending, wrong=None):
        """Return the path under which Keras, which goes by names, loads a file.

        Args:
            path: pathlib.Path of the file.
            ending: str that the name has to end in.
            wrong: str that it must not end in.
        """
        name = path.name
        if name.endswith(ending) and not (wrong and name.endswith(wrong)):
            return path
        new = path.with_name(name.partition(".")[0] + ending)
        self.needs.append(
            say(
                "Another name, {}: Keras goes by how the name ends.",
                shorten(new.name, 60),
            )
        )
        return new

    def clean(self):
        """Return all of it as a dict of values without control characters."""
        return _clean(vars(self))


def printable(text):
    """Return a text in which each character that a terminal might obey is an escape.

    Such are control characters, and those that turn the direction of what follows.
    """
    pieces = []
    for character in str(text):
        escape = character.encode("unicode_escape").decode("ascii")
        pieces.append(character if character.isprintable() else escape)
    return "".join(pieces)


def shorten(text, width=200):
    """Return the beginning of a text from a file, on one line."""
    line = " ".join(str(text)[: 20 * width].split())
    return line if len(line) <= width else f"{line[: width - 4]} ..."


def reason_of(error, width=120):
    """Return the message of an error: a sentence, or on one line what a library says."""
    message = error.args[0] if error.args else ""
    if isinstance(message, Sentence):
        return message
    return shorten(error, width) or type(error).__name__


def _clean(value):
    if isinstance(value, dict):
        return {printable(key): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, Sentence):
        # The template, a text of this package, may have the end of a line.
        return Sentence(value.template, *map(_clean, value.values))
    if isinstance(value, str):
        return printable(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    return printable(value)


def some(names, count=8):
    """Return names as one text, the first few of them."""
    names = [shorten(name, 60) for name in names]
    if len(names) <= count:
        return ", ".join(names)
    return say("{} and {} more", ", ".join(names[:count]), len(names) - count)


def literal(text):
    """Return a name from a file as a string of Python, which stays on its line."""
    plain = text.isprintable() and not set('"\\') & set(text)
    return f'"{text}"' if plain else repr(text)


def quoted(path):
    """Return a path as a string of Python, with slashes, which Windows takes, too."""
    text = Path(path).as_posix()
    return literal(f"{text}/" if str(path).endswith("/") else text)
