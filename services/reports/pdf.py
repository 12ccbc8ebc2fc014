"""A snapshot on paper: A4 across, key figures above, the table below, remarks after it."""

from services.documents.fonts import FontFiles
from services.documents.paper import ACCENT, MUTED, TINT, Furniture, Paper
from services.documents.tables import Column, Table
from services.reports.snapshot import Kind, Snapshot
from services.reports.words import Words

FIGURES_ABREAST = 5
FIGURE_HEIGHT = 50.0
RIGHT_ALIGNED = frozenset({Kind.INTEGER, Kind.MONEY, Kind.DECIMAL, Kind.SHARE})


def render_pdf(snapshot: Snapshot, *, locale: str, fonts: FontFiles) -> bytes:
    words = Words(snapshot, locale)
    _ = words.say
    paper = Paper(
        fonts,
        Furniture(
            title=words.title,
            author=snapshot.scope.mall_name,
            subject=words.period,
            running_left=snapshot.scope.mall_name,
            running_right=f"{words.title} · {words.period}",
            footer=words.footer,
            page_of=lambda page, pages: _("Page {page} of {pages}").format(page=page, pages=pages),
            made_at=snapshot.scope.as_of,
            is_landscape=True,
        ),
    )
    _head(paper, words)
    _figures(paper, words)
    _table(paper, words)
    _remarks(paper, words)
    return paper.finish()


def _head(paper: Paper, words: Words) -> None:
    top = paper.y
    scope = words.snapshot.scope
    paper.text(paper.left, top - 18, words.title, size=19, bold=True, colour=ACCENT)
    subject = words.say(words.snapshot.report.subject)
    paper.fitted(
        paper.left, top - 34, subject, width=paper.inner_width * 0.6, size=8.5, colour=MUTED
    )
    paper.text(paper.right, top - 16, scope.mall_name, size=11, bold=True, align="right")
    paper.text(paper.right, top - 33, words.period, size=9.5, colour=MUTED, align="right")
    paper.y = top - 44
    paper.rule(colour=ACCENT, weight=1.4)
    paper.gap(10)


def _figures(paper: Paper, words: Words) -> None:
    """Key figures in boxes, as wide as five abreast."""
    facts = words.snapshot.contents.facts
    gap = 8.0
    width = (paper.inner_width - gap * (FIGURES_ABREAST - 1)) / FIGURES_ABREAST
    for start in range(0, len(facts), FIGURES_ABREAST):
        for at, fact in enumerate(facts[start : start + FIGURES_ABREAST]):
            label, value, note = words.fact(fact)
            x = paper.left + at * (width + gap)
            paper.box(x, paper.y - FIGURE_HEIGHT, width, FIGURE_HEIGHT, TINT)
            inner = width - 16
            paper.fitted(x + 8, paper.y - 13, label, width=inner, size=8, colour=MUTED)
            paper.fitted(x + 8, paper.y - 30, value, width=inner, size=13.5, bold=True)
            paper.fitted(x + 8, paper.y - 43, note, width=inner, size=7, colour=MUTED)
        paper.gap(FIGURE_HEIGHT + gap)
    paper.gap(4)


def _table(paper: Paper, words: Words) -> None:
    columns = words.snapshot.report.columns
    contents = words.snapshot.contents
    table = Table(
        columns=[
            Column(
                words.say(column.title),
                column.width,
                "right" if column.kind in RIGHT_ALIGNED else "left",
            )
            for column in columns
        ],
        size=7.8,
        padding=2.4,
        gutter=6,
    )
    rows = [
        [words.value(value, column.kind) for value, column in zip(row, columns, strict=True)]
        for row in contents.rows
    ]
    totals = [
        "" if value is None else words.value(value, column.kind)
        for value, column in zip(contents.totals, columns, strict=True)
    ]
    totals[0] = words.say("Total")
    table.draw(paper, rows, totals=[totals])


def _remarks(paper: Paper, words: Words) -> None:
    _ = words.say
    for heading, sentences in (
        (_("Remarks"), [words.remark(remark) for remark in words.snapshot.contents.remarks]),
        (_("How to read it"), [_(sentence) for sentence in words.snapshot.report.basis]),
    ):
        if not sentences:
            continue
        paper.heading(heading, keep=16)
        for sentence in sentences:
            paper.paragraph(sentence, size=8, leading=12.5, colour=MUTED)
