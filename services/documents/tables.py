"""Tables on paper: columns with widths, wrapped cells, the header again on every page.

Belongs here: laying rows out and breaking them over pages. Not here: what the cells say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.documents.fonts import BOLD, REGULAR
from services.documents.paper import ACCENT, INK, MUTED, Align, Paper
from services.documents.wrapping import wrap


@dataclass(frozen=True)
class Column:
    """`width` is a share of the table's width; the shares of a table are added up."""

    title: str
    width: float
    align: Align = "left"


@dataclass(frozen=True)
class Cell:
    """`text` in ink and, below it, `note` smaller and muted; both wrap."""

    text: str
    note: str = ""
    bold: bool = False


@dataclass(frozen=True)
class Table:
    columns: Sequence[Column]
    size: float = 8.5
    padding: float = 4
    gutter: float = 8
    has_stripes: bool = False

    def draw(
        self,
        paper: Paper,
        rows: Sequence[Sequence[Cell | str]],
        *,
        totals: Sequence[Sequence[Cell | str]] = (),
        tail: float = 0,
    ) -> None:
        """Draw all rows from `paper.y` on.

        `totals` are drawn in bold under a heavier rule and never begin a page alone: the last
        row goes with them, and so do `tail` points of whatever the caller draws next.
        """
        widths = self._widths(paper)
        laid = [self._lay(row, widths) for row in rows]
        ends = [self._lay([_bold(cell) for cell in row], widths) for row in totals]
        after = sum(height for _, height in ends) + tail
        first = laid[0][1] if laid else 0
        paper.need(self._head_height(widths) + first + (after if len(laid) <= 1 else 0))
        self._head(paper, widths)
        for index, (cells, height) in enumerate(laid):
            is_last = index == len(laid) - 1
            kept = height + (after if is_last else 0)
            # A tail longer than a page cannot be kept together; the row alone can.
            if kept > paper.full_room - self._head_height(widths):
                kept = height
            if paper.need(kept):
                self._head(paper, widths)
            if self.has_stripes and index % 2:
                paper.box(paper.left, paper.y - height, paper.inner_width, height)
            self._row(paper, cells, height, widths)
            if not self.has_stripes:
                paper.rule()
        if ends:
            paper.rule(colour=INK, weight=0.9)
        for cells, height in ends:
            if paper.need(height):
                self._head(paper, widths)
            self._row(paper, cells, height, widths)

    def _widths(self, paper: Paper) -> list[float]:
        shares = sum(column.width for column in self.columns)
        return [paper.inner_width * column.width / shares for column in self.columns]

    def _titles(self, widths: Sequence[float]) -> list[list[str]]:
        return [
            wrap(column.title, font=BOLD, size=self.size - 0.5, width=width - self.gutter)
            for column, width in zip(self.columns, widths, strict=True)
        ]

    def _head_height(self, widths: Sequence[float]) -> float:
        return max(map(len, self._titles(widths))) * self.size * 1.3 + 2 * self.padding

    def _head(self, paper: Paper, widths: Sequence[float]) -> None:
        titles = self._titles(widths)
        height = self._head_height(widths)
        paper.box(paper.left, paper.y - height, paper.inner_width, height)
        x = paper.left
        for column, width, lines in zip(self.columns, widths, titles, strict=True):
            y = paper.y - self.padding
            for line in lines:
                y -= self.size * 1.3
                paper.text(
                    self._at(x, width, column.align),
                    y + self.size * 0.3,
                    line,
                    size=self.size - 0.5,
                    bold=True,
                    colour=ACCENT,
                    align=column.align,
                )
            x += width
        paper.y -= height
        paper.rule(colour=ACCENT, weight=0.8)

    def _lay(
        self, row: Sequence[Cell | str], widths: Sequence[float]
    ) -> tuple[list[tuple[Cell, list[str], list[str]]], float]:
        cells = []
        height = 0.0
        for value, width in zip(row, widths, strict=True):
            cell = value if isinstance(value, Cell) else Cell(value)
            inner = width - self.gutter
            font = BOLD if cell.bold else REGULAR
            lines = wrap(cell.text, font=font, size=self.size, width=inner) if cell.text else []
            notes = (
                wrap(cell.note, font=REGULAR, size=self.size - 1.2, width=inner)
                if cell.note
                else []
            )
            cells.append((cell, lines, notes))
            height = max(
                height, len(lines) * self.size * 1.4 + len(notes) * (self.size - 1.2) * 1.4
            )
        return cells, height + 2 * self.padding

    def _row(self, paper: Paper, cells: Any, height: float, widths: Sequence[float]) -> None:
        x = paper.left
        for column, width, (cell, lines, notes) in zip(self.columns, widths, cells, strict=True):
            at = self._at(x, width, column.align)
            y = paper.y - self.padding
            for line in lines:
                y -= self.size * 1.4
                paper.text(
                    at,
                    y + self.size * 0.33,
                    line,
                    size=self.size,
                    bold=cell.bold,
                    align=column.align,
                )
            for line in notes:
                y -= (self.size - 1.2) * 1.4
                paper.text(
                    at,
                    y + self.size * 0.33,
                    line,
                    size=self.size - 1.2,
                    colour=MUTED,
                    align=column.align,
                )
            x += width
        paper.y -= height

    def _at(self, x: float, width: float, align: Align) -> float:
        if align == "right":
            return x + width - self.gutter / 2
        return x + (width / 2 if align == "centre" else self.gutter / 2)


def _bold(cell: Cell | str) -> Cell:
    if isinstance(cell, Cell):
        return Cell(cell.text, cell.note, bold=True)
    return Cell(cell, bold=True)
