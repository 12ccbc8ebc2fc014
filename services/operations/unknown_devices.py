"""Senders that nobody registered: noted when they speak; then registered, connected or ignored.

Belongs here: the note and those decisions. Not here: landing what waits (relanding).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import LiteralString

import psycopg
from sqlalchemy.orm import Session

from domain.devices import Adapter
from services.adapters.refusals import LONGEST_VALUE, storable
from services.adapters.resolving import UnknownAddress
from services.operations.device_rules import DeviceDraft, FieldFault, faults_of
from services.operations.devices import InvalidDevice, locked_device, register_draft
from services.operations.malls import NotRegistered
from storage.models import Device, UnknownDevice
from storage.models.ingest import UnknownDeviceState

# A sensor has a handful of words for what it measures; a broken one may make up more.
MOST_LABELS = 20
NOTE_UNKNOWN: LiteralString = """
SELECT ingest.note_unknown_devices(%s, %s, %s::text[], %s::text[], %s::text[], %s)
"""


class AlreadyDecided(Exception):
    """Somebody has registered this sender meanwhile."""


def note_unknown_devices(
    connection: psycopg.Connection,
    unknown: Sequence[UnknownAddress],
    *,
    mall_id: int,
    adapter: Adapter,
    now: datetime,
) -> None:
    """Put who is not registered on the list of new devices, counted once a call or file."""
    said = [
        (one.serial, one.channel, storable(label[:LONGEST_VALUE]))
        for one in unknown
        for label in one.labels[:MOST_LABELS]
    ]
    if said:
        serials, channels, labels = map(list, zip(*said, strict=True))
        connection.execute(NOTE_UNKNOWN, (mall_id, adapter.value, serials, channels, labels, now))


def register_unknown(session: Session, draft: DeviceDraft, *, mall_id: int, unknown_id: int) -> int:
    """Register the sender as a new device; the device's id.

    The address is the sender's whatever the draft says: what it sent would not be found else. One
    that speaks our own format is known by its code.
    Raises NotRegistered, AlreadyDecided, AlreadyRegistered (code), InvalidDevice.
    """
    unknown = _locked(session, mall_id, unknown_id)
    if unknown.adapter == Adapter.ATRIUM:
        draft = replace(draft, adapter=unknown.adapter, code=unknown.serial)
    else:
        draft = replace(
            draft, adapter=unknown.adapter, serial=unknown.serial, channel=unknown.channel
        )
    device_id = register_draft(session, draft, mall_id=mall_id)
    unknown.state, unknown.device_id = UnknownDeviceState.REGISTERED, device_id
    session.flush()
    return device_id


def connect_unknown(session: Session, *, mall_id: int, unknown_id: int, device_id: int) -> None:
    """The sender is a device that is registered, at an address that was wrong or has changed: the
    device gets the sender's.

    Raises NotRegistered, AlreadyDecided, InvalidDevice (a sender in our own format names a device
    by its code, which does not change).
    """
    unknown = _locked(session, mall_id, unknown_id)
    device = locked_device(session, device_id)
    if device.mall_id != mall_id:
        raise NotRegistered(f"there is no device {device_id} in the mall")
    draft = DeviceDraft(
        code=device.code,
        kind=device.kind,
        feed_kind=device.feed_kind,
        adapter=unknown.adapter,
        serial=unknown.serial,
        channel=unknown.channel,
    )
    faults = faults_of(session, draft, mall_id=mall_id, device_id=device_id)
    if unknown.adapter == Adapter.ATRIUM:
        raise NotRegistered(f"{unknown.serial} names a device by its code; register that code")
    wrong: dict[str, FieldFault] = {
        at: fault for at, fault in faults.items() if at in ("serial", "channel")
    }
    if wrong:
        raise InvalidDevice(device.code, wrong)
    device.adapter, device.serial, device.channel = draft.adapter, draft.serial, draft.channel
    unknown.state, unknown.device_id = UnknownDeviceState.REGISTERED, device_id
    session.flush()


def ignore_unknown(session: Session, *, mall_id: int, unknown_id: int) -> None:
    """The sender is none of ours, or not yet; what it sends waits in quarantine all the same.

    Raises NotRegistered, AlreadyDecided.
    """
    _locked(session, mall_id, unknown_id).state = UnknownDeviceState.IGNORED
    session.flush()


def notice_unknown(session: Session, *, mall_id: int, unknown_id: int) -> None:
    """The sender is to be looked at again. Raises NotRegistered, AlreadyDecided."""
    _locked(session, mall_id, unknown_id).state = UnknownDeviceState.NEW
    session.flush()


def _locked(session: Session, mall_id: int, unknown_id: int) -> UnknownDevice:
    unknown = session.get(UnknownDevice, unknown_id, with_for_update=True, populate_existing=True)
    if unknown is None or unknown.mall_id != mall_id:
        raise NotRegistered(f"there is no unknown device {unknown_id}")
    # A device that is no more leaves its address open again.
    if unknown.state is UnknownDeviceState.REGISTERED and unknown.device_id is not None:
        device = session.get(Device, unknown.device_id)
        if device is not None and _has_address(device, unknown):
            raise AlreadyDecided(f"{unknown.serial} is the device {device.code}")
    return unknown


def _has_address(device: Device, unknown: UnknownDevice) -> bool:
    if unknown.adapter == Adapter.ATRIUM:
        return device.code == unknown.serial
    return (device.adapter, device.serial, device.channel) == (
        unknown.adapter,
        unknown.serial,
        unknown.channel,
    )
