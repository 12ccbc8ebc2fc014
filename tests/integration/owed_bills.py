"""Rows that tests of payments and reminders begin with: a shop that owes issued bills."""

from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from domain.bills import BillState
from domain.contracts import ContractState
from domain.malls import BusinessType
from services.operations.malls import register_mall, register_shop
from storage.models import Bill, Contract

ISSUED_AT = datetime(2026, 3, 31, 16, 5, tzinfo=UTC)


def make_shop(session: Session, *, mall_code: str = "TST", phone: str = "13800000001") -> Contract:
    """A mall, a shop and its contract (flushed)."""
    mall_id = register_mall(session, code=mall_code, name="Test Mall")
    shop_id = register_shop(
        session,
        mall_id=mall_id,
        code="S01",
        name="Tea",
        business_type=BusinessType.CATERING,
        contact_phone=phone,
    )
    contract = Contract(
        mall_id=mall_id,
        shop_id=shop_id,
        number="C-1",
        state=ContractState.ACTIVE,
        start_date=date(2026, 1, 1),
        end_date=date(2026, 12, 31),
    )
    session.add(contract)
    session.flush()
    return contract


def make_bill(
    session: Session,
    contract: Contract,
    *,
    month: int,
    due_date: date,
    total: str,
    state: BillState = BillState.ISSUED,
) -> Bill:
    """A bill of `contract` for a month of 2026 (flushed)."""
    bill = Bill(
        mall_id=contract.mall_id,
        shop_id=contract.shop_id,
        contract_id=contract.id,
        number=f"B2026{month:02d}-0001",
        state=state,
        period_start=date(2026, month, 1),
        period_end=date(2026, month, 28),
        due_date=due_date,
        currency="CNY",
        net_amount=Decimal(total),
        tax_amount=Decimal(0),
        total_amount=Decimal(total),
        issued_at=ISSUED_AT,
    )
    session.add(bill)
    session.flush()
    return bill
