"""The bill run: a pure function of leases, tariffs, usage, sales and earlier bills.

Belongs here: the bill and the order of its lines. Which days a clause is billed for belongs to
`domain.bill_lines`; whether a bill may be issued to `domain.gates`; reading and writing to
`services.operations.billing`.

A bill is computed from what is there. What is missing is left out, never taken for zero, and
a gate holds the shop until it arrives or a named person overrides.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

from domain.bill_inputs import BillRunInputs, ContractInput
from domain.bill_lines.adjustments import adjustment_lines
from domain.bill_lines.line import Line, days_in_force
from domain.bill_lines.recurring import recurring_lines
from domain.bill_lines.turnover import turnover_lines
from domain.bill_lines.usage import usage_lines
from domain.calendar import Period
from domain.charges import CHARGE_ORDER
from domain.clauses import Clause, Metered, Percentage
from domain.money import MONEY_CONTEXT, ZERO


@dataclass(frozen=True, slots=True)
class Bill:
    """What a lease owes for a month; it has no number or state yet. Totals are sums of lines."""

    contract_id: int
    shop_id: int
    shop_code: str
    currency: str
    period: Period
    lines: tuple[Line, ...]
    net: Decimal
    tax: Decimal
    total: Decimal


def compute_bills(inputs: BillRunInputs) -> tuple[Bill, ...]:
    """Bills of a mall's month, in the order of `inputs.contracts`; leases that owe no line
    have none.
    """
    bills = (compute_bill(contract, inputs) for contract in inputs.contracts)
    return tuple(bill for bill in bills if bill is not None)


def compute_bill(contract: ContractInput, inputs: BillRunInputs) -> Bill | None:
    """The bill of one lease, or None when nothing is to be charged in the month."""
    with localcontext(MONEY_CONTEXT):
        lines: list[Line] = []
        for clause in sorted(contract.clauses, key=_billing_order):
            terms = clause.pricing
            if isinstance(terms, Metered):
                lines += usage_lines(contract, clause, terms, inputs)
            elif isinstance(terms, Percentage):
                lines += turnover_lines(contract, clause, terms, inputs.month, lines)
            else:
                days = days_in_force(contract, clause, inputs.month)
                if days is not None:
                    lines += recurring_lines(contract, clause, days)
        lines += adjustment_lines(contract)
        if not lines:
            return None
        return Bill(
            contract.contract_id,
            contract.shop_id,
            contract.shop_code,
            contract.currency,
            inputs.month,
            tuple(lines),
            sum([line.net for line in lines], ZERO),
            sum([line.tax for line in lines], ZERO),
            sum([line.total for line in lines], ZERO),
        )


def _billing_order(clause: Clause) -> tuple[int, date, int]:
    return CHARGE_ORDER[clause.charge_type], clause.valid_from, clause.clause_id
