"""The door for devices: what it takes, what it refuses and how it says so."""

import base64
import gzip
import hashlib
import json

import psycopg
import pytest
from device_door import NOW, READING, Door, problem

from services.operations.batches import unpack_body
from services.operations.device_keys import revoke_device_key
from storage.database import create_engine, transaction
from webapp.api import readings as readings_module
from webapp.runtime import Runtime


def test_smallest_form_is_accepted_and_kept_exactly(door: Door) -> None:
    response = door.post(b'{"device_id": "POS001", "data_type": "sales", "value": 1500.00, '
                         b'"timestamp": "2026-01-16T14:30:00Z"}')  # fmt: skip
    assert response.status_code == 200
    assert response.json == {
        "accepted": 1,
        "duplicate": 0,
        "revised": 0,
        "late": 0,
        "refused": 0,
        "uncertain": 0,
        "results": [{"index": 0, "count": 1, "status": "accepted"}],
    }
    assert door.one("SELECT value::text FROM ingest.readings") == "1500.00"
    assert door.one("SELECT interval_end = interval_start FROM ingest.readings")


def test_reading_of_a_closed_month_is_late_and_waits(door: Door) -> None:
    door.one(
        "INSERT INTO app.closed_months VALUES (%s, '2025-12-01', now(), 'x') RETURNING 1",
        door.mall_id,
    )
    late = {**READING, "timestamp": "2025-12-31T12:00:00Z"}
    answer = door.post([READING, late, {**late, "timestamp": "2025-12-31T13:00:00Z"}]).json
    assert (answer["accepted"], answer["late"], answer["refused"]) == (1, 2, 0)
    assert [(r["index"], r["count"], r["status"]) for r in answer["results"]] == [
        (0, 1, "accepted"),
        (1, 2, "late"),
    ]
    assert door.post(late).json["duplicate"] == 1
    assert door.one("SELECT count(*) FROM ingest.late_readings") == 2
    assert door.one("SELECT count(*) FROM ingest.readings") == 1


def test_answer_tells_each_reading_apart(door: Door) -> None:
    def at(minute: int, value: object = 1, **more: object) -> dict:
        stamp = f"2026-01-16T14:{minute:02}:00Z"
        return {**READING, "timestamp": stamp, "value": value, **more}

    door.post([at(1), at(2), at(3)])
    response = door.post(
        [
            at(1),
            at(2, 5),
            at(3, 6),
            at(4),
            at(5, device_id="POS999"),
            {**at(6), "timestamp": "2026-01-17T14:00:00Z"},
            at(7),
        ]
    )
    assert response.status_code == 200
    answer = response.json
    counts = [answer[n] for n in ("accepted", "duplicate", "revised", "refused", "uncertain")]
    assert counts == [3, 1, 2, 1, 1]
    runs = [(r["index"], r["count"], r["status"], r.get("quality")) for r in answer["results"]]
    assert runs == [
        (0, 1, "duplicate", None),
        (1, 2, "revised", None),
        (3, 1, "accepted", None),
        (4, 1, "refused", None),
        (5, 1, "accepted", "UNCERTAIN"),
        (6, 1, "accepted", None),
    ]
    assert answer["results"][3]["code"] == "UNKNOWN_DEVICE"
    assert "'POS999'" in answer["results"][3]["reason"]
    assert door.one("SELECT reason_code FROM ingest.quarantine") == "UNKNOWN_DEVICE"
    assert door.one("SELECT row_number FROM ingest.quarantine") == 4


def test_lines_are_taken_and_a_broken_line_spoils_no_other(door: Door) -> None:
    lines = [json.dumps({**READING, "value": v}).encode() for v in (1, 2)]
    lines[1] = lines[1].replace(b"14:30", b"14:31")
    body = b"\n".join([lines[0], b'{"device_id": "POS', b"", lines[1], b""])
    response = door.post(body, Content_Type="application/x-ndjson")
    assert (response.json["accepted"], response.json["refused"]) == (2, 1)
    assert response.json["results"][1]["code"] == "NOT_JSON"


def test_gzip_is_taken_and_the_body_is_kept_as_it_came(door: Door) -> None:
    packed = gzip.compress(json.dumps([READING]).encode(), mtime=0)
    assert door.post(packed, Content_Encoding="gzip").json["accepted"] == 1
    assert bytes(door.one("SELECT body FROM ingest.batches")) == packed
    assert (
        bytes(door.one("SELECT body_sha256 FROM ingest.batches")) == hashlib.sha256(packed).digest()
    )


def test_large_body_is_kept_packed_and_can_be_read_again(door: Door) -> None:
    body = json.dumps(
        [
            {**READING, "timestamp": f"2026-01-16T14:{m:02}:{s:02}Z"}
            for m in range(9)
            for s in range(60)
        ]
    ).encode()
    assert door.post(body).json["accepted"] == 540
    kept = bytes(door.one("SELECT body FROM ingest.batches"))
    assert len(kept) < len(body) / 10
    assert unpack_body(kept) == body


def test_interval_without_an_end_has_the_length_of_its_device(door: Door) -> None:
    door.post({**READING, "device_id": "FC-01", "data_type": "footfall_in", "value": 7})
    assert (
        door.one("SELECT (interval_end - interval_start)::text FROM ingest.readings") == "01:00:00"
    )


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"device_id": "POS999"}, "UNKNOWN_DEVICE", "device registered in mall M1"),
        ({"data_type": "footfall_in"}, "WRONG_KIND", "it measures declared_sales"),
        ({"data_type": "steps"}, "UNKNOWN_METRIC", "expected one of sales"),
        ({"value": "NaN"}, "BAD_NUMBER", "finite number"),
        ({"value": None}, "BAD_NUMBER", "expected a number"),
        ({"value": True}, "BAD_NUMBER", "expected a number"),
        ({"value": 1e300}, "BAD_NUMBER", "at most 12 digits"),
        ({"timestamp": "2026-01-16T14:30:00"}, "BAD_TIME", "timezone"),
        ({"timestamp": "yesterday"}, "BAD_TIME", "expected an ISO 8601 time"),
        ({"timestamp": "1970-01-01T00:00:00Z"}, "IMPOSSIBLE_TIME", "from 2000 on"),
        ({"timestamp": "2031-01-01T00:00:00Z"}, "IMPOSSIBLE_TIME", "a year after 2026-01-16"),
        ({"interval_end": "2026-01-16T15:30:00Z"}, "BAD_INTERVAL", "counts as EVENT"),
        ({"unit": "USD"}, "WRONG_UNIT", "expected CNY"),
        ({"till": 1}, "UNKNOWN_FIELD", "'till' is no field"),
        ({"value": [[[]]]}, "BAD_NUMBER", "expected a number"),
    ],
)
def test_wrong_reading_is_refused_alone_with_code_and_reason(
    door: Door, change, code, says
) -> None:
    response = door.post([READING, {**READING, **change}])
    assert response.status_code == 200
    assert (response.json["accepted"], response.json["refused"]) == (1, 1)
    entry = response.json["results"][1]
    assert (entry["index"], entry["code"]) == (1, code)
    assert says in entry["reason"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"device_id":"POS001","data_type":"sales","value":1,"value":2,'
         b'"timestamp":"2026-01-16T14:30:00Z"}', "DUPLICATE_FIELD"),
        (b'{"device_id":"POS001","data_type":"sales","value":1,"v\\u0061lue":2,'
         b'"timestamp":"2026-01-16T14:30:00Z"}', "DUPLICATE_FIELD"),
        (b'{"device_id":"POS\xff","data_type":"sales","value":1,'
         b'"timestamp":"2026-01-16T14:30:00Z"}', "BAD_TEXT"),
        (b'{"device_id":"POS001"}', "MISSING_FIELD"),
        (b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", "UNKNOWN_FIELD"),
        (b"7", "NOT_AN_OBJECT"),
    ],
)  # fmt: skip
def test_strange_json_is_refused_in_its_place(door: Door, text: bytes, code: str) -> None:
    body = b"[" + json.dumps(READING).encode() + b"," + text + b"]"
    response = door.post(body)
    assert response.status_code == 200, response.data
    assert response.json["accepted"] == 1
    assert response.json["results"][1]["code"] == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", "EMPTY_FILE"),
        (b"  \n", "EMPTY_FILE"),
        (b"[{", "NOT_JSON"),
        (b'{"value": NaN}', "NOT_JSON"),
        (b'[{"value": Infinity}]', "NOT_JSON"),
        (b"[" * 100_000, "TOO_DEEP"),
        ("电表".encode("gbk"), "NOT_JSON"),
        (b"device_id,value\n1,2", "NOT_JSON"),
    ],
)
def test_body_that_holds_no_readings_is_refused_whole(door: Door, body: bytes, code: str) -> None:
    assert problem(door.post(body), 422, "unreadable")["code"] == code
    assert door.one("SELECT count(*) FROM ingest.batches") == 0


def test_all_refused_is_a_problem_that_still_tells_each_reading(door: Door) -> None:
    document = problem(door.post({**READING, "device_id": "X"}), 422, "all-refused")
    assert document["refused"] == 1
    assert document["results"][0]["code"] == "UNKNOWN_DEVICE"
    assert "reading 0: device_id is 'X'" in document["detail"]
    assert door.one("SELECT count(*) FROM ingest.quarantine") == 1


def test_too_many_readings_are_refused_whole(door: Door, monkeypatch) -> None:
    many = [READING] * 10_001
    document = problem(door.post(many), 413, "too-large")
    assert "10,001 readings; the limit is 10,000" in document["detail"]


def test_call_without_a_key_is_refused(door: Door) -> None:
    response = door.post(READING, key=None)
    problem(response, 401, "no-key")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    problem(door.post(READING, key=None, Authorization="Basic YTpi"), 401, "no-key")


def test_wrong_and_revoked_keys_are_refused_alike(door: Door) -> None:
    wrong = problem(door.post(READING, key=door.key[:-1] + "?"), 401, "no-key")
    assert "bearer key" in wrong["detail"]
    first = problem(door.post(READING, key="nobody_nothing"), 401, "wrong-key")
    with transaction(door.engine) as session:
        revoke_device_key(session, public_id=door.key.split("_")[0], now=NOW)
    assert problem(door.post(READING), 401, "wrong-key") == first
    assert door.one("SELECT count(*) FROM ingest.readings") == 0


def test_key_of_one_device_opens_no_other(door: Door) -> None:
    key = door.make_key(door.devices["POS001"])
    other = {**READING, "device_id": "FC-01", "data_type": "footfall_in", "value": 3}
    response = door.post([READING, other], key=key)
    assert (response.json["accepted"], response.json["refused"]) == (1, 1)
    assert response.json["results"][1]["code"] == "FOREIGN_DEVICE"


def test_key_of_one_mall_opens_no_device_of_another(door: Door) -> None:
    door.one(
        "WITH m AS (INSERT INTO app.malls (code, name) VALUES ('M2', 'x') RETURNING id) "
        "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
        "SELECT id, 'POS777', 'POS', 'EVENT' FROM m RETURNING id"
    )
    document = problem(door.post({**READING, "device_id": "POS777"}), 422, "all-refused")
    assert document["results"][0]["code"] == "UNKNOWN_DEVICE"


def test_cookies_are_refused(door: Door) -> None:
    problem(door.post(READING, Cookie="session=x"), 403, "cookies")


def test_body_of_unknown_length_is_refused(door: Door) -> None:
    headers = {"Authorization": f"Bearer {door.key}", "Content-Type": "application/json"}
    response = door.client.post(
        "/api/v1/readings", headers={**headers, "Transfer-Encoding": "chunked"}, data=b"{}"
    )
    problem(response, 411, "no-length")
    response = door.client.post("/api/v1/readings", headers=headers)
    problem(response, 411, "no-length")


def test_body_above_the_limit_is_refused_unread(door: Door) -> None:
    headers = {"Authorization": f"Bearer {door.key}", "Content-Type": "application/json"}
    response = door.client.open(
        "/api/v1/readings",
        method="POST",
        headers=headers,
        environ_overrides={"CONTENT_LENGTH": str(10 * 1024**3)},
    )
    assert "16,777,216" in problem(response, 413, "too-large")["detail"]


def test_body_shorter_than_its_length_is_refused(door: Door) -> None:
    response = door.client.open(
        "/api/v1/readings",
        method="POST",
        headers={"Authorization": f"Bearer {door.key}", "Content-Type": "application/json"},
        data=json.dumps(READING),
        environ_overrides={"CONTENT_LENGTH": "5000"},
    )
    assert "Content-Length says 5,000" in problem(response, 422, "unreadable")["detail"]
    assert door.one("SELECT count(*) FROM ingest.readings") == 0


def test_gzip_bomb_is_refused(door: Door) -> None:
    bomb = gzip.compress(b"[" + b" " * 60_000_000 + b"]", mtime=0)
    problem(door.post(bomb, Content_Encoding="gzip"), 413, "too-large")


def test_broken_gzip_is_refused(door: Door) -> None:
    packed = gzip.compress(json.dumps(READING).encode(), mtime=0)
    problem(door.post(packed[:-6], Content_Encoding="gzip"), 422, "unreadable")
    problem(door.post(READING, Content_Encoding="gzip"), 422, "unreadable")


@pytest.mark.parametrize(
    ("headers", "slug"),
    [
        ({"Content_Type": "text/csv"}, "wrong-type"),
        ({"Content_Type": "application/json; charset=gbk"}, "wrong-type"),
        ({"Content_Encoding": "br"}, "wrong-encoding"),
    ],
)
def test_unknown_type_or_encoding_is_refused(door: Door, headers, slug) -> None:
    problem(door.post(READING, **headers), 415, slug)


def test_digest_is_checked_when_it_is_there(door: Door) -> None:
    body = json.dumps(READING).encode()
    right = base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert door.post(body, Content_Digest=f"sha-256=:{right}:").status_code == 200
    wrong = base64.b64encode(bytes(32)).decode()
    problem(door.post(body, Content_Digest=f"sha-256=:{wrong}:"), 422, "wrong-digest")
    problem(door.post(body, Content_Digest="sha-256=nonsense"), 422, "wrong-digest")


def test_device_registered_a_moment_ago_is_known(door: Door, monkeypatch) -> None:
    monkeypatch.setattr(readings_module, "RELOAD_SECONDS", 0.0)
    door.post(READING)
    door.device("POS002", "POS", "EVENT")
    assert door.post({**READING, "device_id": "POS002"}).json["accepted"] == 1


def test_traffic_sets_a_device_online_at_most_once_a_minute(door: Door) -> None:
    state = "SELECT status || ' ' || last_seen_at::time FROM app.devices WHERE code = 'POS001'"
    door.post(READING)
    assert door.one(state) == "ONLINE 15:00:00"
    door.clock.at = NOW.replace(second=30)
    door.post(READING)
    assert door.one(state) == "ONLINE 15:00:00"
    door.clock.at = NOW.replace(minute=1)
    door.post(READING)
    assert door.one(state) == "ONLINE 15:01:00"


def test_connection_that_the_server_closed_is_replaced(door: Door) -> None:
    door.post(READING)
    door.one(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name = 'atrium api' AND datname = current_database()"
    )
    assert door.post({**READING, "value": 2}).json["revised"] == 1


def test_database_out_of_reach_is_said_and_nothing_is_acknowledged(door: Door, settings) -> None:
    runtime = door.app.extensions["atrium"]
    gone = door.url.rsplit("@", 1)[0] + "@127.0.0.1:9/nothing"
    door.app.extensions["atrium"] = Runtime(
        settings=settings,
        engine=create_engine(gone),
        database_url=gone,
        store=runtime.store,
        clock=runtime.clock,
    )
    response = door.post(READING)
    problem(response, 503, "unavailable")
    assert response.headers["Retry-After"] == "5"
    ready = door.client.get("/readyz")
    assert ready.status_code == 503
    assert "does not answer" in ready.json["checks"]["database"]
    assert "127.0.0.1" not in ready.text
    assert door.client.get("/healthz").status_code == 200


def test_service_is_ready_when_database_and_objects_are(door: Door) -> None:
    response = door.client.get("/readyz")
    assert response.status_code == 200
    assert response.json == {"status": "ready", "checks": {"database": "ok", "objects": "ok"}}


def test_service_is_not_ready_before_its_migrations(door: Door) -> None:
    door.one("UPDATE app.alembic_version SET version_num = '0000' RETURNING 1")
    response = door.client.get("/readyz")
    assert response.status_code == 503
    assert "atrium database migrate" in response.json["checks"]["database"]


def test_service_is_not_ready_when_objects_cannot_be_written(door: Door, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(door.app.extensions["atrium"].store, "put", full, raising=False)
    response = door.client.get("/readyz")
    assert response.status_code == 503
    assert response.json["checks"]["database"] == "ok"


def test_batch_is_kept_once_with_its_key(door: Door) -> None:
    door.post([READING])
    with psycopg.connect(door.url) as connection:
        row = connection.execute(
            "SELECT b.rows_total, b.rows_refused, b.content_type, k.public_id, r.batch_id = b.id "
            "FROM ingest.batches b JOIN app.device_keys k ON k.id = b.device_key_id "
            "JOIN ingest.readings r ON true"
        ).fetchall()
    assert row == [(1, 0, "application/json", door.key.split("_")[0], True)]
