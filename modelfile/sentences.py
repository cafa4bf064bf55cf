"""Sentences that can be said in another language.

A sentence is made where it is known what to say, `say("{} layers.", 3)`, and is a str in
English. It keeps its template and its values, too: where it is shown, gettext finds the
template's translation in locale/, and the values are put into that.
"""

import gettext
import os
import re
from pathlib import Path

from rich.cells import cell_len

DOMAIN = "modelfile"
LANGUAGES = ["en", "zh"]
LOCALE = Path(__file__).resolve().parent / "locale"
# Where a Chinese line can be broken: between two characters, but not before what closes
# and not after what opens.
OPENS, CLOSES = "（“《「", "，。、：；！？）”》」"
CHINESE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
PIECE = re.compile(
    rf" *[{OPENS}]*(?:[{CHINESE}]|[^\s{OPENS}{CLOSES}{CHINESE}]+)[{CLOSES}]*|."
)


class Sentence(str):
    """A str in English that can be translated.

    Attributes:
        template: str with `{}` where values stand: the msgid in locale/.
        values: list of str, some of them Sentences.
    """

    def __new__(cls, template, *values):
        values = [one if isinstance(one, Sentence) else str(one) for one in values]
        sentence = super().__new__(cls, template.format(*values))
        sentence.template, sentence.values = template, values
        return sentence


say = Sentence


def choose_language(language=None):
    """Choose the language of this process: "en", "zh", or None for the system's."""
    if language is None and os.name == "nt" and _windows_is_chinese():
        language = "zh"
    if language is not None:
        os.environ["LANGUAGE"] = language  # gettext, and argparse by it, ask this first
    gettext.bindtextdomain(DOMAIN, LOCALE)
    gettext.textdomain(DOMAIN)


def _windows_is_chinese():
    import ctypes  # noqa: PLC0415  only Windows has what is needed of it

    return ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF == 0x04


def translated(text):
    """Return a sentence in the language that is chosen; any other text as it is."""
    if not isinstance(text, Sentence):
        return str(text)
    values = [translated(value) for value in text.values]
    return gettext.gettext(text.template).format(*values)


def wrapped(text, width):
    """Return a text in lines of at most `width` columns of a terminal.

    Rich breaks lines at spaces, which Chinese hardly has.
    """
    lines = [""]
    for piece in PIECE.findall(text):
        if lines[-1] and cell_len(lines[-1] + piece) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return "\n".join(lines)
