"""What the papers of leases share: head, parties, numbered sentences, signature page.

Belongs here: how each of these looks on paper. Not here: what a contract or an amendment says and
in which order (contract_pdf, amendment_pdf).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.signing import Party
from services.documents.contract_paper import Parties, Verification
from services.documents.fonts import BOLD, REGULAR
from services.documents.paper import ACCENT, HAIRLINE, INK, MUTED, TINT, Furniture, Paper
from services.documents.qr_code import draw_qr_code
from services.documents.signature_marks import MARK_HEIGHT, MARK_WIDTH
from services.documents.wrapping import width_of, wrap
from services.signatures.boxes import SignatureBox

Translate = Callable[[str], str]
QR_SIZE = 76.0
TEXT_SIZE = 9.5
LEADING = 16.0
INDENT = 30.0


@dataclass(frozen=True)
class DrawnPaper:
    """A PDF before anybody signed it, and where each party's signature is to be seen."""

    data: bytes
    pages: int
    boxes: dict[Party, SignatureBox]


def furniture(
    *,
    title: str,
    parties: Parties,
    running: str,
    verification: Verification,
    made_at: datetime,
) -> Furniture:
    """Both languages run through one file, so head and foot speak both."""
    return Furniture(
        title=title,
        author=parties.mall_name,
        subject=f"{parties.shop_code} {parties.shop_name}",
        running_left=parties.mall_name,
        running_right=running,
        footer=f"核验 Verify: {verification.address}",
        page_of=lambda page, pages: f"第 {page} 页，共 {pages} 页 · Page {page} of {pages}",
        made_at=made_at,
    )


def head(
    paper: Paper, *, mall: str, title: str, facts: str, verification: Verification, caption: str
) -> None:
    """The mall, the title, number and date on the left, the code to verify by on the right."""
    top = paper.y
    width = paper.inner_width - QR_SIZE - 24
    paper.fitted(paper.left, top - 15, mall, width=width, size=12, bold=True, colour=ACCENT)
    paper.fitted(paper.left, top - 48, title, width=width, size=23, bold=True, colour=INK)
    paper.fitted(paper.left, top - 68, facts, width=width, size=9, colour=MUTED)
    x = paper.right - QR_SIZE
    draw_qr_code(paper, verification.address, x=x, y=top - QR_SIZE, size=QR_SIZE)
    paper.text(x + QR_SIZE / 2, top - QR_SIZE - 9, caption, size=7, colour=MUTED, align="centre")
    paper.text(
        x + QR_SIZE / 2, top - QR_SIZE - 19, verification.code, size=6.6, colour=INK, align="centre"
    )
    paper.y = top - QR_SIZE - 28
    paper.rule(colour=ACCENT, weight=1.4)


def parties_panel(paper: Paper, parties: Parties, _: Translate) -> None:
    """Both sides next to each other."""
    gap = 14.0
    width = (paper.inner_width - gap) / 2
    sides = (
        (
            _("Party A (landlord)"),
            parties.mall_name,
            [(_("Address"), parties.mall_address)],
        ),
        (
            _("Party B (tenant)"),
            parties.shop_name,
            [
                (_("Shop"), parties.shop_code),
                (
                    _("Contact"),
                    "  ".join(filter(None, (parties.contact_name, parties.contact_phone))),
                ),
                (_("E-mail"), parties.contact_email),
            ],
        ),
    )
    height = 88.0
    paper.need(height + 12)
    top = paper.y - 12
    for at, (title, name, rows) in enumerate(sides):
        x = paper.left + at * (width + gap)
        paper.box(x, top - height, width, height, TINT)
        paper.box(x, top - height, 2.5, height, ACCENT)
        paper.text(x + 13, top - 16, title, size=8, colour=MUTED)
        paper.fitted(x + 13, top - 33, name, width=width - 22, size=12, bold=True)
        y = top - 49
        for label, value in rows:
            if not value:
                continue
            paper.text(x + 13, y, label, size=8, colour=MUTED)
            for line in wrap(value, font=REGULAR, size=8.5, width=width - 72)[:2]:
                paper.text(x + 58, y, line, size=8.5)
                y -= 13
    paper.y = top - height


def key_facts(paper: Paper, facts: Sequence[tuple[str, str]]) -> None:
    """A row of short facts, each under its label, as wide as it needs."""
    size = 10.5
    widths = [
        max(width_of(label, REGULAR, 8), width_of(value, BOLD, size)) for label, value in facts
    ]
    # What is too much together is shortened where it is longest.
    room = paper.inner_width - 16 * (len(facts) - 1)
    while sum(widths) > room:
        at = widths.index(max(widths))
        widths[at] -= min(sum(widths) - room, widths[at] * 0.1)
    gap = (paper.inner_width - sum(widths)) / max(len(facts) - 1, 1)
    top = paper.y - 12
    x = paper.left
    for (label, value), width in zip(facts, widths, strict=True):
        paper.text(x, top - 8, label, size=8, colour=MUTED)
        paper.fitted(x, top - 23, value, width=width + 1, size=size, bold=True)
        x += width + min(gap, 60)
    paper.y = top - 32
    paper.rule()


def article(paper: Paper, title: str, sentences: Iterable[tuple[str, str]]) -> None:
    """A heading and its numbered sentences; the heading never stands alone."""
    rows = list(sentences)
    first = (
        wrap(rows[0][1], font=REGULAR, size=TEXT_SIZE, width=paper.inner_width - INDENT)
        if rows
        else []
    )
    paper.heading(title, keep=min(len(first), 3) * LEADING + 6)
    for label, sentence in rows:
        lines = wrap(sentence, font=REGULAR, size=TEXT_SIZE, width=paper.inner_width - INDENT)
        # The label goes with the first lines, wherever these come to stand.
        paper.need((len(lines) if len(lines) <= 3 else 2) * LEADING)
        paper.text(paper.left, paper.y - LEADING * 0.72, label, size=TEXT_SIZE - 1, colour=MUTED)
        paper.paragraph(sentence, x=paper.left + INDENT, size=TEXT_SIZE, leading=LEADING)
    paper.gap(3)


def signature_page(
    paper: Paper, *, title: str, sentences: Sequence[str], facts: Sequence[tuple[str, str]]
) -> dict[Party, SignatureBox]:
    """A page of its own with both signatures side by side; says where they are."""
    paper.new_page()
    paper.heading(title, keep=300)
    paper.gap(4)
    for label, value in facts:
        paper.y -= 17
        paper.text(paper.left, paper.y + 4, label, size=8.5, colour=MUTED)
        paper.fitted(paper.left + 130, paper.y + 4, value, width=paper.inner_width - 130, size=9.5)
    paper.gap(8)
    for sentence in sentences:
        paper.paragraph(sentence, size=9, leading=15)
    paper.gap(16)
    top = paper.y
    boxes = {}
    for party, label, x in (
        (Party.LANDLORD, "甲方（盖章） · Party A (seal)", paper.left),
        (Party.TENANT, "乙方（签名） · Party B (signature)", paper.right - MARK_WIDTH),
    ):
        paper.text(x, top - 10, label, size=9, bold=True)
        bottom = top - 18 - MARK_HEIGHT
        paper.canvas.setStrokeColor(HAIRLINE)
        paper.canvas.setLineWidth(0.8)
        paper.canvas.rect(x, bottom, MARK_WIDTH, MARK_HEIGHT, stroke=1, fill=0)
        boxes[party] = SignatureBox(
            page=paper.page - 1,
            left=x,
            bottom=bottom,
            right=x + MARK_WIDTH,
            top=bottom + MARK_HEIGHT,
        )
    paper.y = top - 18 - MARK_HEIGHT - 10
    return boxes
