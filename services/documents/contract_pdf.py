"""A lease on A4: the Chinese contract, which prevails, its English text, the signature page.

Belongs here: what stands where in a contract. Not here: its sentences (contract_articles), its
tables (lease_tables) and the signatures, which are added to the bytes (services.signatures).
"""

from domain.lease_terms import in_reading_order
from services.documents.contract_articles import articles, units_of
from services.documents.contract_paper import ContractPaper
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
from services.documents.lease_tables import clauses_table, schedule_table, units_table
from services.documents.numerals import article_number
from services.documents.paper import Paper
from services.language import LOCALES, long_date, money, number, translator


def draw_contract(contract: ContractPaper, fonts: FontFiles) -> DrawnPaper:
    """The same contract and fonts give the same bytes."""
    terms = contract.terms
    paper = Paper(
        fonts,
        furniture(
            title=f"租赁合同 Lease contract {terms.number}",
            parties=contract.parties,
            running=f"{terms.number} · v{contract.version}",
            verification=contract.verification,
            made_at=contract.made_at,
        ),
    )
    for at, locale in enumerate(LOCALES):
        if at:
            paper.new_page()
        _text(paper, contract, locale)
    boxes = signature_page(
        paper,
        title="签署页 · Signature page",
        facts=(
            ("合同编号 · Contract no.", f"{terms.number} · v{contract.version}"),
            ("甲方 · Party A", contract.parties.mall_name),
            ("乙方 · Party B", f"{contract.parties.shop_name} ({contract.parties.shop_code})"),
            ("租期 · Term", f"{terms.start:%Y-%m-%d} – {terms.end:%Y-%m-%d}"),
        ),
        sentences=(
            "双方已阅读并同意本合同全部条款。甲方盖章在先，乙方签名在后；签名即本文件的一部分。",
            "Both sides have read this contract and agree to all of it. Party A seals first, "
            "Party B signs second; the signatures are part of this file.",
        ),
    )
    return DrawnPaper(paper.finish(), paper.page, boxes)


def _text(paper: Paper, contract: ContractPaper, locale: str) -> None:
    _ = translator(locale, "documents")
    terms = contract.terms
    head(
        paper,
        mall=contract.parties.mall_name,
        title=_("Shop lease contract"),
        facts=_("No. {number} · version {version} · {day}").format(
            number=terms.number,
            version=contract.version,
            day=long_date(contract.made_at, locale),
        ),
        verification=contract.verification,
        caption=_("Scan to verify"),
    )
    parties_panel(paper, contract.parties, _)
    key_facts(
        paper,
        (
            (_("Units"), units_of(terms, locale)),
            (_("Area"), f"{number(terms.area_m2, 2)} ㎡"),
            (_("Term"), f"{terms.start:%Y-%m-%d} – {terms.end:%Y-%m-%d}"),
            (_("Deposit"), money(terms.deposit, terms.currency)),
        ),
    )
    for at, one in enumerate(articles(contract, locale), 1):
        article(
            paper,
            f"{article_number(at, locale)}  {one.title}",
            [(f"{at}.{count}", sentence) for count, sentence in enumerate(one.sentences, 1)],
        )
        match one.table:
            case "units":
                units_table(paper, terms, _)
            case "clauses":
                clauses_table(
                    paper,
                    in_reading_order(terms.clauses),
                    terms=terms,
                    numbering=f"{at}-",
                    locale=locale,
                )
            case "schedule":
                schedule_table(paper, contract.schedule, currency=terms.currency, locale=locale)
