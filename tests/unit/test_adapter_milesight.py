"""Milesight: of three ways to count the same people, one counts."""

from copy import deepcopy
from typing import Any

import pytest
from adapter_checks import figures, moment, read, reasons
from adapter_samples import MILESIGHT, MILESIGHT_TRIGGER

from domain.devices import Adapter
from services.adapters.decoded import Decoded, Unreadable
from services.adapters.refusals import Reason

FIRST, SECOND = (line["line_uuid"] for line in MILESIGHT["line_periodic_data"])


def milesight(body: dict[str, Any] | bytes) -> Decoded:
    return read(Adapter.MILESIGHT, body)


def with_line(**fields: Any) -> dict[str, Any]:
    changed = deepcopy(MILESIGHT)
    line = changed["line_periodic_data"][0]
    for name, value in fields.items():
        if value is ...:
            del line[name]
        else:
            line[name] = value
    return changed


def test_lines_count_in_the_interval_and_running_totals_do_not() -> None:
    decoded = milesight(MILESIGHT)
    assert figures(decoded) == [
        (FIRST, "in", "footfall_in", "6"),
        (FIRST, "out", "footfall_out", "4"),
        (SECOND, "in", "footfall_in", "0"),
        (SECOND, "out", "footfall_out", "2"),
    ]
    assert decoded.skipped == 1
    assert decoded.heard == {"6500B00000000042"}
    assert decoded.measurements[0].start == moment("2026-04-02T10:15:00Z")
    assert decoded.measurements[0].end == moment("2026-04-02T10:30:00Z")


def test_crossings_are_heard_and_skipped() -> None:
    decoded = milesight(MILESIGHT_TRIGGER)
    assert (decoded.total, decoded.skipped, len(decoded.heard)) == (1, 1, 1)


def test_status_report_is_heard_and_skipped() -> None:
    decoded = milesight({"device_info": {"device_sn": "6500"}, "region_data": {"x": [1]}})
    assert (decoded.total, decoded.skipped, decoded.heard) == (1, 1, {"6500"})


def test_line_without_a_uuid_goes_by_its_number() -> None:
    assert figures(milesight(with_line(line_uuid=...)))[0][0] == "1"


def test_older_firmware_writes_counts_without_total() -> None:
    decoded = milesight(with_line(total=..., **{"in": 3, "out": 1}))
    assert [value for *_, value in figures(decoded)[:2]] == ["3", "1"]


def test_device_without_a_serial_goes_by_its_mac() -> None:
    changed = deepcopy(MILESIGHT)
    del changed["device_info"]["device_sn"]
    assert milesight(changed).heard == {"00005e00532a"}


def test_missing_count_is_not_zero() -> None:
    decoded = milesight(with_line(total={"in": None, "out": 4}))
    assert figures(decoded)[0] == (FIRST, "out", "footfall_out", "4")
    assert decoded.skipped == 2


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"total": {"in": "x", "out": 4}}, Reason.BAD_NUMBER),
        ({"total": {"in": -0.5, "out": 4}}, Reason.BAD_NUMBER),
        ({"total": ...}, Reason.MISSING_FIELD),
        ({"total": 5}, Reason.NOT_AN_OBJECT),
        ({"line_uuid": ..., "line": ...}, Reason.MISSING_FIELD),
    ],
)
def test_bad_line_is_refused_alone(fields: dict[str, Any], code: Reason) -> None:
    decoded = milesight(with_line(**fields))
    assert reasons(decoded) == [code]
    assert "line_periodic_data[0]" in decoded.refusals[0].reason
    assert figures(decoded)[-2:] == [
        (SECOND, "in", "footfall_in", "0"),
        (SECOND, "out", "footfall_out", "2"),
    ]


@pytest.mark.parametrize(
    ("time", "code"),
    [
        (None, Reason.BAD_TIME),
        ({"start_time": "2026-04-02T18:15:00+08:00"}, Reason.BAD_TIME),
        (
            {"start_time": "2026-04-02T18:15:00+08:00", "end_time": "2026-04-02T18:15:00+08:00"},
            Reason.BAD_INTERVAL,
        ),
    ],
)
def test_report_without_an_interval_is_refused_line_by_line(time: Any, code: Reason) -> None:
    decoded = milesight({**MILESIGHT, "time_info": time})
    assert reasons(decoded) == [code, code]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", Reason.UNKNOWN_FORMAT),
        (b'{"device_info":{}}', Reason.MISSING_FIELD),
        (b'{"device_info":null}', Reason.UNKNOWN_FORMAT),
        (b'{"device_info":{"device_sn":"1"}', Reason.NOT_JSON),
    ],
)
def test_what_is_no_report_is_unreadable(body: bytes, code: Reason) -> None:
    with pytest.raises(Unreadable) as caught:
        milesight(body)
    assert caught.value.problem.code == code
