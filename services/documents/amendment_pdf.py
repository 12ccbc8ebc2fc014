"""An amendment to a lease on A4: in Chinese, which prevails, in English, and signed.

Belongs here: what an amendment says and where. Not here: what all papers of leases share
(lease_parts, lease_tables).
"""

from services.documents.contract_paper import AmendmentPaper
from services.documents.fonts import FontFiles
from services.documents.lease_parts import (
    DrawnPaper,
    article,
    furniture,
    head,
    key_facts,
    parties_panel,
    signature_page,
)
from services.documents.lease_tables import clauses_table, schedule_table
from services.documents.numerals import article_number
from services.documents.paper import Paper
from services.language import LOCALES, long_date, translator


def draw_amendment(amendment: AmendmentPaper, fonts: FontFiles) -> DrawnPaper:
    """The same amendment and fonts give the same bytes."""
    terms = amendment.terms
    paper = Paper(
        fonts,
        furniture(
            title=f"补充协议 Amendment {terms.number}-{amendment.number}",
            parties=amendment.parties,
            running=f"{terms.number}-{amendment.number}",
            verification=amendment.verification,
            made_at=amendment.made_at,
        ),
    )
    for at, locale in enumerate(LOCALES):
        if at:
            paper.new_page()
        _text(paper, amendment, locale)
    boxes = signature_page(
        paper,
        title="签署页 · Signature page",
        facts=(
            ("补充协议 · Amendment", f"{terms.number}-{amendment.number}"),
            ("甲方 · Party A", amendment.parties.mall_name),
            ("乙方 · Party B", f"{amendment.parties.shop_name} ({amendment.parties.shop_code})"),
            ("生效日 · In force from", f"{amendment.effective_date:%Y-%m-%d}"),
        ),
        sentences=(
            "双方已阅读并同意本补充协议。甲方盖章在先，乙方签名在后；签名即本文件的一部分。",
            "Both sides have read this amendment and agree to it. Party A seals first, Party B "
            "signs second; the signatures are part of this file.",
        ),
    )
    return DrawnPaper(paper.finish(), paper.page, boxes)


def _text(paper: Paper, amendment: AmendmentPaper, locale: str) -> None:
    _ = translator(locale, "documents")
    terms = amendment.terms
    head(
        paper,
        mall=amendment.parties.mall_name,
        title=_("Amendment to the lease"),
        facts=_("No. {number} · {day}").format(
            number=f"{terms.number}-{amendment.number}", day=long_date(amendment.made_at, locale)
        ),
        verification=amendment.verification,
        caption=_("Scan to verify"),
    )
    parties_panel(paper, amendment.parties, _)
    key_facts(
        paper,
        (
            (_("Contract no."), terms.number),
            (_("In force from"), long_date(amendment.effective_date, locale)),
            (_("Term"), f"{terms.start:%Y-%m-%d} – {terms.end:%Y-%m-%d}"),
        ),
    )

    def part(at: int, title: str, *sentences: str) -> None:
        article(
            paper,
            f"{article_number(at, locale)}  {title}",
            [(f"{at}.{count}", sentence) for count, sentence in enumerate(sentences, 1)],
        )

    part(
        1,
        _("What is amended"),
        _("Both sides amend the contract {number} from {day} on.").format(
            number=terms.number, day=long_date(amendment.effective_date, locale)
        ),
        _("The reason: {reason}").format(reason=amendment.reason),
    )
    part(
        2,
        _("Clauses that end"),
        _("These clauses no longer apply from {day} on.").format(
            day=long_date(amendment.effective_date, locale)
        )
        if amendment.ends
        else _("No clause ends."),
    )
    if amendment.ends:
        clauses_table(paper, amendment.ends, terms=terms, numbering="2-", locale=locale)
    part(
        3,
        _("Clauses that apply"),
        _("These clauses apply from then on, each for the days stated.")
        if amendment.begins
        else _("No clause begins."),
    )
    if amendment.begins:
        clauses_table(paper, amendment.begins, terms=terms, numbering="3-", locale=locale)
    part(
        4,
        _("Everything else"),
        _("All other terms of the contract stay as they are."),
        _("The amendment is in force once both sides have signed it."),
        _("It is written in Chinese and English; the Chinese text prevails."),
    )
    part(
        5,
        _("Rent schedule"),
        _("With this amendment the agreed amounts come to this, month by month."),
        _("For months billed already, the difference becomes a line of its own on the next bill."),
    )
    schedule_table(paper, amendment.schedule, currency=terms.currency, locale=locale)
