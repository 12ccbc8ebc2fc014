"""Plain calls are answered before Flask, and nobody can tell: not the device, not the log."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from device_door import NOW, READING, Door
from werkzeug.test import Client, EnvironBuilder, TestResponse, run_wsgi_app

from services.operations.device_keys import revoke_device_key
from storage.database import transaction
from webapp import headers as headers_module
from webapp.api import QuickReadings, connections

TAKE = (
    "ingest.take_batch(text, text, bytea, bigint, bytea, bytea, text, date[], bigint[], text[], "
    "timestamptz[], timestamptz[], numeric[], text[], timestamptz)"
)


class Doors:
    """One application with the quick way before it, and beside it without."""

    def __init__(self, door: Door) -> None:
        self.door = door
        headers_module.install(door.app)
        self.quick = QuickReadings(door.app)
        self.asked = 0
        application = self.quick.application

        def count(environ: dict[str, Any], start_response: Any) -> Any:
            self.asked += 1
            return application(environ, start_response)

        self.quick.application = count
        self.at(0)  # the devices are read once, the long way

    def at(self, minute: int, value: object = 1, **more: object) -> TestResponse:
        stamp = f"2026-01-16T14:{minute:02}:00Z"
        return self.post({**READING, "timestamp": stamp, "value": value, **more})

    def post(self, body: object, *, key: str = "", long: bool = False, **more: str) -> TestResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {key or self.door.key}",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        client = Client(self.door.app.wsgi_app if long else self.quick, use_cookies=False)
        return client.post("/api/v1/readings", data=data, headers=sent)

    def flask_asked(self) -> int:
        asked, self.asked = self.asked, 0
        return asked


@pytest.fixture
def doors(door: Door) -> Iterator[Doors]:
    doors = Doors(door)
    doors.flask_asked()
    yield doors


def same(quick: TestResponse, long: TestResponse) -> None:
    assert quick.status == long.status
    assert quick.data == long.data
    numbers = [dict(r.headers).pop("X-Request-ID") for r in (quick, long)]
    assert all(len(number) == 16 for number in numbers)
    told = [
        sorted((k, v) for k, v in r.headers.items() if k != "X-Request-ID") for r in (quick, long)
    ]
    assert told[0] == told[1]


def test_plain_call_never_reaches_flask_and_is_answered_alike(doors: Doors) -> None:
    quick = doors.at(1)
    assert doors.flask_asked() == 0
    same(quick, doors.post({**READING, "timestamp": "2026-01-16T14:02:00Z"}, long=True))
    assert quick.json["accepted"] == 1


@pytest.mark.parametrize("secure", [False, True])
def test_answer_over_tls_says_so(doors: Doors, secure: bool) -> None:
    answers = []
    for app in (doors.quick, doors.door.app.wsgi_app):
        builder = EnvironBuilder(
            path="/api/v1/readings", method="POST",
            base_url="https://localhost/" if secure else "http://localhost/",
            data=json.dumps(READING),
            headers={"Content-Type": "application/json",
                     "Authorization": f"Bearer {doors.door.key}"},
        )  # fmt: skip
        answers.append(Client(app).open(builder))
    assert ("Strict-Transport-Security" in answers[0].headers) is secure
    assert {k for k, _ in answers[0].headers} == {k for k, _ in answers[1].headers}


def test_outcomes_are_told_as_on_the_long_way(doors: Doors) -> None:
    def body(*values: int) -> list[dict]:
        return [
            {**READING, "timestamp": f"2026-01-16T13:0{n}:00Z", "value": value}
            for n, value in enumerate(values)
        ]

    doors.post(body(1, 2, 3))
    assert doors.post(body(1, 5, 3)).json["results"] == [
        {"index": 0, "count": 1, "status": "duplicate"},
        {"index": 1, "count": 1, "status": "revised"},
        {"index": 2, "count": 1, "status": "duplicate"},
    ]
    again = doors.post([*body(1, 5), {**READING, "timestamp": "2026-01-17T14:00:00Z"}])
    assert (again.json["duplicate"], again.json["accepted"], again.json["uncertain"]) == (2, 1, 1)
    assert again.json["results"][1]["quality"] == "UNCERTAIN"
    assert doors.flask_asked() == 0
    assert doors.door.one("SELECT count(*) FROM ingest.reading_revisions") == 1
    kept = doors.door.one("SELECT count(*) FROM ingest.batches WHERE body <> '' AND adapter <> ''")
    assert kept == 4


def test_changed_dates_are_touched_and_duplicates_touch_none(doors: Doors) -> None:
    touched = "SELECT count(*) FROM ingest.touched_dates WHERE cleaned_at IS NULL"
    assert doors.door.one(touched) == 1
    doors.door.one("UPDATE ingest.touched_dates SET cleaned_at = now() RETURNING 1")
    doors.at(0)
    assert (doors.door.one(touched), doors.flask_asked()) == (0, 0)
    doors.at(0, 9)
    assert (doors.door.one(touched), doors.flask_asked()) == (1, 0)


def test_revoked_key_opens_nothing_at_the_very_next_call(doors: Doors) -> None:
    assert doors.at(1).status_code == 200
    with transaction(doors.door.engine) as session:
        revoke_device_key(session, public_id=doors.door.key.split("_")[0], now=NOW)
    assert doors.at(2).status_code == 401
    assert doors.door.one("SELECT count(*) FROM ingest.readings") == 2


def test_expired_key_opens_nothing(doors: Doors) -> None:
    key = doors.door.make_key(None, expires_at=NOW + timedelta(hours=1))
    assert doors.post(READING, key=key).status_code == 200
    doors.door.clock.at = NOW + timedelta(hours=1)
    assert doors.post(READING, key=key).status_code == 401


def test_changed_secret_opens_nothing(doors: Doors) -> None:
    assert doors.at(1).status_code == 200
    doors.door.one("UPDATE app.device_keys SET secret_sha256 = sha256('x') RETURNING 1")
    assert doors.at(2).status_code == 401


def test_key_that_now_requires_signatures_is_refused(doors: Doors) -> None:
    doors.door.one("UPDATE app.device_keys SET requires_signature = true RETURNING 1")
    assert doors.at(2).status_code == 401


def test_key_of_one_device_opens_no_other(doors: Doors) -> None:
    key = doors.door.make_key(doors.door.devices["FC-01"])
    assert doors.post(READING, key=key).json["results"][0]["code"] == "FOREIGN_DEVICE"
    assert doors.flask_asked() == 1


def test_device_of_another_mall_is_out_of_scope_for_postgres_itself(doors: Doors) -> None:
    """Were the directory wrong, the statement would still refuse."""
    foreign = doors.door.one(
        "WITH m AS (INSERT INTO app.malls (code, name) VALUES ('M2', 'x') RETURNING id) "
        "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
        "SELECT id, 'P', 'POS', 'EVENT' FROM m RETURNING id"
    )
    ((key, (devices, at)),) = connections._directories.items()
    from dataclasses import replace

    wrong = replace(devices.devices["POS001"], device_id=foreign)
    connections._directories[key] = (replace(devices, devices={"POS001": wrong}), at)
    doors.door.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert doors.at(3).status_code == 500
    assert doors.door.one("SELECT count(*) FROM ingest.readings") == 1


def test_late_reading_takes_the_long_way_and_waits(doors: Doors) -> None:
    doors.door.one(
        "INSERT INTO app.closed_months VALUES (%s, '2026-01-01', now(), 'x') RETURNING 1",
        doors.door.mall_id,
    )
    assert doors.at(4).json["late"] == 1
    assert doors.flask_asked() == 1
    assert doors.door.one("SELECT count(*) FROM ingest.batches") == 2


@pytest.mark.parametrize(
    "more",
    [
        {"Cookie": "a=b"},
        {"Idempotency_Key": "x"},
        {"Content_Encoding": "gzip"},
        {"Content_Digest": "sha-256=:x:"},
        {"Content_Type": "application/json; charset=utf-8"},
        {"Content_Type": "text/plain"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": ""},
    ],
    ids=str,
)
def test_call_that_is_not_plain_is_flask_s(doors: Doors, more: dict[str, str]) -> None:
    quick = doors.post(READING, **more)
    assert doors.flask_asked() == 1
    long = doors.post(READING, long=True, **more)
    assert quick.status_code == long.status_code


@pytest.mark.parametrize("body", [b"[", b"", b"[]", json.dumps([READING] * 51).encode()])
def test_body_that_is_not_plain_is_flask_s(doors: Doors, body: bytes) -> None:
    quick = doors.post(body)
    assert doors.flask_asked() == 1
    long = doors.post(body, long=True)
    assert quick.status_code == long.status_code


def test_quota_counts_each_call_once_on_either_way(door: Door) -> None:
    door.settings.api_key_calls_per_minute = 6
    doors = Doors(door)
    statuses = [doors.at(minute).status_code for minute in range(1, 7)]
    assert statuses == [200] * 5 + [429]
    assert doors.at(8, device_id="x").status_code == 429


def test_call_that_fails_is_counted_once(door: Door) -> None:
    doors = Doors(door)
    with psycopg.connect(door.url) as connection:
        connection.execute(f"REVOKE EXECUTE ON FUNCTION {TAKE} FROM atrium_ingest")
    key_id = door.one("SELECT id FROM app.device_keys")
    before = doors.quick.quota._left[key_id].calls
    assert doors.at(3).status_code == 200
    assert doors.quick.quota._left[key_id].calls == before - 1


def test_failure_of_the_database_is_answered_by_flask(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections.own_connection(doors.door.url).close()

    def refuse(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(psycopg, "connect", refuse)
        response = doors.at(3)
    assert response.status_code == 503
    assert response.json["type"].endswith("problem-unavailable")


def test_log_line_is_the_same(doors: Doors, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="atrium.web"):
        doors.at(1)
        doors.post(READING, long=True)
    quick, long = [record for record in caplog.records if record.name == "atrium.web"]
    assert (quick.getMessage(), quick.status) == (long.getMessage(), long.status)
    assert set(vars(quick)) == set(vars(long))


def test_body_that_breaks_off_is_told_by_flask(doors: Doors) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise TimeoutError

    environ = EnvironBuilder(
        path="/api/v1/readings",
        method="POST",
        headers={
            "Content-Type": "application/json",
            "Authorization": f"Bearer {doors.door.key}",
        },
    ).get_environ()
    environ["CONTENT_LENGTH"] = "99"
    environ["wsgi.input"] = Broken()
    _, status, _ = run_wsgi_app(doors.quick, environ)
    assert status.startswith("408")
    assert doors.flask_asked() == 1
