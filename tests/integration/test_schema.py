"""The schema: migrations go up, down and up again, and say what the models say."""

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from storage.database import MIGRATIONS, alembic_config, ensure_month_partitions, migrate
from storage.models import Base


def test_migrations_go_up_down_and_up_without_drift(database_url: str) -> None:
    config = alembic_config(database_url)
    command.downgrade(config, "base")
    migrate(database_url)
    command.check(config)


def test_migrations_have_one_head() -> None:
    assert len(ScriptDirectory(str(MIGRATIONS)).get_heads()) == 1


def test_drift_check_notices_a_missing_column(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE app.shops DROP COLUMN description")
    with pytest.raises(Exception, match="New upgrade operations"):
        command.check(alembic_config(database_url))


def test_every_table_is_made(engine: sa.Engine) -> None:
    names = set()
    for schema in ("app", "ingest", "audit"):
        names |= {f"{schema}.{name}" for name in sa.inspect(engine).get_table_names(schema)}
    assert set(Base.metadata.tables) <= names


def test_month_partitions_are_made_once(database_url: str) -> None:
    from datetime import date

    with psycopg.connect(database_url) as connection:
        for _ in range(2):
            ensure_month_partitions(connection, date(2026, 1, 31), date(2026, 3, 1))
        rows = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent = 'ingest.readings'::regclass ORDER BY 1"
        ).fetchall()
    assert [row[0] for row in rows] == [
        "ingest.readings_y2026m01",
        "ingest.readings_y2026m02",
        "ingest.readings_y2026m03",
    ]
