"""The steps of running leases, taken as the roles of Postgres that take them on the site."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal as D

import pytest
import sqlalchemy as sa
from running_mall import CASHIER, CLERK, MANAGER, OFFICER, START, TENANT, RunningMall, at, rent
from sqlalchemy.orm import Session

from domain.contract_changes import ChangeState
from domain.contracts import ContractState
from domain.deposits import DepositKind
from domain.renewals import RenewalState
from domain.scopes import Actor, ActorKind, Scope
from services.operations import leasing
from services.operations.leasing.running_errors import (
    ChangeNotFound,
    RenewalAlreadyAsked,
    RequestClosed,
)
from services.queries.settlements import final_settlement
from storage.context import context_key, set_context
from storage.database import create_engine
from storage.logins import Login, login_url
from storage.models import (
    Contract,
    ContractClause,
    ContractEvent,
    DepositEntry,
    OutboxMessage,
    RenewalRequest,
)
from storage.roles import Group
from storage.settings import Settings

JULY = date(2026, 7, 1)
NOW = at(date(2026, 3, 10))


class Site:
    """A running lease, and transactions as the site begins them."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self.settings = settings
        self.engines = {
            login: create_engine(login_url(settings, login))
            for login in (Login.STAFF, Login.TENANT)
        }
        with Session(engine) as session, session.begin():
            self.mall = RunningMall(session)
            self.contract_id = self.mall.lease()
            self.foreign_shop = self.mall.shop_id + 1

    @contextmanager
    def acting(self, group: Group, name: str, *, shop_id: int | None = None) -> Iterator[Session]:
        login = Login.TENANT if group is Group.SHOP else Login.STAFF
        scope = (
            Scope(shop_ids=frozenset({shop_id or self.mall.shop_id}))
            if group is Group.SHOP
            else Scope(mall_ids=frozenset({self.mall.mall_id}))
        )
        with Session(self.engines[login], expire_on_commit=False) as session, session.begin():
            set_context(
                session.connection().connection.driver_connection,  # type: ignore[arg-type]
                key=context_key(self.settings),
                role=group,
                scope=scope,
                actor=Actor(ActorKind.PERSON, name, 1, group.name),
                now=datetime.now(UTC),
            )
            yield session

    def amended(self) -> int:
        """An amendment that waits for the shop."""
        with self.acting(Group.OPERATION, OFFICER) as session:
            change_id = leasing.propose_amendment(
                session,
                contract_id=self.contract_id,
                effective_date=JULY,
                clauses=[rent("12000.00", JULY)],
                reason="new terms",
                actor=OFFICER,
                now=NOW,
            )
        with self.acting(Group.MANAGEMENT, MANAGER) as session:
            state = leasing.approve_change(session, change_id=change_id, actor=MANAGER, now=NOW)
            assert state is ChangeState.APPROVED
        with self.acting(Group.OPERATION, OFFICER) as session:
            leasing.send_change(session, change_id=change_id, actor=OFFICER, now=NOW)
        return change_id


@pytest.fixture
def site(engine: sa.Engine, settings: Settings) -> Iterator[Site]:
    site = Site(engine, settings)
    yield site
    for each in site.engines.values():
        each.dispose()


def test_shop_s_signature_puts_an_amendment_into_force(site: Site, engine: sa.Engine) -> None:
    change_id = site.amended()
    with site.acting(Group.SHOP, TENANT) as session:
        state = leasing.sign_change(session, change_id=change_id, actor=TENANT, now=NOW)
        assert state is ChangeState.IN_FORCE
    with Session(engine) as session:
        standing = session.execute(
            sa.select(ContractClause.parameters["amount"].astext, ContractClause.valid_from)
            .where(ContractClause.superseded_at.is_(None))
            .order_by(ContractClause.valid_from)
        ).all()
        assert standing == [("10000.00", START), ("12000.00", JULY)]
        contract = session.get_one(Contract, site.contract_id)
        assert (contract.version, contract.recompute_from) == (2, JULY)
        events = session.scalars(sa.select(ContractEvent.event).order_by(ContractEvent.id)).all()
        assert events[-1] == "AMENDMENT_SIGNED"
        told = session.scalars(
            sa.select(OutboxMessage.audience).where(OutboxMessage.template == "AMENDMENT_SIGNED")
        ).all()
        assert sorted(told) == ["OFFICER", "SHOP"]


def test_shop_declines_an_amendment(site: Site) -> None:
    change_id = site.amended()
    with site.acting(Group.SHOP, TENANT) as session:
        state = leasing.decline_change(
            session, change_id=change_id, comment="too dear", actor=TENANT, now=NOW
        )
        assert state is ChangeState.DECLINED


def test_another_shop_finds_no_amendment_to_sign(site: Site) -> None:
    change_id = site.amended()
    with (
        pytest.raises(ChangeNotFound),
        site.acting(Group.SHOP, TENANT, shop_id=site.foreign_shop) as session,
    ):
        leasing.sign_change(session, change_id=change_id, actor=TENANT, now=NOW)


def test_operation_takes_back_what_it_sent(site: Site) -> None:
    change_id = site.amended()
    with site.acting(Group.OPERATION, OFFICER) as session:
        state = leasing.withdraw_change(
            session, change_id=change_id, comment="a slip", actor=OFFICER, now=NOW
        )
        assert state is ChangeState.WITHDRAWN


def test_management_ends_a_lease_early(site: Site, engine: sa.Engine) -> None:
    last_day = date(2026, 8, 15)
    with site.acting(Group.OPERATION, OFFICER) as session:
        given = {"contract_id": site.contract_id, "actor": OFFICER, "now": NOW}
        first = leasing.propose_termination(session, last_day=JULY, reason="closing", **given)
    with site.acting(Group.MANAGEMENT, MANAGER) as session:
        leasing.reject_change(session, change_id=first, comment="later", actor=MANAGER, now=NOW)
    with site.acting(Group.OPERATION, OFFICER) as session:
        second = leasing.propose_termination(session, last_day=last_day, reason="closing", **given)
    with site.acting(Group.MANAGEMENT, MANAGER) as session:
        state = leasing.approve_change(session, change_id=second, actor=MANAGER, now=NOW)
        assert state is ChangeState.IN_FORCE
    with Session(engine) as session:
        contract = session.get_one(Contract, site.contract_id)
        assert contract.end_date == last_day
        assert contract.contract_units[0].period.upper == date(2026, 8, 16)


def test_shop_asks_for_renewal_and_operation_answers(site: Site, engine: sa.Engine) -> None:
    def ask() -> int:
        with site.acting(Group.SHOP, TENANT) as session:
            return leasing.ask_renewal(
                session, contract_id=site.contract_id, months=12, actor=TENANT, now=NOW
            )

    with site.acting(Group.SHOP, TENANT) as session:
        leasing.withdraw_renewal_request(session, request_id=ask(), actor=TENANT, now=NOW)
    with site.acting(Group.OPERATION, OFFICER) as session:
        leasing.refuse_renewal(session, request_id=ask(), answer="rebuilt", actor=OFFICER, now=NOW)
    ask()
    with site.acting(Group.OPERATION, OFFICER) as session:
        following = leasing.offer_renewal(
            session,
            contract_id=site.contract_id,
            number="C-2",
            end_date=date(2027, 12, 31),
            actor=OFFICER,
            now=NOW,
        )
    # The shop does not see the draft that answers it, and asks no second time all the same.
    with pytest.raises(RenewalAlreadyAsked):
        ask()
    with Session(engine) as session:
        states = session.scalars(sa.select(RenewalRequest.state).order_by(RenewalRequest.id)).all()
        assert states == [RenewalState.WITHDRAWN, RenewalState.REFUSED, RenewalState.OFFERED]
        assert session.get_one(Contract, following).state is ContractState.DRAFT


def test_finance_keeps_the_deposit_and_reads_the_settlement(site: Site, engine: sa.Engine) -> None:
    with site.acting(Group.FINANCE, CLERK) as session:
        entry_id = leasing.enter_deposit(
            session,
            contract_id=site.contract_id,
            kind=DepositKind.RECEIVED,
            amount=D("20000.00"),
            entry_date=START,
            actor=CLERK,
            now=NOW,
        )
    with site.acting(Group.FINANCE, CASHIER) as session:
        balance = leasing.confirm_deposit(session, entry_id=entry_id, actor=CASHIER, now=NOW)
        assert balance == D("20000.00")
        settlement = final_settlement(
            session, contract_id=site.contract_id, as_of=date(2026, 1, 31), now=NOW
        )
        assert settlement.to_refund == D("9100.00")
    with Session(engine) as session:
        assert session.scalars(sa.select(DepositEntry.confirmed_by)).all() == [CASHIER]


@pytest.mark.parametrize("event", ["ACTIVATE", "TERMINATE", "SEND", "RENEW", "AMENDMENT_SENT"])
def test_shop_writes_no_step_of_another_into_the_history(site: Site, event: str) -> None:
    def write(session: Session, taken: str) -> None:
        session.execute(
            sa.text(
                "INSERT INTO app.contract_events (contract_id, event, from_state, to_state, actor,"
                " role, occurred_at)"
                " VALUES (:lease, :event, 'ACTIVE', 'ACTIVE', 'x', 'SHOP', now())"
            ),
            {"lease": site.contract_id, "event": taken},
        )

    with (
        pytest.raises(sa.exc.ProgrammingError, match="row-level security"),
        site.acting(Group.SHOP, TENANT) as session,
    ):
        write(session, event)
    with site.acting(Group.SHOP, TENANT) as session:
        write(session, "RENEWAL_ASKED")


def test_shop_withdraws_its_wish_and_answers_it_not(site: Site) -> None:
    def to(session: Session, state: RenewalState) -> int:
        moved = sa.update(RenewalRequest).values(state=state)
        return session.connection().execute(moved).rowcount

    with site.acting(Group.SHOP, TENANT) as session:
        request_id = leasing.ask_renewal(
            session, contract_id=site.contract_id, months=12, actor=TENANT, now=NOW
        )
    for state in (RenewalState.OFFERED, RenewalState.REFUSED):
        with (
            pytest.raises(sa.exc.ProgrammingError, match="row-level security"),
            site.acting(Group.SHOP, TENANT) as session,
        ):
            to(session, state)
    with site.acting(Group.SHOP, TENANT) as session:
        assert to(session, RenewalState.WITHDRAWN) == 1
        # What is withdrawn is not touched again, and said to be closed.
        assert to(session, RenewalState.WITHDRAWN) == 0
        with pytest.raises(RequestClosed):
            leasing.withdraw_renewal_request(session, request_id=request_id, actor=TENANT, now=NOW)
