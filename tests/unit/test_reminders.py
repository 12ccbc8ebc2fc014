"""The reminder schedule, quiet hours and retries."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.notifications import RETRY_AFTER, after_quiet_hours, is_quiet, retry_after
from domain.reminders import ReminderStep, newest_step

DUE = date(2026, 4, 11)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("day", "step"),
    [
        (date(2026, 4, 7), None),
        (date(2026, 4, 8), ReminderStep.T_MINUS_3),
        (date(2026, 4, 10), ReminderStep.T_MINUS_3),
        (date(2026, 4, 11), ReminderStep.T_0),
        (date(2026, 4, 12), ReminderStep.T_PLUS_1),
        (date(2026, 4, 17), ReminderStep.T_PLUS_1),
        (date(2026, 4, 18), ReminderStep.T_PLUS_7),
        (date(2026, 4, 26), ReminderStep.T_PLUS_15),
        (date(2026, 9, 1), ReminderStep.T_PLUS_15),
    ],
)
def test_newest_step_is_the_last_whose_day_has_come(day: date, step: ReminderStep | None) -> None:
    assert newest_step(DUE, day) is step


def test_daily_runs_meet_every_step_once_and_in_order() -> None:
    met = [newest_step(DUE, DUE + timedelta(days=offset)) for offset in range(-10, 40)]
    assert list(dict.fromkeys(met)) == [None, *ReminderStep]


def test_only_steps_after_the_due_date_speak_of_being_overdue() -> None:
    assert [step.is_overdue for step in ReminderStep] == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("local", "goes"),
    [
        ("2026-04-08T20:59:59", "2026-04-08T20:59:59"),
        ("2026-04-08T21:00:00", "2026-04-09T08:00:00"),
        ("2026-04-08T23:59:59", "2026-04-09T08:00:00"),
        ("2026-04-09T00:00:00", "2026-04-09T08:00:00"),
        ("2026-04-09T07:59:59", "2026-04-09T08:00:00"),
        ("2026-04-09T08:00:00", "2026-04-09T08:00:00"),
    ],
)
def test_quiet_hours_end_at_eight_in_the_malls_zone(local: str, goes: str) -> None:
    instant = datetime.fromisoformat(local).replace(tzinfo=SHANGHAI).astimezone(UTC)
    expected = datetime.fromisoformat(goes).replace(tzinfo=SHANGHAI)
    assert after_quiet_hours(instant, SHANGHAI) == expected
    assert is_quiet(instant, SHANGHAI) is (instant != expected)


def test_quiet_hours_end_at_eight_on_the_day_the_clocks_change() -> None:
    zone = ZoneInfo("Pacific/Auckland")
    night = datetime(2026, 4, 4, 22, tzinfo=zone)  # the clocks go back at three
    assert after_quiet_hours(night, zone).astimezone(zone).isoformat() == (
        "2026-04-05T08:00:00+12:00"
    )


def test_retries_wait_longer_each_time_and_end() -> None:
    waits = [retry_after(attempts) for attempts in range(1, 6)]
    assert waits == [*RETRY_AFTER, None]
    assert list(RETRY_AFTER) == sorted(RETRY_AFTER)
