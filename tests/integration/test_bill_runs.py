"""Bill runs on real Postgres: once, held by gates, dry as real, issued with their events."""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.bills import BillState
from domain.charges import ChargeType, PricingKind, TariffKind
from domain.contracts import ContractState
from domain.derivations import recompute_taxed
from domain.devices import DeviceKind, FeedKind
from domain.gates import Gate
from domain.malls import BusinessType
from services.documents.explanations import explain
from services.operations.billing import MallNotFound, issue_bills, run_bills
from services.queries.bills import get_bill, list_bills
from services.queries.usage import list_sales_and_usage
from storage.models import (
    Bill,
    BillEvent,
    BillingGate,
    BillLine,
    BillRun,
    Contract,
    ContractClause,
    ContractUnit,
    Device,
    Mall,
    Shop,
    Tariff,
    Unit,
)

MARCH = date(2026, 3, 1)
APRIL = date(2026, 4, 1)
NOW = datetime(2026, 3, 31, 16, 5, tzinfo=UTC)  # 1 April 00:05 in Shanghai
C, K = ChargeType, PricingKind

MARTS = """
    CREATE SCHEMA IF NOT EXISTS marts;
    CREATE TABLE marts.shop_days (
        mall_id bigint, shop_id bigint, business_date date, net_sales numeric(14, 2),
        is_sales_complete bool);
    CREATE TABLE marts.shop_months (
        mall_id bigint, shop_id bigint, month date, net_sales numeric(14, 2),
        transactions bigint, sales_completeness numeric);
    CREATE TABLE marts.meter_usage_months (
        mall_id bigint, shop_id bigint, device_id bigint, metric text, month date,
        opening_register numeric, opening_at timestamptz, closing_register numeric,
        closing_at timestamptz, consumption numeric, ratio numeric, billed_consumption numeric,
        rollovers int, hours_expected int, hours_received int, completeness numeric,
        reversals int, implausible_steps int, estimated_consumption numeric);
    CREATE TABLE marts.meter_usage_hours (
        mall_id bigint, shop_id bigint, device_id bigint, metric text, hour_start timestamptz,
        business_date date, consumption numeric, ratio numeric, is_estimated bool);
"""


class SmallMall:
    """A mall with leases to add; everything is written through one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.mall = Mall(code="M1", name="Small Mall")
        session.add(self.mall)
        session.flush()
        session.add(
            Tariff(
                mall_id=self.mall.id,
                code="E1",
                charge_type=C.ELECTRICITY,
                kind=TariffKind.FLAT,
                parameters={"price": "0.8"},
                valid_from=date(2025, 1, 1),
            )
        )
        self.count = 0

    def lease(self, *clauses, start=date(2025, 1, 1), end=date(2027, 12, 31)):
        """A shop with a unit of 100 m2 and an active lease. Clauses: (charge, kind, parameters)."""
        self.count += 1
        shop = Shop(
            mall_id=self.mall.id,
            code=f"S{self.count}",
            name=f"Shop {self.count}",
            business_type=BusinessType.RETAIL,
        )
        unit = Unit(
            mall_id=self.mall.id,
            code=f"A-{self.count}",
            floor="1",
            area_m2=D(100),
            opened_date=date(2020, 1, 1),
        )
        self.session.add_all([shop, unit])
        self.session.flush()
        contract = Contract(
            mall_id=self.mall.id,
            shop_id=shop.id,
            number=f"L-{self.count}",
            state=ContractState.ACTIVE,
            start_date=start,
            end_date=end,
        )
        contract.contract_units = [
            ContractUnit(
                unit_id=unit.id,
                period=sa.dialects.postgresql.Range(start, end + timedelta(days=1)),
            )
        ]
        contract.clauses = [
            ContractClause(
                charge_type=charge,
                pricing_kind=kind,
                parameters=parameters,
                valid_from=start,
                recorded_at=datetime(2025, 1, 1, tzinfo=UTC),
            )
            for charge, kind, parameters in clauses
        ]
        self.session.add(contract)
        self.session.flush()
        return contract

    def sales(self, contract, amount, days=31):
        for day in range(days):
            self.session.execute(
                sa.text("INSERT INTO marts.shop_days VALUES (:mall, :shop, :day, :amount, true)"),
                {
                    "mall": self.mall.id,
                    "shop": contract.shop_id,
                    "day": MARCH + timedelta(days=day),
                    "amount": amount,
                },
            )

    def usage(self, contract, consumption, received=744, month=MARCH, reversals=0, estimated=0):
        device = self.session.scalars(
            sa.select(Device).where(Device.code == f"E-{contract.shop_id}")
        ).one_or_none()
        if device is None:
            device = Device(
                mall_id=self.mall.id,
                code=f"E-{contract.shop_id}",
                kind=DeviceKind.METER,
                feed_kind=FeedKind.CUMULATIVE,
            )
            self.session.add(device)
            self.session.flush()
        self.session.execute(
            sa.text(
                "INSERT INTO marts.meter_usage_months VALUES (:mall, :shop, :device, "
                "'electricity_register', :month, 100, '2026-02-28T16:00Z', 100 + :used, "
                "'2026-03-31T16:00Z', :used, 2, 2 * :used, 0, 744, :received, 1, "
                ":reversals, 0, :estimated)"
            ),
            {
                "mall": self.mall.id,
                "shop": contract.shop_id,
                "device": device.id,
                "used": consumption,
                "month": month,
                "received": received,
                "reversals": reversals,
                "estimated": estimated,
            },
        )
        return device

    def run(self, **given):
        return run_bills(
            self.session, **{"mall_id": self.mall.id, "month": MARCH, "now": NOW, **given}
        )

    def issue(self):
        return issue_bills(self.session, mall_id=self.mall.id, month=MARCH, actor="system", now=NOW)


# The columns of COPY_BILLS and COPY_LINES that the run computes.
BILL_COLUMNS = (
    "shop_id, contract_id, period_start, period_end, currency, net_amount, tax_amount, total_amount"
)
LINE_COLUMNS = (
    "line_number, charge_type, clause_id, period_start, period_end, quantity, unit, net_amount, "
    "tax_rate, tax_amount, total_amount, derivation"
)

RENT = (C.RENT, K.FIXED_MONTHLY, {"amount": "10000"})
TURNOVER = (C.TURNOVER_RENT, K.PERCENTAGE, {"rate": "0.05", "breakpoint": "NATURAL"})
POWER = (C.ELECTRICITY, K.METERED, {"tariff": "E1"})


@pytest.fixture
def mall(session):
    session.execute(sa.text(MARTS))
    return SmallMall(session)


def _count(session, model):
    return session.scalar(sa.select(sa.func.count()).select_from(model))


def test_bill_holds_every_charge_and_each_line_recomputes(mall, session):
    contract = mall.lease(RENT, TURNOVER, POWER)
    mall.sales(contract, D("10000.00"))
    mall.usage(contract, D("50.5"))
    result = mall.run()
    assert (result.contracts, result.created, result.existing, result.held) == (1, 1, 0, ())
    (listed,) = list_bills(session, mall_id=mall.mall.id, month=MARCH)
    bill = get_bill(session, bill_id=listed.bill_id)
    assert bill.number == "B202603-0001"
    assert bill.state is BillState.DRAFT
    assert [(line.charge_type, line.net_amount) for line in bill.lines] == [
        (C.RENT, D("10000.00")),
        (C.TURNOVER_RENT, D("5500.00")),
        (C.ELECTRICITY, D("80.80")),
    ]
    for line in bill.lines:
        again = recompute_taxed(line.derivation)
        assert again.net == line.net_amount
        assert again.total == line.total_amount
    assert bill.total_amount == result.total == D("16986.30")
    assert bill.unit_codes == ("A-1",)
    run = session.get(BillRun, result.bill_run_id)
    assert run.output_sha256 == result.output_sha256
    assert (run.contracts, run.bills_created, run.total_amount) == (1, 1, result.total)


def test_stored_rows_have_the_hash_of_the_run(mall, session):
    contract = mall.lease(RENT, TURNOVER, POWER)
    contract.contract_units[0].unit.code = 'A "1" \\ 二楼'
    mall.sales(contract, D("10000.00"))
    mall.usage(contract, D("50.5"))
    mall.lease((C.RENT, K.PER_AREA_MONTH, {"rate": "80"}))
    result = mall.run()
    connection = session.connection().connection.driver_connection
    stored = hashlib.sha256()
    for (bill_id,) in connection.execute("SELECT id FROM app.bills ORDER BY number").fetchall():
        for columns, table, key in (
            (BILL_COLUMNS, "app.bills", "id"),
            (LINE_COLUMNS, "app.bill_lines", "bill_id"),
        ):
            rows = f"SELECT {columns} FROM {table} WHERE {key} = {bill_id} ORDER BY id"
            with connection.cursor().copy(f"COPY ({rows}) TO STDOUT") as copy:
                stored.update(b"".join(bytes(block) for block in copy))
    assert stored.hexdigest() == result.output_sha256


def test_second_run_creates_nothing(mall, session):
    mall.lease(RENT)
    first = mall.run()
    counts = [_count(session, model) for model in (Bill, BillLine, BillRun)]
    second = mall.run(now=NOW + timedelta(hours=1))
    assert (second.created, second.existing) == (0, 1)
    assert second == replace(first, created=0, existing=1)
    assert [_count(session, model) for model in (Bill, BillLine, BillRun)] == counts


def test_dry_run_equals_the_real_one_and_writes_nothing(mall, session):
    mall.lease(RENT, POWER)
    mall.usage(mall.lease(RENT, POWER), D(10))
    dry = mall.run(dry_run=True)
    assert [_count(session, model) for model in (Bill, BillRun, BillingGate)] == [0, 0, 0]
    real = mall.run()
    assert dry == replace(real, bill_run_id=None)
    assert real.created == 1


def test_missing_usage_holds_that_shop_only_until_it_arrives(mall, session):
    waiting = mall.lease(RENT, POWER)
    mall.lease(RENT)
    result = mall.run()
    assert result.created == 1
    assert [(held.shop_code, held.gates) for held in result.held] == [
        ("S1", (Gate.METER_COMPLETENESS,))
    ]
    gate = session.scalars(sa.select(BillingGate)).one()
    assert (gate.gate, gate.is_passed) == ("METER_COMPLETENESS", False)
    mall.usage(waiting, D(10))
    result = mall.run()
    assert (result.created, result.existing, result.held) == (1, 1, ())
    session.refresh(gate)
    assert gate.is_passed
    assert {bill.number for bill in session.scalars(sa.select(Bill))} == {
        "B202603-0001",
        "B202603-0002",
    }


@pytest.mark.parametrize("days", [0, 30])
def test_missing_pos_day_holds_a_turnover_lease(mall, session, days):
    mall.sales(mall.lease(RENT, TURNOVER), D(10), days=days)
    result = mall.run()
    assert [held.gates for held in result.held] == [(Gate.POS_DAYS,)]
    gate = session.scalars(sa.select(BillingGate)).one()
    assert gate.detail["periods"][0]["days_complete"] == days
    assert gate.detail["periods"][0]["days_expected"] == 31


def test_overridden_gate_lets_the_shop_pass(mall, session):
    contract = mall.lease(RENT, TURNOVER)
    mall.sales(contract, D(10000), days=30)
    assert mall.run().created == 0
    gate = session.scalars(sa.select(BillingGate)).one()
    gate.overridden_by, gate.override_reason, gate.overridden_at = "wang", "closed", NOW
    session.flush()
    result = mall.run()
    assert (result.created, result.held) == (1, ())
    lines = session.scalars(sa.select(BillLine).order_by(BillLine.line_number)).all()
    assert [line.net_amount for line in lines] == [D("10000.00"), D("5000.00")]
    assert mall.issue().issued == 1


def test_clause_that_cannot_be_read_holds_its_shop_and_says_why(mall, session):
    mall.lease((C.RENT, K.FIXED_MONTHLY, {"amount": "ten"}))
    mall.lease(RENT)
    result = mall.run()
    assert result.created == 1
    assert result.held[0].gates == (Gate.CLAUSES,)
    gate = session.scalars(sa.select(BillingGate)).one()
    assert "amount: is not a decimal: 'ten'" in gate.detail["problems"][0]


def test_unknown_tariff_holds_its_shop(mall):
    contract = mall.lease(RENT, (C.ELECTRICITY, K.METERED, {"tariff": "E9"}))
    mall.usage(contract, D(10))
    assert mall.run().held[0].gates == (Gate.TARIFF,)


def test_two_leases_cannot_charge_the_same_meters(mall, session):
    first = mall.lease(RENT, POWER)
    second = mall.lease(RENT, POWER)
    second.shop_id = first.shop_id
    mall.usage(first, D(10))
    session.flush()
    assert mall.run().held[0].gates == (Gate.CLAUSES,)


def test_register_that_ran_backwards_holds_the_shop(mall):
    mall.usage(mall.lease(RENT, POWER), D(10), reversals=1)
    assert mall.run().held[0].gates == (Gate.METER_ANOMALY,)


def test_too_few_readings_of_a_meter_hold_the_shop(mall):
    mall.usage(mall.lease(RENT, POWER), D(10), received=706)
    mall.usage(mall.lease(RENT, POWER), D(10), received=707)
    result = mall.run()
    assert result.created == 1
    assert result.held[0].gates == (Gate.METER_COMPLETENESS,)


def test_amount_far_above_the_usual_holds_the_shop(mall, session):
    contract = mall.lease(RENT)
    for month in (date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)):
        mall.run(month=month)
    contract.clauses[0].parameters = {"amount": "30000.01"}
    session.flush()
    result = mall.run()
    assert result.held[0].gates == (Gate.AMOUNT,)
    gate = session.scalars(sa.select(BillingGate)).one()
    assert gate.detail == {"total": "32700.01", "median": "10900.00"}


def test_usage_billed_last_month_that_has_gone_holds_the_shop(mall, session):
    contract = mall.lease(RENT, POWER)
    mall.usage(contract, D(10))
    mall.usage(contract, D(10), month=APRIL)
    mall.run()
    session.execute(sa.text("DELETE FROM marts.meter_usage_months WHERE month = '2026-03-01'"))
    result = mall.run(month=APRIL, now=NOW + timedelta(days=30))
    assert result.held[0].gates == (Gate.USAGE_DISAPPEARED,)


def test_time_of_use_reads_hours_on_the_malls_clock(mall, session):
    contract = mall.lease((C.ELECTRICITY, K.METERED, {"tariff": "T1"}))
    device = mall.usage(contract, D(100))
    session.add(
        Tariff(
            mall_id=mall.mall.id,
            code="T1",
            charge_type=C.ELECTRICITY,
            kind=TariffKind.TIME_OF_USE,
            parameters={
                "bands": [
                    {"name": "day", "from": "08:00", "to": "22:00", "price": "1"},
                    {"name": "night", "from": "22:00", "to": "08:00", "price": "0.5"},
                ]
            },
            valid_from=date(2025, 1, 1),
        )
    )
    for hour, used in (("2026-03-02T23:00Z", 25), ("2026-03-03T00:00Z", 75)):
        session.execute(
            sa.text(
                "INSERT INTO marts.meter_usage_hours VALUES "
                "(:mall, :shop, :device, 'electricity_register', :hour, '2026-03-03', :used, "
                "2, false)"
            ),
            {
                "mall": mall.mall.id,
                "shop": contract.shop_id,
                "device": device.id,
                "hour": hour,
                "used": used,
            },
        )
    assert mall.run().created == 1
    line = session.scalars(sa.select(BillLine)).one()
    # 07:00 in Shanghai is night, 08:00 is day; the dial counts half of what is billed.
    assert line.net_amount == D("175.00")


def test_bill_says_how_much_of_its_usage_is_estimated(mall, session):
    contract = mall.lease(POWER)
    mall.usage(contract, D(100), estimated=D("12.5"))
    assert mall.run().created == 1
    line = session.scalars(sa.select(BillLine)).one()
    (meter,) = line.derivation["operands"]["meters"]
    assert meter["estimated"] == {"value": "12.5", "unit": "kWh"}
    assert recompute_taxed(line.derivation).net == line.net_amount
    sentences = explain(line.derivation, locale="en", currency="CNY").sentences
    assert any(sentence.endswith(", of it 12.5 kWh estimated") for sentence in sentences)
    # An estimate is not a measurement: a month of estimates is held.
    silent = mall.lease(POWER)
    mall.usage(silent, D(100), estimated=D(100), received=400)
    assert mall.run().held[0].gates == (Gate.METER_COMPLETENESS,)


def test_lease_year_settles_against_sales_of_all_its_months(mall, session):
    year = (
        C.TURNOVER_RENT,
        K.PERCENTAGE,
        {"rate": "0.08", "breakpoint": "NATURAL", "settlement": "LEASE_YEAR"},
    )
    contract = mall.lease(RENT, year, start=date(2025, 4, 1), end=date(2026, 3, 31))
    for day in range(365):
        session.execute(
            sa.text("INSERT INTO marts.shop_days VALUES (:mall, :shop, :day, 10000, true)"),
            {
                "mall": mall.mall.id,
                "shop": contract.shop_id,
                "day": date(2025, 4, 1) + timedelta(days=day),
            },
        )
    assert mall.run(month=date(2026, 2, 1)).total == D("10900.00")
    mall.run()
    line = session.scalars(sa.select(BillLine).where(BillLine.charge_type == C.TURNOVER_RENT)).one()
    assert line.net_amount == D(10000) * 365 * D("0.08") - 12 * D(10000)


def test_without_marts_only_shops_that_need_them_are_held(session):
    mall = SmallMall(session)
    mall.lease(RENT)
    mall.lease(RENT, TURNOVER, POWER)
    result = mall.run()
    assert result.created == 1
    assert result.held[0].gates == (Gate.METER_COMPLETENESS, Gate.POS_DAYS)


def test_issued_bill_has_its_events_and_due_date(mall, session):
    mall.lease(RENT)
    mall.run()
    result = mall.issue()
    assert (result.issued, result.total) == (1, D("10900.00"))
    bill = session.scalars(sa.select(Bill)).one()
    assert (bill.state, bill.issued_at) == (BillState.ISSUED, NOW)
    assert bill.due_date == date(2026, 4, 11)
    events = session.scalars(sa.select(BillEvent).order_by(BillEvent.id)).all()
    assert [(event.event, event.to_state, event.actor) for event in events] == [
        ("SUBMIT", BillState.IN_REVIEW, "system"),
        ("ISSUE", BillState.ISSUED, "system"),
    ]
    assert mall.issue().issued == 0
    assert _count(session, BillEvent) == 2


def test_bill_with_nothing_to_pay_is_settled_at_issue(mall, session):
    mall.lease((C.RENT, K.FIXED_MONTHLY, {"amount": "10000", "factor": "0"}))
    mall.run()
    mall.issue()
    assert session.scalars(sa.select(Bill)).one().state is BillState.PAID


def test_sales_and_usage_list_shops_with_either(mall, session):
    sold, used, idle = (mall.lease(RENT) for _ in range(3))
    session.execute(
        sa.text("INSERT INTO marts.shop_months VALUES (:mall, :shop, :month, 12.50, 3, 0.5)"),
        {"mall": mall.mall.id, "shop": sold.shop_id, "month": MARCH},
    )
    mall.usage(used, D(10))
    first, second = list_sales_and_usage(session, mall_id=mall.mall.id, month=MARCH)
    assert (first.shop_code, first.net_sales, first.meters) == ("S1", D("12.50"), ())
    assert (second.shop_code, second.net_sales) == ("S2", None)
    (meter,) = second.meters
    assert (meter.consumption, meter.billed_consumption, meter.unit) == (10, 20, "kWh")
    only = list_sales_and_usage(
        session, mall_id=mall.mall.id, month=MARCH, shop_ids=[used.shop_id, idle.shop_id]
    )
    assert only == (second,)


def test_unknown_mall_is_refused(session):
    with pytest.raises(MallNotFound, match="no mall 999999"):
        run_bills(session, mall_id=999999, month=MARCH, now=NOW)


def test_runs_of_one_month_wait_for_each_other_and_a_killed_one_leaves_nothing(engine):
    with Session(engine) as session, session.begin():
        mall = SmallMall(session)
        mall.lease(RENT)
        mall_id = mall.mall.id
    with Session(engine) as killed:
        run_bills(killed, mall_id=mall_id, month=MARCH, now=NOW)
        with Session(engine) as other:
            other.execute(sa.text("SET lock_timeout = '200ms'"))
            with pytest.raises(psycopg.errors.LockNotAvailable):
                run_bills(other, mall_id=mall_id, month=MARCH, now=NOW)
        # The connection dies with its work undone, as when the process is killed.
        killed.connection().invalidate()
    with Session(engine) as session, session.begin():
        assert _count(session, Bill) == 0
        assert _count(session, BillRun) == 0
        assert run_bills(session, mall_id=mall_id, month=MARCH, now=NOW).created == 1
