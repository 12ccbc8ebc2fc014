"""Devices are registered, hung up and taken down.

Belongs here: the device, its dated installations and its maintenance. Not here: its keys
(device_keys), what it measures (readings, landing) and whether it is heard (device_traffic).
"""

from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.devices import DeviceKind, DeviceStatus, FeedKind
from services.operations.cleaning import touch_dates
from services.operations.device_traffic import is_silent
from services.operations.malls import AlreadyRegistered, InvalidRegistration, NotRegistered
from storage.models import Device, DeviceInstallation, Mall, Shop


class StillInstalled(Exception):
    """The device hangs somewhere on that day; it must be removed first."""


class NotInstalled(Exception):
    """The device hangs nowhere on that day."""


class NotInMaintenance(Exception):
    """The device is at work; there is no maintenance to end."""


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
    Raises NotRegistered (mall), AlreadyRegistered (code), InvalidRegistration.
    """
    if session.get(Mall, mall_id) is None:
        raise NotRegistered(f"there is no mall {mall_id}")
    if not code or code != code.strip() or "/" in code:
        raise InvalidRegistration(f"{code!r} is no code: it must have no blanks around it and no /")
    if modulus is not None and feed_kind != FeedKind.CUMULATIVE:
        raise InvalidRegistration(f"{code}: only a register rolls over, {feed_kind} does not")
    if modulus is not None and modulus <= 0:
        raise InvalidRegistration(f"{code}: the modulus must be above 0, not {modulus}")
    if ratio <= 0:
        raise InvalidRegistration(f"{code}: the ratio must be above 0, not {ratio}")
    if expected_interval_minutes <= 0:
        raise InvalidRegistration(f"{code}: the expected interval must be above 0 minutes")
    known = sa.select(Device.id).where(Device.mall_id == mall_id, Device.code == code)
    if session.scalar(known) is not None:
        raise AlreadyRegistered(f"the device {code} is registered already")
    device = Device(
        mall_id=mall_id,
        code=code,
        name=name,
        kind=kind,
        feed_kind=feed_kind,
        adapter=adapter,
        serial=serial,
        ip_address=ip_address,
        mac_address=mac_address,
        status=status,
        expected_interval_minutes=expected_interval_minutes,
        modulus=modulus,
        ratio=ratio,
        physical_maximum=physical_maximum,
    )
    session.add(device)
    session.flush()
    return device.id


def install_device(
    session: Session,
    *,
    device_id: int,
    installed_date: date,
    shop_id: int | None = None,
    zone: str = "",
    initial_register: Decimal | None = None,
    now: datetime,
) -> int:
    """Hang a device at a shop or in a zone from `installed_date` on; returns the installation.

    A footfall counter in a zone beginning with `ENTRANCE` counts the mall's visitors.
    `initial_register` is what a register shows on that day, in dial units. Known business dates
    since then are cleaned again, for they now count at that place.
    Raises NotRegistered, InvalidRegistration (no place, or two), StillInstalled.
    """
    device = _locked(session, device_id)
    if (shop_id is None) == (not zone):
        raise InvalidRegistration(f"{device.code}: name a shop or a zone, one of them")
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
    device = _locked(session, device_id)
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


def replace_device(
    session: Session,
    *,
    device_id: int,
    successor_id: int,
    day: date,
    final_register: Decimal | None = None,
    initial_register: Decimal | None = None,
    now: datetime,
) -> tuple[int, int]:
    """Hang another device at the same place: the old one's last day is the new one's first;
    returns both installations. Usage of that day is (old final - old previous) + (new current -
    new initial).

    Raises what removing and installing raise, and InvalidRegistration for devices of two malls
    or two kinds.
    """
    device, successor = session.get(Device, device_id), session.get(Device, successor_id)
    if device is None or successor is None or successor.mall_id != device.mall_id:
        raise NotRegistered(f"there is no device {successor_id} in the mall of device {device_id}")
    if successor.kind != device.kind or successor_id == device_id:
        raise InvalidRegistration(
            f"{successor.code} cannot replace {device.code}: expected another {device.kind}"
        )
    removed = remove_device(
        session, device_id=device_id, removed_date=day, final_register=final_register, now=now
    )
    old = session.get_one(DeviceInstallation, removed)
    installed = install_device(
        session,
        device_id=successor_id,
        installed_date=day,
        shop_id=old.shop_id,
        zone=old.zone,
        initial_register=initial_register,
        now=now,
    )
    return removed, installed


def begin_maintenance(session: Session, *, device_id: int, reason: str) -> None:
    """Traffic and silence no longer change the device's status.

    Raises NotRegistered, InvalidRegistration (no reason).
    """
    device = _locked(session, device_id)
    if not reason.strip():
        raise InvalidRegistration(f"{device.code}: say why it is in maintenance")
    device.status = DeviceStatus.MAINTENANCE
    device.maintenance_reason = reason.strip()
    session.flush()


def end_maintenance(session: Session, *, device_id: int, now: datetime) -> DeviceStatus:
    """Back to what its traffic says: ONLINE, or OFFLINE when it has been silent too long.

    Raises NotRegistered, NotInMaintenance.
    """
    device = _locked(session, device_id)
    if device.status != DeviceStatus.MAINTENANCE:
        raise NotInMaintenance(f"{device.code} is not in maintenance")
    silent = is_silent(
        device.last_seen_at, expected_interval_minutes=device.expected_interval_minutes, now=now
    )
    device.status = DeviceStatus.OFFLINE if silent else DeviceStatus.ONLINE
    device.maintenance_reason = ""
    session.flush()
    return device.status


def _locked(session: Session, device_id: int) -> Device:
    device = session.get(Device, device_id, with_for_update=True)
    if device is None:
        raise NotRegistered(f"there is no device {device_id}")
    return device
