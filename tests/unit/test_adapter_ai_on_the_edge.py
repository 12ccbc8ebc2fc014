"""A camera at a dial: what it read is taken, what it could not read is not its last value."""

import json
from typing import Any

import pytest
from adapter_checks import figures, moment, read, reasons
from adapter_samples import DIAL

from domain.devices import Adapter
from services.adapters.decoded import Decoded, Unreadable
from services.adapters.refusals import Reason

READ = ("", "value", "water_register", "318.4271")


def dial(body: dict[str, Any] | bytes) -> Decoded:
    return read(Adapter.AI_ON_THE_EDGE, body)


def test_bare_message_is_left_to_the_key() -> None:
    decoded = dial(DIAL)
    assert [(m.serial, str(m.value)) for m in decoded.measurements] == [("", "318.4271")]
    assert figures(decoded) == [READ]
    assert decoded.measurements[0].start == moment("2026-04-02T10:30:00Z")


@pytest.mark.parametrize(
    ("wrapped", "serial", "channel", "metric"),
    [
        ({"device": "water-b1", "data": DIAL}, "water-b1", "", "water_register"),
        ({"device": "gas-b1", "payload": json.dumps(DIAL)}, "gas-b1", "", "gas_register"),
        ({"topic": "water/b1/main/json", "data": DIAL}, "water/b1", "main", "water_register"),
        ({"topic": "gas/b1/main/json", "data": DIAL}, "gas/b1", "main", "gas_register"),
        ({"topic": "camera", "data": DIAL}, "camera", "", "water_register"),
        ({"main": DIAL}, "", "main", "water_register"),
        ({"device": "w", "data": {"main": DIAL}}, "w", "main", "water_register"),
    ],
)
def test_bridge_names_the_device(
    wrapped: dict[str, Any], serial: str, channel: str, metric: str
) -> None:
    decoded = dial(wrapped)
    assert figures(decoded) == [(channel, "value", metric, "318.4271")]
    assert decoded.heard == {serial}


def test_several_numbers_of_one_camera_are_channels() -> None:
    assert [m.channel for m in dial({"main": DIAL, "second": DIAL}).measurements] == [
        "main",
        "second",
    ]


@pytest.mark.parametrize("error", ["Rate too high", "no error 1", "", "Neg. Rate"])
def test_last_good_value_of_a_failed_reading_is_refused(error: str) -> None:
    decoded = dial({**DIAL, "error": error})
    assert not decoded.measurements
    assert reasons(decoded) == [Reason.DEVICE_ERROR]
    assert decoded.heard == {""}


def test_number_may_be_no_text() -> None:
    assert figures(dial({**DIAL, "value": 7.5}))[0][3] == "7.5"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-04-02T18:30:00+08:00", "2026-04-02T10:30:00Z"),
        ("2026-04-02T18:30:00", "2026-04-02T10:30:00Z"),
        ("2026-04-02T10:30:00Z", "2026-04-02T10:30:00Z"),
        ("2026-04-02T12:30:00+02", "2026-04-02T10:30:00Z"),
    ],
)
def test_time_is_read_with_any_offset_or_none(text: str, at: str) -> None:
    assert dial({**DIAL, "timestamp": text}).measurements[0].start == moment(at)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"value": ""}, Reason.BAD_NUMBER),
        ({"value": "3N8.1"}, Reason.BAD_NUMBER),
        ({"value": None}, Reason.BAD_NUMBER),
        ({"timestamp": "yesterday"}, Reason.BAD_TIME),
        ({"timestamp": ""}, Reason.BAD_TIME),
        ({"error": None}, Reason.NOT_AN_OBJECT),
        ({"timestamp": "0001-01-01T00:00:00+0800"}, Reason.BAD_TIME),
    ],
)
def test_reading_that_makes_no_sense_is_refused(change: dict[str, Any], code: Reason) -> None:
    assert reasons(dial({**DIAL, **change})) == [code]


@pytest.mark.parametrize("field", ["value", "error", "timestamp"])
def test_missing_field_is_named(field: str) -> None:
    message = {name: value for name, value in DIAL.items() if name != field}
    decoded = dial(message)
    assert reasons(decoded) == [Reason.MISSING_FIELD]
    assert field in decoded.refusals[0].reason


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", Reason.UNKNOWN_FORMAT),
        (b'{"data":"x"}', Reason.NOT_JSON),
        (b'{"data":[]}', Reason.UNKNOWN_FORMAT),
        (b'{"device":"a\\u0007","data":{}}', Reason.BAD_TEXT),
        (b"318.4", Reason.UNKNOWN_FORMAT),
        (b"no error", Reason.NOT_JSON),
    ],
)
def test_what_is_no_message_is_unreadable(body: bytes, code: Reason) -> None:
    with pytest.raises(Unreadable) as caught:
        dial(body)
    assert caught.value.problem.code == code
