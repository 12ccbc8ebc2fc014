"""Keys of devices: made once, shown once, found by what a device presents, revoked.

A key reads `<public id>_<secret>`: the public id finds the row, the secret (256 bits) proves the
right; only the SHA-256 of the secret is kept. Several keys may be open at once, so that a device
can change from one to the next without a pause.
Not here: what a device may send (services/operations/readings).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

import psycopg
from sqlalchemy.orm import Session

from storage.models.devices import Device, DeviceKey


class DeviceKeyError(Exception):
    """A key cannot be made or revoked; the message says why."""


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What a presented key opens: one device, or every device of the mall when `device_id` is
    None.
    """

    key_id: int
    mall_id: int
    device_id: int | None


def create_device_key(
    session: Session, *, mall_id: int, device_id: int | None, name: str, now: datetime
) -> str:
    """Make a key for one device, or for all devices of the mall (a gateway); the plain key.

    Raises DeviceKeyError when the device does not belong to the mall.
    """
    if device_id is not None:
        device = session.get(Device, device_id)
        if device is None or device.mall_id != mall_id:
            raise DeviceKeyError(f"device {device_id} does not belong to mall {mall_id}")
    public_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    session.add(
        DeviceKey(
            mall_id=mall_id,
            device_id=device_id,
            public_id=public_id,
            secret_sha256=_digest(secret),
            name=name,
            created_at=now,
        )
    )
    session.flush()
    return f"{public_id}_{secret}"


def revoke_device_key(session: Session, *, public_id: str, now: datetime) -> None:
    """Close a key from `now` on; a key closed before stays as it was.

    Raises DeviceKeyError when there is no such key.
    """
    key = session.query(DeviceKey).filter_by(public_id=public_id).with_for_update().one_or_none()
    if key is None:
        raise DeviceKeyError(f"there is no device key {public_id!r}")
    if key.revoked_at is None:
        key.revoked_at = now
        session.flush()


def find_device_key(
    connection: psycopg.Connection, *, presented: str, now: datetime
) -> KeyGrant | None:
    """What `<public id>_<secret>` opens at `now`; None when it opens nothing.

    An unknown id, a wrong secret and a revoked key are one answer, compared in constant time.
    """
    public_id, _, secret = presented.partition("_")
    if "\x00" in public_id:
        return None
    row = connection.execute(
        "SELECT id, mall_id, device_id, secret_sha256 FROM app.device_keys "
        "WHERE public_id = %s AND (revoked_at IS NULL OR revoked_at > %s)",
        (public_id, now),
    ).fetchone()
    expected = bytes(row[3]) if row else bytes(32)
    matches = hmac.compare_digest(expected, _digest(secret))
    if row is None or not matches:
        return None
    return KeyGrant(key_id=row[0], mall_id=row[1], device_id=row[2])


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
