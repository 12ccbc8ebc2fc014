"""Fixtures shared by all tests: real Postgres, one server for the whole session."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import hypothesis
import psycopg
import pytest
import sqlalchemy as sa
from databases import create_database, drop_database
from sqlalchemy.orm import Session

from storage.database import create_engine, migrate
from storage.logins import prepare_logins
from storage.postgres import embedded_server
from storage.settings import REPOSITORY, Settings

# How long an example takes says how busy the machine is, and nothing about the code.
hypothesis.settings.register_profile(
    "atrium", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("atrium")


@pytest.fixture(scope="session")
def state_dir() -> Iterator[Path]:
    """A folder that the server's user can reach also when the tests run as root."""
    path = Path(tempfile.mkdtemp(prefix="atrium-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def font_state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder whose fonts are cut once for the session: it takes seconds."""
    return tmp_path_factory.mktemp("fonts")


@pytest.fixture(scope="session")
def server_url(state_dir: Path) -> Iterator[str]:
    """A Postgres server: ATRIUM_TEST_DATABASE_URL, else one started for this session."""
    given = os.environ.get("ATRIUM_TEST_DATABASE_URL")
    if given:
        yield given
        return
    server = embedded_server(Settings(state_dir=state_dir, _env_file=None))
    server.start()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        # Nothing of these databases has to outlive the machine: they are made by the hundred.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    yield server.url("postgres")
    server.stop()


@pytest.fixture(scope="session")
def template_url(server_url: str) -> str:
    """A migrated, empty database that others are copied from. Nobody stays connected to it."""
    url = create_database(server_url)
    migrate(url)
    return url


@pytest.fixture
def database_url(server_url: str, template_url: str) -> Iterator[str]:
    """A migrated, empty database for one test that commits."""
    url = create_database(server_url, template_url)
    yield url
    drop_database(server_url, url)


@pytest.fixture(scope="module")
def module_database_url(server_url: str, template_url: str) -> Iterator[str]:
    """A migrated, empty database for the tests of one module, which share what they commit."""
    url = create_database(server_url, template_url)
    yield url
    drop_database(server_url, url)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def shared_engine(server_url: str, template_url: str) -> Iterator[sa.Engine]:
    url = create_database(server_url, template_url)
    engine = create_engine(url)
    yield engine
    engine.dispose()
    drop_database(server_url, url)


@pytest.fixture
def session(shared_engine: sa.Engine) -> Iterator[Session]:
    """A session in a transaction that is rolled back: commits inside are savepoints."""
    with shared_engine.connect() as connection:
        outer = connection.begin()
        with Session(
            connection, join_transaction_mode="create_savepoint", expire_on_commit=False
        ) as session:
            yield session
        outer.rollback()


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings of one test, its state in a folder of its own; a database with its logins if one
    is asked for.
    """
    url = ""
    if "database_url" in request.fixturenames:
        url = request.getfixturevalue("database_url")
    settings = Settings(state_dir=tmp_path / "var", database_url=url, _env_file=None)
    if url:
        prepare_logins(settings, url)
    return settings


@pytest.fixture(scope="session")
def build_marts(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """`build_marts(url, *arguments)`: build and test the marts of a database; dbt gets the rest.

    Fails with what dbt says when a model, a test or a unit test fails.
    """
    from dbt.cli.main import dbtRunner

    project = REPOSITORY / "dbt_project"
    made = tmp_path_factory.mktemp("dbt")

    def build(url: str, *arguments: str) -> None:
        # Read by profiles.yml: the names of the database's relations are fixed when dbt parses.
        parts = sa.make_url(url)
        os.environ.update(
            ATRIUM_DBT_HOST=parts.host or "",
            ATRIUM_DBT_PORT=str(parts.port or 5432),
            ATRIUM_DBT_USER=parts.username or "",
            ATRIUM_DBT_PASSWORD=str(parts.password or ""),
            ATRIUM_DBT_DATABASE=parts.database or "",
        )
        target = str(made / str(parts.database))
        done = dbtRunner().invoke(
            [
                "--quiet", "--no-use-colors", "--no-send-anonymous-usage-stats",
                "build", *arguments,
                "--project-dir", str(project), "--profiles-dir", str(project),
                "--target-path", target, "--log-path", target,
            ]
        )  # fmt: skip
        failed = [
            f"{result.node.name}: {result.message}"
            for result in getattr(done.result, "results", ())
            if result.status not in ("success", "pass")
        ]
        assert done.success, done.exception or "\n".join(failed)

    return build


@pytest.fixture
def dbt_build(database_url: str, build_marts: Callable[..., None]) -> Callable[..., None]:
    """`dbt_build(*arguments)` builds and tests the marts of the test's database."""
    return partial(build_marts, database_url)
