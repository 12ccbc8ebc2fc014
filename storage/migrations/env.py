"""Runs migrations with the URL handed over by `storage.database.migrate`."""

from collections.abc import MutableMapping
from typing import Any

import sqlalchemy as sa
from alembic import context

from storage.database import with_driver
from storage.models import Base
from storage.roles import Group, prepare_roles

OWNED_SCHEMAS = {"app", "ingest", "audit"}


def include_name(name: str | None, kind: str, parents: MutableMapping[Any, str | None]) -> bool:
    if kind == "schema":
        return name in OWNED_SCHEMAS
    if kind == "table":
        return not (
            parents.get("schema_name") == "ingest" and (name or "").startswith("readings_y")
        )
    return True


def run() -> None:
    url = context.config.attributes["url"]
    prepare_roles(url)
    engine = sa.create_engine(with_driver(url, "psycopg"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        # Two processes may start at once: the second waits, then finds nothing to do.
        connection.execute(sa.text("SELECT pg_advisory_lock(4207849)"))
        # What is made belongs to the owner, who cannot log in.
        connection.execute(sa.text(f"SET ROLE {Group.OWNER}"))
        connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS app"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_schemas=True,
            include_name=include_name,
            version_table_schema="app",
            compare_type=True,
            compare_server_default=False,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


run()
