"""One charge on a bill, and the days on which a clause is in force."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.bill_inputs import ContractInput
from domain.calendar import MILLIONTH, Period
from domain.charges import ChargeType
from domain.clauses import Clause
from domain.money import with_tax
from domain.pricing.priced import Priced, text


@dataclass(frozen=True, slots=True)
class Line:
    """One charge over some days, in the bill's currency. `derivation` as in
    `domain.derivations`; `quantity` and `tax_rate` have six places.
    """

    charge_type: ChargeType
    clause_id: int
    period: Period
    quantity: Decimal
    unit: str
    net: Decimal
    tax_rate: Decimal
    tax: Decimal
    total: Decimal
    derivation: dict[str, Any]


def days_in_force(contract: ContractInput, clause: Clause, within: Period) -> Period | None:
    """The days of `within` on which both the lease and the clause are in force."""
    first = max(clause.valid_from, contract.start)
    last = contract.end if clause.valid_to is None else min(clause.valid_to, contract.end)
    if first <= within.first and within.last <= last:
        return within
    first = max(first, within.first)
    last = min(last, within.last)
    return Period(first, last) if first <= last else None


def make_line(clause: Clause, period: Period, priced: Priced, sources: dict[str, Any]) -> Line:
    taxed = with_tax(priced.amount, clause.tax_rate, inclusive=clause.is_tax_inclusive)
    return Line(
        clause.charge_type,
        clause.clause_id,
        period,
        priced.quantity.quantize(MILLIONTH),
        priced.unit,
        taxed.net,
        clause.tax_rate.quantize(MILLIONTH),
        taxed.tax,
        taxed.total,
        {
            "formula": priced.formula,
            "operands": priced.operands,
            "clause_id": clause.clause_id,
            "tax": {"rate": text(clause.tax_rate), "is_inclusive": clause.is_tax_inclusive},
            "sources": sources,
        },
    )
