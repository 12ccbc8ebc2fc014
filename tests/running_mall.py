"""A mall with leases that run, for tests of changes, renewals, deposits and of the calendar."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind
from domain.contracts import ContractState
from domain.lease_terms import ClauseDraft
from domain.malls import BusinessType
from services.operations import leasing
from services.operations.malls import register_mall, register_shop, register_unit
from storage.models import Contract, ContractClause, ContractEvent, ContractUnit, OutboxMessage

START, END = date(2026, 1, 1), date(2026, 12, 31)
NOW = datetime(2025, 12, 1, 2, tzinfo=UTC)
OFFICER, MANAGER, CLERK, CASHIER, TENANT = "zhou", "he", "lin", "qian", "tea@shop.example"


def at(day: date, hour: int = 4) -> datetime:
    """An instant of a day that is that day in Shanghai too."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def rent(
    amount: str, first: date = START, last: date | None = None, charge: ChargeType = ChargeType.RENT
) -> ClauseDraft:
    return ClauseDraft(charge, PricingKind.FIXED_MONTHLY, {"amount": amount}, first, last)


class RunningMall:
    """A mall with one shop, and short words for what people do with its leases."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.mall_id = register_mall(session, code="RUN", name="Running Mall")
        self.shop_id = register_shop(
            session,
            mall_id=self.mall_id,
            code="S01",
            name="Tea",
            business_type=BusinessType.CATERING,
        )
        self.unit_id = register_unit(
            session,
            mall_id=self.mall_id,
            code="L1-01",
            floor="L1",
            area_m2=Decimal("80.5"),
            opened_date=date(2020, 1, 1),
        )

    def draft(
        self,
        number: str = "C-1",
        *,
        start: date = START,
        end: date = END,
        clauses: Sequence[ClauseDraft] | None = None,
        now: datetime = NOW,
    ) -> int:
        return leasing.draft_contract(
            self.session,
            mall_id=self.mall_id,
            shop_id=self.shop_id,
            number=number,
            unit_ids=[self.unit_id],
            start_date=start,
            end_date=end,
            clauses=[rent("10000.00", start)] if clauses is None else clauses,
            actor=OFFICER,
            now=now,
            deposit_amount=Decimal("20000.00"),
        )

    def sign(self, contract_id: int, now: datetime = NOW) -> int:
        """From a draft to the shop's signature."""
        given = {"contract_id": contract_id, "now": now}
        leasing.submit_contract(self.session, actor=OFFICER, **given)
        leasing.approve_contract(self.session, actor=MANAGER, **given)
        leasing.send_contract(self.session, actor=OFFICER, **given)
        leasing.sign_contract(self.session, actor=TENANT, **given)
        return contract_id

    def lease(self, number: str = "C-1", **terms: object) -> int:
        """A lease that runs: signed, and active by the calendar."""
        contract_id = self.sign(self.draft(number, **terms))  # type: ignore[arg-type]
        self.move(self.contract(contract_id).start_date)
        return contract_id

    def move(self, day: date) -> leasing.LeaseMoves:
        return leasing.move_leases(self.session, mall_id=self.mall_id, day=day, now=at(day))

    def amend(
        self, contract_id: int, effective: date, clauses: Sequence[ClauseDraft], now: datetime
    ) -> int:
        """An amendment through all its steps."""
        change_id = leasing.propose_amendment(
            self.session,
            contract_id=contract_id,
            effective_date=effective,
            clauses=clauses,
            reason="new terms",
            actor=OFFICER,
            now=now,
        )
        leasing.approve_change(self.session, change_id=change_id, actor=MANAGER, now=now)
        leasing.send_change(self.session, change_id=change_id, actor=OFFICER, now=now)
        leasing.sign_change(self.session, change_id=change_id, actor=TENANT, now=now)
        return change_id

    def end_early(self, contract_id: int, last_day: date, now: datetime) -> int:
        change_id = leasing.propose_termination(
            self.session,
            contract_id=contract_id,
            last_day=last_day,
            reason="closing down",
            actor=OFFICER,
            now=now,
        )
        leasing.approve_change(self.session, change_id=change_id, actor=MANAGER, now=now)
        return change_id

    def contract(self, contract_id: int) -> Contract:
        return self.session.get_one(Contract, contract_id, populate_existing=True)

    def state(self, contract_id: int) -> ContractState:
        return self.contract(contract_id).state

    def events(self, contract_id: int) -> list[str]:
        return list(
            self.session.scalars(
                sa.select(ContractEvent.event)
                .where(ContractEvent.contract_id == contract_id)
                .order_by(ContractEvent.id)
            )
        )

    def standing(self, contract_id: int) -> list[tuple[str, date, date | None]]:
        """(amount, first, last) of the clauses that hold now."""
        rows = self.session.scalars(
            sa.select(ContractClause)
            .where(
                ContractClause.contract_id == contract_id, ContractClause.superseded_at.is_(None)
            )
            .execution_options(populate_existing=True)
        )
        charges = list(ChargeType)
        return [
            (row.parameters["amount"], row.valid_from, row.valid_to)
            for row in sorted(rows, key=lambda r: (r.valid_from, charges.index(r.charge_type)))
        ]

    def held_until(self, contract_id: int) -> date:
        """The first day on which the unit is free again."""
        return self.session.scalars(
            sa.select(sa.func.upper(ContractUnit.period)).where(
                ContractUnit.contract_id == contract_id, ContractUnit.is_held
            )
        ).one()

    def told(self, template: str) -> list[OutboxMessage]:
        return list(
            self.session.scalars(
                sa.select(OutboxMessage)
                .where(OutboxMessage.template == template)
                .order_by(OutboxMessage.id)
            )
        )
