"""Devices are registered, hung up and taken down.

Belongs here: the device and its dated installations. Not here: its keys (device_keys) and what
it measures (readings, landing).
"""

from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.devices import DeviceKind, DeviceStatus, FeedKind
from services.operations.malls import AlreadyRegistered, InvalidRegistration, NotRegistered
from storage.models import Device, DeviceInstallation, Mall, Shop


class StillInstalled(Exception):
    """The device hangs somewhere on that day; it must be removed first."""


class NotInstalled(Exception):
    """The device hangs nowhere on that day."""


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
) -> int:
    """Hang a device at a shop or in a zone from `installed_date` on; returns the installation.

    A footfall counter in a zone beginning with `ENTRANCE` counts the mall's visitors.
    `initial_register` is what a register shows on that day, in dial units.
    Raises NotRegistered, InvalidRegistration (no place, or two), StillInstalled.
    """
    device = session.get(Device, device_id, with_for_update=True)
    if device is None:
        raise NotRegistered(f"there is no device {device_id}")
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
    return installation.id


def remove_device(
    session: Session,
    *,
    device_id: int,
    removed_date: date,
    final_register: Decimal | None = None,
) -> int:
    """Take a device down after `removed_date`, its last day; returns the installation's id.

    Raises NotRegistered, NotInstalled, InvalidRegistration (before its first day).
    """
    device = session.get(Device, device_id, with_for_update=True)
    if device is None:
        raise NotRegistered(f"there is no device {device_id}")
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
    return installation.id
