"""The door for devices over a small mall, for the tests that knock at it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import Babel
from werkzeug.test import TestResponse

from services.operations.device_keys import create_device_key
from services.operations.signing_vault import open_vault
from storage.database import create_engine, transaction
from storage.objects import FolderStore
from storage.settings import Clock, Settings
from webapp.api import blueprint, calls, connections
from webapp.runtime import Runtime

NOW = datetime(2026, 1, 16, 15, tzinfo=UTC)
READING = {
    "device_id": "POS001",
    "data_type": "sales",
    "value": 1500.00,
    "timestamp": "2026-01-16T14:30:00Z",
}


class Door:
    """A mall with a till, a counter and a meter, the API before it, and keys to it."""

    def __init__(self, url: str, settings: Settings, tmp_path: Path) -> None:
        self.url = url
        self.settings = settings
        self.engine = create_engine(url)
        self.clock = StillClock()
        app = Flask("webapp", root_path=str(Path(__file__).parents[2] / "webapp"))
        Babel(app, locale_selector=lambda: "en")
        app.extensions["atrium"] = Runtime(
            settings=settings,
            engine=self.engine,
            database_url=url,
            store=FolderStore(tmp_path / "objects"),
            clock=self.clock,
        )
        app.register_blueprint(blueprint)
        self.app = app
        self.client: FlaskClient = app.test_client(use_cookies=False)
        self.mall_id = self.one(
            "INSERT INTO app.malls (code, name) VALUES ('M1', 'M') RETURNING id"
        )
        self.devices = {
            code: self.device(code, kind, feed)
            for code, kind, feed in (
                ("POS001", "POS", "EVENT"),
                ("FC-01", "FOOTFALL", "INTERVAL"),
                ("EM-01", "METER", "CUMULATIVE"),
            )
        }
        self.key = self.make_key(None)

    def device(self, code: str, kind: str, feed: str) -> int:
        return self.one(
            "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
            "VALUES (%s, %s, %s, %s) RETURNING id",
            self.mall_id,
            code,
            kind,
            feed,
        )

    def make_key(self, device_id: int | None, **given: object) -> str:
        with transaction(self.engine) as session:
            return create_device_key(
                session,
                mall_id=self.mall_id,
                device_id=device_id,
                name="",
                now=NOW,
                vault=open_vault(self.settings),
                **given,
            )

    def one(self, query: str, *values: object):
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query, values).fetchone()
        return row[0] if row else None

    def post(self, body: object, *, key: str | None = "", **headers: str) -> TestResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"}
        if key is not None:
            sent["Authorization"] = f"Bearer {key or self.key}"
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        return self.client.post("/api/v1/readings", data=data, headers=sent)


class StillClock(Clock):
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def door(
    database_url: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Door]:
    monkeypatch.setattr(connections, "_directories", {})
    monkeypatch.setattr(calls, "_heard", {})
    monkeypatch.setattr(calls, "_used", {})
    door = Door(database_url, settings, tmp_path)
    yield door
    connections.own_connection(database_url).close()
    door.engine.dispose()


def problem(response: TestResponse, status: int, slug: str) -> dict:
    assert response.status_code == status, response.data
    assert response.mimetype == "application/problem+json"
    document = json.loads(response.data)
    assert document["type"] == f"/api/docs#problem-{slug}"
    assert document["status"] == status
    return document
