"""The signed manifest of a backup and the chain it stands in.

Belongs here: its shape, its signature, where its objects lie, and the walk back through earlier
manifests. Not here: the backup's bytes. A manifest is signed as the exact bytes that are stored;
each one holds the sha256 of the one before, so that none can be taken out, swapped or replayed.
"""

import hashlib
from collections.abc import Collection, Iterator
from datetime import datetime

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from storage.backup.errors import BackupDamaged, ChainBroken
from storage.backup.fingerprints import Fingerprint
from storage.objects import ObjectNotFound, ObjectStore

FORMAT = 1
PREFIX = "backups/"
ARCHIVE = "database.tar.zst.age"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.ed25519"


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest before this one."""

    sequence: int
    manifest_key: str
    manifest_sha256: str


class Archive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The encrypted object. `plain_bytes` counts the tar, `packed_*` its zstd stream, which is
    what age encrypts, `stored_*` the object itself.
    """

    key: str
    plain_bytes: int
    packed_bytes: int
    packed_sha256: str
    stored_bytes: int
    stored_sha256: str


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The server and database that were backed up; `schema_version` is Alembic's."""

    database: str
    system_identifier: str
    postgres_major: int
    schema_version: str


class AuditHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last event of the audit's chain in a snapshot from before the backup; seq 0: none."""

    seq: int
    hash: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a restore is compared with. `tables` by `schema.name`; `horizon` as in
    `fingerprints.Known`. `audit_head` is None in manifests of before there was an audit.
    """

    format: int
    sequence: int
    previous: Link | None
    source: Source
    archive: Archive
    recipients: list[str]
    tables: dict[str, Fingerprint]
    horizon: int
    started_at: datetime
    finished_at: datetime
    audit_head: AuditHead | None = None

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())


def folder(sequence: int, started_at: datetime) -> str:
    """`backups/000007-20260401T183000Z/`"""
    return f"{PREFIX}{sequence:06d}-{started_at:%Y%m%dT%H%M%SZ}/"


def write_manifest(store: ObjectStore, manifest: Manifest, key: Ed25519PrivateKey) -> Link:
    """Store the signature, then the manifest: a backup without manifest is not one."""
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    place = manifest.archive.key.removesuffix(ARCHIVE)
    store.put(place + SIGNATURE, key.sign(data).hex().encode())
    store.put(place + MANIFEST, data)
    return Link(manifest.sequence, place + MANIFEST, hashlib.sha256(data).hexdigest())


def read_manifest(store: ObjectStore, link: Link, key: Ed25519PublicKey) -> Manifest:
    """The manifest that `link` names. Raises BackupDamaged when it is missing, another one, or
    not signed by `key`.
    """
    place = link.manifest_key.removesuffix(MANIFEST)
    data = _object(store, link.manifest_key)
    if hashlib.sha256(data).hexdigest() != link.manifest_sha256:
        raise BackupDamaged(f"{link.manifest_key} is not the manifest that was written")
    manifest = signed_manifest(data, _object(store, place + SIGNATURE), key, link.manifest_key)
    if manifest.sequence != link.sequence or manifest.archive.key != place + ARCHIVE:
        raise BackupDamaged(f"{link.manifest_key} speaks of another backup: it was swapped")
    return manifest


def signed_manifest(data: bytes, signature: bytes, key: Ed25519PublicKey, name: str) -> Manifest:
    """The manifest in `data`; `signature` is hexadecimal. Raises BackupDamaged, which calls it
    `name`, when it is not signed by `key` or no manifest of this format.
    """
    try:
        key.verify(bytes.fromhex(signature.decode()), data)
    except (InvalidSignature, ValueError):
        raise BackupDamaged(f"{name} is not signed by this mall's key") from None
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupDamaged(f"{name} is no manifest: {error}") from None
    if manifest.format != FORMAT:
        raise BackupDamaged(f"{name} has format {manifest.format}; this Atrium reads {FORMAT}")
    return manifest


def stored_manifests(
    store: ObjectStore, key: Ed25519PublicKey
) -> Iterator[Manifest | BackupDamaged]:
    """Every manifest that the store holds, by sequence, whatever the database remembers; one that
    is not signed by `key` is told as the reason why.
    """
    for info in store.list(PREFIX):
        if info.key.endswith("/" + MANIFEST):
            try:
                signature = _object(store, info.key.removesuffix(MANIFEST) + SIGNATURE)
                yield signed_manifest(_object(store, info.key), signature, key, info.key)
            except BackupDamaged as error:
                yield error


def walk_chain(
    store: ObjectStore,
    manifest: Manifest,
    key: Ed25519PublicKey,
    *,
    known_broken: Collection[int] = (),
) -> Iterator[Manifest]:
    """Every manifest before `manifest`, newest first, each verified as `read_manifest` does.

    The walk ends before a sequence that is known to be broken: damage is told once, and does
    not keep later backups from being proven. Raises ChainBroken.
    """
    while manifest.previous is not None and manifest.previous.sequence not in known_broken:
        link = manifest.previous
        if link.sequence >= manifest.sequence:
            raise ChainBroken(link.sequence, f"backup {manifest.sequence} follows a later one")
        try:
            manifest = read_manifest(store, link, key)
        except BackupDamaged as error:
            raise ChainBroken(link.sequence, str(error)) from None
        yield manifest


def last_sequence(store: ObjectStore) -> int:
    """The highest sequence that any object of the store stands under; 0 without backups."""
    names = (info.key.removeprefix(PREFIX).partition("-")[0] for info in store.list(PREFIX))
    return max((int(name) for name in names if name.isascii() and name.isdigit()), default=0)


def _object(store: ObjectStore, key: str) -> bytes:
    try:
        return store.get(key)
    except ObjectNotFound:
        raise BackupDamaged(f"{key} is missing") from None
