"""Whatever is done to stored events is found, and said where."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg.rows import class_row

from domain.audit import AuditAction, Fault, SealedEvent, event_hash
from services.operations.audit_verification import BackupError, Verification, verify_audit
from storage.backup import keys
from storage.backup.manifest import (
    ARCHIVE,
    FORMAT,
    Archive,
    AuditHead,
    Manifest,
    Source,
    folder,
    write_manifest,
)
from storage.objects import FolderStore
from storage.settings import REPOSITORY, Settings

NOW = datetime(2026, 4, 1, 2, 30, tzinfo=UTC)
EVENTS = 12


@pytest.fixture
def tampering(database_url: str) -> Iterator[psycopg.Connection]:
    """A superuser who has switched every guard off, over a chain of twelve events."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for number in range(1, EVENTS + 1):
            connection.execute(
                "SELECT audit.append_event(%s, 'EXPORTED', 3, 'bills', %s, NULL, "
                "'{\"rows\": 5}', 'note')",
                (NOW, str(number)),
            )
        connection.execute("SET session_replication_role = replica")
        yield connection


@pytest.fixture
def store(settings: Settings) -> FolderStore:
    return FolderStore(settings.state_dir / "objects")


def verified(engine: sa.Engine, settings: Settings, store: FolderStore) -> Verification:
    return verify_audit(engine, settings=settings, store=store, now=NOW)


def found(verification: Verification) -> list[tuple[Fault, int, int]]:
    return [(one.fault, one.seq, one.until) for one in verification.findings]


def remember(
    connection: psycopg.Connection,
    settings: Settings,
    store: FolderStore,
    *,
    sequence: int = 1,
    key: Ed25519PrivateKey | None = None,
    database: str | None = None,
) -> None:
    """A signed manifest with the head of now, as a backup leaves it."""
    seq, hash_ = connection.execute("SELECT seq, hash FROM audit.head").fetchone() or (0, "")
    manifest = Manifest(
        format=FORMAT,
        sequence=sequence,
        previous=None,
        source=Source(database or connection.info.dbname, "", 18, "0004"),
        archive=Archive(folder(sequence, NOW) + ARCHIVE, 9, 5, "aa", 7, "bb"),
        recipients=["age1x"],
        tables={},
        horizon=700,
        started_at=NOW,
        finished_at=NOW,
        audit_head=AuditHead(seq, hash_),
    )
    write_manifest(store, manifest, key or keys.signing_key(settings))


def rewrite(connection: psycopg.Connection, first: int) -> None:
    """What a careful forger does: every hash from `first` on computed anew, and the head."""
    columns = ", ".join(
        f"{name}::text" if name in ("before", "after") else name for name in SealedEvent.__slots__
    )
    cursor = connection.cursor(row_factory=class_row(SealedEvent))
    previous = ""
    for event in cursor.execute(f"SELECT {columns} FROM audit.events ORDER BY seq").fetchall():
        if event.seq >= first:
            made = SealedEvent(
                **{name: getattr(event, name) for name in SealedEvent.__slots__}
                | {"previous_hash": previous or event.previous_hash}
            )
            connection.execute(
                "UPDATE audit.events SET previous_hash = %s, hash = %s WHERE seq = %s",
                (made.previous_hash, event_hash(made), event.seq),
            )
            previous = event_hash(made)
        else:
            previous = event.hash
    connection.execute(
        "UPDATE audit.head SET (seq, hash) = "
        "(SELECT seq, hash FROM audit.events ORDER BY seq DESC LIMIT 1)"
    )


def test_untouched_chain_is_intact_and_that_is_written_down(
    engine: sa.Engine, settings: Settings, store: FolderStore, tampering: psycopg.Connection
) -> None:
    remember(tampering, settings, store)
    first = verified(engine, settings, store)
    assert first.is_intact and first.events == first.head.seq == EVENTS and first.witnesses == 1
    second = verified(engine, settings, store)
    assert second.is_intact and second.events == EVENTS + 1, "the first verdict is an event"
    row = tampering.execute(
        "SELECT action, after FROM audit.events WHERE seq = %s", (EVENTS + 1,)
    ).fetchone()
    assert row is not None and row[0] == AuditAction.AUDIT_VERIFIED
    assert row[1] == {
        "is_intact": True, "events": EVENTS, "seq": EVENTS, "hash": first.head.hash,
        "witnesses": 1,
    }  # fmt: skip


CHANGES = {
    "occurred_at": "occurred_at + interval '1 microsecond'",
    "recorded_at": "recorded_at + interval '1 microsecond'",
    "mall_id": "NULL",
    "actor_id": "7",
    "before": "'{}'",
    "after": """'{"rows": 6}'""",
}


@pytest.mark.parametrize(
    "column", [name for name in SealedEvent.__slots__ if name not in ("seq", "hash")]
)
def test_changed_column_is_found(
    engine: sa.Engine,
    settings: Settings,
    store: FolderStore,
    tampering: psycopg.Connection,
    column: str,
) -> None:
    value = CHANGES.get(column, f"{column} || 'x'")
    tampering.execute(f"UPDATE audit.events SET {column} = {value} WHERE seq = 5")
    faults = found(verified(engine, settings, store))
    assert (Fault.CHANGED, 5, 5) in faults
    assert {seq for _, seq, _ in faults} == {5}


MUTATIONS = {
    "a middle row is deleted": (
        "DELETE FROM audit.events WHERE seq = 5", [(Fault.MISSING, 5, 5)],
    ),
    "the first row is deleted": (
        "DELETE FROM audit.events WHERE seq = 1", [(Fault.MISSING, 1, 1)],
    ),
    "the end is cut off": (
        "DELETE FROM audit.events WHERE seq > 9", [(Fault.MISSING, 10, 12)],
    ),
    "all is deleted": ("DELETE FROM audit.events", [(Fault.MISSING, 1, 12)]),
    "two rows are swapped": (
        "UPDATE audit.events SET seq = CASE seq WHEN 5 THEN -6 ELSE -5 END WHERE seq IN (5, 6);"
        "UPDATE audit.events SET seq = -seq WHERE seq < 0",
        [
            (Fault.UNLINKED, 5, 5), (Fault.CHANGED, 5, 5), (Fault.UNLINKED, 6, 6),
            (Fault.CHANGED, 6, 6), (Fault.UNLINKED, 7, 7),
        ],
    ),
    "a row is inserted before the first": (
        "INSERT INTO audit.events SELECT (jsonb_populate_record(e, '{\"seq\": 0}')).* "
        "FROM audit.events e WHERE seq = 5",
        [(Fault.INSERTED, 0, 0)],
    ),
    "a row is added at the end": (
        "INSERT INTO audit.events SELECT (jsonb_populate_record(e, '{\"seq\": 13}')).* "
        "FROM audit.events e WHERE seq = 12",
        [(Fault.UNLINKED, 13, 13), (Fault.CHANGED, 13, 13), (Fault.HEAD_MOVED, 13, 13)],
    ),
    "a row is inserted in the middle and the others moved up": (
        "UPDATE audit.events SET seq = -seq - 1 WHERE seq > 5;"
        "UPDATE audit.events SET seq = -seq WHERE seq < 0;"
        "INSERT INTO audit.events SELECT (jsonb_populate_record(e, '{\"seq\": 6}')).* "
        "FROM audit.events e WHERE seq = 5",
        None,
    ),
    "the head is turned back": (
        "UPDATE audit.head SET (seq, hash) = (SELECT seq, hash FROM audit.events WHERE seq = 9)",
        [(Fault.HEAD_MOVED, 12, 12)],
    ),
    "the head is gone": ("DELETE FROM audit.head", [(Fault.HEAD_MOVED, 12, 12)]),
}  # fmt: skip


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_mutation_is_found(engine: sa.Engine, tampering: psycopg.Connection, mutation: str) -> None:
    from services.queries.audit_chain import walk_chain

    statement, expected = MUTATIONS[mutation]
    assert walk_chain(engine).findings == ()
    tampering.execute(statement)
    faults = [(one.fault, one.seq, one.until) for one in walk_chain(engine).findings]
    assert faults
    assert expected is None or faults == expected


def test_chain_that_was_rewritten_with_care_passes_alone_but_not_beside_a_manifest(
    engine: sa.Engine, settings: Settings, store: FolderStore, tampering: psycopg.Connection
) -> None:
    remember(tampering, settings, FolderStore(settings.state_dir / "elsewhere"))
    tampering.execute("UPDATE audit.events SET note = 'forged' WHERE seq = 5")
    rewrite(tampering, 5)
    assert verified(engine, settings, store).is_intact, "nobody remembers: cannot be seen"
    elsewhere = FolderStore(settings.state_dir / "elsewhere")
    beside = verified(engine, settings, elsewhere)
    assert found(beside) == [(Fault.REWRITTEN, EVENTS, EVENTS)]
    assert "the manifest of backup 1" in beside.findings[0].sentence()


def test_cut_end_with_a_rewritten_head_is_found_beside_a_manifest(
    engine: sa.Engine, settings: Settings, store: FolderStore, tampering: psycopg.Connection
) -> None:
    elsewhere = FolderStore(settings.state_dir / "elsewhere")
    remember(tampering, settings, elsewhere)
    tampering.execute("DELETE FROM audit.events WHERE seq > 9")
    rewrite(tampering, 99)
    assert verified(engine, settings, store).is_intact, "nobody remembers: cannot be seen"
    tampering.execute("DELETE FROM audit.events WHERE seq > 9")  # that verdict's own event
    rewrite(tampering, 99)
    assert found(verified(engine, settings, elsewhere)) == [(Fault.MISSING, 10, 12)]


def test_manifest_that_is_not_ours_is_told_and_not_believed(
    engine: sa.Engine, settings: Settings, store: FolderStore, tampering: psycopg.Connection
) -> None:
    remember(tampering, settings, store, key=Ed25519PrivateKey.generate())
    remember(tampering, settings, store, sequence=2, database="another")
    verification = verified(engine, settings, store)
    assert verification.is_intact and verification.witnesses == 0
    assert len(verification.unreadable) == 1 and "not signed" in verification.unreadable[0]


def test_manifest_kept_in_a_file_is_compared_and_must_be_signed(
    engine: sa.Engine, settings: Settings, store: FolderStore, tampering: psycopg.Connection
) -> None:
    elsewhere = settings.state_dir / "elsewhere"
    remember(tampering, settings, FolderStore(elsewhere))
    path: Path = next(elsewhere.rglob("manifest.json"))
    tampering.execute("UPDATE audit.events SET note = 'forged' WHERE seq = 5")
    rewrite(tampering, 5)
    beside = verify_audit(engine, settings=settings, store=store, now=NOW, manifests=[path])
    assert found(beside) == [(Fault.REWRITTEN, EVENTS, EVENTS)]
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BackupError, match="not signed"):
        verify_audit(engine, settings=settings, store=store, now=NOW, manifests=[path])


def atrium(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "ATRIUM" not in name}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "audit", *arguments],
        cwd=REPOSITORY,
        env=environment
        | {
            "ATRIUM_STATE_DIR": str(settings.state_dir),
            "ATRIUM_DATABASE_URL": settings.database_url,
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_says_whether_it_is_intact_and_ends_with_1_when_not(
    settings: Settings, tampering: psycopg.Connection
) -> None:
    good = atrium(settings, "verify")
    assert good.returncode == 0, good.stderr
    assert "The audit is intact: 12 events" in good.stdout
    assert "no signed backup to compare with" in good.stdout
    listed = json.loads(atrium(settings, "list", "--json", "--action", "EXPORTED").stdout)
    assert [event["seq"] for event in listed] == list(range(12, 0, -1))
    assert listed[0]["after"] == {"rows": 5}
    assert "atrium audit verify" in atrium(settings, "list", "--actor", "verify").stdout
    assert json.loads(atrium(settings, "list", "--json", "--since", "2027-01-01").stdout) == []
    tampering.execute("UPDATE audit.events SET note = 'forged' WHERE seq = 5")
    bad = atrium(settings, "verify")
    assert bad.returncode == 1
    assert "NOT intact" in bad.stderr and "event 5 was changed" in bad.stderr
    record = atrium(settings, "verify", "--json")
    assert record.returncode == 1
    assert json.loads(record.stdout)["findings"][0]["fault"] == "CHANGED"
