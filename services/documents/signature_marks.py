"""What is seen of a signature on paper: the mall's seal, and a person's name.

Each is a PDF of one page as large as the box that it fills. It proves nothing: the signature
around it does.
Belongs here: drawing marks. Not here: signing (services.signatures).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from reportlab.lib.colors import HexColor
from reportlab.pdfgen.canvas import Canvas

from services.documents.fonts import BOLD, REGULAR, FontFiles, register_fonts
from services.documents.paper import ACCENT, INK, MUTED
from services.documents.wrapping import shorten, width_of

MARK_WIDTH, MARK_HEIGHT = 232.0, 118.0
# Dark enough to stand out in grey.
SEAL_RED = HexColor("#a8201a")
SEAL_WORDS = "合同专用章"
_ARC = math.radians(250)


@dataclass(frozen=True)
class MarkFacts:
    """Who signed and when. `fingerprint` is of the certificate, hexadecimal."""

    name: str
    organisation: str
    signed_at: datetime
    time_zone: str
    fingerprint: str


def draw_seal_mark(facts: MarkFacts, fonts: FontFiles) -> bytes:
    """A round seal with the mall's name, and beside it when and by which certificate."""
    canvas, buffer = _begun(fonts)
    radius = 50.0
    _seal(canvas, facts.organisation, radius + 7, MARK_HEIGHT / 2, radius)
    _lines(
        canvas,
        x=2 * radius + 24,
        rows=(
            (facts.organisation, BOLD, 10, INK),
            ("电子签章 · Electronic seal", REGULAR, 7.5, MUTED),
            (_moment(facts), REGULAR, 8, INK),
            (facts.time_zone, REGULAR, 7.5, MUTED),
            (_fingerprint(facts), REGULAR, 7.5, MUTED),
        ),
    )
    return _finished(canvas, buffer)


def draw_person_mark(facts: MarkFacts, fonts: FontFiles) -> bytes:
    """The person's name over a line, the shop, when, how and by which certificate."""
    canvas, buffer = _begun(fonts)
    name = shorten(facts.name, font=BOLD, size=19, width=MARK_WIDTH - 20)
    canvas.setFillColor(ACCENT)
    canvas.setFont(BOLD, 19)
    canvas.drawString(10, MARK_HEIGHT - 36, name)
    canvas.setStrokeColor(ACCENT)
    canvas.setLineWidth(0.9)
    canvas.line(10, MARK_HEIGHT - 46, MARK_WIDTH - 10, MARK_HEIGHT - 46)
    _lines(
        canvas,
        x=10,
        top=MARK_HEIGHT - 50,
        rows=(
            (facts.organisation, BOLD, 9.5, INK),
            ("电子签名：密码与一次性验证码 · Password and code", REGULAR, 7.5, MUTED),
            (f"{_moment(facts)}  {facts.time_zone}", REGULAR, 8, INK),
            (_fingerprint(facts), REGULAR, 7.5, MUTED),
        ),
    )
    return _finished(canvas, buffer)


def _seal(canvas: Any, name: str, x: float, y: float, radius: float) -> None:
    canvas.saveState()
    canvas.translate(x, y)
    canvas.setStrokeColor(SEAL_RED)
    canvas.setFillColor(SEAL_RED)
    canvas.setLineWidth(2.4)
    canvas.circle(0, 0, radius - 1.2, stroke=1, fill=0)
    canvas.setLineWidth(0.7)
    canvas.circle(0, 0, radius - 4.4, stroke=1, fill=0)
    _star(canvas, radius * 0.27)
    size = 8.0
    canvas.setFont(BOLD, size)
    canvas.drawCentredString(0, -radius * 0.52, SEAL_WORDS)
    _arc_text(canvas, name, radius - 15)
    canvas.restoreState()


def _star(canvas: Any, radius: float) -> None:
    path = canvas.beginPath()
    for corner in range(10):
        angle = math.pi / 2 + corner * math.pi / 5
        length = radius if corner % 2 == 0 else radius * 0.382
        point = (length * math.cos(angle), length * math.sin(angle))
        (path.lineTo if corner else path.moveTo)(*point)
    path.close()
    canvas.drawPath(path, stroke=0, fill=1)


def _arc_text(canvas: Any, text: str, radius: float) -> None:
    """Upright letters along the upper part of a circle, smaller when there are many."""
    size = 11.5
    while size > 5 and _sweep(text, size, radius) > _ARC:
        size -= 0.5
    # A name too long even so loses its end.
    while text and _sweep(text, size, radius) > _ARC:
        text = text[:-1]
    gap = _gap(size)
    angle = math.pi / 2 + (_sweep(text, size, radius) - gap / radius) / 2
    canvas.setFont(BOLD, size)
    for letter in text:
        width = width_of(letter, BOLD, size)
        middle = angle - width / 2 / radius
        canvas.saveState()
        canvas.translate(radius * math.cos(middle), radius * math.sin(middle))
        canvas.rotate(math.degrees(middle) - 90)
        canvas.drawCentredString(0, 0, letter)
        canvas.restoreState()
        angle -= (width + gap) / radius


def _gap(size: float) -> float:
    return size * 0.28


def _sweep(text: str, size: float, radius: float) -> float:
    """The angle that the text takes, with a gap after each letter."""
    return sum(width_of(letter, BOLD, size) + _gap(size) for letter in text) / radius


def _lines(
    canvas: Any,
    *,
    x: float,
    rows: Sequence[tuple[str, str, float, Any]],
    top: float | None = None,
) -> None:
    height = sum(size * 1.62 for _, _, size, _ in rows)
    y = (MARK_HEIGHT + height) / 2 if top is None else top
    for text, font, size, colour in rows:
        y -= size * 1.62
        canvas.setFillColor(colour)
        canvas.setFont(font, size)
        fitting = shorten(text, font=font, size=size, width=MARK_WIDTH - x - 4)
        canvas.drawString(x, y + size * 0.4, fitting)


def _moment(facts: MarkFacts) -> str:
    return f"{facts.signed_at.astimezone(ZoneInfo(facts.time_zone)):%Y-%m-%d %H:%M:%S}"


def _fingerprint(facts: MarkFacts) -> str:
    shown = facts.fingerprint[:12].upper()
    return "SHA-256 " + " ".join(shown[at : at + 4] for at in range(0, len(shown), 4)) + " …"


def _begun(fonts: FontFiles) -> tuple[Any, BytesIO]:
    register_fonts(fonts)
    buffer = BytesIO()
    canvas: Any = Canvas(buffer, pagesize=(MARK_WIDTH, MARK_HEIGHT), invariant=1)
    canvas.setFont(REGULAR, 8)
    return canvas, buffer


def _finished(canvas: Any, buffer: BytesIO) -> bytes:
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()
