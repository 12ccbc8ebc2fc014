"""Whether a file is the paper that we keep: byte by byte, without opening it.

Belongs here: telling how a file differs. Not here: whether its signatures are good (checking).
"""

from dataclasses import dataclass
from enum import StrEnum


class Likeness(StrEnum):
    SIGNED = "SIGNED"  # the paper with both signatures, every byte
    SEALED = "SEALED"  # the paper as the mall sealed it, before the shop signed
    EXTENDED = "EXTENDED"  # ours, and something after its end
    CUT = "CUT"  # ours, without its end
    DIFFERENT = "DIFFERENT"


@dataclass(frozen=True)
class Comparison:
    """`first` is the first byte, from 0, at which the file parts from ours, `more` how many bytes
    it has more than ours (fewer: negative).
    """

    likeness: Likeness
    first: int = 0
    more: int = 0


def compare_file(data: bytes, *, sealed: bytes, signed: bytes | None) -> Comparison:
    """Compare with the signed paper, or with the sealed one while the shop has not signed."""
    if signed is not None and data == signed:
        return Comparison(Likeness.SIGNED)
    if data == sealed:
        return Comparison(Likeness.SEALED)
    ours = signed if signed is not None else sealed
    first = _parting(data, ours)
    more = len(data) - len(ours)
    if first == len(ours):
        return Comparison(Likeness.EXTENDED, first, more)
    if first == len(data):
        return Comparison(Likeness.CUT, first, more)
    return Comparison(Likeness.DIFFERENT, first, more)


def _parting(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
