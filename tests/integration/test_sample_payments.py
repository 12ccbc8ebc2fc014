"""The sample's shops pay what they owe, once."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.bills import BillState
from sample_mall import SampleMall, build_sample_mall, pay_bills
from storage.database import transaction
from storage.models import Allocation, Bill, Contract, Payment, Shop

MONTH = date(2026, 3, 1)
ISSUED_AT = datetime(2026, 3, 31, 16, 5, tzinfo=UTC)
SHOPS = ("S01", "S02", "S03", "S07")


@pytest.fixture
def mall(engine: sa.Engine) -> SampleMall:
    """The sample mall with an issued bill of 1,090.01 for each of SHOPS."""
    mall = build_sample_mall(engine, month=MONTH, now=ISSUED_AT)
    with transaction(engine) as session:
        for at, code in enumerate(SHOPS):
            shop = session.scalars(sa.select(Shop).where(Shop.code == code)).one()
            contract = session.scalars(sa.select(Contract).where(Contract.shop == shop)).one()
            session.add(
                Bill(
                    mall_id=mall.mall_id,
                    shop_id=shop.id,
                    contract_id=contract.id,
                    number=f"B-{at}",
                    state=BillState.ISSUED,
                    period_start=MONTH,
                    period_end=date(2026, 3, 31),
                    due_date=date(2026, 4, 11),
                    currency="CNY",
                    net_amount=Decimal("1000.01"),
                    tax_amount=Decimal("90.00"),
                    total_amount=Decimal("1090.01"),
                    issued_at=ISSUED_AT,
                )
            )
    return mall


def test_two_of_three_shops_pay_within_ten_days(engine: sa.Engine, mall: SampleMall) -> None:
    result = pay_bills(engine, mall=mall, month=MONTH, now=ISSUED_AT)
    assert (result.paid, result.existing) == (3, 0)
    assert result.total == Decimal("1090.01") * 2 + Decimal("545.01")
    with Session(engine) as session:
        states = dict(
            session.execute(
                sa.select(Shop.code, Bill.state).join(Bill.shop).order_by(Shop.code)
            ).all()
        )
        payments = session.scalars(sa.select(Payment)).all()
    assert states == {
        "S01": BillState.PAID,
        "S02": BillState.PAID,
        "S03": BillState.ISSUED,
        "S07": BillState.PARTIALLY_PAID,
    }
    for payment in payments:
        assert payment.entered_by != payment.confirmed_by
        assert date(2026, 4, 1) < payment.received_at.date() <= date(2026, 4, 11)


def test_second_time_pays_nothing(engine: sa.Engine, mall: SampleMall) -> None:
    pay_bills(engine, mall=mall, month=MONTH, now=ISSUED_AT)
    again = pay_bills(engine, mall=mall, month=MONTH, now=ISSUED_AT)
    assert (again.paid, again.existing, again.total) == (0, 3, Decimal(0))
    with Session(engine) as session:
        assert session.scalar(sa.select(sa.func.count(Payment.id))) == 3
        assert session.scalar(sa.select(sa.func.sum(Allocation.amount))) == Decimal("2725.03")
