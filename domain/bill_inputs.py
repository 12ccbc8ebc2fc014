"""Everything a bill run looks at, as frozen values: the same inputs give the same bills.

Belongs here: the shapes. Reading them from tables belongs to the services, computing with them
to `domain.bill_run`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.calendar import Period
from domain.charges import ChargeType, Proration
from domain.clauses import Clause
from domain.pricing.metered import MeterUsage
from domain.tariffs import Tariff


@dataclass(frozen=True, slots=True)
class LetUnit:
    """A unit and the days, both included, on which the lease holds it."""

    code: str
    area_m2: Decimal
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class SalesTotal:
    """Net sales of a shop over a period; `days_complete` of `days_expected` days are final.

    `amount` is None when nothing was received: missing is not zero.
    """

    period: Period
    amount: Decimal | None
    days_expected: int
    days_complete: int


@dataclass(frozen=True, slots=True)
class BilledLine:
    """A line of an earlier bill that is not void; `is_share` when it settles sales."""

    clause_id: int
    charge_type: ChargeType
    period: Period
    net: Decimal
    total: Decimal
    bill_number: str
    is_share: bool = False


@dataclass(frozen=True, slots=True)
class BilledCharge:
    """What bills that are not void say of one charge in a month, adjustments included."""

    charge_type: ChargeType
    tax_rate: Decimal
    net: Decimal
    tax: Decimal
    clause_id: int
    bill_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BilledMonth:
    """An earlier month of a lease that has a bill, with its charges of time and space."""

    month: Period
    charges: tuple[BilledCharge, ...]


@dataclass(frozen=True, slots=True)
class ContractInput:
    """A lease in force in the month, or one that ended before it and has something to adjust,
    with what is needed to bill it.

    `sales` has an entry for each period that `domain.bill_lines.turnover.sales_periods` asks for.
    `billed` are lines of other bills of this lease whose days meet this month, a recomputed one
    or a settlement that ends in one of them. `previous_totals` are its last bills' totals, at most
    six, newest first. `problems` name clauses that could not be read. `missing_usage` are meters
    billed for the month before whose usage of that month is no longer there. `recomputed` are the
    billed months from the day before the first for which the lease was changed afterwards (a
    settlement ends on it), oldest first; of most leases none.
    """

    contract_id: int
    number: str
    shop_id: int
    shop_code: str
    start: date
    end: date
    currency: str
    proration: Proration
    payment_term_days: int
    units: tuple[LetUnit, ...]
    clauses: tuple[Clause, ...]
    usage: tuple[MeterUsage, ...] = ()
    sales: tuple[SalesTotal, ...] = ()
    billed: tuple[BilledLine, ...] = ()
    previous_totals: tuple[Decimal, ...] = ()
    missing_usage: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    recomputed: tuple[BilledMonth, ...] = ()


@dataclass(frozen=True, slots=True)
class BillRunInputs:
    """A mall's month: leases in order of shop code and contract number; tariffs by code."""

    mall_id: int
    month: Period
    tariffs: Mapping[str, tuple[Tariff, ...]]
    contracts: tuple[ContractInput, ...]
