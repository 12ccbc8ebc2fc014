"""Manifests: signed, chained, and refused when anything about them is not as it was written."""

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.backup import keys
from storage.backup.errors import BackupDamaged, BackupRefused, ChainBroken
from storage.backup.fingerprints import Fingerprint, differences, settle
from storage.backup.manifest import (
    ARCHIVE,
    FORMAT,
    Archive,
    AuditHead,
    Link,
    Manifest,
    Source,
    folder,
    last_sequence,
    read_manifest,
    signed_manifest,
    stored_manifests,
    walk_chain,
    write_manifest,
)
from storage.objects import FolderStore
from storage.settings import Settings

KEY = Ed25519PrivateKey.generate()
AT = datetime(2026, 4, 1, 18, 30, tzinfo=UTC)


def manifest(sequence: int, previous: Link | None = None, **changes: object) -> Manifest:
    started_at = AT + timedelta(days=sequence)
    values: dict[str, object] = {
        "format": FORMAT,
        "sequence": sequence,
        "previous": previous,
        "source": Source("atrium", "7", 18, "0001"),
        "archive": Archive(folder(sequence, started_at) + ARCHIVE, 9, 5, "aa", 7, "bb"),
        "recipients": ["age1x"],
        "horizon": 700,
        "tables": {"app.malls": Fingerprint(1, "2", 1, False, "l")},
        "started_at": started_at,
        "finished_at": started_at,
    }
    return Manifest(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "objects")


def chain(store: FolderStore, count: int) -> list[Link]:
    links: list[Link] = []
    for sequence in range(1, count + 1):
        previous = links[-1] if links else None
        links.append(write_manifest(store, manifest(sequence, previous), KEY))
    return links


def test_manifest_is_read_as_it_was_written(store: FolderStore) -> None:
    link = write_manifest(store, manifest(1), KEY)
    assert read_manifest(store, link, KEY.public_key()) == manifest(1)
    assert link.manifest_key == "backups/000001-20260402T183000Z/manifest.json"


def test_manifest_of_before_the_audit_still_reads(store: FolderStore) -> None:
    old = json.loads(msgspec.json.encode(manifest(1)))
    del old["audit_head"]
    data = json.dumps(old).encode()
    read = signed_manifest(data, KEY.sign(data).hex().encode(), KEY.public_key(), "old")
    assert read == manifest(1) and read.audit_head is None


def test_every_stored_manifest_is_found_and_what_is_not_ours_is_told(store: FolderStore) -> None:
    head = AuditHead(7, "ab" * 32)
    write_manifest(store, manifest(1, audit_head=head), KEY)
    write_manifest(store, manifest(2), Ed25519PrivateKey.generate())
    store.delete(write_manifest(store, manifest(3), KEY).manifest_key + ".ed25519")
    write_manifest(store, manifest(4), KEY)
    found = list(stored_manifests(store, KEY.public_key()))
    assert [getattr(one, "sequence", None) for one in found] == [1, None, None, 4]
    assert getattr(found[0], "audit_head", None) == head
    assert "not signed" in str(found[1]) and "missing" in str(found[2])


def test_chain_is_walked_to_its_first_manifest(store: FolderStore) -> None:
    links = chain(store, 4)
    newest = read_manifest(store, links[-1], KEY.public_key())
    walked = [one.sequence for one in walk_chain(store, newest, KEY.public_key())]
    assert walked == [3, 2, 1]


def edit(store: FolderStore, link: Link) -> None:
    data = json.loads(store.get(link.manifest_key))
    data["tables"]["app.malls"]["rows"] = 2
    store.put(link.manifest_key, json.dumps(data).encode())


def swap(store: FolderStore, link: Link) -> None:
    write_manifest(store, manifest(9), KEY)
    place, other = link.manifest_key.rpartition("/")[0], folder(9, AT + timedelta(days=9))
    for name in ("manifest.json", "manifest.json.ed25519"):
        store.put(f"{place}/{name}", store.get(other + name))


DAMAGE: dict[str, Callable[[FolderStore, Link], None]] = {
    "edited": edit,
    "swapped": swap,
    "missing": lambda store, link: store.delete(link.manifest_key),
    "unsigned": lambda store, link: store.delete(link.manifest_key + ".ed25519"),
    "signed by another": lambda store, link: store.put(
        link.manifest_key + ".ed25519",
        Ed25519PrivateKey.generate().sign(store.get(link.manifest_key)).hex().encode(),
    ),
    "signed with nonsense": lambda store, link: store.put(
        link.manifest_key + ".ed25519", b"\xff not hex"
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_manifest_that_is_not_what_was_written_is_refused(store: FolderStore, damage: str) -> None:
    (link,) = chain(store, 1)
    DAMAGE[damage](store, link)
    with pytest.raises(BackupDamaged, match=r"manifest\.json"):
        read_manifest(store, link, KEY.public_key())


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_to_an_earlier_manifest_breaks_the_chain_there(
    store: FolderStore, damage: str
) -> None:
    links = chain(store, 4)
    DAMAGE[damage](store, links[1])
    newest = read_manifest(store, links[-1], KEY.public_key())
    with pytest.raises(ChainBroken, match="broken at 2") as raised:
        list(walk_chain(store, newest, KEY.public_key()))
    assert raised.value.sequence == 2
    walked = walk_chain(store, newest, KEY.public_key(), known_broken={2})
    assert [one.sequence for one in walked] == [3]


def test_properly_signed_manifest_of_another_backup_is_refused(store: FolderStore) -> None:
    """Who could write the remembered hash too still cannot pass one backup for another."""
    link = write_manifest(store, manifest(2), KEY)
    with pytest.raises(BackupDamaged, match="another backup"):
        read_manifest(store, Link(3, link.manifest_key, link.manifest_sha256), KEY.public_key())


def test_manifest_of_a_later_format_says_so(store: FolderStore) -> None:
    link = write_manifest(store, manifest(1, format=FORMAT + 1), KEY)
    with pytest.raises(BackupDamaged, match=f"format {FORMAT + 1}"):
        read_manifest(store, link, KEY.public_key())


def test_chain_that_turns_back_is_refused(store: FolderStore) -> None:
    later = write_manifest(store, manifest(8), KEY)
    link = write_manifest(store, manifest(5, later), KEY)
    with pytest.raises(ChainBroken):
        list(walk_chain(store, read_manifest(store, link, KEY.public_key()), KEY.public_key()))


def test_last_sequence_counts_whatever_lies_in_the_store(store: FolderStore) -> None:
    assert last_sequence(store) == 0
    store.put("backups/000012-20260401T000000Z/database.tar.zst.age", b"")
    store.put("backups/notes.txt", b"")
    store.put("backups/²-x", b"")
    assert last_sequence(store) == 12


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, _env_file=None)
    first = keys.signing_key(settings).private_bytes_raw()
    assert keys.signing_key(settings).private_bytes_raw() == first
    assert str(keys.recipients(settings)[0]) == str(keys.identity(settings).to_public())
    for name in (keys.IDENTITY, keys.SIGNING_KEY):
        assert stat.S_IMODE((settings.secrets_dir / name).stat().st_mode) == 0o600


def test_recipients_of_the_settings_leave_no_private_key_here(tmp_path: Path) -> None:
    public = [pyrage.x25519.Identity.generate().to_public() for _ in range(2)]
    settings = Settings(
        state_dir=tmp_path, backup_recipients=f"{public[0]}, {public[1]}", _env_file=None
    )
    assert [str(key) for key in keys.recipients(settings)] == [str(key) for key in public]
    with pytest.raises(BackupRefused, match="not on this machine"):
        keys.identity(settings)
    assert not (settings.secrets_dir / keys.IDENTITY).exists()


def test_recipient_that_is_no_key_is_named(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, backup_recipients="age1nonsense", _env_file=None)
    with pytest.raises(BackupRefused, match=r"ATRIUM_BACKUP_RECIPIENTS.*age1nonsense"):
        keys.recipients(settings)


@pytest.mark.parametrize("name", [keys.IDENTITY, keys.SIGNING_KEY])
def test_file_that_holds_no_key_is_named(tmp_path: Path, name: str) -> None:
    settings = Settings(state_dir=tmp_path, _env_file=None)
    (settings.secrets_dir / name).write_text("nonsense\n")
    with pytest.raises(BackupRefused, match=name):
        (keys.identity if name == keys.IDENTITY else keys.signing_key)(settings)


def still(rows: int, checksum: str) -> Fingerprint:
    return Fingerprint(rows, checksum, rows, False, "l")


def test_tables_that_changed_between_two_fingerprints_are_moving() -> None:
    before = {"app.a": still(1, "x"), "app.b": still(1, "x"), "app.gone": still(1, "x")}
    after = {"app.a": still(1, "x"), "app.b": still(1, "y"), "app.new": still(3, "z")}
    assert settle(before, after) == {
        "app.a": still(1, "x"),
        "app.b": Fingerprint(1, "x", 1, True, "l"),
        "app.gone": Fingerprint(1, "x", 0, True, "l"),
        "app.new": Fingerprint(0, "0", 3, True, ""),
    }


def test_still_tables_must_be_exactly_as_they_were() -> None:
    expected = {"app.a": still(2, "x"), "app.b": still(2, "x"), "app.c": still(2, "x")}
    restored = {"app.a": still(1, "x"), "app.b": still(2, "y"), "app.d": still(0, "0")}
    assert list(differences(expected, restored)) == [
        "app.a has 1 rows; it had 2",
        "app.b has its 2 rows, but not with the values it had",
        "app.c is missing; it had 2 rows",
        "app.d was not there",
    ]
    assert list(differences(expected, expected)) == []


@pytest.mark.parametrize(("rows", "is_fine"), [(9, False), (10, True), (15, True), (21, False)])
def test_table_that_only_grows_lies_between_its_two_counts(rows: int, is_fine: bool) -> None:
    expected = {"ingest.readings_y2026m04": Fingerprint(10, "x", 20, True, "l")}
    found = list(differences(expected, {"ingest.readings_y2026m04": still(rows, "?")}))
    assert (found == []) is is_fine


def test_other_moving_tables_are_only_required_to_be_there() -> None:
    expected = {"app.bills": Fingerprint(10, "x", 10, True, "l")}
    assert list(differences(expected, {"app.bills": still(3, "?")})) == []
