"""Leases in every state for tests of their pages, written as their makers leave them.

Today is 14 April 2026 in the mall, as in staff_mall; ten leases that run stand there already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind
from domain.contract_changes import ChangeKind, ChangeState
from domain.contracts import ContractState
from domain.malls import BusinessType
from domain.signing import PaperState
from services.operations.malls import register_shop, register_unit
from storage.models import (
    Contract,
    ContractChange,
    ContractClause,
    ContractPaper,
    ContractUnit,
    RenewalRequest,
)

TODAY = date(2026, 4, 14)
OFFICER = "operation@example.org"
WRITTEN = datetime(2026, 3, 2, 2, tzinfo=UTC)
# number, state, first day, last day
LEASES = (
    ("HT-2026-101", ContractState.DRAFT, date(2026, 5, 1), date(2028, 4, 30)),
    ("HT-2026-102", ContractState.DRAFT, date(2026, 7, 1), date(2027, 6, 30)),
    ("HT-2026-103", ContractState.IN_REVIEW, date(2026, 4, 20), date(2029, 4, 19)),
    ("HT-2026-104", ContractState.APPROVED, date(2026, 4, 10), date(2027, 4, 9)),
    ("HT-2026-105", ContractState.REJECTED, date(2026, 6, 1), date(2027, 5, 31)),
    ("HT-2026-106", ContractState.SENT, date(2026, 4, 12), date(2028, 4, 11)),
    ("HT-2026-107", ContractState.DECLINED, date(2026, 5, 15), date(2027, 5, 14)),
    ("HT-2026-108", ContractState.SIGNED, date(2026, 4, 30), date(2028, 4, 29)),
    ("HT-2023-201", ContractState.ACTIVE, date(2023, 5, 14), date(2026, 5, 13)),
    ("HT-2024-202", ContractState.ACTIVE, date(2024, 5, 1), date(2027, 4, 30)),
    ("HT-2022-203", ContractState.EXPIRED, date(2022, 4, 1), date(2026, 3, 31)),
    ("HT-2022-204", ContractState.TERMINATED, date(2022, 4, 1), date(2026, 4, 5)),
    ("HT-2023-205", ContractState.RENEWED, date(2023, 4, 1), date(2026, 3, 31)),
    ("HT-2026-206", ContractState.ACTIVE, date(2026, 4, 1), date(2026, 7, 5)),
)


@dataclass(frozen=True)
class Leases:
    """Ids by number, and of the open change, the unsigned paper and the wish to renew."""

    ids: dict[str, int]
    shop_ids: dict[str, int]
    change_id: int
    paper_id: int
    request_id: int


def write_leases(session: Session, mall_id: int) -> Leases:
    ids, shops = {}, {}
    for at, (number, state, first, last) in enumerate(LEASES):
        shops[number] = register_shop(
            session,
            mall_id=mall_id,
            code=f"L-{at:02}",
            name=("青禾家居", "松风茶舍", "蓝鲸体育", "白鹿琴行")[at % 4] + str(at),
            business_type=BusinessType.RETAIL,
        )
        unit = register_unit(
            session,
            mall_id=mall_id,
            code=f"5-{at:03}",
            floor="5F",
            area_m2=Decimal(60 + at),
            opened_date=date(2020, 1, 1),
        )
        ids[number] = _lease(session, mall_id, shops[number], number, state, first, last, (unit,))
    session.execute(
        sa.update(Contract)
        .where(Contract.id == ids["HT-2026-206"])
        .values(predecessor_id=ids["HT-2023-205"])
    )
    session.add(
        _clause(ids["HT-2024-202"], date(2026, 5, 1), None, amount="12600", superseded=False)
    )
    session.add(
        _clause(ids["HT-2024-202"], date(2026, 4, 20), None, amount="13000", superseded=True)
    )
    change = ContractChange(
        contract_id=ids["HT-2024-202"],
        number=1,
        kind=ChangeKind.AMENDMENT,
        state=ChangeState.IN_REVIEW,
        effective_date=date(2026, 4, 10),
        terms={"ends": [], "begins": []},
        reason="增加外摆区",
        proposed_by=OFFICER,
        proposed_at=WRITTEN,
    )
    request = RenewalRequest(
        mall_id=mall_id,
        shop_id=shops["HT-2023-201"],
        contract_id=ids["HT-2023-201"],
        months=24,
        comment="希望续约两年",
        asked_by="shop@example.org",
        asked_at=WRITTEN,
    )
    paper = ContractPaper(
        mall_id=mall_id,
        shop_id=shops["HT-2026-106"],
        contract_id=ids["HT-2026-106"],
        version=1,
        contract_number="HT-2026-106",
        start_date=date(2026, 4, 12),
        end_date=date(2028, 4, 11),
        state=PaperState.SEALED,
        verify_code=f"7Q2M-4KXR-9TBV-{mall_id:04}",
        pages=6,
        object_key="documents/contracts/106.pdf",
        sha256="3" * 64,
        bytes=1,
        sealed_at=WRITTEN,
    )
    session.add_all([change, request, paper])
    session.flush()
    return Leases(ids, shops, change.id, paper.id, request.id)


def write_many(session: Session, mall_id: int, shop_id: int, count: int) -> None:
    """So many leases of one shop that are over, one a day."""
    for at in range(count):
        day = date(2015, 1, 1) + timedelta(days=at)
        session.add(
            Contract(
                mall_id=mall_id,
                shop_id=shop_id,
                number=f"OLD-{at:05}",
                state=ContractState.EXPIRED,
                start_date=day,
                end_date=day,
            )
        )
    session.flush()


def _lease(
    session: Session,
    mall_id: int,
    shop_id: int,
    number: str,
    state: ContractState,
    first: date,
    last: date,
    unit_ids: Sequence[int],
) -> int:
    contract = Contract(
        mall_id=mall_id,
        shop_id=shop_id,
        number=number,
        state=state,
        start_date=first,
        end_date=last,
        deposit_amount=Decimal("30000.00"),
        officer=OFFICER if number.endswith(("1", "3")) else "",
    )
    is_held = state not in (
        ContractState.DRAFT,
        ContractState.REJECTED,
        ContractState.DECLINED,
    )
    contract.contract_units = [
        ContractUnit(unit_id=unit, period=Range(first, last, bounds="[]"), is_held=is_held)
        for unit in unit_ids
    ]
    session.add(contract)
    session.flush()
    session.add(_clause(contract.id, first, None, amount="12000", superseded=False))
    session.flush()
    return contract.id


def _clause(
    contract_id: int, first: date, last: date | None, *, amount: str, superseded: bool
) -> ContractClause:
    return ContractClause(
        contract_id=contract_id,
        charge_type=ChargeType.RENT,
        pricing_kind=PricingKind.FIXED_MONTHLY,
        parameters={"amount": amount},
        valid_from=first,
        valid_to=last,
        recorded_at=WRITTEN,
        superseded_at=WRITTEN if superseded else None,
    )
