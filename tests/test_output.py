"""What each lesson and experiment prints is in output/; CONTRIBUTING.md says how to renew it."""

import re
import shutil

import pytest
from conftest import EXPERIMENTS, LESSONS, QUICKER, ROOT, TEXTS

TRANSCRIPTS = ROOT / "output"
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
# What differs from run to run: times, the moment of a kill, the order of two processes.
# The tests of lessons 10 and 12 and of kills look at these.
LEFT_OUT = [
    r"\b\d+(\.\d+)?m?u?s(/step)?\b",
    r"\b\d+(\.\d+)? s\b",
    r"(?<=\.\d\d) +[\d.]+ +[\d.]+$",  # cost: the last two columns
    r"(?<=\d) +[\d.]+ +[\d.]+$",  # cost, the second table
    r"\d+(?= times as long)",  # cost
    r"^   \w+ +(\.keras|SavedModel's saved_model\.pb)  .*$",  # damage: depends on Python
    r"Python 3\.\d+\.\d+ loads \d+",
    r"^   (SafeCheckpoint|ModelCheckpoint|BackupAndRestore|OrbaxCheckpoint|resumable.py) .*$",
    r"on \d{4}-\d\d-\d\d at [\d:]+",  # lesson 7
    r"(?s)   written by .*?\n\n",  # versions: the tests have fewer
    r"^   worker \d: .*\n",
    r"^(Epoch \d/3|50/50 - .*)\n",  # lesson 12 on JAX: of two processes at once
    r"^   worker 0 stopped: .*\n",
    r"(?<=Epochs that are saved, counted from 0: ).*",  # how soon it was killed
    r"(?s)unmatched\s+objects: .*?(?=\n\n5|\Z)",  # in any order
    r"(?s)Expected\s+one\s+of\s+\{.*?\}",  # lesson 6: a set of names, in any order
    r"(?s)Not equal to\s+tolerance .*",  # lesson 5 ends with what the fresh model says
    r"SHA-256: \w+",  # lesson 17: of weights, which another processor rounds otherwise
    r"(?s)a worker stopped: .*?(?=\n   ok)",
]
# What an experiment writes, and docs/ shows.
FIGURES = {
    "experiments.resume_loss": ["resume.png"],
    "experiments.zoo": ["survival.csv", "survival.png"],
}
# Of the number; 0.01 is nothing. Another processor rounds otherwise, and training amplifies it.
TOLERANCE = 0.25


def words_and_numbers(text):
    """Return what a lesson prints as one line without numbers, and the numbers."""
    for pattern in LEFT_OUT:
        text = re.sub(pattern, "", text, flags=re.M)
    numbers = [float(number.replace(",", "")) for number in NUMBER.findall(text)]
    return " ".join(re.sub(r"-{3,}", "---", NUMBER.sub("#", text)).split()), numbers


@pytest.mark.parametrize("script", LESSONS + EXPERIMENTS)
def test_a_lesson_or_experiment_prints_what_its_transcript_says(
    default_run, script, request
):
    name = script.removesuffix(".py").removeprefix("experiments.")
    path = TRANSCRIPTS / f"{name}.txt"
    printed = default_run(script).stdout
    if request.config.getoption("--renew"):
        path.write_text(printed, encoding="utf-8", newline="\n")
        for figure in FIGURES.get(script, []):
            shutil.copy(default_run(script).folder / figure, ROOT / "figures")
    words, numbers = words_and_numbers(printed)
    wanted_words, wanted_numbers = words_and_numbers(path.read_text(encoding="utf-8"))
    assert words == wanted_words
    if script not in QUICKER:
        assert numbers == pytest.approx(wanted_numbers, rel=TOLERANCE, abs=0.01)


@pytest.mark.parametrize("name", [name for name in TEXTS if "```text" in TEXTS[name]])
def test_each_excerpt_of_a_page_is_cut_from_a_transcript(name):
    transcripts = [
        path.read_text(encoding="utf-8") for path in sorted(TRANSCRIPTS.rglob("*.txt"))
    ]
    for excerpt in re.findall(r"```text\n(.*?)```", TEXTS[name], re.S):
        pieces = [
            piece.strip("\n") + "\n"
            for piece in re.split(r"^\.\.\.$", excerpt, flags=re.M)
        ]
        pieces = [piece for piece in pieces if piece.strip()]
        in_order = ".*".join(re.escape(piece) for piece in pieces)
        assert any(re.search(in_order, text, re.S) for text in transcripts), excerpt
