"""Accounts get one role, malls and shops; nobody locks the mall out of its own administration."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.malls import BusinessType
from domain.people import Role
from services.operations.malls import NotRegistered, register_mall, register_shop
from services.operations.people import (
    AccountNotFound,
    InvalidAccount,
    LastAdministrator,
    OwnAccount,
    activate_user,
    change_access,
    create_user,
    deactivate_user,
    rename_user,
)
from storage.database import transaction
from storage.models import User

NOW = datetime(2026, 4, 1, 2, tzinfo=UTC)


class People:
    """Two malls that have a shop of one code each, an administrator and a clerk."""

    def __init__(self, session: Session) -> None:
        for code in ("M1", "M2"):
            mall = register_mall(session, code=code, name=code)
            register_shop(
                session, mall_id=mall, code="S-1", name=code, business_type=BusinessType.OTHER
            )
        self.session = session
        self.admin = self.create("admin@example.org", Role.SUPER_ADMIN)
        self.clerk = self.create("clerk@example.org", Role.FINANCE, malls=["M1"])

    def create(self, email: str, role: Role, malls: list[str] | None = None, **terms) -> int:  # type: ignore[no-untyped-def]
        return create_user(
            self.session,
            email=email,
            name="",
            role=role,
            mall_codes=malls or [],
            password_hash=None,
            **terms,
        )

    def access(self, user_id: int) -> tuple[list[str], list[str], list[str]]:
        user = self.session.get_one(User, user_id, populate_existing=True)
        return (
            [role.name for role in user.roles],
            [mall.code for mall in user.malls],
            [f"{shop.mall.code}/{shop.code}" for shop in user.shops],
        )

    def ticket(self, user_id: int) -> str:
        """What the account's cookies refer to."""
        return self.session.scalars(sa.select(User.fs_uniquifier).where(User.id == user_id)).one()

    def events(self, user_id: int) -> list[str]:
        """Actions of the audit that are about an account, in order."""
        return list(
            self.session.scalars(
                sa.text(
                    "SELECT action FROM audit.pending WHERE subject_type = 'users'"
                    " AND subject_id = :id AND action !~ '^ROW_' ORDER BY id"
                ),
                {"id": str(user_id)},
            )
        )


@pytest.fixture
def people(session: Session) -> People:
    return People(session)


def test_new_role_replaces_the_old_one_and_ends_the_sessions(
    people: People, session: Session
) -> None:
    before = people.ticket(people.clerk)
    assert change_access(
        session,
        user_id=people.clerk,
        role=Role.OPERATION,
        mall_codes=["M2"],
        by=people.admin,
        now=NOW,
    )
    assert people.access(people.clerk) == (["OPERATION"], ["M2"], [])
    assert people.ticket(people.clerk) != before
    assert people.events(people.clerk) == ["ROLE_CHANGED"]


def test_same_access_again_ends_no_session(people: People, session: Session) -> None:
    before = people.ticket(people.clerk)
    assert not change_access(
        session, user_id=people.clerk, role=Role.FINANCE, mall_codes=["M1"], by=None, now=NOW
    )
    assert people.ticket(people.clerk) == before
    assert people.events(people.clerk) == []


def test_shop_of_one_code_in_two_malls_must_be_named_with_its_mall(people: People) -> None:
    with pytest.raises(InvalidAccount, match="several malls"):
        people.create("a@example.org", Role.SHOP, malls=["M1", "M2"], shop_codes=["S-1"])
    shop = people.create("a@example.org", Role.SHOP, malls=["M1", "M2"], shop_codes=["M2/S-1"])
    assert people.access(shop) == (["SHOP"], ["M2"], ["M2/S-1"])


def test_shop_of_a_mall_not_named_is_unknown(people: People) -> None:
    with pytest.raises(NotRegistered):
        people.create("a@example.org", Role.SHOP, malls=["M1"], shop_codes=["M2/S-1"])


def test_member_of_staff_belongs_to_no_shop(people: People, session: Session) -> None:
    with pytest.raises(InvalidAccount, match="not to shops"):
        change_access(
            session,
            user_id=people.clerk,
            role=Role.FINANCE,
            mall_codes=["M1"],
            shop_codes=["S-1"],
            by=people.admin,
            now=NOW,
        )


def test_last_administrator_stays(people: People, session: Session) -> None:
    with pytest.raises(LastAdministrator):
        change_access(session, user_id=people.admin, role=Role.MANAGEMENT, by=None, now=NOW)
    with pytest.raises(LastAdministrator):
        deactivate_user(session, user_id=people.admin, by=None, now=NOW)
    second = people.create("second@example.org", Role.SUPER_ADMIN, active=False)
    with pytest.raises(LastAdministrator):  # the other one is closed
        deactivate_user(session, user_id=people.admin, by=None, now=NOW)
    activate_user(session, user_id=second, now=NOW)
    deactivate_user(session, user_id=people.admin, by=second, now=NOW)
    with pytest.raises(LastAdministrator):
        deactivate_user(session, user_id=second, by=None, now=NOW)


def test_two_administrators_cannot_close_each_other_at_once(engine: sa.Engine) -> None:
    with transaction(engine) as session:
        pair = [
            create_user(
                session, email=f"{n}@example.org", name="", role=Role.SUPER_ADMIN,
                password_hash=None,
            )
            for n in "ab"
        ]  # fmt: skip
    both_began = threading.Barrier(2)

    def close(user_id: int, by: int) -> str:
        try:
            with transaction(engine) as session:
                session.execute(sa.text("SELECT 1"))
                both_began.wait(timeout=10)
                deactivate_user(session, user_id=user_id, by=by, now=NOW)
        except LastAdministrator:
            return "refused"
        return "closed"

    with ThreadPoolExecutor(2) as pool:
        found = sorted(pool.map(close, pair, reversed(pair)))
    assert found == ["closed", "refused"]


def test_nobody_demotes_or_closes_the_own_account(people: People, session: Session) -> None:
    people.create("second@example.org", Role.SUPER_ADMIN)
    with pytest.raises(OwnAccount):
        deactivate_user(session, user_id=people.admin, by=people.admin, now=NOW)
    with pytest.raises(OwnAccount):
        change_access(session, user_id=people.admin, role=Role.FINANCE, by=people.admin, now=NOW)
    assert people.access(people.admin)[0] == ["SUPER_ADMIN"]


def test_closed_account_is_kept_and_can_be_opened_again(people: People, session: Session) -> None:
    before = people.ticket(people.clerk)
    deactivate_user(session, user_id=people.clerk, by=people.admin, now=NOW)
    assert people.ticket(people.clerk) != before
    assert not session.get_one(User, people.clerk).active
    activate_user(session, user_id=people.clerk, now=NOW)
    assert session.get_one(User, people.clerk).active
    assert people.access(people.clerk) == (["FINANCE"], ["M1"], [])
    assert people.events(people.clerk) == ["ACCOUNT_DISABLED", "ACCOUNT_ENABLED"]


def test_name_and_language_are_corrected(people: People, session: Session) -> None:
    before = people.ticket(people.clerk)
    rename_user(session, user_id=people.clerk, name=" 周敏 ", locale="zh_CN")
    user = session.get_one(User, people.clerk)
    assert (user.name, user.locale) == ("周敏", "zh_CN")
    assert people.ticket(people.clerk) == before
    with pytest.raises(AccountNotFound):
        rename_user(session, user_id=0, name="x", locale="")
