"""A backup is proven: checked, restored to a scratch server, compared with its manifest.

Belongs here: the order of the checks, which is their point: signature and chain, then the
stored bytes, then what is in them, then PostgreSQL's own file checksums. Only what passed all of
them is started, and only then compared table by table. Not here: rows and states (services).
"""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyrage
import zstandard

from storage.backup import fingerprints, keys
from storage.backup.errors import BackupDamaged, BackupRefused
from storage.backup.manifest import Archive, Link, Manifest, read_manifest, walk_chain
from storage.backup.scratch import CHUNK, Scratch, scratch
from storage.backup.source import postgres_major
from storage.backup.streams import Unpacking, unpacked
from storage.objects import ObjectNotFound, ObjectStore
from storage.settings import Settings


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the restored server holds beside its manifest: empty `differences` prove it.
    `moving` names the tables that were written to during the backup.
    """

    tables: int
    rows: int
    moving: tuple[str, ...]
    differences: tuple[str, ...]


def check_manifest(
    store: ObjectStore, link: Link, *, settings: Settings, known_broken: Collection[int] = ()
) -> Manifest:
    """The manifest that `link` names, with every one before it verified.

    Raises BackupDamaged; ChainBroken for one before it, unless it is `known_broken`; and
    BackupRefused when the key is not readable.
    """
    key = keys.signing_key(settings).public_key()
    manifest = read_manifest(store, link, key)
    for _ in walk_chain(store, manifest, key, known_broken=known_broken):
        pass
    return manifest


@contextmanager
def restored(
    url: str, store: ObjectStore, manifest: Manifest, *, settings: Settings
) -> Iterator[str]:
    """The URL of a scratch server with the content of a backup, gone when the block ends.

    `url` is the live server's, whose user and password hold for the copy. Raises BackupDamaged,
    also when it does not start, and BackupRefused (no key, no space, another PostgreSQL).
    """
    identity = keys.identity(settings)
    with scratch(settings) as place:
        major = postgres_major(place.server)
        if manifest.source.postgres_major != major:
            raise BackupRefused(
                f"the backup is of PostgreSQL {manifest.source.postgres_major}; "
                f"the programs here are of {major}"
            )
        place.require_space(manifest.archive.plain_bytes + manifest.archive.stored_bytes)
        archive = place.folder / "archive.age"
        _download(store, manifest.archive, archive)
        _unpack(archive, manifest.archive, identity, place)
        archive.unlink()
        place.verify()
        with place.running(url) as scratch_url:
            yield scratch_url


def compare(url: str, manifest: Manifest) -> Comparison:
    """The database at `url` beside the manifest."""
    with fingerprints.snapshot(url) as now:
        found = now.fingerprints()
        wrong = [*fingerprints.differences(manifest.tables, found)]
        head = manifest.audit_head
        if head is not None and head.seq and now.audit_hash(head.seq) != head.hash:
            wrong.append(f"event {head.seq} of the audit is not the one that the manifest keeps")
    return Comparison(
        tables=len(found),
        rows=sum(table.rows for table in found.values()),
        moving=tuple(name for name, table in manifest.tables.items() if table.is_moving),
        differences=tuple(wrong),
    )


def _download(store: ObjectStore, archive: Archive, path: Path) -> None:
    """Fetch the object as it is stored. Raises BackupDamaged unless every byte is as written."""
    try:
        size = store.stat(archive.key).bytes
        if size != archive.stored_bytes:
            raise BackupDamaged(
                f"{archive.key} has {size:,} bytes; {archive.stored_bytes:,} were written"
            )
        digest = hashlib.sha256()
        with store.open(archive.key) as source, path.open("xb") as target:
            while data := source.read(CHUNK):
                digest.update(data)
                target.write(data)
    except ObjectNotFound:
        raise BackupDamaged(f"{archive.key} is missing") from None
    if digest.hexdigest() != archive.stored_sha256:
        raise BackupDamaged(f"{archive.key} is not what was written: its sha256 differs")


def _unpack(path: Path, archive: Archive, identity: pyrage.x25519.Identity, place: Scratch) -> None:
    unpacking = Unpacking(archive.packed_sha256)
    try:
        with path.open("rb") as source, unpacked(source, identity, unpacking) as stream:
            place.unpack(stream)
    except pyrage.DecryptError as error:
        # Its sha256 was right: what is wrong is the key.
        raise BackupRefused(
            f"the private key of this machine does not open {archive.key}: {error}"
        ) from None
    except (zstandard.ZstdError, ValueError) as error:
        raise BackupDamaged(f"{archive.key} cannot be unpacked: {error}") from None
    if stream.passed.bytes != archive.plain_bytes:
        raise BackupDamaged(
            f"{archive.key} holds {stream.passed.bytes:,} bytes; {archive.plain_bytes:,} were "
            "backed up"
        )
