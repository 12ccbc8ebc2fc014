"""One backup is written: stream, fingerprints, manifest.

Belongs here: the order of the steps that makes a backup sound. Not here: rows and states
(services). An interrupted backup leaves an object without manifest, which counts as nothing.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import IO, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from storage.backup import fingerprints, keys
from storage.backup.errors import BackupDamaged
from storage.backup.manifest import (
    ARCHIVE,
    FORMAT,
    Archive,
    AuditHead,
    Link,
    Manifest,
    Source,
    folder,
    read_manifest,
    write_manifest,
)
from storage.backup.source import base_backup, inspect_source
from storage.backup.streams import Packing, packed
from storage.objects import ObjectStore
from storage.postgres import embedded_server
from storage.settings import Clock, Settings


def write_backup(
    url: str,
    *,
    settings: Settings,
    store: ObjectStore,
    sequence: int,
    previous: Link | None,
    trusts_previous: bool,
    started_at: datetime,
) -> tuple[Manifest, Link]:
    """Back up the server at `url`; the manifest and where it lies.

    The first fingerprints are computed while the backup runs, in a snapshot from before it; the
    second ones only when somebody wrote meanwhile. Where `trusts_previous`, those of tables that
    have not changed are taken from the previous manifest. Raises BackupRefused before anything is
    written, BackupError when pg_basebackup fails, and whatever the store raises.
    """
    server = embedded_server(settings)
    source = inspect_source(url, server)
    recipients = keys.recipients(settings)
    signing_key = keys.signing_key(settings)
    known = (
        _known(store, previous, source, signing_key.public_key())
        if previous and trusts_previous
        else None
    )
    clock = Clock(started_at)
    key = folder(sequence, started_at) + ARCHIVE
    packing = Packing()
    with fingerprints.snapshot(url) as before, ThreadPoolExecutor(1) as pool:
        head = before.audit_head()
        first = pool.submit(before.fingerprints, known)
        with (
            base_backup(url, server) as base,
            packed(base.tar, recipients, packing, settle=base.settle) as stream,
        ):
            store.put_stream(key, cast(IO[bytes], stream))
        tables = first.result()
        with fingerprints.snapshot(url) as after:
            if not after.nothing_written_since(before):
                first_known = fingerprints.Known(tables, before.horizon)
                tables = fingerprints.settle(tables, after.fingerprints(first_known))
    manifest = Manifest(
        format=FORMAT,
        sequence=sequence,
        previous=previous,
        source=source,
        archive=Archive(
            key=key,
            plain_bytes=packing.plain_bytes,
            packed_bytes=packing.packed.bytes,
            packed_sha256=packing.packed.sha256,
            stored_bytes=stream.passed.bytes,
            stored_sha256=stream.passed.sha256,
        ),
        recipients=[str(recipient) for recipient in recipients],
        tables=tables,
        horizon=before.horizon,
        started_at=started_at,
        finished_at=clock.now(),
        audit_head=AuditHead(*head) if head else None,
    )
    return manifest, write_manifest(store, manifest, signing_key)


def _known(
    store: ObjectStore, previous: Link, source: Source, key: Ed25519PublicKey
) -> fingerprints.Known | None:
    """What the previous manifest knows of the same database; None when it cannot be used."""
    try:
        manifest = read_manifest(store, previous, key)
    except BackupDamaged:
        return None  # told by its proof
    is_same = source.system_identifier and (
        (manifest.source.system_identifier, manifest.source.database)
        == (source.system_identifier, source.database)
    )
    return fingerprints.Known(manifest.tables, manifest.horizon) if is_same else None
