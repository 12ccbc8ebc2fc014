"""The general terms of a lease, article by article, in the words of one language.

Belongs here: sentences that stand in every contract, chosen by what its clauses are. Not here:
clauses in words (clause_texts), tables and layout (contract_pdf).
"""

from collections.abc import Callable
from dataclasses import dataclass

from domain.charges import ChargeType, PricingKind, Proration
from domain.lease_terms import LeaseTerms
from domain.malls import BusinessType
from services.documents.capitals import capital_amount
from services.documents.contract_paper import ContractPaper
from services.language import listed, long_date, marked, money, translator

USES: dict[BusinessType, str] = {
    BusinessType.RETAIL: marked("retail"),
    BusinessType.CATERING: marked("catering"),
    BusinessType.ENTERTAINMENT: marked("entertainment"),
    BusinessType.SERVICE: marked("services"),
    BusinessType.OTHER: marked("the business stated in its licence"),
}
PRORATIONS: dict[Proration, str] = {
    Proration.ACTUAL: marked(
        "For part of a calendar month, a monthly amount counts as the amount × days let ÷ days of "
        "that month."
    ),
    Proration.THIRTY_360: marked(
        "For part of a calendar month, a monthly amount counts as the amount × days let ÷ 30."
    ),
    Proration.DAYS_365: marked(
        "For part of a calendar month, a monthly amount counts as the amount × 12 × days let ÷ 365."
    ),
}


@dataclass(frozen=True)
class Article:
    """A heading and the sentences numbered below it. `table` names what stands after them."""

    title: str
    sentences: tuple[str, ...]
    table: str = ""


def articles(paper: ContractPaper, locale: str) -> tuple[Article, ...]:
    """All articles in the order in which they are numbered."""
    _ = translator(locale, "documents")
    return (
        _premises(paper, _),
        _term(paper, _, locale),
        _charges(paper.terms, _),
        Article(
            _("Rent schedule"),
            (
                _(
                    "The schedule shows what the agreed amounts come to, month by month, with tax "
                    "in a column of its own. It follows from the article before it, which prevails."
                ),
            ),
            "schedule",
        ),
        _payment(paper.terms, _),
        _deposit(paper.terms, _, locale),
        Article(
            _("Handover, use and care"),
            (
                _(
                    "The landlord hands the premises over on the first day of the lease, in the "
                    "state that both sides write down at the handover."
                ),
                _(
                    "The tenant keeps the premises and what belongs to them in order, observes "
                    "the rules of the mall and of fire safety, and asks before it rebuilds."
                ),
                _(
                    "The landlord keeps the building, its common areas and its supply lines in "
                    "order, and announces work that disturbs trade."
                ),
                _(
                    "On the last day the tenant returns the premises cleared, in the state of "
                    "the handover but for fair wear."
                ),
            ),
        ),
        Article(
            _("Early end and default"),
            (
                _(
                    "The lease ends before its last day by agreement, or by written notice of one "
                    "side when the other breaks it gravely and does not mend this within 30 days "
                    "of being asked to in writing."
                ),
                _(
                    "At the end a final bill settles all charges up to that day; the deposit is "
                    "set off against it."
                ),
                _("Whoever breaks the contract makes good the damage, as the law provides."),
            ),
        ),
        Article(
            _("Renewal"),
            (
                _(
                    "The landlord reminds the tenant in good time, at the latest 30 days before "
                    "the last day. A renewal is a contract of its own that both sides sign."
                ),
            ),
        ),
        Article(
            _("Notices and amendments"),
            (
                _(
                    "Notices go to the tenant's inbox in the mall's portal and to the contact "
                    "named above. Each side tells the other of a new address at once."
                ),
                _("An amendment holds once both sides have signed it."),
            ),
        ),
        _signature(paper, _),
        Article(
            _("Law and language"),
            (
                _(
                    "The law of the place where the premises lie applies. What talks do not "
                    "settle is for the courts of that place."
                ),
                _("This contract is written in Chinese and English; the Chinese text prevails."),
            ),
        ),
    )


def units_of(terms: LeaseTerms, locale: str) -> str:
    """The codes of the units in one line."""
    return listed((unit.code for unit in terms.units), locale)


def _premises(paper: ContractPaper, _: Callable[[str], str]) -> Article:
    return Article(
        _("Premises"),
        (
            _(
                "The landlord lets to the tenant the units of {mall} listed below. Charges by "
                "area count the area stated there."
            ).format(mall=paper.parties.mall_name),
            _(
                "The tenant uses them for {use}; another use needs the landlord's written consent."
            ).format(use=_(USES[paper.parties.business_type])),
        ),
        "units",
    )


def _term(paper: ContractPaper, _: Callable[[str], str], locale: str) -> Article:
    terms = paper.terms
    sentences = [
        _("The lease runs from {first} to {last}, both days included: {days} days.").format(
            first=long_date(terms.start, locale),
            last=long_date(terms.end, locale),
            days=(terms.end - terms.start).days + 1,
        )
    ]
    if paper.predecessor:
        sentences.append(
            _("It follows the contract {number}, whose deposit is carried over to it.").format(
                number=paper.predecessor
            )
        )
    return Article(_("Term"), tuple(sentences))


def _charges(terms: LeaseTerms, _: Callable[[str], str]) -> Article:
    kinds = {clause.pricing_kind for clause in terms.clauses}
    sentences = [
        _("The tenant pays the charges below, each for the days on which it applies."),
        _(PRORATIONS[terms.proration]),
        _("Each line of a bill is rounded to the cent, half a cent upwards."),
    ]
    if PricingKind.PERCENTAGE in kinds:
        sentences.append(
            _(
                "Sales are those of the tenant's tills on the premises after refunds. The tenant "
                "sends them daily and lets the landlord check them against its books."
            )
        )
    if PricingKind.METERED in kinds:
        sentences.append(
            _(
                "What is measured is charged by the meters of the premises and the mall's tariffs "
                "in force, which the landlord publishes."
            )
        )
    return Article(_("Rent and charges"), tuple(sentences), "clauses")


def _payment(terms: LeaseTerms, _: Callable[[str], str]) -> Article:
    late = (
        _("What is paid late bears the late fee agreed among the charges.")
        if any(clause.charge_type is ChargeType.LATE_FEE for clause in terms.clauses)
        else _("What is paid late bears a late fee as stated on the bill, within the law's limits.")
    )
    return Article(
        _("Payment"),
        (
            _(
                "The landlord bills each calendar month. A bill is due {days} days after it was "
                "issued."
            ).format(days=terms.payment_term_days),
            late,
            _(
                "A bill once issued is not changed: corrections are credit notes, or lines on a "
                "later bill."
            ),
        ),
    )


def _deposit(terms: LeaseTerms, _: Callable[[str], str], locale: str) -> Article:
    if not terms.deposit:
        return Article(_("Deposit"), (_("No deposit is agreed."),))
    amount = money(terms.deposit, terms.currency)
    if locale == "zh_CN" and terms.currency == "CNY":
        amount = f"{amount}（{capital_amount(terms.deposit)}）"
    return Article(
        _("Deposit"),
        (
            _("The tenant pays a deposit of {amount} before the handover.").format(amount=amount),
            _(
                "The deposit secures the landlord's claims. It is no rent and bears no interest. "
                "Within 30 days of the end of the lease the landlord returns what is left of it."
            ),
        ),
    )


def _signature(paper: ContractPaper, _: Callable[[str], str]) -> Article:
    return Article(
        _("Electronic signature"),
        (
            _(
                "Both sides sign electronically. The landlord's seal and the tenant's signature "
                "are part of this file: a reader of PDFs shows both, and any later change."
            ),
            _(
                "The tenant's signature is confirmed by password and one-time code. Person, time "
                "and network address are recorded with it."
            ),
            _("Whoever holds the file can have it checked at {address}.").format(
                address=paper.verification.address
            ),
        ),
    )
