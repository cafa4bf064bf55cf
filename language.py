"""The language of what is printed: English, as it is written, or Chinese.

Importing this module chooses it. What the functions of lesson.py print is translated if it
is Chinese: chinese.po has the sentences, with `{}` for the values in them. What is not in
there stays as it is: messages of Keras, code, numbers, names of files. What anything else
prints, a reader's own lines among it, is never touched.
"""

import ast
import functools
import itertools
import os
import re
import sys
import unicodedata
from pathlib import Path

CATALOGUE = Path(__file__).resolve().parent / "chinese.po"
VARIABLE = "LESSONS_LANGUAGE"  # tells child processes
LANGUAGES = ["en", "zh"]
WINDOWS = os.name == "nt"
WIDTH = 88  # columns; a Chinese character takes two
LONGEST = 10  # lines; no sentence has more

# A value: a sentence of the catalogue or not, surely one, or surely not one: a word, or
# names, which can have spaces.
PLACEHOLDERS = {
    "{}": "(.+?)",
    "{sentence}": "(.+?)",
    "{word}": r"(\S+)",
    "{name}": "(.+?)",
}
PLACEHOLDER = re.compile("|".join(map(re.escape, PLACEHOLDERS)))
MORE = re.compile(r" and (\d+) more$")  # behind the first names of many

# Where a Chinese line can be broken: between two characters, but not before what closes
# and not after what opens.
OPENS, CLOSES = "（“《「", "，。、：；！？）”》」"
CHINESE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
PIECE = re.compile(
    rf" *[{OPENS}]*(?:[{CHINESE}]|[^\s{OPENS}{CLOSES}{CHINESE}]+)[{CLOSES}]*|."
)
# What can stand before a sentence: "1. ", "   ok     ", "  --model NAME  ", or spaces.
LABEL = re.compile(r"(\d+\. | *\S+(?: \S+)*? {2,}| *)(.*)")
MARKS = "ok", "FAIL", "--", "error", "warns"
RULE = re.compile(r" +-+( +-+)*")  # below the headings of a table
QUOTE = "   | "  # before each line of another process


def choose(command, environment):
    """Return "en" or "zh": what the command says, or the parent process, or the system.

    Args:
        command: list of str, as `sys.argv`.
        environment: dict, as `os.environ`.
    """
    asked = re.findall(r" --l\w*[ =](en|zh)(?= |$)", " ".join(command))
    if asked:
        return asked[-1]
    if environment.get(VARIABLE) in LANGUAGES:
        return environment[VARIABLE]
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return "zh" if environment[name].lower().startswith("zh") else "en"
    return "zh" if WINDOWS and _windows_is_chinese() else "en"


def _windows_is_chinese():
    import ctypes  # only Windows has what is needed of it

    return ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF == 0x04


def add_argument(parser):
    """Add `--language` to an `argparse.ArgumentParser`; `choose` has read it before."""
    parser.add_argument(
        "--language",
        choices=LANGUAGES,
        help="of what is printed: English or Chinese (default: the system's)",
    )


@functools.cache
def entries(context=""):
    """Return dict: for each English text of the catalogue the Chinese one.

    Args:
        context: "" for what is printed, "prose" for comments and docstrings.
    """
    # Read by hand, without polib: the first sentence that is needed may be that this
    # Python has no packages.
    found = {}
    part = {}
    text = CATALOGUE.read_text(encoding="utf-8") if CATALOGUE.exists() else ""
    quoted = r'(msgctxt|msgid|msgstr) (".*"(?:\n".*")*)'
    for keyword, value in re.findall(rf"^{quoted}", text, re.M):
        part[keyword] = ast.literal_eval(f"({value})")
        if keyword == "msgstr":
            if part["msgid"] and part.get("msgctxt", "") == context:
                found[part["msgid"]] = part["msgstr"]
            part = {}
    return found


@functools.cache
def _patterns():
    """Return (pattern, placeholders, Chinese) of sentences with values.

    The first that matches is right: those with the most text beside the values come first.
    """
    found = []
    by_text = sorted(entries(), key=lambda text: -len(PLACEHOLDER.sub("", text)))
    for english in by_text:
        placeholders = PLACEHOLDER.findall(english)
        if placeholders:
            pattern = re.escape(english)
            for placeholder, value in PLACEHOLDERS.items():
                pattern = pattern.replace(re.escape(placeholder), value)
            found.append((re.compile(pattern, re.S), placeholders, entries()[english]))
    return found


def _with_values(chinese, values):
    """Put values into a Chinese sentence: in their order, or as `{0}`, `{1}` say."""
    following = iter(values)
    pieces = re.split(rf"(\{{\d\}}|{PLACEHOLDER.pattern})", chinese)
    for number in range(1, len(pieces), 2):
        place = pieces[number][1]
        pieces[number] = values[int(place)] if place.isdecimal() else next(following)
    return "".join(pieces)


def _find(sentence):
    """Return a finished sentence in Chinese, or None if the catalogue has no such one."""
    if sentence in entries():
        return entries()[sentence]
    for pattern, placeholders, chinese in _patterns():
        match = pattern.fullmatch(sentence)
        if match:
            values = []
            for placeholder, value in zip(placeholders, match.groups(), strict=True):
                values.append(_translate_value(placeholder, value))
                if placeholder == "{sentence}" and values[-1] == value:
                    break
            else:
                return _with_values(chinese, values)
    return None


def _translate_value(placeholder, value):
    if placeholder == "{name}":
        return MORE.sub(r" 等，另有 \1 个", value)
    return value if placeholder == "{word}" else translate(value)


def translate(sentence):
    """Return a finished sentence in Chinese, or as it is if the catalogue has no such one."""
    found = _find(sentence)
    if found:
        return found
    # What the heading of a table means, or the message of an error:
    heading, _, rest = sentence.partition(": ")
    found = _find(rest)
    if found:
        colon = ": " if heading.endswith("Error") else "："
        return translate(heading) + colon + found
    return sentence


def translate_output(text):
    """Return what a lesson or an experiment prints in English in Chinese.

    Args:
        text: str, one or more whole lines: a transcript, or what one `print` writes. Lines
            that were one sentence are joined and wrapped anew, tables are aligned anew.
    """
    lines = text.split("\n")
    done = []
    while lines:
        count, chinese = _first_block(lines)
        done += chinese
        lines = lines[count:]
    return "\n".join(done)


def _first_block(lines):
    """Return how many lines belong together, and what they are in Chinese, as a list."""
    quoted = _count(lines, lambda line: line.startswith(QUOTE))
    if quoted:
        inner = "\n".join(line.removeprefix(QUOTE) for line in lines[:quoted])
        inner = translate_output(inner).split("\n")
        return quoted, [f"{QUOTE}{line}" for line in inner]
    if len(lines) > 1 and RULE.fullmatch(lines[1]):
        size = _count(lines, str.strip)
        return size, _table(lines[:size])
    label, sentence = LABEL.fullmatch(lines[0]).groups()
    longest, wrapped = _continued(lines[:LONGEST], label)
    for count in range(longest, 0, -1):
        english = " ".join([sentence, *(line.strip() for line in lines[1:count])])
        chinese = (translate if count <= wrapped else entries().get)(english)
        if chinese and chinese != english:
            # A line of an error is not broken here: the terminal does that.
            one_line = count == 1 and not label
            return count, [chinese] if one_line else wrap(chinese, _cells(label))
    return 1, [_cells(lines[0])]


def _count(lines, condition):
    """Return how many lines from the first one on meet a condition."""
    for number, line in enumerate(lines):
        if not condition(line):
            return number
    return len(lines)


def _continued(lines, label):
    """Return of how many lines a sentence behind a label can consist at most, and does."""
    longest = wrapped = 1
    for before, line in itertools.pairwise(lines):
        text = line.lstrip()
        if not text or len(line) - len(text) != len(label):
            break
        # Behind a mark no other sentence can follow. Without one, the line was only broken
        # if the next word had no place in it.
        full = len(f"{before} {text.split()[0]}") > WIDTH
        if wrapped == longest and (len(label) > 3 or full):
            wrapped += 1
        longest += 1
    return longest, wrapped


def columns(text):
    """Return how many columns of a terminal a text takes."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def wrap(text, label="", width=WIDTH):
    """Return lines of at most `width` columns: the label, the text, indented like it."""
    lines = [label]
    for piece in PIECE.findall(text):
        if lines[-1].strip() and columns(lines[-1] + piece) > width:
            lines.append(" " * columns(label))
        lines[-1] += piece if lines[-1].strip() else piece.lstrip()
    return lines


def _cells(line):
    """Translate what stands in a line with two or more spaces between; keep the columns."""
    if line.strip().split("  ")[0] in MARKS:
        return line
    done = ""
    for match in re.finditer(r"(\S+(?: \S+)*)( *)", line):
        done += " " * (match.start() - columns(done)) + translate(match[1])
        done += " " * (len(match[2]) and max(match.end() - columns(done), 2))
    return line if done.split() == line.split() else done


def _table(lines):
    """Translate the cells of a table, whose second line is dashes, and align them."""
    starts = [match.start() for match in re.finditer("-+", lines[1])]
    spans = list(itertools.pairwise([*starts, None]))
    rows = [[line[slice(*span)].strip() for span in spans] for line in lines]
    del rows[1]
    chinese = [[translate(cell) for cell in row] for row in rows]
    if chinese == rows:
        return lines
    widths = [max(map(columns, column)) for column in zip(*chinese, strict=True)]
    chinese.insert(1, ["-" * width for width in widths])
    done = []
    for row in chinese:
        line = " " * starts[0]
        for cell, width in zip(row, widths, strict=True):
            line += cell + " " * (width - columns(cell) + 3)
        done.append(line.rstrip())
    return done


def printed(text):
    """Return what is to be printed, one or more whole lines, in the language chosen."""
    return translate_output(text) if CHOSEN == "zh" else text


CHOSEN = os.environ[VARIABLE] = os.environ["LANGUAGE"] = choose(sys.argv, os.environ)
