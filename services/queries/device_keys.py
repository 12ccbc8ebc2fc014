"""Keys of devices as lists show them: never a secret, nor what is kept of one."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.devices import STALE_KEY, KeyState, key_state
from storage.models.devices import Device, DeviceKey


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """`device_code` is empty for a key of the mall's gateway; `is_stale`: open, and not used for
    30 days.
    """

    public_id: str
    name: str
    device_code: str
    state: KeyState
    is_stale: bool
    requires_signature: bool
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


def list_device_keys(session: Session, *, mall_id: int, now: datetime) -> list[KeyFacts]:
    """Every key of a mall, the newest first."""
    rows = session.execute(
        sa.select(DeviceKey, Device.code)
        .outerjoin(Device, Device.id == DeviceKey.device_id)
        .where(DeviceKey.mall_id == mall_id)
        .order_by(DeviceKey.created_at.desc(), DeviceKey.id.desc())
    )
    return [
        KeyFacts(
            public_id=key.public_id,
            name=key.name,
            device_code=code or "",
            state=key_state(key.revoked_at, key.expires_at, now),
            is_stale=is_stale(key, now),
            requires_signature=key.requires_signature,
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
        )
        for key, code in rows
    ]


def is_stale(key: DeviceKey, now: datetime) -> bool:
    """Whether an open key was not used for 30 days, or never since it was made so long ago."""
    is_open = key_state(key.revoked_at, key.expires_at, now) is KeyState.OPEN
    return is_open and (key.last_used_at or key.created_at) < now - STALE_KEY
