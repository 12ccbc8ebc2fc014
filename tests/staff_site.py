"""The staff site over a seeded database: one for each test module that asks."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from databases import create_database, drop_database
from flask import Flask
from flask.testing import FlaskClient
from second_factor import finish_sign_in
from staff_mall import NOW, PASSWORD, StaffMall, build_staff_mall

from storage.database import create_engine
from storage.logins import prepare_logins
from storage.settings import Clock, Settings
from webapp import create_app
from webapp.database import EXTENSION

_addresses = itertools.count()


class FixedClock(Clock):
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.at = NOW

    def now(self):  # type: ignore[no-untyped-def]
        return self.at


@dataclass
class StaffSite:
    app: Flask
    mall: StaffMall
    clock: FixedClock
    settings: Settings
    engine: sa.Engine

    def client(self, email: str = "", *, locale: str = "en") -> FlaskClient:
        """A browser, signed in as `email` when one is given."""
        client = self.app.test_client()
        client.environ_base["HTTP_ACCEPT_LANGUAGE"] = locale
        # As many people as clients: how often one address may knock is limited.
        number = next(_addresses)
        client.environ_base["REMOTE_ADDR"] = f"10.0.{number // 250}.{number % 250 + 1}"
        if email:
            answer = self.sign_in(client, email, PASSWORD)
            assert answer.status_code == 302, answer.text
            answer = finish_sign_in(self.app, self.engine, client, email, answer)
            assert "sign-in" not in answer.headers.get("Location", ""), answer.text
        return client

    def sign_in(self, client: FlaskClient, email: str, password: str):  # type: ignore[no-untyped-def]
        return client.post(
            "/sign-in",
            data={"email": email, "password": password, "csrf_token": token(client, "/sign-in")},
        )


def token(client: FlaskClient, path: str) -> str:
    """The CSRF token of a page's form."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
    assert found, path
    return found.group(1)


@pytest.fixture(scope="module")
def staff_site(
    server_url: str, template_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StaffSite]:
    url = create_database(server_url, template_url)
    state: Path = tmp_path_factory.mktemp("staff")
    settings = Settings(state_dir=state, database_url=url, _env_file=None)
    prepare_logins(settings, url)
    engine = create_engine(url)
    mall = build_staff_mall(engine, settings)
    clock = FixedClock()
    app = create_app(settings, clock)
    yield StaffSite(app, mall, clock, settings, engine)
    app.extensions["atrium"].engine.dispose()
    app.extensions[EXTENSION].dispose()
    engine.dispose()
    drop_database(server_url, url)
