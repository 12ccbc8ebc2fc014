"""Makers' pushes through the real application: landed for the registered device, or kept."""

import base64
import gzip
import hashlib
import hmac
import json
from collections import Counter
from dataclasses import dataclass

import psycopg
import pytest
import zstandard
from device_door import NOW, READING, Door, problem
from psycopg.types.json import Jsonb
from werkzeug.test import TestResponse

from domain.devices import Adapter
from domain.signatures import canonical_text, signing_key
from services.operations.batches import unpack_body
from webapp.api import device_pushes
from webapp.api.device_pushes import VENDORS
from webapp.api.push_examples import PUSH_EXAMPLES, XOVIS, PushExample

EXAMPLE = {example.adapter: example for example in PUSH_EXAMPLES}


@dataclass(frozen=True)
class Lands:
    """What an example says, under the address its device is registered with."""

    serial: str
    channel: str
    kind: str
    feed: str
    taken: int
    readings: dict[str, str]
    sales: int = 0


LANDS = {
    Adapter.HIKVISION: Lands("00005e0053a1", "1", "FOOTFALL", "INTERVAL", 2,
                             {"footfall_in": "31", "footfall_out": "28"}),
    Adapter.AXIS: Lands("00005e0053a2", "", "FOOTFALL", "INTERVAL", 2,
                        {"footfall_in": "11", "footfall_out": "8"}),
    Adapter.XOVIS: Lands("00005e0053a3", "1", "FOOTFALL", "INTERVAL", 2,
                         {"footfall_in": "5", "footfall_out": "4"}),
    Adapter.MILESIGHT: Lands("6500A00000000A4", "00000000-0000-4000-8000-0000000000a4",
                             "FOOTFALL", "INTERVAL", 2,
                             {"footfall_in": "14", "footfall_out": "12"}),
    Adapter.POSLOG: Lands("SHOP-A5", "1", "POS", "EVENT", 1, {}, sales=1),
    Adapter.TECHTRANS: Lands("SHOP-A6", "01", "POS", "EVENT", 1, {}, sales=1),
    Adapter.SHOP_DAYS: Lands("SHOP-A7", "", "POS", "INTERVAL", 3,
                             {"sales": "20411", "transactions": "61", "discounts": "350"}),
    Adapter.NEM12: Lands("NMI00000A8", "E1", "METER", "INTERVAL", 48,
                         {"electricity_used": "36.00"}),
    Adapter.DSMR: Lands("METER-00A9", "", "METER", "CUMULATIVE", 1,
                        {"electricity_register": "4321.55"}),
    Adapter.GATEWAY: Lands("meters-b1/hourly", "M-A10.fwd_kwh", "METER", "CUMULATIVE", 1,
                           {"electricity_register": "1204.58"}),
    Adapter.AI_ON_THE_EDGE: Lands("", "", "METER", "CUMULATIVE", 1,
                                  {"water_register": "132.171"}),
}  # fmt: skip


def register(door: Door, adapter: str, code: str, **given: object) -> int:
    """A device of a maker, `given` its columns."""
    columns = {"kind": "FOOTFALL", "feed_kind": "INTERVAL", "serial": "", "channel": "",
               "direction_map": {}, "metric_kinds": {}, **given}  # fmt: skip
    return door.one(
        "INSERT INTO app.devices (mall_id, code, adapter, kind, feed_kind, serial, channel, "
        "direction_map, metric_kinds) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
        door.mall_id,
        code,
        adapter,
        *(Jsonb(v) if isinstance(v, dict) else v for v in columns.values()),
    )


def register_for(door: Door, example: PushExample) -> tuple[int, str]:
    """The example's device, and a key that opens it alone."""
    lands = LANDS[example.adapter]
    device = register(
        door,
        example.adapter,
        "DEV-1",
        kind=lands.kind,
        feed_kind=lands.feed,
        serial=lands.serial,
        channel=lands.channel,
    )
    return device, door.make_key(device)


def push(
    door: Door, adapter: str, body: bytes, *, key: str | None = "", **headers: str
) -> TestResponse:
    sent = {} if key is None else {"Authorization": f"Bearer {key or door.key}"}
    sent.update({name.replace("_", "-"): value for name, value in headers.items()})
    return door.client.post(f"/api/v1/devices/{adapter}", data=body, headers=sent)


def send(door: Door, example: PushExample, **given: str) -> TestResponse:
    given.setdefault("Content_Type", example.content_type)
    return push(door, example.adapter, example.body, **given)


def rows(door: Door, query: str, *values: object) -> list[tuple]:
    with psycopg.connect(door.url) as connection:
        return connection.execute(query, values).fetchall()


def readings(door: Door, device: int) -> dict[str, str]:
    return {
        metric: f"{value:f}"
        for metric, value in rows(
            door,
            "SELECT metric, sum(value) FROM ingest.readings WHERE device_id = %s GROUP BY metric",
            device,
        )
    }


def counts(answer: TestResponse) -> dict[str, int]:
    return {name: n for name, n in answer.json.items() if isinstance(n, int) and n}


def sensor(*lines: tuple[int, list[tuple[str, int]]], serial: str = "00:00:5E:00:53:B1") -> bytes:
    """A Xovis push of the minute before 22:31 in Shanghai: (line, [(label, value)])."""
    logics = [
        {
            "id": line,
            "name": f"Line {line}",
            "info": "XLT_4X_LINE_IN_OUT_COUNT",
            "records": [
                {
                    "from": 1768573800000,
                    "to": 1768573860000,
                    "counts": [
                        {"id": n, "name": label, "value": value}
                        for n, (label, value) in enumerate(counted)
                    ],
                }
            ],
        }
        for line, counted in lines
    ]
    data = {**XOVIS["logics_data"], "logics": logics,
            "sensor_info": {"serial_number": serial, "type": "SINGLE_SENSOR"}}  # fmt: skip
    return json.dumps({"logics_data": data}).encode()


# -- each make -----------------------------------------------------------------------------------


def test_every_make_has_an_example_and_every_example_is_tried() -> None:
    assert set(EXAMPLE) == set(LANDS) == set(VENDORS)
    assert len(PUSH_EXAMPLES) == len(VENDORS)


@pytest.mark.parametrize("example", PUSH_EXAMPLES, ids=lambda example: example.adapter.value)
def test_push_lands_for_its_registered_device(door: Door, example: PushExample) -> None:
    lands = LANDS[example.adapter]
    device, key = register_for(door, example)
    answer = send(door, example, key=key)
    assert answer.status_code == 200, answer.data
    if example.adapter is not Adapter.TECHTRANS:
        assert counts(answer) == {"accepted": lands.taken}
        assert answer.json["unknown"] == []
    assert readings(door, device) == lands.readings
    sales = rows(door, "SELECT number FROM ingest.till_transactions WHERE device_id = %s", device)
    assert len(sales) == lands.sales
    (batch,) = rows(
        door, "SELECT adapter, content_type, body, rows_total, rows_refused FROM ingest.batches"
    )
    assert (batch[0], batch[1]) == (example.adapter, example.content_type)
    assert unpack_body(batch[2]) == example.body
    assert batch[3:] == (lands.taken, 0)
    assert door.one("SELECT last_seen_at FROM app.devices WHERE id = %s", device) == NOW
    assert door.one("SELECT count(*) FROM ingest.touched_dates WHERE cleaned_at IS NULL") >= 1


@pytest.mark.parametrize("example", PUSH_EXAMPLES, ids=lambda example: example.adapter.value)
def test_same_push_again_changes_nothing(door: Door, example: PushExample) -> None:
    device, key = register_for(door, example)
    assert send(door, example, key=key).status_code == 200
    before = readings(door, device)
    again = send(door, example, key=key)
    assert again.status_code == 200
    if example.adapter is not Adapter.TECHTRANS:
        assert counts(again) == {"duplicate": LANDS[example.adapter].taken} or (
            # A telegram without a time of its own is of the moment it comes.
            example.adapter is Adapter.DSMR
        )
    assert readings(door, device) == before
    assert door.one("SELECT count(*) FROM ingest.till_transactions") == LANDS[example.adapter].sales
    assert door.one("SELECT count(*) FROM ingest.reading_revisions") == 0
    assert door.one("SELECT count(*) FROM ingest.till_transaction_revisions") == 0


def test_every_example_of_the_description_runs(door: Door) -> None:
    """Each body of the document, sent as its type to its address, with its device registered."""
    keys = {}
    for adapter, lands in LANDS.items():
        device = register(
            door, adapter, f"DEV-{adapter}", kind=lands.kind, feed_kind=lands.feed,
            serial=lands.serial, channel=lands.channel,
        )  # fmt: skip
        keys[adapter.value] = door.make_key(device)
    tried = 0
    for path, methods in door.client.get("/api/openapi.json").json["paths"].items():
        content = methods.get("post", {}).get("requestBody", {}).get("content", {})
        for content_type, media in content.items():
            for name, example in media.get("examples", {}).items():
                value = example["value"]
                answer = door.client.post(
                    path.format(adapter=name),
                    data=value if isinstance(value, str) else json.dumps(value),
                    headers={
                        "Content-Type": content_type,
                        "Authorization": f"Bearer {keys.get(name, door.key)}",
                    },
                )
                assert answer.status_code == 200, (path, name, answer.text)
                assert "200" in methods["post"]["responses"]
                tried += 1
    assert tried == len(VENDORS) + 2


# -- who is meant --------------------------------------------------------------------------------


def test_several_lines_land_each_for_its_device(door: Door) -> None:
    lines = [
        register(door, "xovis", f"FC-{n}", serial="00005e0053b1", channel=str(n)) for n in (1, 2)
    ]
    body = sensor((1, [("fw", 6), ("bw", 2)]), (2, [("fw", 9), ("bw", 1)]))
    answer = push(door, "xovis", body, Content_Type="application/json")
    assert counts(answer) == {"accepted": 4}
    assert answer.json["results"] == [{"index": 0, "count": 4, "status": "accepted"}]
    assert [readings(door, line)["footfall_in"] for line in lines] == ["6", "9"]


def test_direction_map_decides_what_a_label_means(door: Door) -> None:
    device = register(
        door, "xovis", "FC-9", serial="00005e0053b1", channel="1",
        direction_map={"fw": "footfall_out", "bw": ""},
    )  # fmt: skip
    answer = push(door, "xovis", sensor((1, [("fw", 6), ("bw", 2)])))
    assert counts(answer) == {"accepted": 1, "skipped": 1}
    assert readings(door, device) == {"footfall_out": "6"}


def test_other_figure_for_the_interval_revises_and_the_old_one_is_kept(door: Door) -> None:
    device = register(door, "xovis", "FC-9", serial="00005e0053b1", channel="1")
    push(door, "xovis", sensor((1, [("fw", 6)])))
    answer = push(door, "xovis", sensor((1, [("fw", 7)])))
    assert counts(answer) == {"revised": 1}
    assert answer.json["results"] == [{"index": 0, "count": 1, "status": "revised"}]
    assert readings(door, device) == {"footfall_in": "7"}
    assert door.one("SELECT value FROM ingest.reading_revisions") == 6


def test_unknown_sensor_waits_and_is_on_the_list_once(door: Door) -> None:
    body = sensor((3, [("fw", 6), ("bw", 2)]))
    for _ in range(3):
        answer = push(door, "xovis", body)
        assert answer.status_code == 202, answer.data
        assert "nothing needs to be sent again" in answer.json["detail"]
        assert answer.json["unknown"] == [{"serial": "00005e0053b1", "channel": "3"}]
        assert {result["code"] for result in answer.json["results"]} == {"UNKNOWN_DEVICE"}
    (listed,) = rows(
        door,
        "SELECT adapter, serial, channel, labels, messages, state, mall_id "
        "FROM ingest.unknown_devices",
    )
    assert listed == ("xovis", "00005e0053b1", "3", ["bw", "fw"], 3, "NEW", door.mall_id)
    kept = rows(door, "SELECT reason_code, batch_id, row FROM ingest.quarantine")
    assert len(kept) == 6
    assert Counter(code for code, _, _ in kept) == {"UNKNOWN_DEVICE": 6}
    assert len({batch for _, batch, _ in kept}) == 3
    assert all(row for _, _, row in kept)
    assert door.one("SELECT count(*) FROM ingest.batches WHERE rows_refused = 2") == 3


def test_known_line_is_taken_beside_an_unknown_one(door: Door) -> None:
    register(door, "xovis", "FC-9", serial="00005e0053b1", channel="1")
    answer = push(door, "xovis", sensor((1, [("fw", 6)]), (2, [("fw", 9)])))
    assert answer.status_code == 200
    assert counts(answer) == {"accepted": 1, "refused": 1}
    assert [result["status"] for result in answer.json["results"]] == ["accepted", "refused"]
    assert answer.json["unknown"] == [{"serial": "00005e0053b1", "channel": "2"}]


def test_device_registered_a_moment_ago_is_found(
    door: Door,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device_pushes, "RELOAD_SECONDS", 0.0)
    body = sensor((1, [("fw", 6)]))
    assert push(door, "xovis", body).status_code == 202
    register(door, "xovis", "FC-9", serial="00005e0053b1", channel="1")
    assert push(door, "xovis", body).status_code == 200


def test_key_of_one_device_is_not_another_s_word(door: Door) -> None:
    ours, other = (
        register(door, "xovis", f"FC-{n}", serial="00005e0053b1", channel=str(n)) for n in (1, 2)
    )
    key = door.make_key(ours)
    answer = push(door, "xovis", sensor((1, [("fw", 6)]), (2, [("fw", 9)])), key=key)
    assert counts(answer) == {"accepted": 1, "refused": 1}
    assert answer.json["results"][1]["code"] == "FOREIGN_DEVICE"
    assert (readings(door, ours), readings(door, other)) == ({"footfall_in": "6"}, {})
    only = push(door, "xovis", sensor((2, [("fw", 9)])), key=key)
    document = problem(only, 422, "all-refused")
    assert (document["refused"], document["results"][0]["code"]) == (1, "FOREIGN_DEVICE")


def test_device_of_another_mall_is_unknown_here(door: Door) -> None:
    mall = door.one("INSERT INTO app.malls (code, name) VALUES ('M2', 'N') RETURNING id")
    device = register(door, "xovis", "FC-9", serial="00005e0053b1", channel="1")
    door.one("UPDATE app.devices SET mall_id = %s WHERE id = %s RETURNING id", mall, device)
    assert push(door, "xovis", sensor((1, [("fw", 6)]))).status_code == 202
    assert readings(door, device) == {}


def test_message_without_a_serial_needs_the_key_of_its_device(door: Door) -> None:
    example = EXAMPLE[Adapter.AI_ON_THE_EDGE]
    document = problem(send(door, example), 422, "all-refused")
    assert "a key that opens the one device" in document["detail"]
    assert door.one("SELECT count(*) FROM ingest.quarantine") == 1
    assert door.one("SELECT count(*) FROM ingest.unknown_devices") == 0


# -- what cannot be used -------------------------------------------------------------------------


def test_figures_that_fit_no_registration_are_refused_one_by_one(door: Door) -> None:
    register(door, "xovis", "EM-9", kind="METER", serial="00005e0053b1", channel="1")
    answer = push(door, "xovis", sensor((1, [("fw", 6), ("bw", 2)])))
    document = problem(answer, 422, "all-refused")
    assert [result["code"] for result in document["results"]] == ["WRONG_KIND", "WRONG_KIND"]
    assert document["detail"].startswith("piece 0: EM-9 is a device of kind METER")


UNREADABLE = {
    "nothing": (b" ", {}, "unreadable", None),
    "no JSON": (b"<html>", {}, "unreadable", None),
    "NUL": (b"\x00" * 50, {}, "unreadable", None),
    "no gzip": (b"{}", {"Content_Encoding": "gzip"}, "unreadable", "BAD_ARCHIVE"),
    "no zstd": (b"{}", {"Content_Encoding": "zstd"}, "unreadable", "BAD_ARCHIVE"),
    "half a gzip": (gzip.compress(XOVIS_BODY := EXAMPLE[Adapter.XOVIS].body, mtime=0)[:-9],
                    {"Content_Encoding": "gzip"}, "unreadable", "BAD_ARCHIVE"),
    "half a zstd": (zstandard.compress(XOVIS_BODY)[:-9],
                    {"Content_Encoding": "zstd"}, "unreadable", "BAD_ARCHIVE"),
    "zstd bomb": (zstandard.compress(bytes(40_000_000)),
                  {"Content_Encoding": "zstd"}, "too-large", "TOO_LARGE"),
    "gzip bomb": (gzip.compress(bytes(40_000_000), mtime=0),
                  {"Content_Encoding": "gzip"}, "too-large", "TOO_LARGE"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_kept_with_its_reason(door: Door, name: str) -> None:
    body, headers, slug, code = UNREADABLE[name]
    answer = push(door, "xovis", body, **headers)
    document = problem(answer, 413 if slug == "too-large" else 422, slug)
    assert "stands in quarantine" in document["detail"]
    assert code in (None, document["code"])
    ((total, refused, kept),) = rows(
        door, "SELECT rows_total, rows_refused, body FROM ingest.batches"
    )
    assert (total, refused) == (1, 1)
    assert len(kept) <= max(len(body), 512)
    (reason,) = rows(door, "SELECT reason_code, row_number FROM ingest.quarantine")
    assert reason == (document["code"], 0)


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)]
)
def test_packed_push_is_taken_and_kept_as_it_came(door: Door, encoding: str, pack) -> None:
    register(door, "xovis", "FC-9", serial="00005e0053b1", channel="1")
    body = pack(sensor((1, [("fw", 6)])))
    answer = push(door, "xovis", body, Content_Encoding=encoding)
    assert counts(answer) == {"accepted": 1}
    assert bytes(door.one("SELECT body FROM ingest.batches")) == body


def test_readings_of_our_own_format_may_be_zstd_too(door: Door) -> None:
    body = zstandard.compress(json.dumps(READING).encode())
    answer = door.post(body, Content_Encoding="zstd")
    assert (answer.status_code, answer.json["accepted"]) == (200, 1)
    refused = problem(door.post(body[:-4], Content_Encoding="zstd"), 422, "unreadable")
    assert "cut off" in refused["detail"]
    other = problem(door.post(body, Content_Encoding="br"), 415, "wrong-encoding")
    assert "gzip, zstd or none" in other["detail"]


@pytest.mark.parametrize(
    "content_type",
    ["application/xml", "text/xml; charset=utf-8", "application/json", "text/plain", "",
     "application/octet-stream", "multipart/form-data; boundary=x", "image/jpeg"],
)  # fmt: skip
def test_type_of_the_body_decides_nothing(door: Door, content_type: str) -> None:
    _, key = register_for(door, EXAMPLE[Adapter.HIKVISION])
    answer = send(door, EXAMPLE[Adapter.HIKVISION], key=key, Content_Type=content_type)
    assert answer.status_code == 200, answer.data
    assert door.one("SELECT content_type FROM ingest.batches") == content_type


@pytest.mark.parametrize("adapter", ["atrium", "nobody", "HIKVISION", "hikvision "])
def test_unknown_adapter_is_told_which_there_are(door: Door, adapter: str) -> None:
    document = problem(push(door, adapter, b"{}"), 404, "unknown-adapter")
    assert document["adapters"] == list(VENDORS)
    assert "atrium" not in document["adapters"]


def test_figures_of_a_day_that_comes_too_late_are_uncertain(door: Door) -> None:
    device = register(door, "shop_days", "POS-9", kind="POS", serial="S1")
    body = json.dumps([{"ShopCode": "S1", "SaleDate": "2026-01-05", "SaleMoney": 10, "SaleNum": 1}])
    answer = push(door, "shop_days", body.encode())
    assert counts(answer) == {"accepted": 2, "uncertain": 2}
    assert answer.json["results"] == [
        {"index": 0, "count": 2, "status": "accepted", "quality": "UNCERTAIN"}
    ]
    assert rows(door, "SELECT DISTINCT quality FROM ingest.readings WHERE device_id = %s", device) \
        == [("UNCERTAIN",)]  # fmt: skip


# -- tills ---------------------------------------------------------------------------------------


def test_till_of_techtrans_gets_its_reply(door: Door) -> None:
    example = EXAMPLE[Adapter.TECHTRANS]
    waiting = send(door, example)
    assert (waiting.status_code, waiting.mimetype) == (202, "text/xml")
    assert "<responsecode>0</responsecode>" in waiting.text
    assert "kept until" in waiting.text
    device, _ = register_for(door, example)
    other = send(door, example, key=door.make_key(door.devices["POS001"]))
    assert other.status_code in (202, 422)
    door_key = door.make_key(device)
    refused = push(door, "techtrans", b"<a/>", key=door_key)
    assert (refused.status_code, refused.mimetype) == (422, "text/xml")
    assert "<responsecode>-1</responsecode>" in refused.text


def test_sale_twice_with_another_amount_is_revised_and_kept(door: Door) -> None:
    example = EXAMPLE[Adapter.POSLOG]
    device, key = register_for(door, example)
    send(door, example, key=key)
    changed = example.body.replace(b"88.00", b"80.00")
    answer = push(door, "poslog", changed, key=key)
    assert counts(answer) == {"revised": 1}
    assert (
        door.one("SELECT net_sales FROM ingest.till_transactions WHERE device_id = %s", device)
        == 80
    )
    assert door.one("SELECT net_sales FROM ingest.till_transaction_revisions") == 88


# -- who calls -----------------------------------------------------------------------------------


def basic(key: str) -> str:
    user, _, password = key.partition("_")
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_sensor_that_knows_basic_alone_is_let_in_here_only(door: Door) -> None:
    register(door, "xovis", "FC-9", serial="00005e0053b1", channel="1")
    body = sensor((1, [("fw", 6)]))
    assert push(door, "xovis", body, key=None, Authorization=basic(door.key)).status_code == 200
    challenged = push(door, "xovis", body, key=None)
    problem(challenged, 401, "no-key")
    assert challenged.headers["WWW-Authenticate"].startswith('Basic realm="Atrium devices", Bearer')
    elsewhere = door.post(READING, key=None, Authorization=basic(door.key))
    problem(elsewhere, 401, "no-key")
    assert "Basic" not in elsewhere.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("header", "slug"),
    [
        ("Basic !", "no-key"),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), "no-key"),
        ("Basic YTpi", "wrong-key"),
        ("Basic " + base64.b64encode(b"0123456789abcdef").decode(), "wrong-key"),
        ("Basic " + base64.b64encode(b"a\x00b:c").decode(), "wrong-key"),
        ("Basic abc", "no-key"),
    ],
)
def test_other_basic_opens_nothing(door: Door, header: str, slug: str) -> None:
    answer = push(door, "xovis", b"{}", key=None, Authorization=header)
    problem(answer, 401, slug)
    assert door.one("SELECT count(*) FROM ingest.batches") == 0


def test_key_that_requires_signatures_takes_no_basic(door: Door) -> None:
    key = door.make_key(None, requires_signature=True)
    problem(push(door, "xovis", b"{}", key=None, Authorization=basic(key)), 401, "signature-needed")


def test_wrong_key_and_cookies_leave_nothing(door: Door) -> None:
    body = sensor((1, [("fw", 6)]))
    problem(push(door, "xovis", body, key="0123456789abcdef_x"), 401, "wrong-key")
    problem(push(door, "xovis", body, Cookie="session=x"), 403, "cookies")
    assert door.one("SELECT count(*) FROM ingest.batches") == 0


def test_push_counts_for_the_quota_of_its_key(door: Door) -> None:
    door.settings.api_key_calls_per_minute = 2
    body = sensor((1, [("fw", 6)]))
    assert [push(door, "xovis", body).status_code for _ in range(3)] == [202, 202, 429]
    waits = push(door, "xovis", body)
    assert int(problem(waits, 429, "quota") and waits.headers["Retry-After"]) >= 1
    assert door.one("SELECT count(*) FROM ingest.batches") == 2


# -- a call that names itself ----------------------------------------------------------------------

NAME = {"Idempotency_Key": "b1946ac9-2492"}


def test_push_that_names_itself_is_answered_as_the_first_time(door: Door) -> None:
    register(door, "xovis", "FC-9", serial="00005e0053b1", channel="1")
    body = sensor((1, [("fw", 6)]))
    first, again = (push(door, "xovis", body, **NAME) for _ in range(2))
    assert (first.status_code, first.data) == (again.status_code, again.data)
    assert counts(again) == {"accepted": 1}
    assert again.headers["Idempotency-Replayed"] == "true"
    assert door.one("SELECT count(*) FROM ingest.batches") == 1
    other = push(door, "xovis", sensor((1, [("fw", 7)])), **NAME)
    problem(other, 422, "idempotency-key")
    assert readings(door, door.one("SELECT id FROM app.devices WHERE code = 'FC-9'")) == {
        "footfall_in": "6"
    }


def test_refusal_and_soap_that_name_themselves_are_answered_again(door: Door) -> None:
    refused = [push(door, "xovis", b"<", **NAME) for _ in range(2)]
    first, again = (problem(answer, 422, "unreadable") for answer in refused)
    assert first == again
    example = EXAMPLE[Adapter.TECHTRANS]
    replies = [send(door, example, Idempotency_Key="soap") for _ in range(2)]
    assert replies[0].data == replies[1].data
    assert {reply.mimetype for reply in replies} == {"text/xml"}
    assert door.one("SELECT messages FROM ingest.unknown_devices") == 1


def test_signed_push_is_taken_once(door: Door) -> None:
    register(door, "xovis", "FC-9", serial="00005e0053b1", channel="1")
    body = sensor((1, [("fw", 6)]))
    public_id, _, secret = door.key.partition("_")
    given = {"timestamp": int(NOW.timestamp()), "sequence": 1}
    text = canonical_text(
        method="POST",
        target="/api/v1/devices/xovis",
        body_sha256=hashlib.sha256(body).digest(),
        **given,
    )
    signature = hmac.new(signing_key(secret), text, "sha256").hexdigest()
    header = (
        f"Atrium-HMAC-SHA256 keyid={public_id}, timestamp={given['timestamp']}, "
        f"sequence={given['sequence']}, signature={signature}"
    )
    assert push(door, "xovis", body, key=None, Authorization=header).status_code == 200
    problem(push(door, "xovis", body, key=None, Authorization=header), 409, "repeated-call")
    assert door.one("SELECT count(*) FROM ingest.batches") == 1
