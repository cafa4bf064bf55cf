"""The arrays of a file: their shapes, and whether a number is not a number."""

import math
from dataclasses import dataclass

from modelfile.description import some
from modelfile.sentences import say

import numpy as np

VALUES_READ = 1_000_000_000  # bytes; a description must not take minutes
PIECE = 50_000_000


@dataclass
class Array:
    """One array of a file. `values` returns pieces of it, or is None."""

    name: str
    shape: tuple
    dtype: str
    values: object = None

    @property
    def size(self):
        return math.prod(self.shape)

    def __str__(self):
        return shape_text(self.shape)


def shape_text(shape):
    """Return a shape as it is written in Python, with `None` for what is not known."""
    inner = ", ".join(str(size) for size in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def check_values(description, arrays, infinite=True):
    """Look for numbers that are NaN or infinite.

    Args:
        description: the Description, which gets a problem if there are any.
        arrays: list of Array.
        infinite: whether an infinite number is a fault; in a mask, a constant, it is none.
    """
    left = VALUES_READ
    bad = []
    for array in arrays:
        if array.values is None or not array.dtype.startswith(("float", "bfloat")):
            continue
        for piece in array.values():
            left -= piece.nbytes
            if left < 0:
                description.problems.append(
                    say(
                        "Only the first {} bytes of numbers were looked at.",
                        f"{VALUES_READ:,}",
                    )
                )
                return
            fault = ~np.isfinite(piece) if infinite else np.isnan(piece)
            if fault.any():
                bad.append(array.name)
                break
    if bad:
        what = say("an array") if len(bad) == 1 else say("{} arrays", len(bad))
        description.refuse(
            say(
                "NaN or infinite numbers in {}: {}. The model predicts nothing with them: "
                "take a file from before the loss became NaN.",
                what,
                some(bad, 4),
            )
        )


def slices(shape, itemsize):
    """Return slices of the first axis, each of at most `PIECE` bytes; none if it is wide."""
    if not shape:
        return [()]
    row = math.prod(shape[1:]) * itemsize
    if row > PIECE:
        return []
    step = max(1, PIECE // max(1, row))
    return [slice(start, start + step) for start in range(0, shape[0], step)]
