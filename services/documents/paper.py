"""A sheet of paper: margins, type, running heads, footers with page x of y, page breaks.

Belongs here: what every paper of the mall shares, whatever stands on it. Not here: what a bill
or a report says. A Paper is written from top to bottom; `y` is where the next thing begins, in
points from the lower edge.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Literal

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from services.documents.fonts import BOLD, REGULAR, FontFiles, register_fonts
from services.documents.wrapping import shorten, width_of, wrap

MARGIN = 18 * mm
FOOTER_HEIGHT = 10 * mm

# Told apart by lightness alone: a grey print reads like the screen.
INK = HexColor("#1b2430")
MUTED = HexColor("#5b6675")
HAIRLINE = HexColor("#c9d0d8")
TINT = HexColor("#f1f4f7")
ACCENT = HexColor("#17414f")

Align = Literal["left", "right", "centre"]


@dataclass(frozen=True)
class Furniture:
    """What surrounds the contents. `page_of` takes page and pages and gives the words."""

    title: str
    author: str
    subject: str
    running_left: str
    running_right: str
    footer: str
    page_of: Callable[[int, int], str]
    made_at: datetime
    is_landscape: bool = False


class _PagedCanvas(Canvas):
    """Keeps finished pages open until the number of pages is known, then foots each."""

    def __init__(self, *args: Any, foot: Callable[[Canvas, int, int], None], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._foot = foot
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:
        self._pages.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined]

    def save(self) -> None:
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self._foot(self, number, len(self._pages))
            super().showPage()
        super().save()


class Paper:
    """One document being drawn. The same calls with the same furniture give the same bytes."""

    def __init__(self, fonts: FontFiles, furniture: Furniture) -> None:
        register_fonts(fonts)
        self.furniture = furniture
        self.width, self.height = landscape(A4) if furniture.is_landscape else A4
        self.left = MARGIN
        self.right = self.width - MARGIN
        self.bottom = MARGIN + FOOTER_HEIGHT
        self.page = 1
        self.y = self.height - MARGIN
        self._buffer = BytesIO()
        # Invariant: no clock and no random identifier in the file; its date is `made_at`.
        self.canvas: Any = _PagedCanvas(
            self._buffer,
            pagesize=(self.width, self.height),
            pageCompression=1,
            invariant=1,
            foot=self._foot,
            initialFontName=REGULAR,
        )
        self.canvas.setTitle(furniture.title)
        self.canvas.setAuthor(furniture.author)
        self.canvas.setSubject(furniture.subject)
        self.canvas.setCreator("Atrium")
        stamp = furniture.made_at.astimezone(UTC).strftime("D:%Y%m%d%H%M%S+00'00'")
        self.canvas.setDateFormatter(lambda *_: stamp)

    @property
    def inner_width(self) -> float:
        return self.right - self.left

    @property
    def room(self) -> float:
        """Points left above the footer."""
        return self.y - self.bottom

    @property
    def full_room(self) -> float:
        """Points that a fresh page after the first offers."""
        return self._first_y() - self.bottom

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 9,
        bold: bool = False,
        colour: Color = INK,
        align: Align = "left",
    ) -> None:
        """Draw one line with its baseline at `y`."""
        font = BOLD if bold else REGULAR
        if align != "left":
            extent = width_of(text, font, size)
            x -= extent if align == "right" else extent / 2
        self.canvas.setFillColor(colour)
        self.canvas.setFont(font, size)
        self.canvas.drawString(x, y, text)

    def fitted(self, x: float, y: float, text: str, *, width: float, **style: Any) -> None:
        """Draw one line, shortened to `width` points."""
        font = BOLD if style.get("bold") else REGULAR
        self.text(x, y, shorten(text, font=font, size=style.get("size", 9), width=width), **style)

    def paragraph(
        self,
        text: str,
        *,
        x: float | None = None,
        width: float | None = None,
        size: float = 9,
        leading: float | None = None,
        bold: bool = False,
        colour: Color = INK,
    ) -> None:
        """Wrapped text at `y`, going on over page breaks, never with a line alone on a page."""
        leading = leading or size * 1.5
        x = self.left if x is None else x
        width = self.right - x if width is None else width
        lines = wrap(text, font=BOLD if bold else REGULAR, size=size, width=width)
        for at, line in enumerate(lines):
            # Of three lines no one can stand alone, so they stay together.
            left = len(lines) - at
            together = left if (at == 0 and left <= 3) or left == 2 else 2 if at == 0 else 1
            self.need(together * leading)
            self.y -= leading
            self.text(x, self.y + leading * 0.28, line, size=size, bold=bold, colour=colour)

    def heading(self, text: str, *, keep: float = 40) -> None:
        """A section's title, never alone at the foot of a page: `keep` points must follow it."""
        self.need(30 + keep)
        self.y -= 26
        self.text(self.left, self.y + 4, text, size=10.5, bold=True, colour=ACCENT)
        self.y -= 4

    def rule(
        self, *, y: float | None = None, colour: Color = HAIRLINE, weight: float = 0.6
    ) -> None:
        self.canvas.setStrokeColor(colour)
        self.canvas.setLineWidth(weight)
        y = self.y if y is None else y
        self.canvas.line(self.left, y, self.right, y)

    def box(self, x: float, y: float, width: float, height: float, colour: Color = TINT) -> None:
        """A filled rectangle with its lower left corner at x, y."""
        self.canvas.setFillColor(colour)
        self.canvas.rect(x, y, width, height, stroke=0, fill=1)

    def gap(self, points: float) -> None:
        self.y -= points

    def need(self, points: float) -> bool:
        """Begin a new page when fewer than `points` are left; says whether it did."""
        if self.room >= points:
            return False
        self.new_page()
        return True

    def new_page(self) -> None:
        self.canvas.showPage()
        self.page += 1
        self.y = self._first_y()
        baseline = self.height - MARGIN - 8
        self.fitted(
            self.left,
            baseline,
            self.furniture.running_left,
            width=self.inner_width * 0.55,
            size=8,
            bold=True,
            colour=MUTED,
        )
        self.text(
            self.right, baseline, self.furniture.running_right, size=8, colour=MUTED, align="right"
        )
        self.rule(y=baseline - 6)

    def finish(self) -> bytes:
        """The document's bytes; nothing can be drawn afterwards."""
        self.canvas.showPage()
        self.canvas.save()
        return self._buffer.getvalue()

    def _first_y(self) -> float:
        return self.height - MARGIN - 24

    def _foot(self, canvas: Canvas, page: int, pages: int) -> None:
        canvas.setStrokeColor(HAIRLINE)
        canvas.setLineWidth(0.6)
        top = MARGIN + FOOTER_HEIGHT - 12
        canvas.line(self.left, top, self.right, top)
        words = self.furniture.page_of(page, pages)
        canvas.setFillColor(MUTED)
        canvas.setFont(REGULAR, 7.5)
        canvas.drawRightString(self.right, top - 11, words)
        width = self.inner_width - width_of(words, REGULAR, 7.5) - 18
        lines = wrap(self.furniture.footer, font=REGULAR, size=7.5, width=width)
        for index, line in enumerate(lines[:3]):
            canvas.drawString(self.left, top - 11 - index * 10.5, line)
