"""Keys of devices: made once, shown once, found by what a device presents, replaced, revoked.

A key reads `<public id>_<secret>`: the public id finds the row, the secret (256 bits) proves the
right. Kept: the SHA-256 of the secret, and sealed the signing key derived from it, so that a
device may sign its calls instead of sending the secret. Nothing caches a key: what is revoked
opens nothing at the very next call, in every process.
Not here: what a device may send (services/operations/readings), what is signed
(domain/signatures), how signing keys are sealed (signing_vault).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.audit import AuditAction
from domain.devices import KeyState, key_state
from domain.scopes import Actor
from domain.signatures import SignatureHeader, signing_key
from services.operations.audit import record_event
from services.operations.signing_vault import CannotOpen, SigningVault
from storage.models.devices import Device, DeviceKey

LONGEST_OVERLAP = timedelta(days=30)


class DeviceKeyError(Exception):
    """A key cannot be made, replaced or revoked; the message says why."""


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What a presented key opens: one device, or every device of the mall when `device_id` is
    None. `requires_signature`: the secret alone opens nothing.
    """

    key_id: int
    public_id: str
    mall_id: int
    device_id: int | None
    requires_signature: bool = False
    signing_key_sealed: bytes | None = None


def create_device_key(
    session: Session,
    *,
    mall_id: int,
    device_id: int | None,
    name: str,
    now: datetime,
    vault: SigningVault | None = None,
    requires_signature: bool = False,
    expires_at: datetime | None = None,
    actor: Actor | None = None,
) -> str:
    """Make a key for one device, or for all devices of the mall (a gateway); the plain key.

    Without a `vault` its calls cannot be signed. Raises DeviceKeyError when the device does not
    belong to the mall, when it would be expired already, or when signatures are required that
    nobody could check.
    """
    if device_id is not None:
        device = session.get(Device, device_id)
        if device is None or device.mall_id != mall_id:
            raise DeviceKeyError(f"device {device_id} does not belong to mall {mall_id}")
    if expires_at is not None and expires_at <= now:
        raise DeviceKeyError(f"a key cannot expire at {expires_at}, which is past")
    key, plain = _draw(vault, requires_signature=requires_signature)
    key.mall_id, key.device_id, key.name = mall_id, device_id, name
    key.created_at, key.expires_at = now, expires_at
    session.add(key)
    session.flush()
    _record(session, AuditAction.DEVICE_KEY_MADE, key, now, actor)
    return plain


def rotate_device_key(
    session: Session,
    *,
    public_id: str,
    overlap: timedelta,
    now: datetime,
    vault: SigningVault | None = None,
    actor: Actor | None = None,
) -> str:
    """Replace a key: the plain successor, which opens the same and, if the key expires, lives as
    long. The old key stays open until `now` + `overlap` (0 to 30 days).

    At most two are open at once. Raises DeviceKeyError for an unknown or closed key, for one that
    is being replaced or replaces one that is still open.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise DeviceKeyError(f"the overlap must be from 0 to {LONGEST_OVERLAP.days} days")
    old = _locked(session, public_id)
    state = key_state(old.revoked_at, old.expires_at, now)
    if state is KeyState.CLOSING:
        raise DeviceKeyError(
            f"the key {public_id} is being replaced; it closes at {old.revoked_at}"
        )
    if state is not KeyState.OPEN:
        raise DeviceKeyError(f"the key {public_id} is {state.lower()}; make a new one")
    before = (
        session.get(DeviceKey, old.replaces_id, with_for_update=True) if old.replaces_id else None
    )
    if before and key_state(before.revoked_at, before.expires_at, now) is KeyState.CLOSING:
        raise DeviceKeyError(
            f"the key {public_id} replaces {before.public_id}, which is open until "
            f"{before.revoked_at}; revoke that one first"
        )
    key, plain = _draw(vault, requires_signature=old.requires_signature)
    key.mall_id, key.device_id, key.name = old.mall_id, old.device_id, old.name
    key.replaces_id, key.created_at = old.id, now
    if old.expires_at is not None:
        key.expires_at = now + (old.expires_at - old.created_at)
    session.add(key)
    old.revoked_at = now + overlap
    session.flush()
    _record(session, AuditAction.DEVICE_KEY_ROTATED, key, now, actor, replaced=old)
    return plain


def revoke_device_key(
    session: Session, *, public_id: str, now: datetime, actor: Actor | None = None
) -> None:
    """Close a key from `now` on; a key closed before stays as it was.

    Raises DeviceKeyError when there is no such key.
    """
    key = _locked(session, public_id)
    if key.revoked_at is None or key.revoked_at > now:
        key.revoked_at = now
        session.flush()
        _record(session, AuditAction.DEVICE_KEY_REVOKED, key, now, actor)


def reseal_signing_keys(session: Session, *, vault: SigningVault) -> int:
    """Seal every signing key anew with the vault's first secret; how many.

    A key that no secret opens is left as it is: it never could be checked.
    """
    resealed = 0
    keys = sa.select(DeviceKey).where(DeviceKey.signing_key_sealed.is_not(None))
    for key in session.scalars(keys.order_by(DeviceKey.id).with_for_update()):
        assert key.signing_key_sealed is not None
        try:
            plain = vault.open(key.signing_key_sealed, public_id=key.public_id)
        except CannotOpen:
            continue
        key.signing_key_sealed = vault.seal(plain, public_id=key.public_id)
        resealed += 1
    session.flush()
    return resealed


def look_up_device_key(
    connection: psycopg.Connection, *, public_id: str, now: datetime
) -> tuple[KeyGrant, bytes] | None:
    """An open key and the SHA-256 of its secret; None for an unknown, expired or revoked one.
    It proves nothing yet: compare the secret or the signature.
    """
    if "\x00" in public_id:
        return None
    row = connection.execute(
        "SELECT key_id, mall_id, device_id, secret_sha256, requires_signature, "
        "signing_key_sealed FROM app.find_device_key(%s, %s)",
        (public_id, now),
    ).fetchone()
    if row is None:
        return None
    sealed = None if row[5] is None else bytes(row[5])
    return KeyGrant(row[0], public_id, row[1], row[2], row[4], sealed), bytes(row[3])


def find_device_key(
    connection: psycopg.Connection, *, presented: str, now: datetime
) -> KeyGrant | None:
    """What `<public id>_<secret>` opens at `now`; None when it opens nothing.

    An unknown id, a wrong secret and a revoked key are one answer, compared in constant time.
    """
    public_id, _, secret = presented.partition("_")
    found = look_up_device_key(connection, public_id=public_id, now=now)
    matches = hmac.compare_digest(found[1] if found else bytes(32), _digest(secret))
    return found[0] if found and matches else None


def note_key_used(connection: psycopg.Connection, *, key_id: int, now: datetime) -> None:
    """Say that a key was used; written at most once a minute."""
    connection.execute("SELECT app.note_device_key_used(%s, %s)", (key_id, now))


def note_signed_call(
    connection: psycopg.Connection,
    *,
    key_id: int,
    header: SignatureHeader,
    body_sha256: bytes,
    now: datetime,
) -> bytes | None:
    """Take a signed call once, inside the caller's transaction: None, or the body's SHA-256 of the
    call that came before under the same timestamp and sequence.
    """
    row = connection.execute(
        "SELECT ingest.note_signed_call(%s, %s, %s, %s, %s)",
        (key_id, header.signed_at, header.sequence, body_sha256, now),
    ).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


def prune_signed_calls(connection: psycopg.Connection, *, before: datetime) -> int:
    """Forget calls signed before an instant; how many."""
    row = connection.execute("SELECT ingest.prune_signed_calls(%s)", (before,)).fetchone()
    return row[0] if row else 0


def _draw(vault: SigningVault | None, *, requires_signature: bool) -> tuple[DeviceKey, str]:
    if requires_signature and vault is None:
        raise DeviceKeyError("a key that requires signatures needs the secret that seals its key")
    public_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    sealed = vault.seal(signing_key(secret), public_id=public_id) if vault else None
    key = DeviceKey(
        public_id=public_id,
        secret_sha256=_digest(secret),
        requires_signature=requires_signature,
        signing_key_sealed=sealed,
    )
    return key, f"{public_id}_{secret}"


def _locked(session: Session, public_id: str) -> DeviceKey:
    key = session.query(DeviceKey).filter_by(public_id=public_id).with_for_update().one_or_none()
    if key is None:
        raise DeviceKeyError(f"there is no device key {public_id!r}")
    return key


def _record(
    session: Session,
    action: AuditAction,
    key: DeviceKey,
    now: datetime,
    actor: Actor | None,
    replaced: DeviceKey | None = None,
) -> None:
    facts = {
        "public_id": key.public_id,
        "name": key.name,
        "device_id": key.device_id,
        "requires_signature": key.requires_signature,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }
    if replaced is not None:
        facts |= {"replaces": replaced.public_id, "old_closes_at": replaced.revoked_at}
    record_event(
        session,
        action=action,
        now=now,
        mall_id=key.mall_id,
        subject_type="device_keys",
        subject_id=key.id,
        after=facts,
        actor=actor,
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
