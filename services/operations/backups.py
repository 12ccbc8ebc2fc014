"""The database is backed up, and backups are proven by restoring them.

Belongs here: what is remembered of a backup and its states. Not here: how it is written and
checked (`storage.backup`) and when (pipelines). One backup runs at a time; what a killed one left
RUNNING is marked FAILED by the next.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

import sqlalchemy as sa

from domain.backups import BackupKind, BackupOrigin, BackupState
from storage.backup.errors import BackupDamaged, BackupError, BackupRefused, ChainBroken
from storage.backup.manifest import Link, Manifest, last_sequence
from storage.backup.proving import Comparison, check_manifest, compare, restored
from storage.backup.writing import write_backup
from storage.database import transaction
from storage.models import Backup
from storage.objects import ObjectStore
from storage.settings import Settings

__all__ = [
    "BackupDamaged",
    "BackupError",
    "BackupNotFound",
    "BackupRefused",
    "BackupResult",
    "ChainBroken",
    "Proof",
    "back_up",
    "prove_backup",
]

# One backup at a time in a database; the key is ours alone.
LOCK = 4_207_851
PROVABLE = (BackupState.SUCCESS, BackupState.VERIFIED)


class BackupNotFound(BackupError):
    """No such backup, or none that succeeded."""


@dataclass(frozen=True, slots=True)
class BackupResult:
    """`plain_bytes` as the server sent them, `stored_bytes` packed and encrypted under
    `object_key`; `moving` counts the tables that were written to meanwhile.
    """

    backup_id: int
    sequence: int
    plain_bytes: int
    stored_bytes: int
    seconds: float
    object_key: str
    tables: int
    rows: int
    moving: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What the restored server held; `differences` says in sentences where it is not equal.

    `moving` names tables that were written to while the backup ran: they are restored as of its
    end, which no count was taken at, so they are held to less.
    """

    backup_id: int
    sequence: int
    tables: int
    rows: int
    is_equal: bool
    differences: tuple[str, ...]
    moving: tuple[str, ...]
    seconds: float


def back_up(
    engine: sa.Engine,
    *,
    settings: Settings,
    store: ObjectStore,
    origin: BackupOrigin,
    now: datetime,
    run_id: str = "",
) -> BackupResult:
    """Back up the whole server of `engine` to `store`, encrypted, with a signed manifest.

    Raises BackupRefused (one runs already; the server, its role or the settings do not allow it),
    BackupError and what the store raises; the backup is then FAILED, with the reason.
    """
    began = monotonic()
    with _alone(engine):
        backup_id, sequence, previous, trusts_previous = _open(engine, store, origin, now, run_id)
        try:
            manifest, link = write_backup(
                _url(engine),
                settings=settings,
                store=store,
                sequence=sequence,
                previous=previous,
                trusts_previous=trusts_previous,
                started_at=now,
            )
        except BaseException as error:
            _fail(engine, backup_id, error, now + timedelta(seconds=monotonic() - began))
            raise
        _close(engine, backup_id, manifest, link)
    return BackupResult(
        backup_id=backup_id,
        sequence=sequence,
        plain_bytes=manifest.archive.plain_bytes,
        stored_bytes=manifest.archive.stored_bytes,
        seconds=round(monotonic() - began, 3),
        object_key=manifest.archive.key,
        tables=len(manifest.tables),
        rows=manifest.rows,
        moving=sum(table.is_moving for table in manifest.tables.values()),
    )


def prove_backup(
    engine: sa.Engine,
    *,
    settings: Settings,
    store: ObjectStore,
    backup_id: int | None = None,
    now: datetime,
) -> Proof:
    """Restore a backup, by default the newest, to a scratch server and compare every table.

    Equal: it is VERIFIED. Not equal: it is FAILED, and the proof says where. Raises
    BackupDamaged, before anything is started, when what the store holds is not what was written
    (the backup is FAILED too), and when the copy does not start; BackupNotFound; and
    BackupRefused when this machine cannot prove it (no key, no space): its state stays.
    Raises ChainBroken when an earlier backup's manifest is not what was written: that one is
    FAILED then, and does not stand in the way of the next proof.
    """
    began = monotonic()
    backup, known_broken = _find(engine, backup_id)
    link = Link(backup.sequence, backup.manifest_key, backup.manifest_sha256)
    try:
        manifest = check_manifest(store, link, settings=settings, known_broken=known_broken)
        with restored(_url(engine), store, manifest, settings=settings) as url:
            comparison = compare(url, manifest)
    except ChainBroken as error:
        _break_chain(engine, error)
        raise
    except BackupDamaged as error:
        _fail(engine, backup.id, error, None)
        raise
    proof = Proof(
        backup_id=backup.id,
        sequence=backup.sequence,
        tables=comparison.tables,
        rows=comparison.rows,
        is_equal=not comparison.differences,
        differences=comparison.differences,
        moving=comparison.moving,
        seconds=round(monotonic() - began, 3),
    )
    _keep(engine, proof, comparison, now)
    return proof


def _url(engine: sa.Engine) -> str:
    parts = engine.url.set(drivername="postgresql")
    return parts.render_as_string(hide_password=False)


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[None]:
    """The lock of backups; it goes with its connection, so a killed backup leaves none."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(LOCK))):
            raise BackupRefused("another backup is running")
        try:
            yield
        finally:
            with suppress(sa.exc.DBAPIError):  # a connection that broke took the lock with it
                connection.execute(sa.select(sa.func.pg_advisory_unlock(LOCK)))


def _open(
    engine: sa.Engine, store: ObjectStore, origin: BackupOrigin, now: datetime, run_id: str
) -> tuple[int, int, Link | None, bool]:
    """A RUNNING row: its id, its sequence, the backup that its manifest follows, and whether
    that one is sound as far as we know.
    """
    with transaction(engine) as session:
        session.execute(
            sa.update(Backup)
            .where(Backup.state.in_([BackupState.PENDING, BackupState.RUNNING]))
            .values(state=BackupState.FAILED, error="interrupted", finished_at=now)
        )
        known = session.scalar(sa.select(sa.func.max(Backup.sequence))) or 0
        last = session.scalars(
            sa.select(Backup)
            .where(Backup.manifest_sha256 != "")
            .order_by(Backup.sequence.desc())
            .limit(1)
        ).one_or_none()
        backup = Backup(
            kind=BackupKind.FULL,
            origin=origin,
            state=BackupState.RUNNING,
            # A new database may meet a store that has backups of an older one.
            sequence=max(known, last_sequence(store)) + 1,
            run_id=run_id,
            started_at=now,
        )
        session.add(backup)
        session.flush()
        previous = Link(last.sequence, last.manifest_key, last.manifest_sha256) if last else None
        is_sound = last is not None and last.state in PROVABLE
        return backup.id, backup.sequence, previous, is_sound


def _close(engine: sa.Engine, backup_id: int, manifest: Manifest, link: Link) -> None:
    with transaction(engine) as session:
        backup = session.get_one(Backup, backup_id)
        backup.state = BackupState.SUCCESS
        backup.object_key = manifest.archive.key
        backup.manifest_key = link.manifest_key
        backup.manifest_sha256 = link.manifest_sha256
        backup.plain_bytes = manifest.archive.plain_bytes
        backup.stored_bytes = manifest.archive.stored_bytes
        backup.tables = len(manifest.tables)
        backup.rows = manifest.rows
        backup.finished_at = manifest.finished_at


def _fail(
    engine: sa.Engine, backup_id: int, error: BaseException, finished_at: datetime | None
) -> None:
    with transaction(engine) as session:
        backup = session.get_one(Backup, backup_id)
        backup.state = BackupState.FAILED
        backup.error = str(error) or type(error).__name__
        backup.finished_at = finished_at or backup.finished_at


def _break_chain(engine: sa.Engine, error: ChainBroken) -> None:
    with transaction(engine) as session:
        session.execute(
            sa.update(Backup)
            .where(Backup.sequence == error.sequence)
            .values(state=BackupState.FAILED, error=str(error))
        )


def _find(engine: sa.Engine, backup_id: int | None) -> tuple[Backup, frozenset[int]]:
    """A backup that was written, and the sequences of those known to be damaged."""
    with transaction(engine) as session:
        statement = sa.select(Backup).where(Backup.manifest_sha256 != "")
        if backup_id is None:
            statement = statement.where(Backup.state.in_(PROVABLE))
        else:
            statement = statement.where(Backup.id == backup_id)
        backup = session.scalars(statement.order_by(Backup.sequence.desc()).limit(1)).one_or_none()
        broken = session.scalars(
            sa.select(Backup.sequence).where(
                Backup.manifest_sha256 != "", Backup.state == BackupState.FAILED
            )
        ).all()
    if backup is None:
        wanted = "no backup has succeeded" if backup_id is None else f"no backup {backup_id}"
        raise BackupNotFound(f"{wanted}: there is nothing to prove")
    return backup, frozenset(broken)


def _keep(engine: sa.Engine, proof: Proof, comparison: Comparison, now: datetime) -> None:
    with transaction(engine) as session:
        backup = session.get_one(Backup, proof.backup_id)
        backup.state = BackupState.VERIFIED if proof.is_equal else BackupState.FAILED
        backup.verified_at = now if proof.is_equal else None
        backup.error = "; ".join(proof.differences)
        backup.proof = {
            "tables": comparison.tables,
            "rows": comparison.rows,
            "moving": list(comparison.moving),
            "differences": list(comparison.differences),
            "seconds": proof.seconds,
        }
