"""Break text of Chinese, Latin and figures into lines that fit.

Belongs here: measuring and breaking. Not here: drawing.
"""

import re
from functools import lru_cache

from reportlab.pdfbase.pdfmetrics import stringWidth

# A run of Latin letters or figures stays together up to a slash; a hanzi may end a line anywhere.
_LATIN = r"!-.0-~\u00a0-\u02af\u2010-\u2027\u33a1"
_PIECES = re.compile(rf"\s+|[{_LATIN}]+/?|.", re.DOTALL)

# Signs that may not begin a line, and signs that may not end one (both sets as in CLREQ).
_NOT_FIRST = set("，。、；：？！）》」』】〉〕’”％%·…～,.;:?!)]}")
_NOT_LAST = set("（《「『【〈〔‘“([{¥￥")


@lru_cache(maxsize=20_000)
def width_of(text: str, font: str, size: float) -> float:
    """Width in points."""
    return float(stringWidth(text, font, size))


def wrap(text: str, *, font: str, size: float, width: float) -> list[str]:
    """Lines of `text`, each at most `width` points wide; a newline in the text is kept.

    A word wider than a line is cut where the line ends. An empty text is one empty line.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines.extend(_wrap_paragraph(paragraph, font, size, width))
    return lines


def shorten(text: str, *, font: str, size: float, width: float) -> str:
    """The text, or as much of its beginning as fits with an ellipsis."""
    if width_of(text, font, size) <= width:
        return text
    while text and width_of(text + "…", font, size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _wrap_paragraph(text: str, font: str, size: float, width: float) -> list[str]:
    if width_of(text, font, size) <= width:
        return [text]
    lines: list[str] = []
    line = ""
    for piece in _unbreakable(text):
        if width_of((line + piece).rstrip(), font, size) <= width:
            line += piece
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = piece.lstrip()
        while width_of(line, font, size) > width:
            end = _fitting(line, font, size, width)
            lines.append(line[:end])
            line = line[end:]
    if line.strip() or not lines:
        lines.append(line.rstrip())
    return lines


def _unbreakable(text: str) -> list[str]:
    """Pieces of text between which a line may end."""
    pieces: list[str] = []
    for piece in _PIECES.findall(text):
        if pieces and (piece[0] in _NOT_FIRST or pieces[-1][-1] in _NOT_LAST):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces


def _fitting(text: str, font: str, size: float, width: float) -> int:
    """How many characters of a too wide word fit; at least one, so that breaking ends."""
    end = 1
    while end < len(text) and width_of(text[: end + 1], font, size) <= width:
        end += 1
    return end
