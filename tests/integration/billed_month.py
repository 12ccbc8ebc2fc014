"""A small mall with one billed month: four shops, their sales in the marts, their bills.

S001 sold on all days, S002 (whose name begins like a formula) misses two days, S003 is let
and has a till that sent nothing at all, S004 is let and has no till.
"""

import json
from datetime import date, timedelta
from decimal import Decimal as D

import sqlalchemy as sa
from paper_samples import ISSUED, OCTOBER, bill_paper
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from domain.bills import BillState
from domain.contracts import ContractState
from domain.malls import BusinessType
from services.operations.malls import register_mall, register_shop, register_unit
from storage.models import (
    Allocation,
    Bill,
    BillLine,
    Contract,
    ContractUnit,
    Payment,
)

SHOPS = (
    ("S001", "喜悦书店", BusinessType.RETAIL, "120.50"),
    ("S002", "=cmd|' /C calc'!A0", BusinessType.CATERING, "80.00"),
    ("S003", "清风茶铺", BusinessType.CATERING, "50.00"),
    ("S004", "优护口腔", BusinessType.SERVICE, "30.00"),
)

MARTS = """
CREATE SCHEMA IF NOT EXISTS marts;
CREATE TABLE marts.shop_days (
    mall_id bigint, shop_id bigint, business_date date, net_sales numeric(14,2),
    transactions bigint, footfall_in bigint, footfall_out bigint, electricity_kwh numeric,
    water_m3 numeric, sales_expected int, sales_received int, footfall_expected int,
    footfall_received int, is_sales_complete bool
);
CREATE TABLE marts.mall_days (
    mall_id bigint, business_date date, net_sales numeric(14,2), transactions bigint,
    footfall_in bigint, footfall_out bigint, electricity_kwh numeric, water_m3 numeric,
    shops_expected int, shops_reporting int, sales_completeness numeric,
    footfall_completeness numeric
);
"""


def make_billed_month(session: Session) -> int:
    """Writes the mall, its marts and its bills; returns the mall's id."""
    mall_id = register_mall(
        session,
        code="M01",
        name="悦汇广场 Atrium Plaza",
        business_day_cutoff_hour=4,
        address="上海市浦东新区样例路 1 号",
    )
    for statement in MARTS.strip().split(";\n"):
        session.execute(sa.text(statement))
    for at, (code, name, kind, area) in enumerate(SHOPS, 1):
        unit_id = register_unit(
            session,
            mall_id=mall_id,
            code=f"1F-{at:02d}",
            floor="1F",
            area_m2=D(area),
            opened_date=date(2025, 1, 1),
        )
        shop_id = register_shop(session, mall_id=mall_id, code=code, name=name, business_type=kind)
        contract = Contract(
            mall_id=mall_id,
            shop_id=shop_id,
            number=f"C2026-{at:04d}",
            state=ContractState.ACTIVE,
            start_date=date(2026, 1, 1),
            end_date=date(2028, 12, 31),
        )
        session.add(contract)
        session.flush()
        session.add(
            ContractUnit(
                contract_id=contract.id,
                unit_id=unit_id,
                period=Range(date(2026, 1, 1), date(2029, 1, 1)),
            )
        )
        if at < 4:
            _sales(session, mall_id, shop_id, at)
        if at < 3:
            _bill(session, contract, at)
    register_unit(
        session,
        mall_id=mall_id,
        code="1F-09",
        floor="1F",
        area_m2=D("49.50"),
        opened_date=date(2025, 1, 1),
    )
    session.execute(
        sa.text(
            "INSERT INTO marts.mall_days (mall_id, business_date, footfall_in,"
            " footfall_completeness) SELECT :mall_id, day::date, 1000,"
            " CASE WHEN extract(day FROM day) IN (3, 8, 9, 10) THEN 0.5 ELSE 1 END"
            " FROM generate_series(CAST(:first AS date), CAST(:last AS date), '1 day') AS day"
        ),
        {"mall_id": mall_id, "first": OCTOBER.first, "last": OCTOBER.last},
    )
    session.flush()
    return mall_id


def _sales(session: Session, mall_id: int, shop_id: int, at: int) -> None:
    for day in range(31):
        is_missing = at == 3 or (at == 2 and day in (4, 5))
        session.execute(
            sa.text(
                "INSERT INTO marts.shop_days (mall_id, shop_id, business_date, net_sales,"
                " transactions, footfall_in, sales_expected, sales_received, is_sales_complete)"
                " VALUES (:mall_id, :shop_id, :day, :sales, :transactions, :entries, 1, :got,"
                " :complete)"
            ),
            {
                "mall_id": mall_id,
                "shop_id": shop_id,
                "day": OCTOBER.first + timedelta(days=day),
                "sales": None if is_missing else D("1000.10") * at,
                "transactions": None if is_missing else 20,
                "entries": 100,
                "got": 0 if is_missing else 1,
                "complete": not is_missing,
            },
        )


def _bill(session: Session, contract: Contract, at: int) -> None:
    paper = bill_paper()
    bill = Bill(
        mall_id=contract.mall_id,
        shop_id=contract.shop_id,
        contract_id=contract.id,
        number=f"B202610-{at:04d}",
        state=BillState.ISSUED,
        period_start=OCTOBER.first,
        period_end=OCTOBER.last,
        due_date=date(2026, 11, 11),
        currency="CNY",
        net_amount=paper.net_amount,
        tax_amount=paper.tax_amount,
        total_amount=paper.total_amount,
        issued_at=ISSUED,
    )
    bill.lines = [
        BillLine(
            line_number=line.line_number,
            charge_type=line.charge_type,
            period_start=line.period_start,
            period_end=line.period_end,
            quantity=line.quantity,
            unit=line.unit,
            net_amount=line.net_amount,
            tax_rate=line.tax_rate,
            tax_amount=line.tax_amount,
            total_amount=line.total_amount,
            derivation=json.loads(json.dumps(line.derivation)),
        )
        for line in paper.lines
    ]
    session.add(bill)
    session.flush()


def allocate(session: Session, number: str, amount: D) -> None:
    """A confirmed payment of `amount` that settles the bill so far."""
    bill = session.scalars(sa.select(Bill).where(Bill.number == number)).one()
    payment = Payment(
        mall_id=bill.mall_id,
        shop_id=bill.shop_id,
        method="BANK_TRANSFER",
        state="CONFIRMED",
        channel_transaction=f"T-{number}",
        amount=amount,
        currency="CNY",
        entered_by="lin",
        confirmed_by="wu",
        received_at=ISSUED + timedelta(days=3),
        confirmed_at=ISSUED + timedelta(days=3),
    )
    payment.allocations = [
        Allocation(bill_id=bill.id, amount=amount, allocated_at=ISSUED + timedelta(days=3))
    ]
    session.add(payment)
    session.flush()
