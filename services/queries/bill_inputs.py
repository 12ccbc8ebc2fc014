"""What a bill run looks at, read from tables and marts into the values of `domain.bill_inputs`.

Belongs here: one statement per kind of input, whatever the number of leases. Not here: what is
made of them. Marts that dbt has not built yet hold no rows: the gates will say what is missing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from domain.bill_inputs import BilledLine, BillRunInputs, ContractInput, LetUnit, SalesTotal
from domain.bill_lines.turnover import sales_periods
from domain.bill_lines.usage import needs_hours, usage_of
from domain.calendar import ONE_DAY, Period, month_of
from domain.charges import ChargeType, PricingKind, Proration, TariffKind
from domain.clauses import Clause, ClauseError, Metered, Percentage, parse_clause
from domain.contracts import IN_FORCE
from domain.devices import UNIT_OF_METRIC, Metric
from domain.pricing.metered import HourUse, MeterUsage
from domain.tariffs import Tariff, TariffError, parse_tariff

Connection = psycopg.Connection[TupleRow]

CHARGE_OF_METRIC = {
    Metric.ELECTRICITY: ChargeType.ELECTRICITY,
    Metric.WATER: ChargeType.WATER,
    Metric.GAS: ChargeType.GAS,
}


def read_bill_inputs(
    connection: Connection, *, mall_id: int, month: Period, now: datetime
) -> BillRunInputs:
    """Inputs of a mall's month as known at `now`, leases by shop code and contract number.

    Clauses and tariffs that cannot be read do not stop the run: the lease carries the problem,
    and its gate holds it.
    """
    contracts = _contracts(connection, mall_id, month)
    ids = [contract.contract_id for contract in contracts]
    units = _units(connection, ids)
    clauses, problems = _clauses(connection, ids, now)
    usage = _usage(connection, mall_id, month)
    totals = _previous_totals(connection, ids, month)
    gone = _missing_usage(connection, ids, month)
    tariffs, unreadable = _tariffs(connection, mall_id, month)
    filled = [
        replace(
            contract,
            units=tuple(units[contract.contract_id]),
            clauses=tuple(clauses[contract.contract_id]),
            usage=tuple(usage[contract.shop_id]),
            previous_totals=tuple(totals[contract.contract_id]),
            missing_usage=tuple(gone[contract.contract_id]),
            problems=tuple(problems[contract.contract_id]),
        )
        for contract in contracts
    ]
    filled = _with_tariff_problems(filled, unreadable)
    filled = _with_shared_meters(filled, month)
    filled = _with_sales(connection, mall_id, month, filled)
    filled = _with_billed(connection, month, filled)
    inputs = BillRunInputs(mall_id, month, tariffs, tuple(filled))
    return _with_hours(connection, inputs)


def _contracts(connection: Connection, mall_id: int, month: Period) -> list[ContractInput]:
    rows = connection.execute(
        """
        SELECT c.id, c.number, c.shop_id, s.code, c.start_date, c.end_date, c.currency,
               c.proration, c.payment_term_days
        FROM app.contracts AS c JOIN app.shops AS s ON s.id = c.shop_id
        WHERE c.mall_id = %s AND c.state = ANY(%s) AND c.start_date <= %s AND c.end_date >= %s
        ORDER BY s.code, c.number
        """,
        (mall_id, [state.value for state in IN_FORCE], month.last, month.first),
    )
    return [
        ContractInput(
            contract_id=contract_id,
            number=number,
            shop_id=shop_id,
            shop_code=shop_code,
            start=start,
            end=end,
            currency=currency,
            proration=Proration(proration),
            payment_term_days=payment_term_days,
            units=(),
            clauses=(),
        )
        for (
            contract_id,
            number,
            shop_id,
            shop_code,
            start,
            end,
            currency,
            proration,
            payment_term_days,
        ) in rows
    ]


def _units(connection: Connection, ids: Sequence[int]) -> dict[int, list[LetUnit]]:
    units: dict[int, list[LetUnit]] = defaultdict(list)
    for contract_id, code, area_m2, first, following in connection.execute(
        """
        SELECT cu.contract_id, u.code, u.area_m2, lower(cu.period), upper(cu.period)
        FROM app.contract_units AS cu JOIN app.units AS u ON u.id = cu.unit_id
        WHERE cu.contract_id = ANY(%s)
        ORDER BY cu.contract_id, u.code, lower(cu.period)
        """,
        (list(ids),),
    ):
        units[contract_id].append(LetUnit(code, area_m2, first, following - ONE_DAY))
    return units


def _clauses(
    connection: Connection, ids: Sequence[int], now: datetime
) -> tuple[dict[int, list[Clause]], dict[int, list[str]]]:
    """Clauses believed at `now` and, for those that cannot be read, why not."""
    clauses: dict[int, list[Clause]] = defaultdict(list)
    problems: dict[int, list[str]] = defaultdict(list)
    for (
        contract_id,
        clause_id,
        charge_type,
        kind,
        parameters,
        valid_from,
        valid_to,
    ) in connection.execute(
        """
            SELECT contract_id, id, charge_type, pricing_kind, parameters, valid_from, valid_to
            FROM app.contract_clauses
            WHERE contract_id = ANY(%s) AND recorded_at <= %s
              AND (superseded_at IS NULL OR superseded_at > %s)
            ORDER BY contract_id, id
            """,
        (list(ids), now, now),
    ):
        try:
            clause = parse_clause(
                clause_id=clause_id,
                charge_type=ChargeType(charge_type),
                pricing_kind=PricingKind(kind),
                parameters=parameters,
                valid_from=valid_from,
                valid_to=valid_to,
            )
        except ClauseError as error:
            problems[contract_id].append(str(error))
        else:
            clauses[contract_id].append(clause)
    return clauses, problems


def _tariffs(
    connection: Connection, mall_id: int, month: Period
) -> tuple[dict[str, tuple[Tariff, ...]], dict[str, str]]:
    """Versions by code that are in force in the month, and problems by code."""
    tariffs: dict[str, tuple[Tariff, ...]] = {}
    unreadable: dict[str, str] = {}
    for tariff_id, code, kind, parameters, valid_from, valid_to in connection.execute(
        """
        SELECT id, code, kind, parameters, valid_from, valid_to FROM app.tariffs
        WHERE mall_id = %s AND valid_from <= %s AND (valid_to IS NULL OR valid_to >= %s)
        ORDER BY code, valid_from
        """,
        (mall_id, month.last, month.first),
    ):
        try:
            tariff = parse_tariff(
                tariff_id=tariff_id,
                code=code,
                kind=TariffKind(kind),
                parameters=parameters,
                valid_from=valid_from,
                valid_to=valid_to,
            )
        except TariffError as error:
            unreadable[code] = str(error)
        else:
            tariffs[code] = (*tariffs.get(code, ()), tariff)
    return tariffs, unreadable


def _with_tariff_problems(
    contracts: list[ContractInput], unreadable: dict[str, str]
) -> list[ContractInput]:
    if not unreadable:
        return contracts
    return [
        replace(
            contract,
            problems=(
                *contract.problems,
                *(
                    unreadable[clause.pricing.tariff]
                    for clause in contract.clauses
                    if isinstance(clause.pricing, Metered) and clause.pricing.tariff in unreadable
                ),
            ),
        )
        for contract in contracts
    ]


def _with_shared_meters(contracts: list[ContractInput], month: Period) -> list[ContractInput]:
    """A shop's meters belong to one lease at a time: two that charge them would charge twice."""
    metered: dict[tuple[int, ChargeType], list[tuple[Period, Clause, ContractInput]]]
    metered = defaultdict(list)
    problems: dict[int, list[str]] = defaultdict(list)
    for contract in contracts:
        for clause in contract.clauses:
            if not isinstance(clause.pricing, Metered):
                continue
            first = max(clause.valid_from, contract.start, month.first)
            last = min(clause.valid_to or contract.end, contract.end, month.last)
            if first > last:
                continue
            days = Period(first, last)
            others = metered[contract.shop_id, clause.charge_type]
            for other_days, other, other_contract in others:
                if days.overlap(other_days):
                    problems[contract.contract_id].append(
                        f"clause {clause.clause_id} ({clause.charge_type}) charges the meters "
                        f"that clause {other.clause_id} of {other_contract.number} charges"
                    )
            others.append((days, clause, contract))
    return [
        replace(contract, problems=(*contract.problems, *problems[contract.contract_id]))
        if contract.contract_id in problems
        else contract
        for contract in contracts
    ]


def _exists(connection: Connection, table: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s)", (table,)).fetchone()
    return row is not None and row[0] is not None


def _usage(connection: Connection, mall_id: int, month: Period) -> dict[int, list[MeterUsage]]:
    usage: dict[int, list[MeterUsage]] = defaultdict(list)
    if not _exists(connection, "marts.meter_usage_months"):
        return usage
    for row in connection.execute(
        """
        SELECT u.shop_id, u.device_id, d.code, u.metric, u.opening_register, u.opening_at,
               u.closing_register, u.closing_at, u.consumption, u.ratio, u.rollovers,
               u.hours_expected, u.hours_received
        FROM marts.meter_usage_months AS u JOIN app.devices AS d ON d.id = u.device_id
        WHERE u.mall_id = %s AND u.month = %s AND u.shop_id IS NOT NULL AND u.metric = ANY(%s)
        ORDER BY u.shop_id, d.code, u.metric
        """,
        (mall_id, month.first, [metric.value for metric in CHARGE_OF_METRIC]),
    ):
        shop_id, device_id, code, metric, opening, opened, closing, closed, *counted = row
        consumption, ratio, rollovers, expected, received = counted
        usage[shop_id].append(
            MeterUsage(
                device_id=device_id,
                device_code=code,
                charge_type=CHARGE_OF_METRIC[Metric(metric)],
                unit=UNIT_OF_METRIC[Metric(metric)],
                opening_register=opening,
                opening_at=opened,
                closing_register=closing,
                closing_at=closed,
                consumption=consumption,
                ratio=ratio,
                rollovers=rollovers or 0,
                hours_expected=expected or 0,
                hours_received=received or 0,
            )
        )
    return usage


def _with_hours(connection: Connection, inputs: BillRunInputs) -> BillRunInputs:
    """Hours of use for the meters whose price or part of the month depends on them."""
    wanted = {
        (usage.device_id, usage.charge_type)
        for contract in inputs.contracts
        for clause in contract.clauses
        if needs_hours(contract, clause, inputs)
        for usage in usage_of(contract, clause)
    }
    if not wanted or not _exists(connection, "marts.meter_usage_hours"):
        return inputs
    hours: dict[tuple[int, ChargeType], list[HourUse]] = defaultdict(list)
    for device_id, metric, day, hour, consumption in connection.execute(
        """
        SELECT u.device_id, u.metric, u.business_date,
               extract(hour FROM u.hour_start AT TIME ZONE m.time_zone)::int, sum(u.consumption)
        FROM marts.meter_usage_hours AS u JOIN app.malls AS m ON m.id = u.mall_id
        WHERE u.mall_id = %s AND u.device_id = ANY(%s)
          AND u.business_date BETWEEN %s AND %s AND u.consumption > 0
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        """,
        (
            inputs.mall_id,
            sorted({device_id for device_id, _ in wanted}),
            inputs.month.first,
            inputs.month.last,
        ),
    ):
        hours[device_id, CHARGE_OF_METRIC[Metric(metric)]].append(HourUse(day, hour, consumption))
    return replace(
        inputs,
        contracts=tuple(
            replace(
                contract,
                usage=tuple(
                    replace(usage, hours=tuple(hours[usage.device_id, usage.charge_type]))
                    for usage in contract.usage
                ),
            )
            for contract in inputs.contracts
        ),
    )


def _with_sales(
    connection: Connection, mall_id: int, month: Period, contracts: list[ContractInput]
) -> list[ContractInput]:
    """Sales of the periods that each lease asks for, summed by the database."""
    asked = [
        (contract, period) for contract in contracts for period in sales_periods(contract, month)
    ]
    if not asked or not _exists(connection, "marts.shop_days"):
        return contracts
    sales: dict[int, list[SalesTotal]] = defaultdict(list)
    for at, amount, complete in connection.execute(
        """
        SELECT asked.at, sum(d.net_sales), count(*) FILTER (WHERE d.is_sales_complete)
        FROM unnest(%s::bigint[], %s::date[], %s::date[])
             WITH ORDINALITY AS asked (shop_id, first, last, at)
        LEFT JOIN marts.shop_days AS d
          ON d.mall_id = %s AND d.shop_id = asked.shop_id
         AND d.business_date BETWEEN asked.first AND asked.last
        GROUP BY asked.at ORDER BY asked.at
        """,
        (
            [contract.shop_id for contract, _ in asked],
            [period.first for _, period in asked],
            [period.last for _, period in asked],
            mall_id,
        ),
    ):
        contract, period = asked[at - 1]
        sales[contract.contract_id].append(SalesTotal(period, amount, period.days, complete))
    return [
        replace(contract, sales=tuple(sales[contract.contract_id]))
        if contract.contract_id in sales
        else contract
        for contract in contracts
    ]


def _with_billed(
    connection: Connection, month: Period, contracts: list[ContractInput]
) -> list[ContractInput]:
    """Lines of other bills that meet this month, or a settlement that ends in it."""
    settled = {
        contract.contract_id: sales_periods(contract, month)
        for contract in contracts
        if any(isinstance(clause.pricing, Percentage) for clause in contract.clauses)
    }
    since = min(
        (period.first for periods in settled.values() for period in periods),
        default=month.first,
    )
    billed: dict[int, list[BilledLine]] = defaultdict(list)
    for contract_id, clause_id, charge_type, first, last, net, total, number in connection.execute(
        """
        SELECT b.contract_id, l.clause_id, l.charge_type, l.period_start, l.period_end,
               l.net_amount, l.total_amount, b.number
        FROM app.bills AS b JOIN app.bill_lines AS l ON l.bill_id = b.id
        WHERE b.contract_id = ANY(%s) AND b.state <> 'VOID'
          AND b.period_start >= %s AND b.period_start <> %s
          AND l.clause_id IS NOT NULL AND l.period_end >= %s AND l.period_start <= %s
        ORDER BY b.contract_id, b.number, l.line_number
        """,
        (
            [contract.contract_id for contract in contracts],
            month_of(since).first,
            month.first,
            since,
            month.last,
        ),
    ):
        days = Period(first, last)
        wanted = (month, *settled.get(contract_id, ()))
        if any(days.overlap(period) for period in wanted):
            billed[contract_id].append(
                BilledLine(clause_id, ChargeType(charge_type), days, net, total, number)
            )
    return [
        replace(contract, billed=tuple(billed[contract.contract_id]))
        if contract.contract_id in billed
        else contract
        for contract in contracts
    ]


def _previous_totals(
    connection: Connection, ids: Sequence[int], month: Period
) -> dict[int, list[Any]]:
    totals: dict[int, list[Any]] = defaultdict(list)
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
        (list(ids), month.first),
    ):
        totals[contract_id].append(total)
    return totals


def _missing_usage(
    connection: Connection, ids: Iterable[int], month: Period
) -> dict[int, list[str]]:
    """Meters on last month's bills whose usage of that month is no longer in the marts."""
    gone: dict[int, list[str]] = defaultdict(list)
    if not _exists(connection, "marts.meter_usage_months"):
        return gone
    previous: date = month_of(month.first - ONE_DAY).first
    for contract_id, device in connection.execute(
        """
        SELECT DISTINCT b.contract_id, meter ->> 'device'
        FROM app.bills AS b
        JOIN app.bill_lines AS l ON l.bill_id = b.id
        CROSS JOIN LATERAL jsonb_array_elements(l.derivation #> '{sources,meters}') AS meter
        WHERE b.contract_id = ANY(%s) AND b.period_start = %s AND b.state <> 'VOID'
          AND NOT EXISTS (
              SELECT FROM marts.meter_usage_months AS u
              WHERE u.device_id = (meter ->> 'device_id')::bigint AND u.month = b.period_start
                AND u.consumption IS NOT NULL
          )
        ORDER BY 1, 2
        """,
        (list(ids), previous),
    ):
        gone[contract_id].append(device)
    return gone
