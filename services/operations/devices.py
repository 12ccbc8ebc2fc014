"""Devices are registered, hung up and taken down.

Belongs here: the device, its dated installations and its maintenance. Not here: what an entry
must satisfy (device_rules), a meter replaced in its place (replacements), its keys (device_keys),
what it measures (readings, landing) and whether it is heard (device_traffic).
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.devices import DeviceKind, DeviceStatus, FeedKind
from services.operations.cleaning import touch_dates
from services.operations.device_rules import DeviceDraft, Fault, FieldFault, faults_of
from services.operations.device_traffic import is_silent
from services.operations.malls import AlreadyRegistered, InvalidRegistration, NotRegistered
from storage.models import Device, DeviceInstallation, Mall, Shop

NOTHING: Mapping[str, str] = MappingProxyType({})
# A change of these changes what the marts make of readings that are there.
MEANING = frozenset(
    {"kind", "feed_kind", "metric_kinds", "modulus", "ratio", "physical_maximum",
     "expected_interval_minutes"}
)  # fmt: skip


class StillInstalled(Exception):
    """The device hangs somewhere on that day; it must be removed first."""


class NotInstalled(Exception):
    """The device hangs nowhere on that day."""


class NotInMaintenance(Exception):
    """The device is at work; there is no maintenance to end."""


class InvalidDevice(InvalidRegistration):
    """The entry cannot be; `faults` says why, by field."""

    def __init__(self, code: str, faults: Mapping[str, FieldFault]) -> None:
        self.faults = dict(faults)
        super().__init__(f"{code}: " + "; ".join(f"{at}: {why}" for at, why in faults.items()))


def register_device(
    session: Session,
    *,
    mall_id: int,
    code: str,
    kind: DeviceKind,
    feed_kind: FeedKind,
    name: str = "",
    adapter: str = "atrium",
    serial: str = "",
    channel: str = "",
    time_zone: str = "",
    direction_map: Mapping[str, str] = NOTHING,
    metric_kinds: Mapping[str, str] = NOTHING,
    ip_address: str = "",
    mac_address: str = "",
    status: DeviceStatus = DeviceStatus.OFFLINE,
    expected_interval_minutes: int = 60,
    modulus: Decimal | None = None,
    ratio: Decimal = Decimal(1),
    physical_maximum: Decimal | None = None,
) -> int:
    """A new device; returns its id.

    `modulus` in dial units, only for CUMULATIVE feeds; `ratio` turns dial units into billed
    units; `physical_maximum` is the highest believable value of an hour.
    Raises NotRegistered (mall), AlreadyRegistered (code), InvalidDevice.
    """
    draft = DeviceDraft(
        code=code,
        kind=kind,
        feed_kind=feed_kind,
        name=name,
        adapter=adapter,
        serial=serial,
        channel=channel,
        time_zone=time_zone,
        direction_map=direction_map,
        metric_kinds=metric_kinds,
        ip_address=ip_address,
        mac_address=mac_address,
        expected_interval_minutes=expected_interval_minutes,
        modulus=modulus,
        ratio=ratio,
        physical_maximum=physical_maximum,
    )
    return register_draft(session, draft, mall_id=mall_id, status=status)


def register_draft(
    session: Session,
    draft: DeviceDraft,
    *,
    mall_id: int,
    status: DeviceStatus = DeviceStatus.OFFLINE,
) -> int:
    """A new device; returns its id.

    Raises NotRegistered (mall), AlreadyRegistered (code), InvalidDevice.
    """
    if session.get(Mall, mall_id) is None:
        raise NotRegistered(f"there is no mall {mall_id}")
    draft = _judged(session, draft, mall_id=mall_id)
    device = Device(mall_id=mall_id, status=status, **_columns(draft))
    session.add(device)
    session.flush()
    return device.id


def change_device(
    session: Session, draft: DeviceDraft, *, device_id: int, now: datetime
) -> frozenset[str]:
    """Write another entry in the place of the device's; the names of the columns that changed.

    When what its readings mean changed, every known business date of the mall since its first
    installation is cleaned again. Raises NotRegistered, AlreadyRegistered (code), InvalidDevice.
    """
    device = locked_device(session, device_id)
    draft = _judged(session, draft, mall_id=device.mall_id, device_id=device_id)
    changed = frozenset(
        name for name, value in _columns(draft).items() if getattr(device, name) != value
    )
    for name in changed:
        setattr(device, name, getattr(draft, name))
    session.flush()
    first = session.scalar(
        sa.select(sa.func.min(DeviceInstallation.installed_date)).where(
            DeviceInstallation.device_id == device_id
        )
    )
    if changed & MEANING and first is not None:
        touch_dates(session, mall_id=device.mall_id, first=first, now=now)
    return changed


def _judged(
    session: Session, draft: DeviceDraft, *, mall_id: int, device_id: int | None = None
) -> DeviceDraft:
    draft = draft.tidied()
    faults = faults_of(session, draft, mall_id=mall_id, device_id=device_id)
    taken = faults.get("code")
    if len(faults) == 1 and taken is not None and taken.fault is Fault.CODE_TAKEN:
        raise AlreadyRegistered(str(taken))
    if faults:
        raise InvalidDevice(draft.code, faults)
    return draft


def _columns(draft: DeviceDraft) -> dict[str, Any]:
    columns = {each.name: getattr(draft, each.name) for each in fields(draft)}
    return {**columns, **{name: dict(columns[name]) for name in ("direction_map", "metric_kinds")}}


def install_device(
    session: Session,
    *,
    device_id: int,
    installed_date: date,
    shop_id: int | None = None,
    zone: str = "",
    floor: str = "",
    initial_register: Decimal | None = None,
    now: datetime,
) -> int:
    """Hang a device at a shop or in a zone from `installed_date` on; returns the installation.

    A footfall counter in a zone beginning with `ENTRANCE` counts the mall's visitors; `floor` is
    the zone's (a shop's is known from its units).
    `initial_register` is what a register shows on that day, in dial units. Known business dates
    since then are cleaned again, for they now count at that place.
    Raises NotRegistered, InvalidRegistration (no place, or two; a shop's floor), StillInstalled.
    """
    device = locked_device(session, device_id)
    if (shop_id is None) == (not zone):
        raise InvalidRegistration(f"{device.code}: name a shop or a zone, one of them")
    if floor and shop_id is not None:
        raise InvalidRegistration(f"{device.code}: a shop's floor is that of its units")
    if shop_id is not None:
        shop = session.get(Shop, shop_id)
        if shop is None or shop.mall_id != device.mall_id:
            raise NotRegistered(f"{device.code}: there is no shop {shop_id} in its mall")
    hanging = session.scalar(
        sa.select(DeviceInstallation).where(
            DeviceInstallation.device_id == device_id,
            sa.or_(
                DeviceInstallation.removed_date.is_(None),
                DeviceInstallation.removed_date >= installed_date,
            ),
        )
    )
    if hanging is not None:
        until = hanging.removed_date or "now"
        raise StillInstalled(f"{device.code} is installed from {hanging.installed_date} to {until}")
    installation = DeviceInstallation(
        device_id=device_id,
        shop_id=shop_id,
        zone=zone,
        floor=floor,
        installed_date=installed_date,
        initial_register=initial_register,
    )
    session.add(installation)
    session.flush()
    touch_dates(session, mall_id=device.mall_id, first=installed_date, now=now)
    return installation.id


def remove_device(
    session: Session,
    *,
    device_id: int,
    removed_date: date,
    final_register: Decimal | None = None,
    now: datetime,
) -> int:
    """Take a device down after `removed_date`, its last day; returns the installation's id.
    Known business dates since then are cleaned again.

    Raises NotRegistered, NotInstalled, InvalidRegistration (before its first day).
    """
    device = locked_device(session, device_id)
    installation = session.scalar(
        sa.select(DeviceInstallation).where(
            DeviceInstallation.device_id == device_id, DeviceInstallation.removed_date.is_(None)
        )
    )
    if installation is None:
        raise NotInstalled(f"{device.code} is not installed anywhere")
    if removed_date < installation.installed_date:
        raise InvalidRegistration(
            f"{device.code} was installed on {installation.installed_date}, "
            f"it cannot be removed on {removed_date}"
        )
    installation.removed_date = removed_date
    installation.final_register = final_register
    session.flush()
    touch_dates(session, mall_id=device.mall_id, first=removed_date, now=now)
    return installation.id


def begin_maintenance(session: Session, *, device_id: int, reason: str) -> None:
    """Traffic and silence no longer change the device's status.

    Raises NotRegistered, InvalidRegistration (no reason).
    """
    device = locked_device(session, device_id)
    if not reason.strip():
        raise InvalidRegistration(f"{device.code}: say why it is in maintenance")
    device.status = DeviceStatus.MAINTENANCE
    device.maintenance_reason = reason.strip()
    session.flush()


def end_maintenance(session: Session, *, device_id: int, now: datetime) -> DeviceStatus:
    """Back to what its traffic says: ONLINE, or OFFLINE when it has been silent too long.

    Raises NotRegistered, NotInMaintenance.
    """
    device = locked_device(session, device_id)
    if device.status != DeviceStatus.MAINTENANCE:
        raise NotInMaintenance(f"{device.code} is not in maintenance")
    silent = is_silent(
        device.last_seen_at, expected_interval_minutes=device.expected_interval_minutes, now=now
    )
    device.status = DeviceStatus.OFFLINE if silent else DeviceStatus.ONLINE
    device.maintenance_reason = ""
    session.flush()
    return device.status


def locked_device(session: Session, device_id: int) -> Device:
    device = session.get(Device, device_id, with_for_update=True)
    if device is None:
        raise NotRegistered(f"there is no device {device_id}")
    return device
