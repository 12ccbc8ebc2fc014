"""Leases found, sorted, paged and laid out by state and by day; with many of them, too."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from lease_records import OFFICER, TODAY, Leases, write_leases, write_many
from sqlalchemy.orm import Session
from staff_mall import PEOPLE
from staff_site import StaffSite

from domain.contract_changes import ChangeKind, ChangeState
from domain.contracts import ContractState
from services.operations.malls import register_mall, register_shop
from services.queries.contract_lists import (
    CARDS,
    MANY,
    ContractFilter,
    ContractOrder,
    ListedContract,
    count_contracts,
    list_contracts,
    list_officers_in_charge,
    read_board,
)
from services.queries.critical_dates import (
    DateFilter,
    DateKind,
    count_kinds,
    list_dates,
    list_overdue,
    read_month,
)
from services.queries.keyset import Place
from storage.database import create_engine, transaction
from storage.models import Contract, ContractChange

_ADMIN, _MANAGEMENT, OPERATION, FINANCE = PEOPLE
APRIL = DateFilter(date(2026, 4, 1), date(2026, 4, 30))


@pytest.fixture(scope="module")
def mall(module_database_url: str) -> Iterator[tuple[Session, int, Leases]]:
    """Leases in every state; another mall beside with one of the same number."""
    engine = create_engine(module_database_url)
    with transaction(engine) as session:
        mall_id = register_mall(session, code="M01", name="南湖天街")
        leases = write_leases(session, mall_id)
        other = register_mall(session, code="M02", name="别处")
        write_leases(session, other)
    with Session(engine) as session:
        yield session, mall_id, leases
    engine.dispose()


def numbers(session: Session, mall_id: int, **wanted: object) -> list[str]:
    found = list_contracts(session, mall_id=mall_id, wanted=ContractFilter(**wanted))  # type: ignore[arg-type]
    return [one.number for one in found.items]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"search": "2026-10"}, 8),
        ({"search": "松风"}, 4),
        ({"search": "l-13"}, 1),
        ({"search": "%"}, 0),
        ({"states": frozenset({ContractState.ACTIVE})}, 3),
        ({"officer": OFFICER}, 4),
        ({"ends_from": date(2026, 5, 13), "ends_until": date(2026, 7, 5)}, 2),
    ],
)
def test_leases_are_narrowed_to_the_mall_and_what_is_asked(
    mall: tuple[Session, int, Leases], wanted: dict[str, object], expected: int
) -> None:
    session, mall_id, leases = mall
    found = numbers(session, mall_id, **wanted)
    assert len(found) == expected
    assert set(found) <= set(leases.ids)
    narrowed = ContractFilter(**wanted)  # type: ignore[arg-type]
    assert count_contracts(session, mall_id=mall_id, wanted=narrowed) == expected


@pytest.mark.parametrize("order", list(ContractOrder))
@pytest.mark.parametrize("is_descending", [False, True])
def test_pages_show_every_lease_once_in_order_forth_and_back(
    mall: tuple[Session, int, Leases], order: ContractOrder, is_descending: bool
) -> None:
    session, mall_id, leases = mall
    value = {
        ContractOrder.NUMBER: lambda one: one.number,
        ContractOrder.SHOP: lambda one: one.shop_code,
        ContractOrder.START: lambda one: one.start_date,
        ContractOrder.END: lambda one: one.end_date,
        ContractOrder.DEPOSIT: lambda one: one.deposit_amount,
    }[order]

    def page(**place: Place | None):  # type: ignore[no-untyped-def]
        return list_contracts(
            session,
            mall_id=mall_id,
            wanted=ContractFilter(),
            order=order,
            is_descending=is_descending,
            size=4,
            **place,  # type: ignore[arg-type]
        )

    seen: list[ListedContract] = []
    found = page()
    while True:
        seen += found.items
        if not found.has_next:
            break
        last = found.items[-1]
        found = page(after=Place(value(last), last.id))
    keys = [(value(one), one.id) for one in seen]
    assert keys == sorted(keys, reverse=is_descending)
    assert {one.id for one in seen} == set(leases.ids.values())
    assert len(seen) == len(leases.ids)
    first = found.items[0]
    before = page(before=Place(value(first), first.id))
    assert before.items == tuple(seen[-len(found.items) - 4 : -len(found.items)])


def test_lease_in_a_list_tells_its_units_and_its_days(mall: tuple[Session, int, Leases]) -> None:
    session, mall_id, _leases = mall
    rows = {
        one.number: one
        for one in list_contracts(session, mall_id=mall_id, wanted=ContractFilter()).items
    }
    ending = rows["HT-2023-201"]
    assert ending.unit_codes == ("5-008",)
    assert ending.days_left(TODAY) == 30
    assert ending.days_left(date(2026, 5, 13)) == 1
    assert ending.days_left(date(2026, 5, 14)) is None
    assert ending.days_to_start(TODAY) is None
    late = rows["HT-2026-104"]
    assert (late.days_left(TODAY), late.days_to_start(TODAY)) == (None, -4)
    assert rows["HT-2026-206"].is_renewal
    assert list_officers_in_charge(session, mall_id=mall_id) == (OFFICER,)


def test_board_has_a_column_for_each_state_with_what_presses_first(
    mall: tuple[Session, int, Leases],
) -> None:
    session, mall_id, _leases = mall
    columns = {
        column.state: column
        for column in read_board(session, mall_id=mall_id, wanted=ContractFilter())
    }
    assert list(columns) == list(ContractState)
    assert columns[ContractState.DRAFT].count == 2
    active = columns[ContractState.ACTIVE]
    assert [card.contract.number for card in active.cards] == [
        "HT-2023-201", "HT-2026-206", "HT-2024-202",
    ]  # fmt: skip
    assert [card.has_renewal_request for card in active.cards] == [True, False, False]
    assert [card.has_open_change for card in active.cards] == [False, False, True]
    drafts = columns[ContractState.DRAFT].cards
    assert [card.contract.number for card in drafts] == ["HT-2026-101", "HT-2026-102"]


def test_more_than_are_counted_are_many(database_url: str) -> None:
    engine = create_engine(database_url)
    with Session(engine) as session:
        mall_id = register_mall(session, code="M01", name="南湖天街")
        shop_id = register_shop(
            session, mall_id=mall_id, code="S-1", name="书店", business_type="RETAIL"
        )
        write_many(session, mall_id, shop_id, MANY)
        wanted = ContractFilter()
        assert count_contracts(session, mall_id=mall_id, wanted=wanted) == MANY
        write_leases(session, mall_id)
        session.add(
            Contract(
                mall_id=mall_id,
                shop_id=shop_id,
                number="NEWEST",
                state=ContractState.EXPIRED,
                start_date=date(2026, 1, 1),
                end_date=date(2026, 4, 1),
            )
        )
        session.flush()
        assert count_contracts(session, mall_id=mall_id, wanted=wanted) is None
        column = next(
            one
            for one in read_board(session, mall_id=mall_id, wanted=wanted)
            if one.state is ContractState.EXPIRED
        )
        assert column.count is None
        assert len(column.cards) == CARDS
        assert column.cards[0].contract.number == "NEWEST"
    engine.dispose()


def test_days_of_april_are_those_that_somebody_waits_for(
    mall: tuple[Session, int, Leases],
) -> None:
    session, mall_id, leases = mall
    found = [
        (one.day.day, one.kind.value, one.contract_number, one.item)
        for one in list_dates(session, mall_id=mall_id, wanted=APRIL)
    ]
    assert found == [
        (1, "START", "HT-2026-206", 0),
        (5, "END", "HT-2022-204", 0),
        (6, "REMINDER", "HT-2026-206", 90),
        (10, "START", "HT-2026-104", 0),
        (10, "CHANGE", "HT-2024-202", leases.change_id),
        (12, "START", "HT-2026-106", 0),
        (12, "PAPER", "HT-2026-106", leases.paper_id),
        (13, "REMINDER", "HT-2023-201", 30),
        (20, "START", "HT-2026-103", 0),
        (30, "START", "HT-2026-108", 0),
    ]
    # The step of 1 May is the rent's; what was superseded is no day.
    may = list_dates(
        session,
        mall_id=mall_id,
        wanted=DateFilter(date(2026, 5, 1), date(2026, 5, 31), frozenset({DateKind.RENT_STEP})),
    )
    assert [(one.day, one.contract_number) for one in may] == [(date(2026, 5, 1), "HT-2024-202")]


def test_month_and_list_and_counts_agree(mall: tuple[Session, int, Leases]) -> None:
    session, mall_id, _leases = mall
    whole = list_dates(session, mall_id=mall_id, wanted=APRIL)
    days = read_month(session, mall_id=mall_id, wanted=APRIL, per_day=1)
    assert sum(day.count for day in days.values()) == len(whole)
    assert days[date(2026, 4, 10)].count == 2
    assert [one.kind for one in days[date(2026, 4, 10)].dates] == [DateKind.START]
    assert sum(count_kinds(session, mall_id=mall_id, wanted=APRIL).values()) == len(whole)
    paged = list_dates(session, mall_id=mall_id, wanted=APRIL, size=4)
    rest = list_dates(session, mall_id=mall_id, wanted=APRIL, after=paged[-1].place)
    assert paged + rest == whole


def test_nobody_is_reminded_of_the_end_of_a_lease_that_another_follows(
    mall: tuple[Session, int, Leases],
) -> None:
    session, mall_id, leases = mall
    reminders = DateFilter(date(2026, 1, 1), date(2026, 12, 31), frozenset({DateKind.REMINDER}))

    def reminded() -> set[str]:
        found = list_dates(session, mall_id=mall_id, wanted=reminders)
        return {one.contract_number for one in found}

    before = reminded()
    assert "HT-2023-201" in before
    with session.begin_nested() as savepoint:
        session.execute(
            sa.update(Contract)
            .where(Contract.id == leases.ids["HT-2026-108"])
            .values(predecessor_id=leases.ids["HT-2023-201"])
        )
        assert reminded() == before - {"HT-2023-201"}
        savepoint.rollback()


def test_nobody_is_reminded_of_the_end_of_a_lease_that_was_ended_early(
    mall: tuple[Session, int, Leases],
) -> None:
    session, mall_id, leases = mall
    reminders = DateFilter(date(2026, 1, 1), date(2026, 12, 31), frozenset({DateKind.REMINDER}))

    def reminded() -> set[str]:
        found = list_dates(session, mall_id=mall_id, wanted=reminders)
        return {one.contract_number for one in found}

    before = reminded()
    assert "HT-2023-201" in before
    with session.begin_nested() as savepoint:
        session.add(
            ContractChange(
                contract_id=leases.ids["HT-2023-201"],
                number=9,
                kind=ChangeKind.TERMINATION,
                state=ChangeState.IN_FORCE,
                effective_date=date(2026, 5, 13),
                terms={},
                reason="x",
                proposed_by="x",
                proposed_at=datetime(2026, 3, 2, 2, tzinfo=UTC),
            )
        )
        session.flush()
        assert reminded() == before - {"HT-2023-201"}
        savepoint.rollback()


def test_overdue_is_what_should_have_been_decided_or_signed(
    mall: tuple[Session, int, Leases],
) -> None:
    session, mall_id, _leases = mall
    found = list_overdue(session, mall_id=mall_id, today=TODAY)
    assert [(one.kind, one.contract_number) for one in found] == [
        (DateKind.CHANGE, "HT-2024-202"),
        (DateKind.PAPER, "HT-2026-106"),
    ]
    assert list_overdue(session, mall_id=mall_id, today=date(2026, 4, 9)) == ()


def test_last_day_that_there_is_has_no_reminders_behind_it(
    mall: tuple[Session, int, Leases],
) -> None:
    session, mall_id, _leases = mall
    end = DateFilter(date.max - timedelta(days=1), date.max)
    assert list_dates(session, mall_id=mall_id, wanted=end) == ()


@pytest.fixture(scope="module")
def leases(staff_site: StaffSite) -> Leases:
    with transaction(staff_site.engine) as session:
        return write_leases(session, staff_site.mall.mall_id)


def test_board_leads_to_the_list_of_a_state(staff_site: StaffSite, leases: Leases) -> None:
    client = staff_site.client(FINANCE)
    page = client.get("/admin/contracts/board").text
    assert "should have begun 4 days ago" in page
    assert "30 days left" in page
    assert "wants to renew" in page
    assert "change waits" in page
    assert "/admin/contracts/?state=ACTIVE" in page
    assert "5 more" in page  # of thirteen that run
    only = client.get("/admin/contracts/?state=DECLINED").text
    assert "HT-2026-107" in only
    assert "HT-2026-106" not in only
    assert "1 contract" in only


def test_calendar_shows_the_days_of_the_mall(staff_site: StaffSite, leases: Leases) -> None:
    client = staff_site.client(OPERATION)
    page = client.get("/admin/contracts/calendar").text
    assert "April 2026" in page
    assert "30 days before the end" in page
    assert "is not signed and should hold from 2026-04-12" in page
    day = client.get("/admin/contracts/calendar?day=2026-04-10").text
    assert "HT-2026-104" in day
    assert "HT-2026-206" not in day
    ends = client.get("/admin/contracts/calendar?month=2026-04&kind=END&view=list").text
    assert "HT-2022-204" in ends
    assert "HT-2026-104" not in ends.partition("</section>")[2]


@pytest.mark.parametrize(
    "path",
    [
        "?sort=x&desc=1&after=~&before=1~2",
        "?after=2026-99-99~1&sort=end",
        "?after=NaN~1&sort=deposit",
        "?shop=99999999999999999999&state=NONE&ends_from=31.1.",
        "board?search=%25&officer=nobody",
        "calendar?month=2026-13&day=x&kind=NONE&after=a~b~c~d",
        "calendar?month=9999-12",
        "calendar?month=2000-01",
        "calendar?day=9999-12-31&after=9999-12-31~END~1~99999999999999999999",
    ],
)
def test_address_that_makes_no_sense_shows_the_page(staff_site: StaffSite, path: str) -> None:
    client = staff_site.client(OPERATION)
    assert client.get(f"/admin/contracts/{path}").status_code == 200


def test_list_is_taken_away_as_it_is_narrowed_and_sorted(
    staff_site: StaffSite, leases: Leases
) -> None:
    client = staff_site.client(OPERATION)
    answer = client.get("/admin/contracts/export/csv/?search=HT-2026&sort=end&desc=1")
    assert answer.status_code == 200
    lines = answer.data.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("Number,Shop,Name,State,Version,Units,First day,Last day")
    assert [line.split(",")[0] for line in lines[1:3]] == ["HT-2026-103", "HT-2026-101"]
    assert len(lines) == 1 + 9


def test_page_of_a_shop_answers_the_telephone(staff_site: StaffSite, leases: Leases) -> None:
    client = staff_site.client(OPERATION)
    asking = client.get(f"/admin/shops/details/?id={leases.shop_ids['HT-2023-201']}").text
    assert "The shop would like to stay for 24 months more, asked on 2026-03-02." in asking
    assert "希望续约两年" in asking
    assert "until 2026-05-13, 30 days left" in asking
    own = staff_site.client(FINANCE).get(f"/admin/shops/details/?id={staff_site.mall.shop_id}").text
    assert 'href="tel:13800000000"' in own
    assert f"/admin/messages/?shop={staff_site.mall.shop_id}" in own
    assert "Open bills" in own
    assert "of ¥50,000.00 agreed" in own
    assert "Open bills" not in asking
