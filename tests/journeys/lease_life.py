"""A mall whose clock the test moves: every day runs what the schedules of that day ask for."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from running_mall import MANAGER, OFFICER, TENANT, RunningMall
from sqlalchemy.orm import Session

from domain.bills import BillState
from domain.charges import ChargeType
from services.operations import leasing
from services.operations.billing import BillRunResult, issue_bills, run_bills
from services.operations.papers import Signer, send_amendment, send_for_signature, sign_paper
from services.operations.renewal_reminders import create_renewal_reminders
from storage.models import (
    Bill,
    BillLine,
    BillRun,
    ContractClause,
    ContractEvent,
    DepositEntry,
    OutboxMessage,
    User,
)
from storage.objects import FolderStore
from storage.settings import Settings

ZONE = ZoneInfo("Asia/Shanghai")
ONE_DAY = timedelta(days=1)
AFTER_MIDNIGHT, MORNING, NOON = time(0, 5), time(9), time(12)
# What runs add to; people add to it too, but not in `assert_nothing_new`.
KEPT = (Bill, BillLine, BillRun, ContractClause, ContractEvent, DepositEntry, OutboxMessage)


class LeaseLife(RunningMall):
    """The mall, the day it is, and what its people and its schedules do on it."""

    def __init__(self, session: Session, settings: Settings, today: date) -> None:
        super().__init__(session)
        self.settings = settings
        self.store = FolderStore(settings.state_dir / "objects")
        self.today = today
        user = User(email=TENANT, name="茶 Tea", fs_uniquifier="tea")
        session.add(user)
        session.flush()
        self.signer = Signer(user.id, user.name, user.email, "203.0.113.7", "a browser")

    @property
    def now(self) -> datetime:
        """Noon of the day, when people work."""
        return self.at(NOON)

    def at(self, hour: time) -> datetime:
        return datetime.combine(self.today, hour, ZONE).astimezone(UTC)

    # -- what runs by itself

    def pass_to(self, day: date, *, down: Collection[date] = frozenset()) -> None:
        """Let the days go by until `day`; on those that are `down` nothing runs."""
        while self.today < day:
            self.today += ONE_DAY
            if self.today not in down:
                self.run_day()

    def run_day(self) -> None:
        leasing.move_leases(
            self.session, mall_id=self.mall_id, day=self.today, now=self.at(AFTER_MIDNIGHT)
        )
        if self.today.day == 1:
            self.bill()
        create_renewal_reminders(
            self.session, mall_id=self.mall_id, day=self.today, now=self.at(MORNING)
        )

    def bill(self, *, dry_run: bool = False) -> BillRunResult:
        """The bills of the month before."""
        given: dict[str, Any] = {
            "mall_id": self.mall_id,
            "month": self.today.replace(day=1) - ONE_DAY,
            "now": self.at(AFTER_MIDNIGHT),
        }
        result = run_bills(self.session, dry_run=dry_run, **given)
        if not dry_run:
            issue_bills(self.session, actor="issued_bills", **given)
        return result

    def assert_nothing_new(self) -> None:
        """Another run of everything adds nothing, and a dry run of the bills says the same."""
        before = [self.count(table) for table in KEPT]
        dry = self.bill(dry_run=True)
        real = self.bill()
        assert (real.created, dry.created) == (0, 0)
        assert (dry.output_sha256, dry.total) == (real.output_sha256, real.total)
        self.run_day()
        assert [self.count(table) for table in KEPT] == before

    def count(self, table: type) -> int:
        return self.session.scalar(sa.select(sa.func.count()).select_from(table)) or 0

    # -- what people do

    def submit(self, contract_id: int) -> None:
        leasing.submit_contract(self.session, contract_id=contract_id, actor=OFFICER, now=self.now)

    def approve(self, contract_id: int) -> None:
        leasing.approve_contract(self.session, contract_id=contract_id, actor=MANAGER, now=self.now)

    def send_and_sign(self, contract_id: int) -> None:
        """The paper goes out sealed, and comes back with the shop's signature."""
        sent = send_for_signature(
            self.session,
            self.store,
            settings=self.settings,
            contract_id=contract_id,
            actor=OFFICER,
            now=self.now,
        )
        self.sign_sent(sent.paper_id)

    def sign_sent(self, paper_id: int) -> None:
        sign_paper(
            self.session,
            self.store,
            settings=self.settings,
            paper_id=paper_id,
            shop_ids={self.shop_id},
            signer=self.signer,
            now=self.now,
        )

    def bring_into_force(self, contract_id: int) -> None:
        """From a draft to both signatures."""
        self.submit(contract_id)
        self.approve(contract_id)
        self.send_and_sign(contract_id)

    def amend_on_paper(self, change_id: int) -> None:
        """From a proposal to both signatures under the amendment."""
        leasing.approve_change(self.session, change_id=change_id, actor=MANAGER, now=self.now)
        sent = send_amendment(
            self.session,
            self.store,
            settings=self.settings,
            change_id=change_id,
            actor=OFFICER,
            now=self.now,
        )
        self.sign_sent(sent.paper_id)

    # -- what came of it

    def billed(self, month: date) -> list[tuple[date, ChargeType, str]]:
        """(first day, charge, net) of the lines of a month's bills."""
        rows = self.session.execute(
            sa.select(BillLine.period_start, BillLine.charge_type, BillLine.net_amount)
            .join(Bill)
            .where(Bill.period_start == month, Bill.state != BillState.VOID)
            .order_by(Bill.number, BillLine.line_number)
        )
        return [(first, charge, str(net)) for first, charge, net in rows]
