"""A bill on A4, in Chinese or English.

Belongs here: what stands where on a bill. Amounts and words of derivations come in with the
BillPaper; nothing is computed here but sums for the reader's eye.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from zoneinfo import ZoneInfo

from services.documents.bill_paper import BillPaper, PaperLine
from services.documents.capitals import capital_amount
from services.documents.explanations import Explanation, explain, percent
from services.documents.fonts import FontFiles
from services.documents.labels import CHARGE_NAMES, unit_sign
from services.documents.paper import ACCENT, MUTED, TINT, Furniture, Paper
from services.documents.qr_code import draw_qr_code
from services.documents.tables import Cell, Column, Table
from services.language import listed, long_date, money, number, translator

Translate = Callable[[str], str]


def draw_bill(bill: BillPaper, *, locale: str, fonts: FontFiles) -> bytes:
    """The PDF's bytes; the same bill, locale and fonts give the same bytes."""
    _ = translator(locale, "documents")
    reasons = [
        explain(line.derivation, locale=locale, currency=bill.currency) for line in bill.lines
    ]
    paper = Paper(fonts, _furniture(bill, _, locale))
    _head(paper, bill, _)
    _facts(paper, bill, _, locale)
    _lines(paper, bill, reasons, _)
    _totals(paper, bill, _, locale)
    _payment(paper, bill, _, locale)
    _meters(paper, bill, _)
    _explanations(paper, bill, reasons, _)
    return paper.finish()


def _furniture(bill: BillPaper, _: Translate, locale: str) -> Furniture:
    moment = local_minute(bill.as_of, bill.time_zone)
    footer = _("Amounts computed as of {moment} ({zone}).").format(
        moment=moment, zone=bill.time_zone
    )
    footer += "" if locale == "zh_CN" else " "
    if bill.completeness is None:
        footer += _("No charge on this bill depends on device data.")
    else:
        footer += _("Device data: at least {share} of what was expected was received.").format(
            share=percent(bill.completeness.quantize(Decimal("0.001"), ROUND_DOWN))
        )
    return Furniture(
        title=_("Bill {number}").format(number=bill.number),
        author=bill.mall_name,
        subject=f"{bill.shop_code} {bill.shop_name}",
        running_left=bill.mall_name,
        running_right=_("Bill {number}").format(number=bill.number),
        footer=footer,
        page_of=lambda page, pages: _("Page {page} of {pages}").format(page=page, pages=pages),
        made_at=bill.as_of,
    )


def _head(paper: Paper, bill: BillPaper, _: Translate) -> None:
    top = paper.y
    paper.fitted(paper.left, top - 15, bill.mall_name, width=300, size=15, bold=True, colour=ACCENT)
    if bill.mall_address:
        paper.fitted(paper.left, top - 30, bill.mall_address, width=300, size=8, colour=MUTED)
    paper.text(paper.right, top - 19, _("Bill"), size=22, bold=True, align="right")
    paper.text(paper.right, top - 35, bill.number, size=10, colour=MUTED, align="right")
    paper.y = top - 46
    paper.rule(colour=ACCENT, weight=1.4)


def _facts(paper: Paper, bill: BillPaper, _: Translate, locale: str) -> None:
    """Who and what on the left, how much and by when in a box on the right."""
    top = paper.y - 12
    box_width = 186.0
    height = 92.0
    units = listed(bill.unit_codes, locale)
    facts = [
        (_("Billed to"), bill.shop_name),
        (_("Shop"), bill.shop_code),
        (_("Contract"), bill.contract_number),
        (_("Units"), f"{units} · {number(bill.area_m2, 2)} ㎡"),
        (_("Period"), period(bill.period_start, bill.period_end)),
        (_("Issued"), local_minute(bill.issued_at, bill.time_zone)),
    ]
    label_width = 62.0
    y = top
    for label, value in facts:
        y -= 15.5
        paper.text(paper.left, y + 3, label, size=8.5, colour=MUTED)
        paper.fitted(
            paper.left + label_width,
            y + 3,
            value,
            width=paper.inner_width - box_width - label_width - 16,
            size=9.5,
            bold=label == facts[0][0],
        )
    x = paper.right - box_width
    paper.box(x, top - height, box_width, height, TINT)
    paper.box(x, top - height, 2.5, height, ACCENT)
    inner = x + 14
    paper.text(inner, top - 18, _("Amount due"), size=8.5, colour=MUTED)
    paper.text(inner, top - 43, money(bill.total_amount, bill.currency), size=21, bold=True)
    paper.text(inner, top - 62, _("Due date"), size=8.5, colour=MUTED)
    paper.text(inner, top - 78, long_date(bill.due_date, locale), size=11.5, bold=True)
    paper.y = top - max(height, 15.5 * len(facts)) - 12


def _lines(paper: Paper, bill: BillPaper, reasons: Sequence[Explanation], _: Translate) -> None:
    table = Table(
        columns=(
            Column("#", 0.45),
            Column(_("Charge and period"), 2.1),
            Column(_("Quantity"), 1.5, "right"),
            Column(_("Price"), 1.7, "right"),
            Column(_("Net"), 1.25, "right"),
            Column(_("Tax rate"), 0.85, "right"),
            Column(_("Tax"), 1.1, "right"),
            Column(_("Total"), 1.3, "right"),
        ),
        size=8.5,
    )
    rows = [
        (
            str(line.line_number),
            Cell(_(CHARGE_NAMES[line.charge_type]), period(line.period_start, line.period_end)),
            _quantity(line, bill.currency, _),
            reason.price,
            money(line.net_amount, bill.currency),
            percent(line.tax_rate),
            money(line.tax_amount, bill.currency),
            money(line.total_amount, bill.currency),
        )
        for line, reason in zip(bill.lines, reasons, strict=True)
    ]
    table.draw(paper, rows, tail=70)


def _quantity(line: PaperLine, currency: str, _: Translate) -> str:
    if line.unit == currency:
        return money(line.quantity, currency)
    return f"{number(line.quantity)} {unit_sign(line.unit, _)}".strip()


def _totals(paper: Paper, bill: BillPaper, _: Translate, locale: str) -> None:
    paper.gap(4)
    label_x = paper.right - 190
    for label, amount in (
        (_("Net amount"), bill.net_amount),
        (_("Tax"), bill.tax_amount),
    ):
        paper.y -= 15
        paper.text(label_x, paper.y + 3, label, size=9, colour=MUTED)
        paper.text(
            paper.right - 4, paper.y + 3, money(amount, bill.currency), size=9, align="right"
        )
    paper.y -= 23
    paper.box(label_x - 8, paper.y, paper.right - label_x + 8, 20, TINT)
    paper.text(label_x, paper.y + 6, _("Total due"), size=10, bold=True)
    paper.text(
        paper.right - 4,
        paper.y + 5.5,
        money(bill.total_amount, bill.currency),
        size=12,
        bold=True,
        align="right",
    )
    if locale == "zh_CN" and bill.currency == "CNY":
        words = _("In words: {words}").format(words=capital_amount(bill.total_amount))
        paper.fitted(paper.left, paper.y + 6, words, width=label_x - paper.left - 16, size=9)
    paper.gap(6)


def _payment(paper: Paper, bill: BillPaper, _: Translate, locale: str) -> None:
    size = 74.0
    paper.heading(_("How to pay"), keep=size + 10)
    top = paper.y - 4
    draw_qr_code(paper, bill.uri, x=paper.right - size, y=top - size, size=size)
    paper.y = top
    width = paper.inner_width - size - 24
    terms = {
        "amount": money(bill.total_amount, bill.currency),
        "date": long_date(bill.due_date, locale),
        "number": bill.number,
    }
    for sentence in (
        _("Please pay {amount} by {date}."),
        _("By bank transfer: give the bill number {number} as the reference."),
        _("At the service desk: show this page; the code on the right holds the bill number."),
        _("A payment counts once the finance desk has confirmed it; a receipt follows."),
    ):
        paper.paragraph(sentence.format(**terms), width=width, size=9, leading=14.5)
    paper.y = min(paper.y, top - size) - 4


def _meters(paper: Paper, bill: BillPaper, _: Translate) -> None:
    meters = bill.meters
    if not meters:
        return
    paper.heading(_("Meter readings"), keep=70)
    table = Table(
        columns=(
            Column(_("Meter"), 2.1),
            Column(_("Opening"), 1.7, "right"),
            Column(_("Closing"), 1.7, "right"),
            Column(_("Ratio"), 0.7, "right"),
            Column(_("Consumption"), 1.4, "right"),
        ),
        size=8.5,
    )
    rows = []
    for meter in meters:
        sign = unit_sign(meter.unit, _)
        note = _(CHARGE_NAMES[meter.charge_type])
        if meter.rollovers:
            note += " · " + _("dial rolled over: {count}").format(count=meter.rollovers)
        rows.append(
            (
                Cell(meter.code, note),
                _register(meter.opening_register, meter.opening_at, bill.time_zone),
                _register(meter.closing_register, meter.closing_at, bill.time_zone),
                number(meter.ratio),
                f"{number(meter.consumption)} {sign}",
            )
        )
    table.draw(paper, rows)


def _register(value: Decimal | None, at: datetime | None, zone: str) -> Cell:
    if value is None:
        return Cell("—")
    return Cell(number(value), "" if at is None else local_minute(at, zone))


def _explanations(
    paper: Paper, bill: BillPaper, reasons: Sequence[Explanation], _: Translate
) -> None:
    paper.heading(_("How the amounts were computed"), keep=50)
    paper.gap(2)
    for line, reason in zip(bill.lines, reasons, strict=True):
        paper.need(16 + 13 * min(len(reason.sentences), 4))
        paper.y -= 15
        title = f"{line.line_number}  {_(CHARGE_NAMES[line.charge_type])}"
        paper.text(paper.left, paper.y + 3, title, size=9, bold=True)
        amount = money(line.net_amount, bill.currency)
        paper.text(paper.right - 4, paper.y + 3, amount, size=9, bold=True, align="right")
        for sentence in reason.sentences:
            paper.paragraph(sentence, x=paper.left + 14, size=8.5, leading=13, colour=MUTED)
        paper.gap(3)


def period(start: date, end: date) -> str:
    """`2026-10-01 – 2026-10-31`, both days included."""
    return f"{start:%Y-%m-%d} – {end:%Y-%m-%d}"


def local_minute(moment: datetime, zone: str) -> str:
    """`2026-11-01 00:05` on the mall's clock."""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
