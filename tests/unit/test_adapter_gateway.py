"""Gateways: tags become what their endings say, frames are checked, errors are no values."""

import json
from datetime import timedelta
from typing import Any

import pytest
from adapter_checks import RECEIVED, figures, moment, read, reasons
from adapter_samples import GATEWAY, GATEWAY_STATES, GATEWAY_TAGS, dlt645_frame

from domain.devices import Adapter, DeviceKind, FeedKind, Metric
from domain.malls import MallClock
from services.adapters.arrival import Arrival
from services.adapters.decoded import Decoded, Unreadable
from services.adapters.directory import DeviceEntry, MallDevices, MallEntry
from services.adapters.gateway import metric_of
from services.adapters.refusals import Reason
from services.adapters.resolving import Resolved, resolve


def gateway(body: dict[str, Any] | bytes) -> Decoded:
    return read(Adapter.GATEWAY, body)


def value(given: object, tag: str = "M-1.fwd_kwh") -> dict[str, Any]:
    return {"timestamp": 1775125800000, "node": "n", "group": "g", "values": {tag: given}}


def test_values_of_meters_and_sensors_at_one_moment() -> None:
    decoded = gateway(GATEWAY)
    assert figures(decoded) == [
        ("M-2001.fwd_kwh", "fwd_kwh", "electricity_register", "4321.5"),
        ("M-2002.rev_kwh", "rev_kwh", "", "12.25"),
        ("W-7.total_m3", "total_m3", "water_register", "88.125"),
        ("gas-3.total_m3", "total_m3", "gas_register", "41.5"),
        ("hall.temperature", "temperature", "temperature", "22.4"),
        ("hall.co2", "co2", "carbon_dioxide", "655"),
        ("M-2003.fwd_kwh", "fwd_kwh", "electricity_register", "1234.56"),
    ]
    assert {(m.serial, m.start, m.end) for m in decoded.measurements} == {
        ("meters-b2/quarter", moment("2026-04-02T10:30:00Z"), moment("2026-04-02T10:30:00Z"))
    }
    assert reasons(decoded) == [Reason.DEVICE_ERROR]
    assert "M-2004.fwd_kwh" in decoded.refusals[0].reason
    assert "3002" in decoded.refusals[0].reason


def test_tags_carry_a_value_or_an_error_each() -> None:
    decoded = gateway(GATEWAY_TAGS)
    assert [(channel, text) for channel, _, _, text in figures(decoded)] == [
        ("P1.total_kwh", "77.5"),
        ("P3.total_kwh", "12"),
    ]
    assert reasons(decoded) == [Reason.DEVICE_ERROR]


def test_states_of_nodes_are_skipped() -> None:
    decoded = gateway(GATEWAY_STATES)
    assert (decoded.total, decoded.skipped) == (1, 1)


def test_node_without_a_group_is_the_serial() -> None:
    assert gateway({**value(1), "group": None}).heard == {"n"}


@pytest.mark.parametrize(
    ("tag", "metric"),
    [
        ("kwh", Metric.ELECTRICITY),
        ("M.KWH", Metric.ELECTRICITY),
        ("M/1/00010000", Metric.ELECTRICITY),
        ("M.00-01-00-00", Metric.ELECTRICITY),
        ("M.rev_kwh", None),
        ("M.export_kwh", None),
        ("Mkwh", None),
        ("W.m3", Metric.WATER),
        ("gas.m3", Metric.GAS),
        ("M.gas_m3", Metric.GAS),
        ("las-vegas.m3", Metric.WATER),
        ("r1:temp", Metric.TEMPERATURE),
        ("r1.supply-temperature", Metric.TEMPERATURE),
        ("r1.humidity", Metric.HUMIDITY),
        ("r1.air_carbon_dioxide", Metric.CARBON_DIOXIDE),
        ("M.voltage", None),
        ("M.attempt", None),
    ],
)
def test_ending_of_a_tag_says_what_it_measures(tag: str, metric: Metric | None) -> None:
    assert metric_of(tag) is metric


def resolved(label_map: dict[str, str], body: dict[str, Any]) -> Resolved:
    meter = DeviceEntry(
        1,
        "EM-1",
        DeviceKind.METER,
        FeedKind.CUMULATIVE,
        adapter=Adapter.GATEWAY,
        serial="n/g",
        channel="M-1.total",
        direction_map=label_map,
    )
    where = MallDevices(
        MallEntry(1, "M1", MallClock("Asia/Shanghai")),
        {"EM-1": meter},
        by_address={(Adapter.GATEWAY, "n/g", "M-1.total"): meter},
    )
    arrival = Arrival(RECEIVED, ahead=timedelta(minutes=15), behind=timedelta(days=7))
    return resolve(gateway(body), adapter=Adapter.GATEWAY, where=where, arrival=arrival)


def test_tag_of_no_known_ending_is_what_the_direction_map_says() -> None:
    body = value(5.5, "M-1.total")
    refused = resolved({}, body)
    assert [r.reason_code for r in refused.refusals] == [Reason.UNKNOWN_METRIC]
    taken = resolved({"total": "electricity_register"}, body)
    assert (list(taken.readings.metric), list(taken.readings.value)) == (
        ["electricity_register"],
        ["5.5"],
    )
    assert resolved({"total": ""}, body).skipped == 1


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (dlt645_frame("99999999"), "999999.99"),
        (dlt645_frame("00000026"), "0.26"),
        (dlt645_frame().lower(), "1234.56"),
        (" ".join(dlt645_frame()[i : i + 2] for i in range(0, 48, 2)), "1234.56"),
        (dlt645_frame().removeprefix("FE" * 4), "1234.56"),
        ("0077.50", "77.50"),
    ],
)
def test_text_is_a_number_or_a_frame(given: str, text: str) -> None:
    assert figures(gateway(value(given))) == [
        ("M-1.fwd_kwh", "fwd_kwh", "electricity_register", text)
    ]


def test_published_frame_has_the_published_check_sum() -> None:
    frame = dlt645_frame("00000026")
    # DI 00010000 and 26 00 00 00, each with 0x33 added.
    assert "33333433" + "59333333" in frame


def test_frame_of_another_energy_waits_for_the_direction_map() -> None:
    decoded = gateway(value(dlt645_frame(identifier="00020000")))
    assert figures(decoded)[0][2] == ""


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (dlt645_frame()[:-4] + "0016", Reason.BAD_FRAME),
        (dlt645_frame()[:-2], Reason.BAD_FRAME),
        (dlt645_frame() + "00", Reason.BAD_FRAME),
        (dlt645_frame()[:-1], Reason.BAD_FRAME),
        (dlt645_frame("0012345A"), Reason.BAD_FRAME),
        (dlt645_frame(control=0xB1), Reason.BAD_FRAME),
        (dlt645_frame(identifier="02010100"), Reason.BAD_FRAME),
        (dlt645_frame(control=0xD1), Reason.DEVICE_ERROR),
        ("68" + "00" * 6 + "68", Reason.BAD_FRAME),
        ("hello", Reason.BAD_NUMBER),
        ("1e5", Reason.BAD_NUMBER),
    ],
)
def test_damaged_frame_is_refused(frame: str, code: Reason) -> None:
    assert reasons(gateway(value(frame))) == [code]


@pytest.mark.parametrize("given", [True, [1], {"a": 1}, 1e300, "NaN", 10**30])
def test_value_that_is_no_number_is_refused(given: object) -> None:
    decoded = gateway(value(given))
    assert reasons(decoded) == [Reason.BAD_NUMBER]
    assert not decoded.measurements


def test_null_is_missing_and_skipped() -> None:
    assert gateway(value(None)).skipped == 1
    tagged = {**GATEWAY_TAGS, "tags": [{"name": "a", "value": None}, {"name": "b"}]}
    decoded = gateway(tagged)
    assert decoded.skipped == 1
    assert reasons(decoded) == [Reason.MISSING_FIELD]


def test_number_keeps_the_digits_it_was_written_with() -> None:
    body = b'{"timestamp":1775125800000,"node":"n","values":{"a.kwh":0.1000000000000000055}}'
    assert str(gateway(body).measurements[0].value) == "0.1000000000000000055"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"node": None}, Reason.MISSING_FIELD),
        ({"node": "a\u0000"}, Reason.BAD_TEXT),
        ({"timestamp": 10**20}, Reason.BAD_TIME),
        ({"timestamp": "now"}, Reason.UNKNOWN_FORMAT),
        ({"values": None}, Reason.UNKNOWN_FORMAT),
        ({"values": [1]}, Reason.UNKNOWN_FORMAT),
    ],
)
def test_what_is_no_message_is_unreadable(change: dict[str, Any], code: Reason) -> None:
    with pytest.raises(Unreadable) as caught:
        gateway(json.dumps({**value(1), **change}).encode())
    assert caught.value.problem.code == code
