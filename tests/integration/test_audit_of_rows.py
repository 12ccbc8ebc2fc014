"""Postgres tells the audit of every changed row that people manage, and never a secret."""

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

# Tables of `app` without triggers, and why.
NOT_CAPTURED = {
    "account_tokens": "links by mail; sending and using one is an event of its own",
    "alembic_version": "migrations alone write it",
    "allocations": "written once by the posting of a payment, which is captured",
    "bill_events": "is itself the history of bills",
    "bill_lines": "written once with their bill, by the thousand",
    "bill_runs": "the pipelines' own record of a run",
    "context_keys": "the key that contexts are signed with; set-up alone writes it",
    "contract_events": "is itself the history of contracts",
    "contract_versions": "written once; what was handed in for review",
    "documents": "written once; names the bytes by their sha256",
    "notifications": "the outbox: written with what causes it, then delivered",
    "outbox_messages": "written with what causes them, which is captured or an event",
    "recovery_codes": "digests; making and using one is an event of its own",
    "report_files": "written once by the pipelines",
    "second_factors": "enrolling and taking away are events of their own; codes move its counter",
    "sign_in_attempts": "each is an event of its own",
    "signing_codes": "digests; the signature that one confirms is captured",
    "user_sessions": "beginning and ending are events of their own; use moves its time",
}
# Part of the name of whatever might be a secret.
LOOKS_SECRET = re.compile(
    r"pass|secret|token|key|hash|sha|salt|otp|code|uniq|credential|private|\bpin\b|seal|recover|"
    r"sign|totp|mfa|tf_"
)
HARMLESS = {
    "code": "what people call a mall, a unit, a device",
    "is_passed": "whether a check was passed",
    "public_id": "the open half of a key",
    "object_key": "a name in the object store",
    "manifest_key": "a name in the object store",
    "manifest_sha256": "of a manifest, which is no secret",
    "requires_signature": "whether a key must sign",
    "received_sha256": "of a file that somebody sent",
    "kept_sha256": "of what is kept of it",
    "sha256": "of a paper, which is no secret",
    "signed_sha256": "of the paper with both signatures",
    "signed_object_key": "a name in the object store",
    "signed_bytes": "the size of the signed paper",
    "signed_at": "when a paper was signed",
    "signer": "who signed",
    "certificate_sha256": "of a certificate, which is public",
    "verify_code": "printed on the paper for whoever holds it",
}


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def events(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT action, subject_type, subject_id, part, mall_id, before, after "
        "FROM audit.events ORDER BY seq"
    ).fetchall()


def make(connection: psycopg.Connection, statement: str) -> int:
    row = connection.execute(f"{statement} RETURNING id").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def mall(connection: psycopg.Connection) -> int:
    return make(connection, "INSERT INTO app.malls (code, name) VALUES ('M', 'Mall')")


@pytest.fixture
def shop(connection: psycopg.Connection, mall: int) -> int:
    return make(
        connection,
        "INSERT INTO app.shops (mall_id, code, name, business_type) "
        f"VALUES ({mall}, 'S', 'Shop', 'RETAIL')",
    )


def captured(connection: psycopg.Connection) -> set[str]:
    return {
        row[0]
        for row in connection.execute(
            "SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE t.tgfoid = 'audit.capture'::regproc"
        )
    }


def test_every_table_is_captured_or_excused(connection: psycopg.Connection) -> None:
    tables = {
        row[0]
        for row in connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace "
            "AND relkind IN ('r', 'p')"
        )
    }
    assert tables - captured(connection) == NOT_CAPTURED.keys() & tables
    assert captured(connection) & NOT_CAPTURED.keys() == set()
    assert NOT_CAPTURED.keys() <= tables


def test_every_column_that_looks_secret_is_redacted_or_excused(
    connection: psycopg.Connection,
) -> None:
    columns = connection.execute(
        "SELECT DISTINCT attname, audit.is_secret(attname) FROM pg_attribute "
        "WHERE attrelid = ANY(%s::regclass[]) AND attnum > 0 AND NOT attisdropped",
        ([f"app.{table}" for table in captured(connection)],),
    ).fetchall()
    assert ("password", True) in columns and ("secret_sha256", True) in columns
    open_ones = {name for name, is_secret in columns if not is_secret}
    assert {name for name in open_ones if LOOKS_SECRET.search(name)} - HARMLESS.keys() == set()


def test_inserted_changed_and_deleted_rows_are_told(
    connection: psycopg.Connection, mall: int, shop: int
) -> None:
    connection.execute(
        "UPDATE app.shops SET name = 'New', description = 'd' WHERE id = %s", (shop,)
    )
    connection.execute("DELETE FROM app.shops WHERE id = %s", (shop,))
    _, inserted, updated, deleted = events(connection)
    assert inserted[:5] == ("ROW_INSERTED", "shops", str(shop), "", mall)
    assert inserted[5] is None and inserted[6]["code"] == "S"
    assert "move_in_date" not in inserted[6], "a null says nothing"
    assert updated[:5] == ("ROW_UPDATED", "shops", str(shop), "", mall)
    assert updated[5:] == ({"name": "Shop", "description": ""}, {"name": "New", "description": "d"})
    assert deleted[:5] == ("ROW_DELETED", "shops", str(shop), "", mall)
    assert deleted[5]["name"] == "New" and deleted[6] is None


def test_value_that_becomes_null_is_told(connection: psycopg.Connection, shop: int) -> None:
    connection.execute("UPDATE app.shops SET move_in_date = '2026-01-31'")
    connection.execute("UPDATE app.shops SET move_in_date = NULL")
    assert [event[5:] for event in events(connection)[-2:]] == [
        ({"move_in_date": None}, {"move_in_date": "2026-01-31"}),
        ({"move_in_date": "2026-01-31"}, {"move_in_date": None}),
    ]


def test_mall_is_its_own(connection: psycopg.Connection, mall: int) -> None:
    (event,) = events(connection)
    assert event[:5] == ("ROW_INSERTED", "malls", str(mall), "", mall)


def test_unchanged_row_is_no_event(connection: psycopg.Connection, shop: int) -> None:
    before = len(events(connection))
    connection.execute("UPDATE app.shops SET name = name")
    assert len(events(connection)) == before


def test_rolled_back_change_is_no_event(connection: psycopg.Connection, shop: int) -> None:
    before = events(connection)
    with pytest.raises(ZeroDivisionError), connection.transaction():
        connection.execute("UPDATE app.shops SET name = 'New'")
        raise ZeroDivisionError
    assert events(connection) == before


def test_actor_of_a_row_without_context_is_the_program(
    connection: psycopg.Connection, database_url: str
) -> None:
    connection.execute("SET application_name = 'a-script'")
    make(connection, "INSERT INTO app.malls (code, name) VALUES ('M', 'Mall')")
    row = connection.execute("SELECT actor_kind, actor_name, login FROM audit.events").fetchone()
    assert row == ("SYSTEM", "a-script", connection.info.user)


CANARY = "canary-5c1f"


def test_no_secret_of_a_person_or_key_reaches_the_audit(
    connection: psycopg.Connection, mall: int
) -> None:
    """Every column of text or bytes whose name is secret gets the canary: it is never told."""
    connection.execute(
        "INSERT INTO app.users (email, password, fs_uniquifier) VALUES ('a@b.c', %s, %s)",
        (CANARY, CANARY + "1"),
    )
    connection.execute("UPDATE app.users SET password = %s, active = false", (CANARY + "2",))
    connection.execute(
        "INSERT INTO app.device_keys (mall_id, public_id, secret_sha256) VALUES (%s, 'p', %s)",
        (mall, CANARY.encode()),
    )
    told = events(connection)[1:]
    assert told[0][6]["password"] == told[0][6]["fs_uniquifier"] == "[redacted]"
    assert told[1][5:] == (
        {"active": True, "password": "[redacted]"},
        {"active": False, "password": "[redacted]"},
    )
    assert told[2][6]["secret_sha256"] == "[redacted]"
    dump = connection.execute("SELECT string_agg(e::text, '') FROM audit.events e").fetchone()
    assert dump is not None and CANARY not in dump[0]
    assert CANARY.encode().hex() not in dump[0]


def test_signing_in_alone_changes_nothing_worth_telling(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO app.users (email, fs_uniquifier) VALUES ('a@b.c', 'u')")
    before = len(events(connection))
    connection.execute(
        "UPDATE app.users SET login_count = 9, current_login_at = now(), current_login_ip = 'x'"
    )
    assert len(events(connection)) == before
    connection.execute("UPDATE app.users SET login_count = 10, active = false")
    assert events(connection)[-1][5:] == ({"active": True}, {"active": False})


def test_parts_are_told_under_what_they_belong_to(
    connection: psycopg.Connection, mall: int, shop: int
) -> None:
    user = make(connection, "INSERT INTO app.users (email, fs_uniquifier) VALUES ('a@b.c', 'u')")
    role = make(connection, "INSERT INTO app.roles (name) VALUES ('FINANCE')")
    connection.execute("INSERT INTO app.user_roles VALUES (%s, %s)", (user, role))
    connection.execute("INSERT INTO app.user_malls VALUES (%s, %s)", (user, mall))
    connection.execute("INSERT INTO app.user_shops VALUES (%s, %s)", (user, shop))
    contract = make(
        connection,
        "INSERT INTO app.contracts (mall_id, shop_id, number, start_date, end_date) "
        f"VALUES ({mall}, {shop}, 'C', '2026-01-01', '2026-12-31')",
    )
    clause = make(
        connection,
        "INSERT INTO app.contract_clauses (contract_id, charge_type, pricing_kind, parameters, "
        "valid_from, recorded_at) "
        f"VALUES ({contract}, 'RENT', 'FIXED_MONTHLY', '{{}}', '2026-01-01', now())",
    )
    device = make(
        connection,
        "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
        f"VALUES ({mall}, 'D', 'METER', 'CUMULATIVE')",
    )
    key = make(
        connection,
        "INSERT INTO app.device_keys (mall_id, device_id, public_id, secret_sha256) "
        f"VALUES ({mall}, {device}, 'p', '\\x00')",
    )
    gateway = make(
        connection,
        "INSERT INTO app.device_keys (mall_id, public_id, secret_sha256) "
        f"VALUES ({mall}, 'q', '\\x00')",
    )
    connection.execute("DELETE FROM app.users WHERE id = %s", (user,))
    told = {event[:5] for event in events(connection)}
    assert told >= {
        ("ROW_INSERTED", "users", str(user), f"user_roles:{role}", None),
        ("ROW_INSERTED", "users", str(user), f"user_malls:{mall}", mall),
        ("ROW_INSERTED", "users", str(user), f"user_shops:{shop}", mall),
        ("ROW_DELETED", "users", str(user), f"user_roles:{role}", None),
        ("ROW_DELETED", "users", str(user), "", None),
        ("ROW_INSERTED", "contracts", str(contract), "", mall),
        ("ROW_INSERTED", "contracts", str(contract), f"contract_clauses:{clause}", mall),
        ("ROW_INSERTED", "devices", str(device), f"device_keys:{key}", mall),
        ("ROW_INSERTED", "device_keys", str(gateway), "", mall),
    }


def test_traffic_of_a_device_is_no_event_but_maintenance_is(
    connection: psycopg.Connection, mall: int
) -> None:
    connection.execute(
        "INSERT INTO app.devices (mall_id, code, kind, feed_kind) "
        f"VALUES ({mall}, 'D', 'METER', 'CUMULATIVE')"
    )
    before = len(events(connection))
    connection.execute("UPDATE app.devices SET status = 'ONLINE', last_seen_at = now()")
    connection.execute("UPDATE app.devices SET status = 'OFFLINE'")
    assert len(events(connection)) == before
    connection.execute("UPDATE app.devices SET status = 'MAINTENANCE'")
    connection.execute("UPDATE app.devices SET status = 'ONLINE', last_seen_at = now()")
    assert [event[5:] for event in events(connection)[before:]] == [
        ({"status": "OFFLINE"}, {"status": "MAINTENANCE"}),
        ({"status": "MAINTENANCE"}, {"status": "ONLINE"}),
    ]


def test_new_bills_are_the_run_s_and_changed_ones_are_told(
    connection: psycopg.Connection, mall: int, shop: int
) -> None:
    contract = make(
        connection,
        "INSERT INTO app.contracts (mall_id, shop_id, number, start_date, end_date) "
        f"VALUES ({mall}, {shop}, 'C', '2026-01-01', '2026-12-31')",
    )
    before = len(events(connection))
    bill = make(
        connection,
        "INSERT INTO app.bills (mall_id, shop_id, contract_id, number, period_start, period_end, "
        "due_date, currency, net_amount, tax_amount, total_amount) VALUES "
        f"({mall}, {shop}, {contract}, 'B', '2026-01-01', '2026-01-31', '2026-02-10', 'CNY', "
        "100, 6, 106)",
    )
    assert len(events(connection)) == before
    connection.execute("UPDATE app.bills SET state = 'ISSUED', total_amount = 105, net_amount = 99")
    assert events(connection)[-1] == (
        "ROW_UPDATED", "bills", str(bill), "", mall,
        json.loads('{"state": "DRAFT", "net_amount": 100.00, "total_amount": 106.00}'),
        json.loads('{"state": "ISSUED", "net_amount": 99.00, "total_amount": 105.00}'),
    )  # fmt: skip
