"""Engines, sessions and the state of the schema.

Belongs here: how code reaches the database. Not here: queries (services) and the embedded
server's processes (storage/postgres).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from storage.postgres import DAGSTER_DATABASE, embedded_server
from storage.roles import Group
from storage.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"


def database_url(settings: Settings) -> str:
    """The plain URL (postgresql://…) of the database: the setting's, or the running embedded
    server's. Raises PostgresError when the embedded server is not running.
    """
    return settings.database_url or embedded_server(settings).url()


def with_driver(url: str, driver: str) -> str:
    """`postgresql://…` with a named driver: psycopg (ours) or psycopg2 (Dagster and dbt)."""
    return url.replace("postgres://", "postgresql://", 1).replace(
        "postgresql://", f"postgresql+{driver}://", 1
    )


def dagster_url(url: str) -> str:
    """URL of Dagster's own database on the same server, with the driver it needs."""
    parts = sa.make_url(with_driver(url, "psycopg2"))
    name = DAGSTER_DATABASE if parts.database == "atrium" else f"{parts.database}_dagster"
    return parts.set(database=name).render_as_string(hide_password=False)


def create_engine(url: str, *, pool_size: int = 5, role: Group | None = None) -> sa.Engine:
    """An engine for `postgresql://…`; every connection speaks UTC, and acts as `role` if given."""
    options = "-c timezone=UTC" + (f" -c role={role}" if role else "")
    return sa.create_engine(
        with_driver(url, "psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={"options": options},
    )


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[Session]:
    """A session whose work is committed at the end of the block, or wholly rolled back."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def ensure_database(url: str) -> None:
    """Create the database that `url` names when the server does not have it."""
    parts = sa.make_url(url.replace("+psycopg2", ""))
    name = parts.database or ""
    maintenance = parts.set(drivername="postgresql", database="postgres")
    with psycopg.connect(
        maintenance.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        known = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", (name,)
        ).fetchone()
        if known is None:
            connection.execute(
                psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name))
            )


def alembic_config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    return config


def migrate(url: str, revision: str = "head") -> None:
    """Bring the schemas app, ingest and audit to `revision`; does nothing when they are there.

    Raises PostgresError saying what a superuser must run when the URL's account may not make
    the roles of Atrium.
    """
    command.upgrade(alembic_config(url), revision)


def pending_migrations(engine: sa.Engine) -> bool:
    """Whether the database is behind (or ahead of) the migrations of this code."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    with engine.connect() as connection:
        known = connection.execute(sa.text("SELECT to_regclass('app.alembic_version')")).scalar()
        if known is None:
            return True
        return (
            connection.execute(sa.text("SELECT version_num FROM app.alembic_version")).scalar()
            != head
        )


def ensure_month_partitions(connection: psycopg.Connection, first: date, last: date) -> None:
    """Create the monthly partitions of ingest.readings that hold `first` to `last` (UTC dates)."""
    month = first.replace(day=1)
    while month <= last:
        following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
        connection.execute(
            "SELECT ingest.ensure_readings_partition(%s::date, %s::date)", (month, following)
        )
        month = following
