"""How much a key may send, when it was last used, and what both leave alone."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from device_door import NOW, READING, Door, problem
from hypothesis import given
from hypothesis import strategies as st
from test_signed_calls import post, signed

from services.operations.device_keys import rotate_device_key
from storage.database import transaction
from webapp.api.quota import Quota


@pytest.fixture
def small(door: Door) -> Door:
    """A door where a key may send 3 calls and 2,000 bytes a minute."""
    door.app.extensions["atrium_device_quota"] = Quota(calls_per_minute=3, bytes_per_minute=2_000)
    return door


def readings(door: Door) -> int:
    return door.one("SELECT count(*) FROM ingest.readings")


def test_call_beyond_the_quota_is_refused_unkept_and_taken_when_it_waited(small: Door) -> None:
    def at(second: int) -> dict:
        return {**READING, "timestamp": f"2026-01-16T14:30:{second:02}Z"}

    for second in range(3):
        assert small.post(at(second)).status_code == 200
    response = small.post(at(3))
    document = problem(response, 429, "quota")
    assert "nothing of this call was kept" in document["detail"]
    wait = int(response.headers["Retry-After"])
    assert (wait, readings(small)) == (20, 3)
    assert small.one("SELECT count(*) FROM ingest.quarantine") == 0
    small.clock.at = NOW + timedelta(seconds=wait - 1)
    problem(small.post(at(3)), 429, "quota")
    small.clock.at = NOW + timedelta(seconds=wait)
    assert small.post(at(3)).json["accepted"] == 1


def test_bytes_are_counted_too(small: Door) -> None:
    body = json.dumps(READING).encode() + b" " * 1_500
    assert small.post(body).status_code == 200
    response = small.post(body)
    problem(response, 429, "quota")
    assert 30 < int(response.headers["Retry-After"]) < 40


def test_body_beyond_the_quota_is_not_read(small: Door) -> None:
    for _ in range(3):
        small.post(READING)
    problem(small.post(READING, Content_Digest="sha-256=:AAAA:"), 429, "quota")


def test_each_key_has_its_own_quota(small: Door) -> None:
    for _ in range(3):
        small.post(READING)
    problem(small.post(READING), 429, "quota")
    assert small.post(READING, key=small.make_key(None)).status_code == 200


def test_only_proven_calls_count_for_a_key(small: Door) -> None:
    """Whoever knows a key's public id cannot use up its quota."""
    wrong = small.key.split("_")[0] + "_wrong"
    for _ in range(5):
        problem(small.post(READING, key=wrong), 401, "wrong-key")
        problem(post(small, signed(small, body=b"other")), 401, "wrong-signature")
    for _ in range(3):
        assert post(small, signed(small)).status_code == 200
    problem(post(small, signed(small)), 429, "quota")
    assert small.one("SELECT count(*) FROM ingest.signed_calls") == 3


def test_settings_set_the_quota(door: Door) -> None:
    door.post(READING)
    quota = door.app.extensions["atrium_device_quota"]
    assert quota.calls_per_minute == door.settings.api_key_calls_per_minute == 600
    assert quota.bytes_per_minute == door.settings.api_key_bytes_per_minute == 64 * 1024 * 1024


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 3_000)), max_size=40))
def test_no_key_sends_more_than_a_burst_and_its_rate(calls: list[tuple[float, int]]) -> None:
    """And who waits as long as it is told is never refused."""
    quota = Quota(calls_per_minute=6, bytes_per_minute=1_000)
    now = start = datetime(2026, 1, 1, tzinfo=UTC)
    taken = sent = 0
    for pause, length in calls:
        now += timedelta(seconds=pause)
        wait = quota.take(1, length, now)
        assert quota.wait(2, length, now) == 0
        if wait:
            now += timedelta(seconds=wait)
            assert quota.take(1, length, now) == 0
        taken, sent = taken + 1, sent + length
        minutes = (now - start).total_seconds() / 60
        assert taken <= 6 + 6 * minutes + 1e-6
        # A single call may be larger than a minute's worth, once what is owed is paid.
        assert sent <= 1_000 + 1_000 * minutes + max(0, length - 1_000) + 1e-3


def test_clock_that_is_set_back_fills_nothing_and_stops_nobody() -> None:
    quota = Quota(calls_per_minute=1, bytes_per_minute=1_000)
    assert quota.take(1, 10, NOW) == 0
    assert quota.take(1, 10, NOW - timedelta(hours=1)) == 60
    assert quota.take(1, 10, NOW - timedelta(minutes=59)) == 0


def test_last_use_is_written_at_most_once_a_minute(door: Door) -> None:
    used = "SELECT last_used_at FROM app.device_keys"
    assert door.one(used) is None
    door.post(READING, key=door.key.split("_")[0] + "_wrong")
    assert door.one(used) is None
    door.post(b"[{")
    assert door.one(used) == NOW
    door.clock.at = NOW + timedelta(seconds=59)
    door.post(READING)
    assert door.one(used) == NOW
    door.clock.at = NOW + timedelta(seconds=60)
    door.post(READING)
    assert door.one(used) == NOW + timedelta(seconds=60)


def test_both_keys_open_while_one_replaces_the_other(door: Door) -> None:
    with transaction(door.engine) as session:
        successor = rotate_device_key(
            session, public_id=door.key.split("_")[0], overlap=timedelta(hours=2), now=NOW
        )
    assert door.post(READING).status_code == 200
    assert door.post(READING, key=successor).status_code == 200
    door.clock.at = NOW + timedelta(hours=2)
    problem(door.post(READING), 401, "wrong-key")
    assert door.post(READING, key=successor).status_code == 200


def test_key_opens_nothing_from_the_moment_it_expires(door: Door) -> None:
    key = door.make_key(None, expires_at=NOW + timedelta(days=1))
    assert door.post(READING, key=key).status_code == 200
    door.clock.at = NOW + timedelta(days=1)
    problem(door.post(READING, key=key), 401, "wrong-key")


def test_maintenance_is_a_person_s_word_and_stays(door: Door) -> None:
    door.one("UPDATE app.devices SET status = 'MAINTENANCE' RETURNING 1")
    door.post(READING)
    state = "SELECT status || ' ' || (last_seen_at IS NOT NULL) FROM app.devices WHERE code = %s"
    assert door.one(state, "POS001") == "MAINTENANCE true"
