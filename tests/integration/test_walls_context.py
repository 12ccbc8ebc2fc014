"""The signed context: without it nothing, and nobody can make or borrow one."""

import json
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from databases import create_database, drop_database
from sqlalchemy.orm import Session

from domain.malls import BusinessType
from domain.scopes import EVERYTHING, NOTHING, Actor, ActorKind, Scope
from services.operations.malls import register_mall, register_shop
from storage.context import LIFETIME, SET_CONTEXT, context_key, set_context, sign_context
from storage.database import create_engine, migrate, transaction
from storage.logins import GROUPS, Login, login_name, login_url, prepare_logins
from storage.postgres import PostgresError
from storage.roles import STAFF, Group
from storage.settings import Settings

FINANCE = Actor(ActorKind.PERSON, "finance@example.org", 4, "FINANCE")
Denied = psycopg.errors.InsufficientPrivilege


@pytest.fixture
def malls(engine: sa.Engine, settings: Settings) -> tuple[int, int]:
    """Two malls with three shops each."""
    ids = []
    with transaction(engine) as session:
        for code in ("M01", "M02"):
            mall_id = register_mall(session, code=code, name=code)
            for number in range(3):
                register_shop(
                    session,
                    mall_id=mall_id,
                    code=f"S-{number}",
                    name="a shop",
                    business_type=BusinessType.RETAIL,
                )
            ids.append(mall_id)
    return ids[0], ids[1]


@pytest.fixture
def staff(settings: Settings, database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(login_url(settings, Login.STAFF)) as connection:
        yield connection


def say(connection: psycopg.Connection, settings: Settings, scope: Scope, **kwargs: Any) -> None:
    given: dict[str, Any] = {
        "key": context_key(settings),
        "role": Group.FINANCE,
        "scope": scope,
        "actor": FINANCE,
        "now": datetime.now(UTC),
    }
    set_context(connection, **(given | kwargs))


def of(*mall_ids: int) -> Scope:
    return Scope(mall_ids=frozenset(mall_ids))


def shops(connection: psycopg.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT mall_id FROM app.shops ORDER BY id")]


def test_scope_decides_which_rows_there_are(
    staff: psycopg.Connection, settings: Settings, malls: tuple[int, int]
) -> None:
    here, there = malls
    for scope, expected in (
        (of(here), [here] * 3),
        (of(here, there), [here] * 3 + [there] * 3),
        (NOTHING, []),
        (EVERYTHING, [here] * 3 + [there] * 3),
    ):
        with staff.transaction():
            say(staff, settings, scope)
            assert shops(staff) == expected


def test_transaction_without_context_reads_nothing(
    staff: psycopg.Connection, settings: Settings, malls: tuple[int, int]
) -> None:
    with pytest.raises(Denied, match="permission denied"), staff.transaction():
        shops(staff)  # the login itself may do nothing
    with pytest.raises(Denied, match="no context"), staff.transaction():
        staff.execute("SET LOCAL ROLE atrium_finance")
        shops(staff)
    with staff.transaction():
        say(staff, settings, of(malls[0]))
        assert shops(staff)
    with pytest.raises(Denied, match="no context"), staff.transaction():
        staff.execute("SET LOCAL ROLE atrium_finance")  # what was said ended with its transaction
        shops(staff)


def forgeries(staff: psycopg.Connection, settings: Settings, mall_id: int) -> dict[str, str]:
    now, pid = datetime.now(UTC), staff.info.backend_pid
    key = context_key(settings)

    def signed(key: bytes = key, pid: int = pid, role: Group = Group.FINANCE, **kwargs: Any) -> str:
        return sign_context(
            key=key,
            backend_pid=pid,
            role=role,
            scope=kwargs.get("scope", of(mall_id)),
            actor=FINANCE,
            now=kwargs.get("now", now),
        )

    mac, _, body = signed(scope=of(mall_id)).partition("|")
    told = json.loads(body)
    return {
        "another key": signed(key=b"another key"),
        "no key": f"{'0' * 64}|{body}",
        "a wider scope": f"{mac}|{json.dumps(told | {'everything': True})}",
        "a longer life": f"{mac}|{json.dumps(told | {'until': told['until'] + 86400})}",
        "another connection's": signed(pid=pid + 1),
        "an old one": signed(now=now - LIFETIME - timedelta(seconds=5)),
        "another role's": signed(role=Group.MANAGEMENT),
        "no signature": body,
        "no context": "x",
        "cut off": mac,
    }


@pytest.mark.parametrize("kind", [
    "another key", "no key", "a wider scope", "a longer life", "another connection's",
    "an old one", "another role's", "no signature", "no context", "cut off",
])  # fmt: skip
def test_context_that_is_not_of_this_moment_is_refused(
    staff: psycopg.Connection, settings: Settings, malls: tuple[int, int], kind: str
) -> None:
    text = forgeries(staff, settings, malls[0])[kind]
    with pytest.raises(Denied, match="context"), staff.transaction():
        staff.execute(SET_CONTEXT, (Group.FINANCE.value, text, "off"))
        shops(staff)


def test_transaction_outlives_its_context_but_begins_no_other(
    staff: psycopg.Connection, settings: Settings, malls: tuple[int, int]
) -> None:
    """Its age is asked when the transaction begins: a long export does not break off."""
    with staff.transaction():
        started = staff.execute("SELECT now()").fetchone()
        assert started is not None
        say(staff, settings, of(malls[0]), now=started[0] - LIFETIME + timedelta(milliseconds=20))
        staff.execute("SELECT pg_sleep(0.1)")
        assert shops(staff)


def test_role_is_bound_to_what_was_said(
    staff: psycopg.Connection, settings: Settings, malls: tuple[int, int]
) -> None:
    """SQL slipped into finance's statement may take another desk's role, but no row with it."""
    with pytest.raises(Denied, match="another connection, role or time"), staff.transaction():
        say(staff, settings, of(malls[0]))
        staff.execute("SET LOCAL ROLE atrium_super_admin")
        shops(staff)


def test_nobody_reads_the_key(staff: psycopg.Connection, settings: Settings) -> None:
    for group in STAFF:
        with pytest.raises(Denied, match="context_keys"), staff.transaction():
            say(staff, settings, EVERYTHING, role=group)
            staff.execute("SELECT * FROM app.context_keys")
        with pytest.raises(Denied, match="function context"), staff.transaction():
            say(staff, settings, EVERYTHING, role=group)
            staff.execute("SELECT app.context()")


def test_reading_transaction_changes_nothing(
    staff: psycopg.Connection, settings: Settings, malls: tuple[int, int]
) -> None:
    update = "UPDATE app.malls SET address = 'x'"
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), staff.transaction():
        say(staff, settings, EVERYTHING, role=Group.SUPER_ADMIN, read_only=True)
        staff.execute(update)
    with pytest.raises(psycopg.errors.ActiveSqlTransaction), staff.transaction():
        say(staff, settings, EVERYTHING, role=Group.SUPER_ADMIN, read_only=True)
        staff.execute("SET TRANSACTION READ WRITE")
    with staff.transaction():
        say(staff, settings, EVERYTHING, role=Group.SUPER_ADMIN)
        assert staff.execute(update).rowcount == 2


@pytest.mark.parametrize("login", [*Login])
def test_login_becomes_its_own_groups_and_no_other(
    settings: Settings, database_url: str, login: Login
) -> None:
    for group in Group:
        with psycopg.connect(login_url(settings, login)) as connection:
            if group in GROUPS[login] or (login is Login.MIGRATIONS and group is Group.PIPELINES):
                connection.execute(f"SET ROLE {group}")
            else:
                with pytest.raises(Denied, match="set role"):
                    connection.execute(f"SET ROLE {group}")


def test_ingest_adds_for_its_mall_and_changes_nothing(
    engine: sa.Engine, settings: Settings, malls: tuple[int, int]
) -> None:
    here, there = malls
    with engine.begin() as owner:
        mine, other = (
            owner.scalar(
                sa.text(
                    "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
                    "VALUES (:mall, 'POS-1', 'POS', 'EVENT') RETURNING id"
                ),
                {"mall": mall},
            )
            for mall in malls
        )
    add = (
        "INSERT INTO ingest.readings (device_id, metric, interval_start, interval_end, value, "
        "received_at, batch_id) VALUES (%s, 'sales', current_date, now(), 1, now(), 1)"
    )
    settle = (
        "SELECT * FROM ingest.settle_readings(ARRAY[%s::bigint], ARRAY['sales'], "
        "ARRAY[current_date::timestamptz], ARRAY[now()], ARRAY[2.0], ARRAY['GOOD'], now(), NULL, 2)"
    )
    touch = "SELECT ingest.touch_dates(%s, ARRAY['2026-03-01'::date], now())"
    month = "SELECT ingest.ensure_readings_partition(date_trunc('month', now())::date, "
    month += "(date_trunc('month', now()) + interval '1 month')::date)"

    def attempt(statement: str, *values: object) -> int:
        with psycopg.connect(login_url(settings, Login.INGEST)) as connection:
            say(connection, settings, of(here), role=Group.INGEST)
            return connection.execute(statement, values).rowcount  # type: ignore[call-overload]

    attempt(month)
    assert attempt(add, mine) == 1
    assert attempt(settle, mine) == 1
    assert attempt(touch, here) == 1
    for statement, value, told in (
        (add, other, "row-level security"),
        (settle, other, "a device is out of scope"),
        (touch, there, f"mall {there} is out of scope"),
    ):
        with pytest.raises(Denied, match=told):
            attempt(statement, value)
    for statement in (
        "UPDATE ingest.readings SET value = 0", "DELETE FROM ingest.readings",
        "TRUNCATE ingest.readings", "SELECT value FROM ingest.readings",
        "SELECT * FROM ingest.batches", "UPDATE app.devices SET status = 'OFFLINE'",
        "SELECT * FROM app.users", "SELECT * FROM app.device_keys",
        "SELECT * FROM ingest.readings_y" + datetime.now(UTC).strftime("%Ym%m"),
    ):  # fmt: skip
        with pytest.raises(Denied, match="permission denied"):
            attempt(statement)


# -- a pool of connections under many hands -------------------------------------------------------


def hammer(engine: sa.Engine, settings: Settings, malls: tuple[int, int], *, scoped: bool) -> int:
    """Sixteen threads over the pool, with mixed roles, errors and rollbacks; rows seen that were
    another mall's.
    """
    foreign, failures = [0], []

    def work(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(40):
            mall, role = dice.choice(malls), dice.choice(STAFF)
            try:
                with Session(engine) as session:
                    driver: Any = session.connection().connection.driver_connection
                    if scoped:
                        say(driver, settings, of(mall), role=role)
                    seen = list(session.scalars(sa.text("SELECT mall_id FROM app.shops")))
                    foreign[0] += sum(one != mall for one in seen)
                    if scoped and seen.count(mall) != 3:
                        failures.append(f"{role} of {mall} saw {seen}")
                    end = dice.random()
                    if end < 0.25:
                        session.execute(sa.text("SELECT 1 / 0"))
                    elif end < 0.5:
                        session.rollback()
                    elif end < 0.75:
                        session.commit()
                    # The next transaction of this very session says nothing: it must see nothing.
                    if scoped and end >= 0.25:
                        session.execute(sa.text("SELECT mall_id FROM app.shops"))
                        if end < 0.75:
                            failures.append("rows without a context")
            except (sa.exc.DataError, sa.exc.ProgrammingError):
                continue
            except Exception as error:  # noqa: BLE001 - told by the test
                failures.append(repr(error))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    return foreign[0]


def test_pool_of_four_under_sixteen_threads_leaks_no_row(
    settings: Settings, malls: tuple[int, int], database_url: str
) -> None:
    def pool(url: str) -> sa.Engine:
        return sa.create_engine(
            url.replace("postgresql://", "postgresql+psycopg://"), pool_size=4, max_overflow=0
        )

    staff, unscoped = pool(login_url(settings, Login.STAFF)), pool(database_url)
    try:
        assert hammer(staff, settings, malls, scoped=True) == 0
        # The same hands over a connection that is not scoped do see foreign rows: the check can
        # fail.
        assert hammer(unscoped, settings, malls, scoped=False) > 0
    finally:
        staff.dispose()
        unscoped.dispose()


# -- databases and accounts -----------------------------------------------------------------------


def test_databases_of_one_server_do_not_open_each_other(
    server_url: str, template_url: str, settings: Settings, database_url: str
) -> None:
    url = create_database(server_url, template_url)
    try:
        prepare_logins(settings, url)
        for login in Login:
            own = login_url(settings, login)
            psycopg.connect(own).close()
            crossed = sa.make_url(own).set(database=sa.make_url(url).database)
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(crossed.render_as_string(hide_password=False))
    finally:
        drop_database(server_url, url)


def test_copied_database_is_taken_into_these_hands(
    settings: Settings, database_url: str, tmp_path: Any
) -> None:
    """Other secrets, as after a restore: passwords and the key are made to agree again."""
    elsewhere = Settings(
        state_dir=tmp_path / "elsewhere", database_url=database_url, _env_file=None
    )
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(login_url(elsewhere, Login.STAFF))
    prepare_logins(elsewhere)
    with psycopg.connect(login_url(elsewhere, Login.STAFF)) as connection:
        say(connection, elsewhere, NOTHING)
        connection.execute("SELECT app.scope_malls()")
    with (
        psycopg.connect(login_url(elsewhere, Login.STAFF)) as connection,
        pytest.raises(Denied, match="not signed"),
    ):
        say(connection, elsewhere, NOTHING, key=context_key(settings))
        connection.execute("SELECT app.scope_malls()")


def test_migrations_login_needs_no_power_to_make_roles(
    settings: Settings, database_url: str
) -> None:
    url = login_url(settings, Login.MIGRATIONS)
    # A copied database has lost what was granted on it, and Postgres only warns who may not grant.
    with pytest.raises(PostgresError, match="GRANT CREATE, TEMPORARY ON DATABASE"):
        migrate(url)
    migrate(database_url)
    migrate(url)
    prepare_logins(settings, url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO PUBLIC')  # type: ignore[call-overload]
    with pytest.raises(PostgresError, match="REVOKE CONNECT, TEMPORARY ON DATABASE"):
        prepare_logins(settings, url)


def test_account_without_the_power_is_told_what_a_superuser_must_run(
    server_url: str, settings: Settings
) -> None:
    url = create_database(server_url)
    name = sa.make_url(url).database or ""
    account = login_name(name, Login.STAFF)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {account} LOGIN PASSWORD 'x'")  # type: ignore[call-overload]
        connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {account}")  # type: ignore[call-overload]
    plain = sa.make_url(url).set(username=account, password="x")
    try:
        with pytest.raises(PostgresError, match=r'must run.*\n.*GRANT "atrium_owner".*WITH ADMIN'):
            migrate(plain.render_as_string(hide_password=False))
    finally:
        drop_database(server_url, url)


def test_engine_that_acts_as_a_role_does_so_from_its_first_statement(database_url: str) -> None:
    engine = create_engine(database_url, role=Group.OWNER)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT current_user")) == Group.OWNER
    engine.dispose()
