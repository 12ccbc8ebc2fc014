"""Axis: pushes and old exports become the same counts; a counter that failed says nothing."""

from copy import deepcopy
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from adapter_checks import RECEIVED, figures, moment, read, reasons
from adapter_samples import AXIS_KEYED, AXIS_LIVE, AXIS_PUSH, AXIS_ROWS

from domain.devices import Adapter
from services.adapters.decoded import Decoded, Source, Unreadable
from services.adapters.refusals import Reason

ZURICH = Source(RECEIVED, ZoneInfo("Europe/Zurich"))


def axis(body: dict[str, Any] | bytes) -> Decoded:
    return read(Adapter.AXIS, body)


def push(**measurement: Any) -> dict[str, Any]:
    changed = deepcopy(AXIS_PUSH)
    changed["data"]["measurements"][0].update(measurement)
    return changed


def test_push_counts_all_people_once_by_utc() -> None:
    decoded = axis(AXIS_PUSH)
    assert figures(decoded) == [("", "in", "footfall_in", "12"), ("", "out", "footfall_out", "8")]
    assert decoded.heard == {"00005e00532a"}
    first = decoded.measurements[0]
    assert (first.start, first.end) == (
        moment("2026-04-02T10:15:00Z"),
        moment("2026-04-02T10:30:00Z"),
    )


def test_measurement_without_times_has_those_of_the_push() -> None:
    decoded = axis(push(utcFrom=None, utcTo=None))
    assert decoded.measurements[0].start == moment("2026-04-02T10:15:00Z")


def test_several_measurements_in_one_push_are_all_taken() -> None:
    changed = deepcopy(AXIS_PUSH)
    later = deepcopy(changed["data"]["measurements"][0])
    later.update(utcFrom="2026-04-02T10:30:00Z", utcTo="2026-04-02T10:45:00Z")
    changed["data"]["measurements"] += [later, {"kind": "dwell", "items": 5, "utcFrom": 1}]
    decoded = axis(changed)
    assert len(decoded.measurements) == 4
    # What is broken in a way that even its kind cannot be told is refused.
    assert len(decoded.refusals) == 1


def test_another_kind_is_skipped() -> None:
    decoded = axis(push(kind="occupancy"))
    assert (decoded.total, decoded.skipped) == (1, 1)


@pytest.mark.parametrize("missing", [None, "-", "−", ""])
def test_missing_count_is_not_zero(missing: object) -> None:
    decoded = axis(
        push(items=[{"direction": "in", "count": missing}, {"direction": "out", "count": 0}])
    )
    assert figures(decoded) == [("", "out", "footfall_out", "0")]
    assert decoded.skipped == 1


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"direction": "up", "count": 1}, Reason.UNKNOWN_METRIC),
        ({"count": 1}, Reason.MISSING_FIELD),
        ({"direction": "in", "count": 1.5}, Reason.BAD_NUMBER),
        ({"direction": "in", "count": "many"}, Reason.BAD_NUMBER),
        ({"direction": "in", "count": True}, Reason.BAD_NUMBER),
        ({"direction": "in", "count": 10**400}, Reason.BAD_NUMBER),
        (7, Reason.NOT_AN_OBJECT),
    ],
)
def test_bad_item_is_refused_alone(item: object, code: Reason) -> None:
    decoded = axis(push(items=[item, {"direction": "out", "count": 3}]))
    assert figures(decoded) == [("", "out", "footfall_out", "3")]
    assert reasons(decoded) == [code]
    assert "data.measurements[0].items[0]" in decoded.refusals[0].reason


def test_interval_that_ends_before_it_begins_is_refused() -> None:
    assert reasons(axis(push(utcTo="2026-04-02T10:00:00Z"))) == [Reason.BAD_INTERVAL]


def test_push_without_a_serial_is_left_to_the_key() -> None:
    changed = deepcopy(AXIS_PUSH)
    del changed["sensor"]
    assert {m.serial for m in axis(changed).measurements} == {""}


def test_keyed_export_takes_its_length_from_the_shortest_step() -> None:
    decoded = axis(AXIS_KEYED)
    assert [(m.label, int(m.value)) for m in decoded.measurements] == [
        ("in", 12),
        ("out", 8),
        ("in", 0),
        ("out", 1),
    ]
    assert decoded.skipped == 2  # null and "-"
    assert {m.end - m.start for m in decoded.measurements} == {timedelta(minutes=15)}
    assert decoded.measurements[0].start == moment("2026-04-02T10:15:00Z")
    assert decoded.heard == {"00005e00532b"}


def test_single_row_needs_its_resolution_stated() -> None:
    alone = {"serial": "00005E00532B", "data": {"20260402000000": [900, 880]}}
    decoded = axis(alone)
    assert reasons(decoded) == [Reason.BAD_INTERVAL]
    assert '"res"' in decoded.refusals[0].reason
    day = axis({**alone, "res": "24h"}).measurements[0]
    assert day.end - day.start == timedelta(days=1)


def test_day_of_a_clock_change_has_its_own_length() -> None:
    body = {"serial": "A", "res": "24h", "data": {"20260329000000": [1, 1]}}
    day = read(Adapter.AXIS, body, ZURICH).measurements[0]
    assert day.end - day.start == timedelta(hours=23)


def test_hour_before_a_clock_change_ends_with_it() -> None:
    hour = {"start": "2026-03-29 01:00:00", "end": "2026-03-29 02:00:00", "in": 1, "out": 1}
    inside = {"start": "2026-03-29 02:30:00", "end": "2026-03-29 03:30:00", "in": 1, "out": 1}
    decoded = read(Adapter.AXIS, {"serial": "A", "data": [hour, inside]}, ZURICH)
    assert [m.end for m in decoded.measurements] == [moment("2026-03-29T01:00:00Z")] * 2
    assert reasons(decoded) == [Reason.BAD_TIME]
    keyed = {"serial": "A", "data": {"20260329000000": [1, 1], "20260329010000": [1, 1]}}
    ends = {m.end for m in read(Adapter.AXIS, keyed, ZURICH).measurements}
    assert ends == {moment("2026-03-29T00:00:00Z"), moment("2026-03-29T01:00:00Z")}


@pytest.mark.parametrize(
    ("row", "code"),
    [([1], Reason.NOT_AN_OBJECT), ([1, 2, 3], Reason.NOT_AN_OBJECT), ("x", Reason.NOT_AN_OBJECT)],
)
def test_row_of_another_width_is_refused(row: object, code: Reason) -> None:
    changed = deepcopy(AXIS_KEYED)
    changed["data"]["20260402181500"] = row
    decoded = axis(changed)
    assert reasons(decoded) == [code]
    assert len(decoded.measurements) == 2


def test_key_that_is_no_time_is_refused() -> None:
    changed = deepcopy(AXIS_KEYED)
    changed["data"]["yesterday"] = [1, 1]
    assert reasons(axis(changed)) == [Reason.BAD_TIME]


def test_rows_of_a_failed_counter_are_missing() -> None:
    decoded = axis(AXIS_ROWS)
    assert [(m.label, int(m.value)) for m in decoded.measurements] == [("in", 40), ("out", 37)]
    assert decoded.skipped == 2
    assert decoded.measurements[0].start == moment("2026-04-02T10:00:00Z")


def test_running_total_is_heard_and_skipped() -> None:
    decoded = axis(AXIS_LIVE)
    assert (decoded.total, decoded.skipped, decoded.heard) == (1, 1, {"00005e00532b"})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"[]", Reason.UNKNOWN_FORMAT),
        (b"{}", Reason.UNKNOWN_FORMAT),
        (b'{"data":5}', Reason.UNKNOWN_FORMAT),
        (b'{"data":' + b"[" * 100_000, Reason.TOO_DEEP),
        (b'{"error":{"message":"Validation failed"}}', Reason.DEVICE_ERROR),
        (b"<xml/>", Reason.NOT_JSON),
        (b'{"serial":"a\\u0000b","data":[]}', Reason.BAD_TEXT),
        (b'{"data":[' + b"0," * 2_000_001 + b"0]}", Reason.TOO_LARGE),
        (b'{"data":[' + b"0," * 200_001 + b"0]}", Reason.TOO_LARGE),
        (b'{"serial":"\xff"}', Reason.BAD_TEXT),
    ],
)
def test_what_is_no_push_is_unreadable(body: bytes, code: Reason) -> None:
    with pytest.raises(Unreadable) as caught:
        axis(body)
    assert caught.value.problem.code == code
