"""The audit is verified: the chain itself, and against what the signed backups remember of it.

Belongs here: gathering remembered heads and keeping the verdict, itself an event. Not here: the
walk (`services.queries.audit_chain`). A chain alone cannot show that its end was cut off or that
it was written anew from some event on; a head that left the machine in a signed manifest can.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic

import psycopg
import sqlalchemy as sa

from domain.audit import AuditAction, ChainHead, Finding
from domain.scopes import Actor
from services.operations.audit import record_event
from services.queries.audit_chain import walk_chain
from storage.backup import keys
from storage.backup.errors import BackupDamaged, BackupError
from storage.backup.manifest import SIGNATURE, Manifest, signed_manifest, stored_manifests
from storage.backup.source import system_identifier
from storage.database import transaction
from storage.objects import ObjectStore
from storage.settings import Settings

__all__ = ["BackupError", "Verification", "verify_audit"]


@dataclass(frozen=True, slots=True)
class Verification:
    """`witnesses` counts the signed manifests of this database whose heads were compared;
    `unreadable` says of others why they were not. Intact: no findings.
    """

    events: int
    head: ChainHead
    findings: tuple[Finding, ...]
    witnesses: int
    unreadable: tuple[str, ...]
    seconds: float

    @property
    def is_intact(self) -> bool:
        return not self.findings


def verify_audit(
    engine: sa.Engine,
    *,
    settings: Settings,
    store: ObjectStore,
    now: datetime,
    manifests: Iterable[Path] = (),
    actor: Actor | None = None,
) -> Verification:
    """Walk the whole chain and write down what was found.

    `manifests` are files of manifests that somebody kept elsewhere, each with its signature
    beside it, to be compared too. Raises BackupDamaged for one of them that is not signed by
    this mall's key, OSError for one that cannot be read, and BackupRefused when the key cannot.
    """
    began = monotonic()
    heads, unreadable = _remembered(engine, settings, store, manifests)
    state = walk_chain(engine, heads=heads)
    verification = Verification(
        events=state.events,
        head=state.head,
        findings=state.findings,
        witnesses=len(heads),
        unreadable=tuple(unreadable),
        seconds=round(monotonic() - began, 3),
    )
    with transaction(engine) as session:
        record_event(
            session,
            action=AuditAction.AUDIT_VERIFIED,
            now=now,
            after={
                "is_intact": verification.is_intact,
                "events": state.events,
                "seq": state.head.seq,
                "hash": state.head.hash,
                "witnesses": len(heads),
            },
            note="; ".join(finding.sentence() for finding in state.findings),
            actor=actor,
        )
    return verification


def _remembered(
    engine: sa.Engine, settings: Settings, store: ObjectStore, files: Iterable[Path]
) -> tuple[list[tuple[str, ChainHead]], list[str]]:
    """(witness, head) of every signed manifest of this database, and why others are not read."""
    key = keys.signing_key(settings).public_key()
    with engine.connect() as outer:
        connection = outer.connection.driver_connection
        if not isinstance(connection, psycopg.Connection):
            raise TypeError("the engine's driver is psycopg")
        server, database = system_identifier(connection), connection.info.dbname
    heads: list[tuple[str, ChainHead]] = []
    unreadable: list[str] = []
    for found in stored_manifests(store, key):
        if isinstance(found, BackupDamaged):
            unreadable.append(str(found))
        elif _is_of(found, server, database) and found.audit_head is not None:
            witness = f"the manifest of backup {found.sequence}"
            heads.append((witness, ChainHead(found.audit_head.seq, found.audit_head.hash)))
    for path in files:
        signature = path.with_name(SIGNATURE).read_bytes()
        kept = signed_manifest(path.read_bytes(), signature, key, str(path))
        if kept.audit_head is not None:
            heads.append((str(path), ChainHead(kept.audit_head.seq, kept.audit_head.hash)))
    return heads, unreadable


def _is_of(manifest: Manifest, server: str, database: str) -> bool:
    """Whether the backup was taken of this database; a store may hold others' too."""
    known = manifest.source.system_identifier
    return manifest.source.database == database and (not known or not server or known == server)
