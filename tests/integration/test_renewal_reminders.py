"""The ends of leases are told once each, whatever ran when."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa
from running_mall import END, RunningMall, at
from sqlalchemy.orm import Session

from services.operations import leasing
from services.operations.malls import NotRegistered
from services.operations.renewal_reminders import RenewalReminders, create_renewal_reminders
from storage.models import OutboxMessage

DAYS = {days: END - timedelta(days=days) for days in (90, 60, 30, 7)}


@pytest.fixture
def mall(session: Session) -> RunningMall:
    return RunningMall(session)


def remind(mall: RunningMall, day: date, now: datetime | None = None) -> RenewalReminders:
    return create_renewal_reminders(mall.session, mall_id=mall.mall_id, day=day, now=now or at(day))


def test_each_threshold_is_told_once_to_shop_and_officer(mall: RunningMall) -> None:
    contract_id = mall.lease()
    day = END - timedelta(days=120)
    written: dict[date, dict[int, int]] = {}
    while day <= END + timedelta(days=5):
        result = remind(mall, day)
        if result.created:
            written[day] = result.by_threshold
        assert remind(mall, day).created == 0
        day += timedelta(days=1)
    assert written == {day: {days: 2} for days, day in DAYS.items()}
    told = mall.told("RENEWAL_REMINDER")
    assert [message.dedupe_key for message in told[:2]] == [
        f"renewal-reminder/{contract_id}/90/2026-12-31/shop",
        f"renewal-reminder/{contract_id}/90/2026-12-31/officer",
    ]
    assert [message.parameters for message in told[::2]] == [
        {"days": 90}, {"days": 60}, {"days": 30}, {"days": 7},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("left", "expected"),
    [(91, {}), (89, {90: 2}), (45, {60: 2}), (30, {30: 2}), (20, {30: 2}), (3, {30: 2, 7: 2})],
)
def test_run_after_a_downtime_tells_the_newest_and_the_one_that_must_be(
    mall: RunningMall, left: int, expected: dict[int, int]
) -> None:
    mall.lease()
    assert remind(mall, END - timedelta(days=left)).by_threshold == expected


def test_lease_that_another_follows_is_not_told_of(mall: RunningMall) -> None:
    contract_id = mall.lease()
    following = leasing.offer_renewal(
        mall.session,
        contract_id=contract_id,
        number="C-2",
        end_date=date(2027, 12, 31),
        actor="zhou",
        now=at(DAYS[90]),
    )
    assert remind(mall, DAYS[90]).created == 2  # an offer is not a signature
    mall.sign(following, at(DAYS[60]))
    assert remind(mall, DAYS[60]).created == 0


def test_lease_that_ends_early_is_not_told_of(mall: RunningMall) -> None:
    contract_id = mall.lease()
    mall.end_early(contract_id, date(2026, 8, 31), at(date(2026, 6, 1)))
    assert remind(mall, date(2026, 8, 1)).created == 0


def test_lease_that_has_not_begun_or_is_over_is_not_told_of(mall: RunningMall) -> None:
    contract_id = mall.sign(mall.draft())
    assert remind(mall, DAYS[30]).created == 0
    mall.move(END)
    assert mall.state(contract_id) == "ACTIVE"
    assert remind(mall, END + timedelta(days=1)).created == 0


def test_reminder_waits_for_the_morning_and_lapses_with_the_lease(mall: RunningMall) -> None:
    mall.lease()
    night = datetime(2026, 12, 1, 14, tzinfo=UTC)  # 22:00 in Shanghai
    remind(mall, DAYS[30], night)
    message = mall.told("RENEWAL_REMINDER")[0]
    assert message.send_after == datetime(2026, 12, 2, 0, tzinfo=UTC)
    assert message.expires_at == datetime(2026, 12, 31, 16, tzinfo=UTC)


def test_runs_at_the_same_time_write_each_reminder_once(engine: sa.Engine) -> None:
    with Session(engine) as session, session.begin():
        mall = RunningMall(session)
        mall.lease()
    results: list[RenewalReminders] = []

    def run() -> None:
        with Session(engine) as session, session.begin():
            results.append(
                create_renewal_reminders(
                    session, mall_id=mall.mall_id, day=DAYS[60], now=at(DAYS[60])
                )
            )

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result.created for result in results) == 2
    with Session(engine) as session:
        reminders = sa.select(sa.func.count()).where(OutboxMessage.template == "RENEWAL_REMINDER")
        assert session.scalar(reminders) == 2


def test_unknown_mall_is_refused(session: Session) -> None:
    with pytest.raises(NotRegistered):
        create_renewal_reminders(session, mall_id=4711, day=END, now=at(END))
