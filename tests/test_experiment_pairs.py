"""The nine pairs, in two formats."""

import re

SCRIPT = "experiments.pairs"


def test_pairs_prints_both_tables_of_all_nine_pairs(default_run):
    finished = default_run(SCRIPT)
    assert (finished.returncode, finished.stderr) == (0, "")
    kinds = "sequential|functional|subclassed"
    rows = re.findall(rf"^   ({kinds})  +(.+?)  +(.+?)  +(.+)$", finished.stdout, re.M)
    same, error, nothing = "same", "ValueError", "nothing loaded"
    assert rows == [
        ("sequential", same, same, same),
        ("functional", same, same, same),
        ("subclassed", error, error, same),
        ("sequential", same, nothing, nothing),
        ("functional", nothing, same, nothing),
        ("subclassed", nothing, nothing, same),
    ]
