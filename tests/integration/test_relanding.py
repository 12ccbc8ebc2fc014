"""Refused rows are tried again: taken once, never before what is newer, and the rest says why."""

import gzip
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
import sqlalchemy as sa
import zstandard
from device_door import NOW, READING, Door
from sqlalchemy.orm import Session
from test_device_pushes import push, register, rows, sensor

from domain.devices import Adapter
from domain.scopes import Actor, ActorKind
from services.operations.device_directory import load_device_directory
from services.operations.landing import find_ready_files, load_file, parse_file
from services.operations.relanding import Settled, Taken, dismiss, judge, settle, take
from services.queries.waiting_sources import (
    SourceId,
    all_waiting_sources,
    get_source,
    sources_of_rows,
    sources_of_unknown,
)
from storage.models import Quarantined
from storage.objects import FolderStore
from webapp.api import connections
from webapp.api.connections import in_mall, own_connection

SERIAL = "00005e0053b1"
DESK = "li@example.org"


def again(door: Door, source: SourceId) -> tuple[Taken, Settled]:
    """As the page does it: written by the devices' login, released by the desk."""
    store: FolderStore = door.app.extensions["atrium"].store
    connection = own_connection(door.url)
    actor = Actor(ActorKind.PERSON, DESK)
    with Session(door.engine) as session, session.begin():
        kept = get_source(session, source, mall_id=door.mall_id)
        assert kept is not None
        with in_mall(connection, door.settings, mall_id=door.mall_id, actor=actor):
            (where,) = load_device_directory(connection, mall_id=door.mall_id).malls.values()
            judged = judge(kept, where=where, store=store, settings=door.settings)
            taken = take(connection, kept, judged, where=where)
        settled = settle(
            session, kept, taken, mall_id=door.mall_id, actor=DESK, now=NOW + timedelta(days=1)
        )
    return taken, settled


def waiting(door: Door) -> tuple[SourceId, ...]:
    with Session(door.engine) as session:
        return all_waiting_sources(session, mall_id=door.mall_id)


def of_unknown(door: Door, serial: str, adapter: str = "xovis") -> tuple[SourceId, ...]:
    with Session(door.engine) as session:
        return sources_of_unknown(session, mall_id=door.mall_id, adapter=adapter, serial=serial)


def values(door: Door) -> list[tuple[str, Decimal, datetime]]:
    return rows(door, "SELECT metric, value, received_at FROM ingest.readings ORDER BY metric")


def test_push_of_an_unknown_sensor_is_taken_once_it_is_registered(door: Door) -> None:
    push(door, "xovis", sensor((1, [("fw", 5), ("bw", 4)])))
    assert values(door) == []
    (source,) = of_unknown(door, SERIAL)
    assert of_unknown(door, "00005e0053b2") == of_unknown(door, SERIAL, "axis") == ()
    register(door, "xovis", "GATE", serial=SERIAL, channel="1")
    taken, settled = again(door, source)
    assert (taken.accepted, settled) == (2, Settled(released=2))
    # It counts as received when it came, and its dates wait for cleaning.
    assert values(door) == [
        ("footfall_in", Decimal(5), NOW),
        ("footfall_out", Decimal(4), NOW),
    ]
    assert rows(door, "SELECT cleaned_at FROM ingest.touched_dates") == [(None,)]
    assert rows(
        door, "SELECT DISTINCT released_at, released_by, release_note FROM ingest.quarantine"
    ) == [(NOW + timedelta(days=1), DESK, taken.note)]
    assert waiting(door) == ()
    # Once more: nothing waits, nothing is written, nothing doubled.
    taken, settled = again(door, source)
    assert (taken.accepted, taken.revised, settled) == (0, 0, Settled())
    assert len(values(door)) == 2
    assert rows(door, "SELECT count(*) FROM ingest.reading_revisions") == [(0,)]


def test_newest_received_wins_whatever_is_landed_last(door: Door) -> None:
    """Three pushes of one minute: the first and second wait, the third finds its device."""
    for value in (5, 6):
        push(door, "xovis", sensor((1, [("fw", value)])))
        door.clock.at += timedelta(minutes=1)
    register(door, "xovis", "GATE", serial=SERIAL, channel="1")
    door.clock.at += timedelta(minutes=1)
    # What the door remembers of the register is a second old at most.
    connections._directories.clear()
    assert push(door, "xovis", sensor((1, [("fw", 7)]))).json["accepted"] == 1
    newest = values(door)
    first, second = of_unknown(door, SERIAL)
    # In either order of trying.
    for source in (second, first):
        taken, settled = again(door, source)
        assert (taken.accepted, taken.revised, taken.earlier) == (0, 0, 1)
        assert settled == Settled(released=1)
    assert values(door) == newest
    kept = rows(door, "SELECT value, received_at FROM ingest.reading_revisions ORDER BY value")
    assert kept == [(Decimal(5), NOW), (Decimal(6), NOW + timedelta(minutes=1))]


def test_later_one_of_two_that_waited_stands(door: Door) -> None:
    for value in (5, 6):
        push(door, "xovis", sensor((1, [("fw", value)])))
        door.clock.at += timedelta(minutes=1)
    register(door, "xovis", "GATE", serial=SERIAL, channel="1")
    for source in of_unknown(door, SERIAL):
        again(door, source)
    assert [value for _metric, value, _at in values(door)] == [Decimal(6)]
    assert rows(door, "SELECT value FROM ingest.reading_revisions") == [(Decimal(5),)]


def test_row_that_is_refused_still_stays_with_the_reason_of_today(door: Door) -> None:
    push(door, "xovis", sensor((1, [("fw", 5), ("bw", 4)]), (2, [("fw", 9)])))
    register(door, "xovis", "TILL", kind="POS", feed_kind="EVENT", serial=SERIAL, channel="1")
    (source,) = of_unknown(door, SERIAL)
    taken, settled = again(door, source)
    assert (taken.accepted, settled) == (0, Settled(refused=3))
    assert rows(
        door,
        "SELECT reason_code, count(*), count(released_at) FROM ingest.quarantine"
        " GROUP BY reason_code ORDER BY reason_code",
    ) == [("UNKNOWN_DEVICE", 1, 0), ("WRONG_KIND", 2, 0)]
    # The second line is registered: it alone is taken.
    register(door, "xovis", "EAST", serial=SERIAL, channel="2")
    taken, settled = again(door, source)
    assert (taken.accepted, settled) == (1, Settled(released=1, refused=2))
    assert [value for _metric, value, _at in values(door)] == [Decimal(9)]


def test_reading_of_our_own_format_waits_for_its_code(door: Door) -> None:
    """Of three readings one was taken when it came: it is not touched."""
    door.post([{**READING, "device_id": "POS009"}, READING, {**READING, "data_type": "noise"}])
    (source,) = waiting(door)
    assert of_unknown(door, "POS009", Adapter.ATRIUM.value) == (source,)
    door.device("POS009", "POS", "EVENT")
    taken, settled = again(door, source)
    assert (taken.accepted, taken.duplicate, settled) == (1, 0, Settled(released=1, refused=1))
    assert [value for _metric, value, _at in values(door)] == [Decimal(1500), Decimal(1500)]


def test_transaction_that_waited_does_not_replace_a_newer_one(door: Door) -> None:
    from webapp.api.push_examples import PUSH_EXAMPLES

    example = next(one for one in PUSH_EXAMPLES if one.adapter is Adapter.TECHTRANS)
    push(door, "techtrans", example.body, Content_Type=example.content_type)
    device = register(
        door, "techtrans", "T-1", kind="POS", feed_kind="EVENT", serial="SHOP-A6", channel="01"
    )
    (source,) = waiting(door)
    taken, settled = again(door, source)
    assert (taken.accepted, settled.released) == (1, 1)
    sold = "SELECT device_id, received_at FROM ingest.till_transactions"
    assert rows(door, sold) == [(device, NOW)]
    with psycopg.connect(door.url) as connection:
        connection.execute(
            "UPDATE ingest.till_transactions SET gross_sales = gross_sales + 1,"
            " net_sales = net_sales + 1, received_at = %s",
            (NOW + timedelta(hours=1),),
        )
        connection.execute("UPDATE ingest.quarantine SET released_at = NULL")
    taken, settled = again(door, source)
    assert (taken.accepted, taken.earlier, settled.released) == (0, 1, 1)
    assert rows(door, sold) == [(device, NOW + timedelta(hours=1))]
    assert rows(door, "SELECT received_at FROM ingest.till_transaction_revisions") == [(NOW,)]


def test_dismissed_rows_stay_and_are_not_tried_again(door: Door) -> None:
    push(door, "xovis", sensor((1, [("fw", 5)])))
    with Session(door.engine) as session, session.begin():
        (row_id,) = session.scalars(sa.select(Quarantined.id))
        given = {"mall_id": door.mall_id, "row_ids": [row_id], "actor": DESK, "now": NOW}
        with pytest.raises(ValueError, match="why"):
            dismiss(session, reason=" ", **given)  # type: ignore[arg-type]
        assert dismiss(session, reason="a test push", **given) == 1  # type: ignore[arg-type]
        assert dismiss(session, reason="again", **given) == 0  # type: ignore[arg-type]
        assert sources_of_rows(session, mall_id=door.mall_id, row_ids=[row_id]) == ()
    assert rows(door, "SELECT release_note FROM ingest.quarantine") == [("a test push",)]
    register(door, "xovis", "GATE", serial=SERIAL, channel="1")
    taken, _settled = again(
        door, SourceId("batch", rows(door, "SELECT id FROM ingest.batches")[0][0])
    )
    assert taken.accepted == 0
    assert values(door) == []


def test_another_mall_s_rows_are_out_of_reach(door: Door) -> None:
    push(door, "xovis", sensor((1, [("fw", 5)])))
    (source,) = waiting(door)
    with Session(door.engine) as session, session.begin():
        (row_id,) = session.scalars(sa.select(Quarantined.id))
        other = door.mall_id + 1
        assert get_source(session, source, mall_id=other) is None
        assert sources_of_rows(session, mall_id=other, row_ids=[row_id]) == ()
        asked = {"row_ids": [row_id], "reason": "x", "actor": DESK, "now": NOW}
        assert dismiss(session, mall_id=other, **asked) == 0  # type: ignore[arg-type]


def test_devices_login_keeps_earlier_values_of_its_mall_only(door: Door) -> None:
    foreign = door.one("INSERT INTO app.malls (code, name) VALUES ('M2', 'x') RETURNING id")
    device = door.one(
        "INSERT INTO app.devices (mall_id, code, kind, feed_kind)"
        " VALUES (%s, 'X', 'POS', 'EVENT') RETURNING id",
        foreign,
    )
    connection = own_connection(door.url)
    actor = Actor(ActorKind.PERSON, DESK)
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="out of scope"),
        in_mall(connection, door.settings, mall_id=door.mall_id, actor=actor),
    ):
        connection.execute(
            "SELECT * FROM ingest.keep_earlier_readings(%s, '{sales}', %s, '{1}', '{GOOD}',"
            " %s, NULL, 1)",
            ([device], [datetime(2026, 1, 1, tzinfo=UTC)], NOW),
        )


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_packed_body_that_is_cut_off_says_so_again(door: Door, encoding: str) -> None:
    pack = {"gzip": gzip.compress, "zstd": zstandard.compress}[encoding]
    push(door, "xovis", pack(sensor((1, [("fw", 5)])))[:-9], Content_Encoding=encoding)
    (source,) = waiting(door)
    taken, settled = again(door, source)
    assert "cut off" in taken.problem
    assert (taken.accepted, settled.released) == (0, 0)
    assert values(door) == []


def test_row_of_a_file_is_taken_by_its_line_when_its_counter_is_registered(door: Door) -> None:
    """The other line of the file was taken when it landed."""
    store: FolderStore = door.app.extensions["atrium"].store
    lines = [
        "device_code,interval_start,interval_end,in,out",
        "FC-01,2026-01-16T02:00:00Z,2026-01-16T03:00:00Z,5,4",
        "FC-09,2026-01-16T02:00:00Z,2026-01-16T03:00:00Z,7,6",
    ]
    store.put("inbox/M1/footfall_hours/day.csv", "\n".join(lines).encode())
    with psycopg.connect(door.url, autocommit=True) as connection:
        (found,) = find_ready_files(store, now=NOW)
        directory = load_device_directory(connection)
        parsed = parse_file(store, found, directory=directory, now=NOW, settings=door.settings)
        load_file(connection, store, parsed, now=NOW)
    assert len(values(door)) == 2
    (source,) = of_unknown(door, "FC-09", Adapter.ATRIUM.value)
    assert source.kind == "file"
    door.device("FC-09", "FOOTFALL", "INTERVAL")
    taken, settled = again(door, source)
    assert (taken.accepted, taken.duplicate, settled) == (2, 0, Settled(released=1))
    assert sorted(value for _metric, value, _at in values(door)) == [4, 5, 6, 7]
