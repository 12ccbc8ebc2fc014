"""What a bill run looks at, read from tables and marts into the values of `domain.bill_inputs`.

Belongs here: leases with their units, clauses and tariffs, and the putting together. Usage and
sales are read by `services.queries.bill_facts`, earlier bills by `services.queries.bill_history`;
each with one statement, whatever the number of leases.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import msgspec
import psycopg
from psycopg.rows import TupleRow

from domain.bill_inputs import BillRunInputs, ContractInput, LetUnit
from domain.bill_lines.adjustments import adjustment_lines
from domain.bill_lines.line import days_in_force
from domain.bill_lines.turnover import is_unsettled, sales_periods
from domain.bill_lines.usage import needs_hours
from domain.calendar import ONE_DAY, Period
from domain.charges import ChargeType, PricingKind, Proration, TariffKind
from domain.clauses import Clause, ClauseError, Metered, parse_clause
from domain.contracts import IN_FORCE
from domain.tariffs import Tariff, TariffError, parse_tariff
from services.queries.bill_facts import read_missing_usage, read_sales, read_usage
from services.queries.bill_history import read_billed, read_previous_totals, read_recomputed

Connection = psycopg.Connection[TupleRow]


def read_bill_inputs(
    connection: Connection, *, mall_id: int, month: Period, now: datetime
) -> BillRunInputs:
    """Inputs of a mall's month as known at `now`, leases by shop code and contract number.

    Clauses and tariffs that cannot be read do not stop the run: the lease carries the problem,
    and its gate holds it.
    """
    tariffs, unreadable = _tariffs(connection, mall_id, month)
    leases = _with_recomputed(
        connection, month, *_leases(connection, mall_id, month, now, unreadable)
    )
    ids = [lease.contract_id for lease in leases]
    timed = {
        (lease.shop_id, clause.charge_type)
        for lease in leases
        for clause in lease.clauses
        if needs_hours(lease, clause, month, tariffs)
    }
    periods = {lease.contract_id: sales_periods(lease, month) for lease in leases}
    usage = read_usage(connection, mall_id=mall_id, month=month, timed=timed)
    sales = read_sales(
        connection,
        mall_id=mall_id,
        asked=[
            (lease.contract_id, lease.shop_id, period)
            for lease in leases
            for period in periods[lease.contract_id]
        ],
    )
    billed = read_billed(
        connection,
        month=month,
        periods={
            lease.contract_id: (
                *periods[lease.contract_id],
                *(one.month for one in lease.recomputed),
            )
            for lease in leases
        },
    )
    totals = read_previous_totals(connection, contract_ids=ids, month=month)
    gone = read_missing_usage(connection, contract_ids=ids, month=month)
    read = (
        replace(
            lease,
            usage=tuple(usage.get(lease.shop_id, ())),
            sales=tuple(sales.get(lease.contract_id, ())),
            billed=tuple(billed.get(lease.contract_id, ())),
            previous_totals=tuple(totals.get(lease.contract_id, ())),
            missing_usage=tuple(gone.get(lease.contract_id, ())),
        )
        for lease in leases
    )
    # One that ended before stays only while it has something to adjust, or waits for sales to:
    # then this bill is its final one.
    return BillRunInputs(
        mall_id,
        month,
        tariffs,
        tuple(
            lease
            for lease in read
            if lease.end >= month.first or adjustment_lines(lease) or is_unsettled(lease)
        ),
    )


def read_lease(connection: Connection, *, contract_id: int, now: datetime) -> ContractInput | None:
    """One lease with units and clauses as believed at `now`, whatever its state; None when there
    is none. A clause that cannot be read is among its problems.
    """
    row = connection.execute(
        """
        SELECT c.id, c.number, c.shop_id, s.code, c.start_date, c.end_date, c.currency,
               c.proration, c.payment_term_days
        FROM app.contracts AS c JOIN app.shops AS s ON s.id = c.shop_id WHERE c.id = %s
        """,
        (contract_id,),
    ).fetchone()
    if row is None:
        return None
    clauses, problems = _clauses(connection, [contract_id], now)
    return ContractInput(
        contract_id=row[0],
        number=row[1],
        shop_id=row[2],
        shop_code=row[3],
        start=row[4],
        end=row[5],
        currency=row[6],
        proration=Proration(row[7]),
        payment_term_days=row[8],
        units=tuple(_units(connection, [contract_id]).get(contract_id, ())),
        clauses=tuple(clauses.get(contract_id, ())),
        problems=tuple(problems[contract_id]),
    )


def _leases(
    connection: Connection,
    mall_id: int,
    month: Period,
    now: datetime,
    unreadable: Mapping[str, str],
) -> tuple[list[ContractInput], dict[int, date]]:
    """Leases in force in the month, and those that ended before it and were changed afterwards,
    with units and clauses; and from which day on leases were changed. `unreadable` tariffs by
    code.
    """
    rows = connection.execute(
        """
        SELECT c.id, c.number, c.shop_id, s.code, c.start_date, c.end_date, c.currency,
               c.proration, c.payment_term_days, c.recompute_from
        FROM app.contracts AS c JOIN app.shops AS s ON s.id = c.shop_id
        WHERE c.mall_id = %s AND c.state = ANY(%s) AND c.start_date <= %s
          AND (c.end_date >= %s OR c.recompute_from <= %s)
        ORDER BY s.code, c.number
        """,
        (mall_id, [state.value for state in IN_FORCE], month.last, month.first, month.first),
    ).fetchall()
    ids = [row[0] for row in rows]
    units = _units(connection, ids)
    clauses, problems = _clauses(connection, ids, now)
    leases = []
    changed: dict[int, date] = {}
    for contract_id, number, shop_id, shop_code, start, end, currency, proration, term, day in rows:
        if day is not None and day <= month.first:
            changed[contract_id] = day
        own = clauses.get(contract_id, [])
        problems[contract_id] += [
            unreadable[clause.pricing.tariff]
            for clause in own
            if isinstance(clause.pricing, Metered) and clause.pricing.tariff in unreadable
        ]
        leases.append(
            ContractInput(
                contract_id=contract_id,
                number=number,
                shop_id=shop_id,
                shop_code=shop_code,
                start=start,
                end=end,
                currency=currency,
                proration=Proration(proration),
                payment_term_days=term,
                units=tuple(units.get(contract_id, ())),
                clauses=tuple(own),
                problems=tuple(problems[contract_id]),
            )
        )
    return _with_shared_meters(leases, month), changed


def _with_recomputed(
    connection: Connection,
    month: Period,
    leases: list[ContractInput],
    changed: Mapping[int, date],
) -> list[ContractInput]:
    """The leases with their billed months since they were `changed`; without those that ended
    before the month and have none.
    """
    if not changed:
        return leases
    months = read_recomputed(connection, month=month, since=changed)
    return [
        replace(lease, recomputed=tuple(months.get(lease.contract_id, ())))
        for lease in leases
        if lease.end >= month.first or lease.contract_id in months
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
    # The shops of a mall share most of their terms: each is read once.
    known: dict[tuple[str, str, str], Clause] = {}
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
            SELECT contract_id, id, charge_type, pricing_kind, parameters::text, valid_from,
                   valid_to
            FROM app.contract_clauses
            WHERE contract_id = ANY(%s) AND recorded_at <= %s
              AND (superseded_at IS NULL OR superseded_at > %s)
            ORDER BY contract_id, id
            """,
        (list(ids), now, now),
    ):
        same = known.get((charge_type, kind, parameters))
        if same is None:
            try:
                same = parse_clause(
                    clause_id=clause_id,
                    charge_type=ChargeType(charge_type),
                    pricing_kind=PricingKind(kind),
                    parameters=msgspec.json.decode(parameters),
                    valid_from=valid_from,
                    valid_to=valid_to,
                )
            except ClauseError as error:
                problems[contract_id].append(str(error))
                continue
            known[charge_type, kind, parameters] = same
        clauses[contract_id].append(
            Clause(
                clause_id,
                same.charge_type,
                same.pricing_kind,
                same.pricing,
                same.tax_rate,
                same.is_tax_inclusive,
                valid_from,
                valid_to,
            )
        )
    return clauses, problems


def _with_shared_meters(leases: list[ContractInput], month: Period) -> list[ContractInput]:
    """A shop's meters belong to one lease at a time: two that charge them would charge twice."""
    by_shop: dict[int, list[ContractInput]] = defaultdict(list)
    for lease in leases:
        by_shop[lease.shop_id].append(lease)
    problems: dict[int, list[str]] = defaultdict(list)
    for shop_leases in by_shop.values():
        if len(shop_leases) == 1 and _metered_once(shop_leases[0]):
            continue
        seen: list[tuple[Period, Clause, ContractInput]] = []
        for lease in shop_leases:
            for clause in lease.clauses:
                days = days_in_force(lease, clause, month)
                if days is None or not isinstance(clause.pricing, Metered):
                    continue
                for other_days, other, other_lease in seen:
                    if other.charge_type is clause.charge_type and days.overlap(other_days):
                        problems[lease.contract_id].append(
                            f"clause {clause.clause_id} ({clause.charge_type}) charges the meters "
                            f"that clause {other.clause_id} of {other_lease.number} charges"
                        )
                seen.append((days, clause, lease))
    return [
        replace(lease, problems=(*lease.problems, *problems[lease.contract_id]))
        if lease.contract_id in problems
        else lease
        for lease in leases
    ]


def _metered_once(lease: ContractInput) -> bool:
    charges = [c.charge_type for c in lease.clauses if isinstance(c.pricing, Metered)]
    return len(charges) == len(set(charges))


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
