"""Earlier bills of leases, for the run that makes the next ones."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import psycopg
from psycopg.rows import TupleRow

from domain.bill_inputs import BilledCharge, BilledLine, BilledMonth
from domain.calendar import ONE_DAY, Period, month_of
from domain.charges import ChargeType
from domain.pricing import (
    adjustment,
    fixed_monthly,
    one_off,
    per_area_day,
    per_area_month,
    percentage,
)

Connection = psycopg.Connection[TupleRow]

# Formulas of the lines that an earlier month is adjusted by.
RECOMPUTED = (
    fixed_monthly.FORMULA,
    per_area_month.FORMULA,
    per_area_day.FORMULA,
    one_off.FORMULA,
    adjustment.FORMULA,
)


def read_billed(
    connection: Connection, *, month: Period, periods: Mapping[int, Sequence[Period]]
) -> dict[int, list[BilledLine]]:
    """Lines of other bills that meet the month, or one of a contract's `periods`: its
    settlements and recomputed months.
    """
    since = min(
        (period.first for asked in periods.values() for period in asked), default=month.first
    )
    since = min(since, month.first)
    billed: dict[int, list[BilledLine]] = defaultdict(list)
    for (
        contract_id,
        clause_id,
        charge_type,
        first,
        last,
        net,
        total,
        number,
        is_share,
    ) in connection.execute(
        """
        SELECT b.contract_id, l.clause_id, l.charge_type, l.period_start, l.period_end,
               l.net_amount, l.total_amount, b.number,
               l.charge_type = %s AND l.derivation ->> 'formula' = %s
        FROM app.bills AS b JOIN app.bill_lines AS l ON l.bill_id = b.id
        WHERE b.contract_id = ANY(%s) AND b.state <> 'VOID'
          AND b.period_start >= %s AND b.period_start <> %s
          AND l.clause_id IS NOT NULL AND l.period_end >= %s AND l.period_start <= %s
        ORDER BY b.contract_id, b.number, l.line_number
        """,
        (
            ChargeType.TURNOVER_RENT.value,
            percentage.FORMULA,
            list(periods),
            month_of(since).first,
            month.first,
            since,
            month.last,
        ),
    ):
        days = Period(first, last)
        if any(days.overlap(period) for period in (month, *periods[contract_id])):
            billed[contract_id].append(
                BilledLine(clause_id, ChargeType(charge_type), days, net, total, number, is_share)
            )
    return billed


def read_recomputed(
    connection: Connection, *, month: Period, since: Mapping[int, date]
) -> dict[int, list[BilledMonth]]:
    """Billed months before `month`, from that of the day before each lease's on, with what all
    other bills say of them: on the day before, a settlement may end now. `since` has the leases
    that were changed for days that may be billed.
    """
    if not since:
        return {}
    billed: dict[int, set[date]] = defaultdict(set)
    # By charge and tax rate: net, tax, the clause of the last line, numbers of the bills.
    charges: dict[
        tuple[int, date], dict[tuple[ChargeType, Decimal], tuple[Decimal, Decimal, int, list[str]]]
    ] = defaultdict(dict)
    for (
        contract_id,
        first,
        number,
        formula,
        charge,
        rate,
        clause_id,
        day,
        net,
        tax,
    ) in connection.execute(
        """
            SELECT b.contract_id, b.period_start, b.number, l.derivation ->> 'formula',
                   l.charge_type, l.tax_rate, l.clause_id, l.period_start, l.net_amount,
                   l.tax_amount
            FROM app.bills AS b JOIN app.bill_lines AS l ON l.bill_id = b.id
            WHERE b.contract_id = ANY(%s) AND b.state <> 'VOID' AND b.period_start <> %s
            ORDER BY b.contract_id, b.period_start, b.number, l.line_number
            """,
        (list(since), month.first),
    ):
        oldest = month_of(since[contract_id] - ONE_DAY).first
        if oldest <= first < month.first:
            billed[contract_id].add(first)
        service = month_of(day).first
        if formula not in RECOMPUTED or not oldest <= service < month.first:
            continue
        known = charges[contract_id, service]
        key = ChargeType(charge), rate
        before = known.get(key, (Decimal(0), Decimal(0), clause_id, []))
        known[key] = (before[0] + net, before[1] + tax, clause_id, [*before[3], number])
    return {
        contract_id: [
            BilledMonth(
                month_of(first),
                tuple(
                    BilledCharge(charge, rate, net, tax, clause_id, tuple(dict.fromkeys(numbers)))
                    for (charge, rate), (net, tax, clause_id, numbers) in sorted(
                        charges[contract_id, first].items()
                    )
                ),
            )
            for first in sorted(firsts)
        ]
        for contract_id, firsts in billed.items()
    }


def read_previous_totals(
    connection: Connection, *, contract_ids: Sequence[int], month: Period
) -> dict[int, list[Decimal]]:
    """Totals by contract of at most six bills before the month, newest first."""
    totals: dict[int, list[Decimal]] = defaultdict(list)
    for contract_id, total in connection.execute(
        """
        SELECT asked.contract_id, b.total_amount
        FROM unnest(%s::bigint[]) AS asked (contract_id)
        CROSS JOIN LATERAL (
            SELECT total_amount, period_start FROM app.bills
            WHERE contract_id = asked.contract_id AND state <> 'VOID' AND period_start < %s
            ORDER BY period_start DESC LIMIT 6
        ) AS b
        ORDER BY asked.contract_id, b.period_start DESC
        """,
        (list(contract_ids), month.first),
    ):
        totals[contract_id].append(total)
    return totals
