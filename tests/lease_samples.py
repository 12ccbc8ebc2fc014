"""Terms of a lease for tests: a small shop, three years, and short words for its clauses."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from domain.charges import ChargeType, PricingKind, Proration
from domain.lease_terms import ClauseDraft, LeasedUnit, LeaseTerms

START, END = date(2026, 1, 1), date(2028, 12, 31)


def clause(
    charge: ChargeType,
    kind: PricingKind,
    first: date = START,
    last: date | None = None,
    **parameters: Any,
) -> ClauseDraft:
    return ClauseDraft(charge, kind, parameters, first, last)


def rent(amount: str, first: date = START, last: date | None = None, **more: Any) -> ClauseDraft:
    kind = PricingKind.FIXED_MONTHLY
    return clause(ChargeType.RENT, kind, first, last, amount=amount, **more)


def turnover(first: date = START, last: date | None = None, **parameters: Any) -> ClauseDraft:
    return clause(ChargeType.TURNOVER_RENT, PricingKind.PERCENTAGE, first, last, **parameters)


def lease(*clauses: ClauseDraft, **given: Any) -> LeaseTerms:
    terms = LeaseTerms(
        number="L-1",
        shop_code="S-1",
        shop_name="Tea",
        units=(LeasedUnit("A-101", "1F", Decimal("120.5"), date(2020, 1, 1)),),
        start=START,
        end=END,
        deposit=Decimal("30000.00"),
        currency="CNY",
        proration=Proration.ACTUAL,
        payment_term_days=10,
        clauses=clauses,
    )
    return replace(terms, **given)
