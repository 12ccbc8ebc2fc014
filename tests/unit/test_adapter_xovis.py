"""Xovis: versions 4 and 5 count flows in intervals; states, events and status do not count."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from adapter_checks import figures, moment, read, reasons
from adapter_samples import (
    XOVIS_4,
    XOVIS_4_EVENTS,
    XOVIS_5,
    XOVIS_LIVE,
    XOVIS_STATUS,
)

from domain.devices import Adapter
from services.adapters.decoded import Decoded, Unreadable
from services.adapters.refusals import Reason

SERIAL = "00005e00532a"


def xovis(body: dict[str, Any] | bytes) -> Decoded:
    return read(Adapter.XOVIS, body)


def v4(**measurement: Any) -> dict[str, Any]:
    changed = deepcopy(XOVIS_4)
    changed["content"]["element"][0]["measurement"][0].update(measurement)
    return changed


def v5(**record: Any) -> dict[str, Any]:
    changed = deepcopy(XOVIS_5)
    changed["logics_data"]["logics"][0]["records"][0].update(record)
    return changed


def test_lines_and_zones_of_version_4_in_one_push() -> None:
    decoded = xovis(XOVIS_4)
    assert figures(decoded) == [
        ("0", "fw", "footfall_in", "5"),
        ("0", "bw", "footfall_out", "3"),
    ]
    assert decoded.skipped == 1  # the zone's balance
    first = decoded.measurements[0]
    assert (first.serial, first.start) == (SERIAL, moment("2026-04-02T10:30:00Z"))
    assert first.end - first.start == timedelta(minutes=1)


def test_zone_that_counts_flows_is_counted() -> None:
    changed = deepcopy(XOVIS_4)
    changed["content"]["element"][1]["measurement"][0]["value"] = [{"label": "fw", "value": 9}]
    assert ("1", "fw", "footfall_in", "9") in figures(xovis(changed))


def test_records_of_version_5_count_and_balance_does_not() -> None:
    decoded = xovis(XOVIS_5)
    assert figures(decoded) == [
        ("2", "fw", "footfall_in", "4"),
        ("2", "bw", "footfall_out", "1"),
        ("2", "fw", "footfall_in", "0"),
    ]
    assert decoded.skipped == 1
    assert decoded.measurements[2].start == moment("2026-04-02T10:31:00Z")


def test_version_5_may_write_iso_times() -> None:
    changed = v5(**{"from": "2026-04-02T18:30:00+08:00", "to": "2026-04-02T18:31:00+08:00"})
    assert xovis(changed).measurements[0].start == moment("2026-04-02T10:30:00Z")


@pytest.mark.parametrize("info", ["absent", None, {}])
def test_push_that_names_no_sensor_is_left_to_the_key(info: Any) -> None:
    changed = deepcopy(XOVIS_5)
    if info == "absent":
        del changed["logics_data"]["sensor_info"]
    else:
        changed["logics_data"]["sensor_info"] = info
    decoded = xovis(changed)
    assert {m.serial for m in decoded.measurements} == {""}
    assert len(decoded.measurements) == 3


def test_unknown_label_waits_for_the_direction_map() -> None:
    decoded = xovis(v5(counts=[{"id": 9, "name": "fw-child", "value": 2}]))
    assert figures(decoded)[0] == ("2", "fw-child", "", "2")


def test_missing_value_is_not_zero() -> None:
    decoded = xovis(v4(value=[{"label": "fw", "value": None}, {"label": "bw", "value": 1}]))
    assert figures(decoded) == [("0", "bw", "footfall_out", "1")]


@pytest.mark.parametrize(
    ("body", "skipped"),
    [
        (XOVIS_LIVE, 2),
        (XOVIS_4_EVENTS, 2),
        (XOVIS_STATUS, 1),
        ({"sensor-time": {"time": "x"}, "sensor-info": {"serial-number": SERIAL}}, 1),
        ({"content": {}, "sensor-info": {"serial-number": SERIAL}}, 1),
    ],
)
def test_frame_that_counts_nothing_is_heard_and_skipped(body: dict[str, Any], skipped: int) -> None:
    decoded = xovis(body)
    assert (decoded.total, decoded.skipped, decoded.heard) == (skipped, skipped, {SERIAL})


def test_status_tells_how_far_the_clock_is_out() -> None:
    assert xovis(XOVIS_STATUS).clock_offset_seconds == {SERIAL: 0.0125}


@pytest.mark.parametrize("offset", ["absent", None])
def test_status_without_an_offset_tells_nothing_of_the_clock(offset: Any) -> None:
    changed = deepcopy(XOVIS_STATUS)
    details = changed["status_data"]["states"]["time"]["state"]["details"]
    if offset == "absent":
        del details["ntp_rms_offset"]
    else:
        details["ntp_rms_offset"] = offset
    assert xovis(changed).clock_offset_seconds == {}


@pytest.mark.parametrize(
    ("changed", "code", "place"),
    [
        (v4(to="2026-04-02T18:30:00+08:00"), Reason.BAD_INTERVAL, "element[0].measurement[0]"),
        (v4(**{"from": "noon"}), Reason.BAD_TIME, "element[0].measurement[0].from"),
        (v5(to=10**17), Reason.BAD_TIME, "logics[0].records[0].to"),
        (v5(to=10**40), Reason.BAD_TIME, "logics[0].records[0].to"),
        (v5(to=None), Reason.NOT_AN_OBJECT, "logics[0].records[0]"),
    ],
)
def test_record_at_an_impossible_time_is_refused_alone(
    changed: dict[str, Any], code: Reason, place: str
) -> None:
    decoded = xovis(changed)
    assert reasons(decoded) == [code]
    assert place in decoded.refusals[0].reason


@pytest.mark.parametrize(
    ("count", "code"),
    [
        ({"name": "fw", "value": 1.5}, Reason.BAD_NUMBER),
        ({"name": "fw", "value": "NaN"}, Reason.BAD_NUMBER),
        ({"name": "fw", "value": 10**13}, Reason.BAD_NUMBER),
        ({"value": 1}, Reason.MISSING_FIELD),
        ({"name": "", "value": 1}, Reason.MISSING_FIELD),
        ({"name": "f\nw", "value": 1}, Reason.BAD_TEXT),
        (5, Reason.NOT_AN_OBJECT),
    ],
)
def test_bad_count_is_refused_alone(count: object, code: Reason) -> None:
    decoded = xovis(v5(counts=[count, {"name": "bw", "value": 1}]))
    assert reasons(decoded) == [code]
    assert ("2", "bw", "footfall_out", "1") in figures(decoded)
    assert "logics[0].records[0].counts[0]" in decoded.refusals[0].reason


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", Reason.UNKNOWN_FORMAT),
        (b'{"logics_data":{"logics":7}}', Reason.UNKNOWN_FORMAT),
        (b'{"content":{"element":' + b"[" * 50_000, Reason.TOO_DEEP),
        (b'{"content":{"element":[]}', Reason.NOT_JSON),
        (b"PNG", Reason.NOT_JSON),
        (b'{"values":[' + b"{}," * 200_001 + b"{}]}", Reason.TOO_LARGE),
    ],
)
def test_what_is_no_push_is_unreadable(body: bytes, code: Reason) -> None:
    with pytest.raises(Unreadable) as caught:
        xovis(body)
    assert caught.value.problem.code == code
