"""Earlier months at the terms they have now: what was billed otherwise is settled by this bill.

Belongs here: charges of time and space (FIXED_MONTHLY, PER_AREA_MONTH, PER_AREA_DAY, ONE_OFF) of
months that have a bill already. An amendment or an early end that reaches back into them makes a
difference, and so does whatever was adjusted before. Shares of sales stand beside them: the
settlements that end in those months are made again (turnover), and take what was billed into
account by themselves. Not here: metered charges; what changes of those for a billed month is the
adjustment of late data. A month without a bill is billed by a run of its own, at the terms of
today.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from domain.bill_inputs import BilledCharge, BilledMonth, ContractInput
from domain.bill_lines.line import Line, days_in_force
from domain.bill_lines.recurring import recurring_lines
from domain.bill_lines.turnover import recomputed_lines
from domain.calendar import MILLIONTH
from domain.charges import CHARGE_ORDER, ChargeType
from domain.clauses import Metered, Percentage
from domain.money import MONEY_CONTEXT, ONE, ZERO, Taxed
from domain.pricing import adjustment
from domain.pricing.priced import text


@dataclass(slots=True)
class _Sides:
    """What is due for a charge of a month at one rate of tax, and what was billed for it."""

    due: list[Line] = field(default_factory=list)
    billed: list[BilledCharge] = field(default_factory=list)


def adjustment_lines(contract: ContractInput) -> list[Line]:
    """One line for each month, charge and tax rate whose bills do not say what is due now, and
    one for each settlement of sales that does not.
    """
    if not contract.recomputed:
        return []
    with localcontext(MONEY_CONTEXT):
        return [
            *(line for month in contract.recomputed for line in _of_month(contract, month)),
            *recomputed_lines(contract),
        ]


def _of_month(contract: ContractInput, billed: BilledMonth) -> list[Line]:
    sides: dict[tuple[ChargeType, Decimal], _Sides] = defaultdict(_Sides)
    for clause in sorted(contract.clauses, key=lambda one: (one.valid_from, one.clause_id)):
        if isinstance(clause.pricing, Metered | Percentage):
            continue
        days = days_in_force(contract, clause, billed.month)
        if days is not None:
            for line in recurring_lines(contract, clause, days):
                sides[line.charge_type, line.tax_rate].due.append(line)
    for charge in billed.charges:
        sides[charge.charge_type, charge.tax_rate].billed.append(charge)
    lines = [
        _line(contract, billed, charge_type, tax_rate, side)
        for (charge_type, tax_rate), side in sorted(
            sides.items(), key=lambda item: (CHARGE_ORDER[item[0][0]], item[0][1])
        )
    ]
    return [line for line in lines if line.net or line.tax]


def _line(
    contract: ContractInput,
    month: BilledMonth,
    charge_type: ChargeType,
    tax_rate: Decimal,
    side: _Sides,
) -> Line:
    due, billed = _sum(side.due), _sum(side.billed)
    operands = adjustment.operands_of(due, billed, contract.currency)
    taxed = adjustment.recompute_taxed(operands)
    clauses = list(dict.fromkeys(line.clause_id for line in side.due))
    clause_id = clauses[-1] if clauses else side.billed[-1].clause_id
    numbers = sorted({number for charge in side.billed for number in charge.bill_numbers})
    return Line(
        charge_type,
        clause_id,
        month.month,
        ONE.quantize(MILLIONTH),
        "item",
        taxed.net,
        tax_rate,
        taxed.tax,
        taxed.total,
        {
            "formula": adjustment.FORMULA,
            "operands": operands,
            "clause_id": clause_id,
            # It stands beside both sides; nothing is left to take out of the amount.
            "tax": {"rate": text(tax_rate), "is_inclusive": False},
            "sources": {
                "clauses": clauses,
                "billed": numbers,
                "month": {
                    "first": month.month.first.isoformat(),
                    "last": month.month.last.isoformat(),
                },
            },
        },
    )


def _sum(charges: Sequence[Line] | Sequence[BilledCharge]) -> Taxed:
    net = sum((charge.net for charge in charges), ZERO)
    tax = sum((charge.tax for charge in charges), ZERO)
    return Taxed(net, tax, net + tax)
