"""How long lesson 1 takes, with all its proofs, beside a script that proves nothing.

Run by hand, with nothing else running:

    python tests/benchmarks/cost.py

Whole processes are timed, in turn, so that a machine which slows down slows down both.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
LESSON = HERE.parent.parent / "01_save_load_weights.py"
ROUNDS = 7


def seconds(script, directory):
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, script], cwd=directory, check=True, capture_output=True
    )
    return time.perf_counter() - start


ratios = []
with tempfile.TemporaryDirectory() as directory:
    for turn in range(ROUNDS):
        lesson, plain = (seconds(s, directory) for s in (LESSON, HERE / "plain.py"))
        ratios.append(lesson / plain)
        print(
            f"{turn + 1}: lesson {lesson:.1f} s, plain {plain:.1f} s, {ratios[-1]:.2f}"
        )
print(f"median ratio: {statistics.median(ratios):.2f}")
