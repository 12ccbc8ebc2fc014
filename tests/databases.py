"""Databases of tests: made, and dropped with all that belongs to them."""

from uuid import uuid4

import psycopg
import sqlalchemy as sa
from psycopg import sql

from storage.database import dagster_url
from storage.logins import Login, login_name


def create_database(server_url: str, template_url: str = "") -> str:
    """URL of a new database of the server: empty, or a copy of one that nobody is connected to."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template_url:
            template = sa.make_url(template_url).database or ""
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        connection.execute(statement)
    return sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)


def drop_database(server_url: str, url: str) -> None:
    """Drop a database, the orchestrator's beside it, and the logins that were made for it."""
    name = sa.make_url(url).database or ""
    with psycopg.connect(server_url, autocommit=True) as connection:
        for each in (name, sa.make_url(dagster_url(url)).database or ""):
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(each))
            )
        for login in Login:
            connection.execute(
                sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(login_name(name, login)))
            )
