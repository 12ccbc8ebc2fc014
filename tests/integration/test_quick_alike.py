"""The quick way and the long way side by side, in the whole application: odd calls are answered
alike, to the header and the byte, and leave the same behind.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from databases import create_database, drop_database
from device_door import StillClock
from werkzeug.test import Client, TestResponse

from services.operations.device_keys import create_device_key, revoke_device_key
from services.operations.signing_vault import open_vault
from storage.database import create_engine, transaction
from storage.logins import prepare_logins
from storage.settings import Settings
from webapp import create_app
from webapp.api import connections
from webapp.database import databases
from webapp.network import Network

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
DEVICES = (
    ("POS-1", "POS", "EVENT"),
    ("FC-1", "FOOTFALL", "INTERVAL"),
    ("EM-1", "METER", "CUMULATIVE"),
)
# What a mall's calls left behind, without the numbers that tell one mall from another.
LEFT = (
    "SELECT d.code, r.metric, r.interval_start, r.interval_end, r.value::text, r.quality, "
    "r.received_at, b.body FROM ingest.readings r JOIN app.devices d ON d.id = r.device_id "
    "JOIN ingest.batches b ON b.id = r.batch_id WHERE d.mall_id = %(mall)s ORDER BY 1, 2, 3",
    "SELECT d.code, r.metric, r.interval_start, r.value::text, r.quality, r.received_at "
    "FROM ingest.reading_revisions r JOIN app.devices d ON d.id = r.device_id "
    "WHERE d.mall_id = %(mall)s ORDER BY r.id",
    "SELECT body, body_sha256, content_type, adapter, rows_total, rows_refused, received_at, "
    "k.name FROM ingest.batches b JOIN app.device_keys k ON k.id = b.device_key_id "
    "WHERE b.mall_id = %(mall)s ORDER BY b.id",
    "SELECT row_number, row, reason_code, regexp_replace(reason, 'mall [QL]', '') "
    "FROM ingest.quarantine WHERE mall_id = %(mall)s ORDER BY id",
    "SELECT business_date, touched_at, cleaned_at FROM ingest.touched_dates "
    "WHERE mall_id = %(mall)s ORDER BY 1",
    "SELECT month, metric, value::text FROM ingest.late_readings WHERE mall_id = %(mall)s "
    "ORDER BY id",
    "SELECT name, last_used_at FROM app.device_keys WHERE mall_id = %(mall)s ORDER BY name",
)


@dataclass
class Way:
    """A mall of its own, and the way into it."""

    mall_id: int
    keys: dict[str, str]
    client: Client
    url: str

    def call(self, body: bytes, given: Mapping[str, str | None]) -> TestResponse:
        more = dict(given)
        key = self.keys[more.pop("key", None) or "mall"]
        query = more.pop("query", None) or ""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"} | more
        return self.client.post(
            "/api/v1/readings",
            query_string=query,
            data=body,
            headers={name: value.replace("KEY", key) for name, value in headers.items() if value},
        )

    def left(self) -> list[list[tuple]]:
        with psycopg.connect(self.url) as connection:
            return [
                connection.execute(query, {"mall": self.mall_id}).fetchall()  # type: ignore[call-overload]
                for query in LEFT
            ]


@dataclass
class Ways:
    quick: Way
    long: Way
    asked: list[str]


@pytest.fixture(scope="module")
def ways(
    server_url: str, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ways]:
    url = create_database(server_url, template_url)
    state: Path = tmp_path_factory.mktemp("alike")
    settings = Settings(state_dir=state, database_url=url, _env_file=None)
    prepare_logins(settings, url)
    engine = create_engine(url)
    clock = StillClock()
    clock.at = NOW
    app = create_app(settings, clock)
    network: Any = app.wsgi_app
    quick = network.application
    flask, asked = quick.application, []

    def note(environ: dict[str, Any], start_response: Any) -> Any:
        asked.append(environ["PATH_INFO"])
        return flask(environ, start_response)

    quick.application = note
    long = Network(flask, settings)
    with pytest.MonkeyPatch.context() as patched:
        # However slow the machine: what was read of the devices is fresh.
        patched.setattr(connections, "DIRECTORY_SECONDS", 3600.0)
        yield Ways(
            _way(engine, settings, "Q", Client(network, use_cookies=False)),
            _way(engine, settings, "L", Client(long, use_cookies=False)),
            asked,
        )
    with app.app_context():
        databases().dispose()
    app.extensions["atrium"].engine.dispose()
    engine.dispose()
    drop_database(server_url, url)


def _way(engine: sa.Engine, settings: Settings, code: str, client: Client) -> Way:
    with transaction(engine) as session:
        mall_id: int = session.execute(
            sa.text(f"INSERT INTO app.malls (code, name) VALUES ('{code}', 'M') RETURNING id")
        ).scalar_one()
        devices = [
            session.execute(
                sa.text(
                    "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
                    "VALUES (:mall, :code, :kind, :feed) RETURNING id"
                ),
                {"mall": mall_id, "code": device, "kind": kind, "feed": feed},
            ).scalar_one()
            for device, kind, feed in DEVICES
        ]
        given: dict[str, dict[str, Any]] = {
            "mall": {},
            "till": {"device_id": devices[0]},
            "expired": {"expires_at": NOW},
            "revoked": {},
            "signing": {"requires_signature": True},
        }
        keys = {
            name: create_device_key(
                session, mall_id=mall_id, name=name, now=NOW - timedelta(days=1),
                vault=open_vault(settings), **{"device_id": None, **more},
            )
            for name, more in given.items()
        }  # fmt: skip
        revoke_device_key(session, public_id=keys["revoked"].partition("_")[0], now=NOW)
        keys["wrong"] = keys["mall"][:-1] + ("A" if keys["mall"][-1] != "A" else "B")
        keys["none"] = "0123456789abcdef_x"
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    way = Way(mall_id, keys, client, url)
    # The long way reads the devices first; the quick one has them from there.
    assert way.call(_body(minute=59, hour=0), {}).status_code == 200
    return way


def _one(minute: int = 0, hour: int = 14, **more: object) -> dict[str, object]:
    stamp = f"2026-03-10T{hour:02}:{minute:02}:00Z"
    told = {"device_id": "POS-1", "data_type": "sales", "value": 1.5, "timestamp": stamp, **more}
    return {name: value for name, value in told.items() if value is not None}


def _body(minute: int = 0, hour: int = 14, **more: object) -> bytes:
    return json.dumps(_one(minute, hour, **more)).encode()


def _many(*readings: object) -> bytes:
    return json.dumps(readings).encode()


VALUES = [b"1", b'"1.50"', b"1.5e2", b"1e400", b"-0", b"-1", b"0.1234567", b"NaN", b"null", b"true",
          b"1e30", b"999999999999.999999", b'"1,5"', b'""', b"[]", b'"\\ud800"', b"01"]  # fmt: skip
TIMES = ["2026-03-10T14:00:00+08:00", "2026-03-10T14:00:00", "2026-03-10T15:00:01Z", "x", "",
         "2026-03-11T15:00:00Z", "2020-01-01T00:00:00Z", "2026-02-30T00:00:00Z",
         "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-03-10T14:00:60Z",
         "2026-03-10T14:00:00.1234567Z", "2026-03-10 14:00:00Z",
         "2026-03-10T24:00:00Z"]  # fmt: skip
FIELDS: list[dict[str, object]] = [
    {"device_id": "POS-2"}, {"device_id": ""}, {"device_id": "pos-1"}, {"device_id": " POS-1"},
    {"device_id": "POS-1\0"}, {"device_id": 1}, {"device_id": None}, {"data_type": None},
    {"data_type": "energy_import"}, {"data_type": "Sales"}, {"value": None}, {"timestamp": None},
    {"unit": "CNY"}, {"unit": "kWh"}, {"colour": "red"}, {"interval_end": "2026-03-10T14:30:00Z"},
    {"interval_end": "2026-03-10T13:00:00Z"}, {"device_id": "x" * 300},
    {"device_id": "FC-1", "data_type": "people_in", "value": 7,
     "interval_end": "2026-03-10T14:30:00Z"},
    {"device_id": "FC-1", "data_type": "people_in", "value": 7},
    {"device_id": "FC-1", "data_type": "people_in", "value": 7.5,
     "interval_end": "2026-03-10T14:30:00Z"},
    {"device_id": "EM-1", "data_type": "energy_import", "value": "123.456", "unit": "kWh"},
    {"device_id": "EM-1", "data_type": "energy_import", "value": "1", "unit": "Wh"},
]  # fmt: skip
BODIES = [
    b"", b" ", b"[", b"[]", b"{}", b"7", b"null", b"[7]", b"[[]]", b"\xff", b"[" * 200,
    b"\xef\xbb\xbf" + _body(1), _body(2) + b"x", _body(3) + b"\n" + _body(4), b"  " + _body(5),
    _body(6).replace(b'"value"', b'"value": 1, "value"'), _many(_one(7), 7),
    _many(_one(8), _one(8)), _many(_one(9), _one(9, value=2), _one(9)),
    _many(_one(10), _one(11), _one(10, value=2)), _many(_one(12), _one(12, device_id="POS-2")),
    _many(*(_one(13, value=n) for n in range(50))), _many(*(_one(n) for n in range(51))),
    _body(14) + b" " * 16_384, _body(15) + b" " * (16_384 - len(_body(15))),
]  # fmt: skip
CALLS: list[dict[str, str | None]] = [
    {"Content-Type": None}, {"Content-Type": "text/plain"}, {"Content-Type": "Application/JSON"},
    {"Content-Type": "application/json; charset=utf-8"},
    {"Content-Type": "application/json;charset=latin-1"}, {"Content-Type": "application/x-ndjson"},
    {"Authorization": None}, {"Authorization": "bearer KEY"}, {"Authorization": "Bearer   KEY"},
    {"Authorization": "Bearer KEY "}, {"Authorization": "Bearer"}, {"Authorization": "Basic eDp5"},
    {"Authorization": "Bearer KEY_"}, {"Authorization": "Bearer _"},
    {"Cookie": "a=b"}, {"Cookie": "="}, {"Content-Encoding": "identity"},
    {"Content-Encoding": "gzip"}, {"Content-Encoding": "br"}, {"Content-Digest": "sha-256=:eA==:"},
    {"Content-Digest": "x"}, {"Idempotency-Key": "n1"}, {"Idempotency-Key": "a b"},
    {"Idempotency-Key": ""}, {"X-Request-ID": "0123456789abcdef"}, {"Host": "elsewhere.example"},
    {"Host": "localhost:x"}, {"query": "a=b"}, {"query": "%ff"}, {"Accept": "text/html"},
    {"Accept-Language": "zh-CN"}, {"X-HTTP-Method-Override": "DELETE"}, {"Origin": "https://a.b"},
    {"X-Forwarded-For": "10.0.0.1"}, {"X-Forwarded-Proto": "https"}, {"Expect": "100-continue"},
    {"If-None-Match": "*"}, {"Range": "bytes=0-1"},
    *({"key": key} for key in ("till", "expired", "revoked", "signing", "wrong", "none")),
]  # fmt: skip
TABLE: list[tuple[bytes, dict[str, str | None]]] = [
    *((_body(20).replace(b"1.5", value), {}) for value in VALUES),
    *((_body(timestamp=stamp), {}) for stamp in TIMES),
    *((_body(21, **more), {}) for more in FIELDS),
    *((body, {}) for body in BODIES),
    *product([_body(22)], CALLS),
    (_body(23, device_id="FC-1", data_type="people_in", interval_end="2026-03-10T14:30:00Z"),
     {"key": "till"}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "headers"), TABLE, ids=range(len(TABLE)))
def test_odd_call_is_answered_alike_and_leaves_the_same(
    ways: Ways, body: bytes, headers: dict[str, str | None]
) -> None:
    """Each is sent twice: the second time it is mostly a duplicate."""
    for _ in range(2):
        _same(ways.quick.call(body, headers), ways.long.call(body, headers))
    assert ways.quick.left() == ways.long.left()


def test_plain_call_does_not_reach_flask(ways: Ways) -> None:
    """Or the table would compare the long way with itself."""
    ways.asked.clear()
    for body in (_body(31), _many(_one(32), _one(33)), _body(31, value=2)):
        assert ways.quick.call(body, {}).status_code == 200
        ways.long.call(body, {})
    assert ways.asked == []


def _same(quick: TestResponse, long: TestResponse) -> None:
    assert (quick.status, _data(quick)) == (long.status, _data(long))
    assert _headers(quick) == _headers(long)


def _data(answer: TestResponse) -> bytes:
    """The body without the request's number and the mall's code, which problems tell."""
    return re.sub(rb'"request_id":"\w{16}"|number \w{16}|mall [QL]', b"", answer.data)


def _headers(answer: TestResponse) -> list[tuple[str, str]]:
    """All but the request's number, which is each call's own."""
    return sorted((name, value) for name, value in answer.headers if name != "X-Request-ID")
