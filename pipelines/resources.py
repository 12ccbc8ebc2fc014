"""What assets work with, opened when a run needs it and closed with it.

Belongs here: how a run reaches settings, database, objects, time and dbt. Not here: what it does
with them. Nothing is opened while definitions load. Tests give plain objects in their place.

The clock is part of a run's configuration, so that a run says at which instant it stood: empty
for the application's clock, an ISO instant for a run that catches up on a day gone by.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import sqlalchemy as sa
from dagster_dbt import DbtCliResource
from packaging.version import Version
from sqlalchemy.orm import Session

from pipelines.manifest import PROJECT
from services.queries.malls import MallView, find_mall, list_malls
from storage.database import create_engine, transaction
from storage.logins import Login, login_url
from storage.objects import ObjectStore, open_object_store
from storage.roles import Group
from storage.settings import Clock, Settings, load_settings


class UnknownMall(Exception):
    """The run is for a mall that is not registered."""


@dataclass(frozen=True)
class Database:
    """The engine of a run, with the ways its assets use it."""

    url: str
    engine: sa.Engine

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with transaction(self.engine) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that writes nothing."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def copying(self) -> Iterator[psycopg.Connection[Any]]:
        """A plain connection for COPY; the caller opens its transactions."""
        options = f"-c timezone=UTC -c role={Group.PIPELINES}"
        with psycopg.connect(self.url, autocommit=True, options=options) as connection:
            yield connection


@contextmanager
def backup_engine(settings: Settings) -> Iterator[sa.Engine]:
    """The database as backups enter it: they read all of it, and write down only themselves."""
    engine = create_engine(login_url(settings, Login.BACKUP))
    try:
        yield engine
    finally:
        engine.dispose()


@dataclass(frozen=True)
class Malls:
    """Which malls a run is for: all, or the one whose code its configuration names."""

    code: str

    def among(self, session: Session) -> tuple[MallView, ...]:
        """Raises UnknownMall."""
        if not self.code:
            return list_malls(session)
        mall = find_mall(session, code=self.code)
        if mall is None:
            raise UnknownMall(f"no mall has the code {self.code!r}")
        return (mall,)


class Progress:
    """Told how far a long asset is. This one is silent: Dagster shows the run's own events."""

    def report(self, done: int, total: int) -> None:
        """`done` of `total` pieces of the asset at work are finished."""


class FixedClock(Clock):
    """A clock that stands still at one instant."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        return self._instant


class Dbt(DbtCliResource):
    """dbt, called once per run. Each call costs seconds of imports, so the two that only ask for
    the version and open a second connection are answered from what is installed.
    """

    @property
    def _cli_version(self) -> Version:
        return Version(installed_version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Any) -> Any:
        return None


@dg.resource(description="Settings of the installation.")
def settings_resource(_: dg.InitResourceContext) -> Settings:
    return load_settings()


@dg.resource(required_resource_keys={"settings"}, description="The application's database.")
def database_resource(context: dg.InitResourceContext) -> Iterator[Database]:
    url = login_url(context.resources.settings, Login.PIPELINES)
    engine = create_engine(url, role=Group.PIPELINES)
    try:
        yield Database(url, engine)
    finally:
        engine.dispose()


@dg.resource(required_resource_keys={"settings"}, description="The object store.")
def store_resource(context: dg.InitResourceContext) -> ObjectStore:
    return open_object_store(context.resources.settings)


@dg.resource(
    required_resource_keys={"settings"},
    config_schema={"at": dg.Field(str, default_value="", description="ISO instant; empty: now.")},
    description="The instant at which a run works.",
)
def clock_resource(context: dg.InitResourceContext) -> Clock:
    at = context.resource_config["at"]
    if at:
        return FixedClock(datetime.fromisoformat(at))
    return Clock(context.resources.settings.clock)


@dg.resource(
    config_schema={"code": dg.Field(str, default_value="", description="Empty: all malls.")},
    description="The malls a run is for.",
)
def malls_resource(context: dg.InitResourceContext) -> Malls:
    return Malls(context.resource_config["code"])


@dg.resource(description="Told how far a long asset is.")
def progress_resource(_: dg.InitResourceContext) -> Progress:
    return Progress()


@dg.resource(required_resource_keys={"settings"}, description="dbt, pointed at the database.")
def dbt_resource(context: dg.InitResourceContext) -> Dbt:
    settings = context.resources.settings
    point_dbt_at(login_url(settings, Login.PIPELINES), settings.state_dir / "dbt")
    return Dbt(
        project_dir=str(PROJECT),
        profiles_dir=str(PROJECT),
        dbt_executable=str(_dbt_program()),
        global_config_flags=["--no-use-colors"],
    )


def point_dbt_at(url: str, folder: Path) -> None:
    """Say in the environment, where dbt's profile reads it, which database is ours, and that
    `folder` keeps what one invocation leaves for the next.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = sa.make_url(url)
    os.environ.update(
        {
            "ATRIUM_DBT_HOST": parts.host or "127.0.0.1",
            "ATRIUM_DBT_PORT": str(parts.port or 5432),
            "ATRIUM_DBT_USER": parts.username or "",
            "ATRIUM_DBT_PASSWORD": str(parts.password or ""),
            "ATRIUM_DBT_DATABASE": parts.database or "",
            "DBT_TARGET_PATH": str(folder),
        }
    )


def _dbt_program() -> Path:
    """The dbt of this very installation, whatever the PATH says."""
    return Path(sys.executable).parent / "dbt"


RESOURCES: dict[str, Any] = {
    "settings": settings_resource,
    "database": database_resource,
    "store": store_resource,
    "clock": clock_resource,
    "malls": malls_resource,
    "progress": progress_resource,
    "dbt": dbt_resource,
}
