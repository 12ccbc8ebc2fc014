"""A meter is replaced in its place, or its transformers are: one installation ends, one begins.

Belongs here: that one step, and what it has computed again. Not here: hanging a device up and
taking it down (devices), what was consumed over the change (the marts).

The old installation's last day is the day before the new one's first: so each business date reads
one dial. Readings of the first day that the old dial showed before the change are left out by
decisions (ingest.cleaning_decisions), for its last register tells all that it counted.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.cleaning import CleaningVerdict
from domain.devices import METRICS_OF_KIND, REGISTER_METRICS, FeedKind, Metric
from domain.malls import MallClock
from services.operations.cleaning import touch_dates
from services.operations.device_rules import DeviceDraft, FieldFault, faults_of
from services.operations.devices import InvalidDevice, NotInstalled, locked_device
from services.operations.malls import InvalidRegistration
from storage.models import CleaningDecision, Device, DeviceInstallation, Mall, TouchedDate

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Recomputed:
    """Business dates with data that a change computes again: how many, the first, the last."""

    days: int
    first: date | None = None
    last: date | None = None


def recomputed_dates(session: Session, *, mall_id: int, first: date) -> Recomputed:
    """What a change of an installation from `first` on has computed again."""
    row = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.min(TouchedDate.business_date),
            sa.func.max(TouchedDate.business_date),
        ).where(TouchedDate.mall_id == mall_id, TouchedDate.business_date >= first)
    ).one()
    return Recomputed(*row)


def replace_meter(
    session: Session,
    *,
    device_id: int,
    first_date: date,
    final_register: Decimal | None,
    initial_register: Decimal | None,
    serial: str = "",
    changed_at: time | None = None,
    actor: str,
    now: datetime,
) -> tuple[int, int]:
    """Another meter counts in the same place from `first_date` on; both installations.

    `final_register` is what the old dial showed when it was taken down, `initial_register` what
    the new one showed when it was put up. `serial` is the new meter's, empty where it is known by
    the same. `changed_at` is the wall time of the change on `first_date`, for a meter that is read
    in the course of the day; None: no reading of that day is of the old dial.
    Raises NotRegistered, NotInstalled, InvalidDevice (serial), InvalidRegistration.
    """
    device = locked_device(session, device_id)
    if serial.strip():
        _give_serial(session, device, serial)
    return _divide(
        session,
        device,
        first_date=first_date,
        final_register=final_register,
        initial_register=initial_register,
        ratio=None,
        changed_at=changed_at,
        actor=actor,
        now=now,
    )


def change_ratio(
    session: Session,
    *,
    device_id: int,
    first_date: date,
    ratio: Decimal,
    register: Decimal | None,
    changed_at: time | None = None,
    actor: str,
    now: datetime,
) -> tuple[int, int]:
    """Other transformers from `first_date` on, the dial running on; both installations.

    `register` is what the dial showed at the change. Raises NotRegistered, NotInstalled,
    InvalidRegistration (no ratio above 0, or the one that holds already).
    """
    device = locked_device(session, device_id)
    if not 0 < ratio < Decimal(10) ** 6:
        raise InvalidRegistration(f"{device.code}: the ratio must be above 0, not {ratio}")
    return _divide(
        session,
        device,
        first_date=first_date,
        final_register=register,
        initial_register=register,
        ratio=ratio,
        changed_at=changed_at,
        actor=actor,
        now=now,
    )


def _give_serial(session: Session, device: Device, serial: str) -> None:
    draft = DeviceDraft(
        code=device.code,
        kind=device.kind,
        feed_kind=device.feed_kind,
        adapter=device.adapter,
        serial=serial,
        channel=device.channel,
    ).tidied()
    faults = faults_of(session, draft, mall_id=device.mall_id, device_id=device.id)
    wrong: FieldFault | None = faults.get("serial") or faults.get("channel")
    if wrong is not None:
        raise InvalidDevice(device.code, {"serial": wrong})
    device.serial = draft.serial


def _divide(
    session: Session,
    device: Device,
    *,
    first_date: date,
    final_register: Decimal | None,
    initial_register: Decimal | None,
    ratio: Decimal | None,
    changed_at: time | None,
    actor: str,
    now: datetime,
) -> tuple[int, int]:
    """The installation of `first_date` becomes two; the later one ends as the whole did."""
    old = session.scalar(
        sa.select(DeviceInstallation).where(
            DeviceInstallation.device_id == device.id,
            DeviceInstallation.installed_date <= first_date,
            sa.or_(
                DeviceInstallation.removed_date.is_(None),
                DeviceInstallation.removed_date >= first_date,
            ),
        )
    )
    if old is None:
        raise NotInstalled(f"{device.code} is not installed anywhere on {first_date}")
    if old.installed_date == first_date:
        raise InvalidRegistration(
            f"{device.code} was installed on {first_date}; a change on the same day is no change"
        )
    if ratio is not None and ratio == (old.ratio or device.ratio):
        raise InvalidRegistration(f"{device.code} has the ratio {ratio} already")
    _require_registers(device, old, final_register, initial_register)
    new = DeviceInstallation(
        device_id=device.id,
        shop_id=old.shop_id,
        zone=old.zone,
        floor=old.floor,
        installed_date=first_date,
        removed_date=old.removed_date,
        initial_register=initial_register,
        final_register=old.final_register,
        ratio=ratio if ratio is not None else old.ratio,
    )
    old.removed_date = first_date - DAY
    old.final_register = final_register
    session.add(new)
    if changed_at is not None:
        _leave_out(session, device, first_date, changed_at, actor=actor, now=now)
    session.flush()
    touch_dates(session, mall_id=device.mall_id, first=first_date - DAY, now=now)
    return old.id, new.id


def _require_registers(
    device: Device,
    old: DeviceInstallation,
    final_register: Decimal | None,
    initial_register: Decimal | None,
) -> None:
    registers = [
        metric
        for metric in METRICS_OF_KIND[device.kind] & REGISTER_METRICS
        if device.metric_kinds.get(metric, device.feed_kind) == FeedKind.CUMULATIVE
    ]
    if registers and (final_register is None or initial_register is None):
        raise InvalidRegistration(
            f"{device.code} counts by its dial: both registers are needed, or what was consumed "
            "between the last reading and the first is lost"
        )
    for register in (final_register, initial_register):
        if register is not None and not 0 <= register < (device.modulus or Decimal(10) ** 12):
            raise InvalidRegistration(f"{device.code} cannot show {register}")


def _leave_out(
    session: Session,
    device: Device,
    day: date,
    changed_at: time,
    *,
    actor: str,
    now: datetime,
) -> None:
    """The hours of `day` before the change do not count for registers."""
    mall = session.get_one(Mall, device.mall_id)
    clock = MallClock(mall.time_zone, mall.business_day_cutoff_hour, mall.opens_at, mall.closes_at)
    begins, ends = clock.business_day(day)
    local = datetime.combine(day, changed_at, clock.zone)
    if local < begins:
        local = datetime.combine(day + DAY, changed_at, clock.zone)
    last_whole = local.replace(minute=0, second=0, microsecond=0)
    metrics: list[Metric] = sorted(METRICS_OF_KIND[device.kind] & REGISTER_METRICS)
    hours = [begins]
    while hours[-1] < min(last_whole, ends):
        hours.append(hours[-1] + timedelta(hours=1))
    rows = [
        {
            "mall_id": device.mall_id,
            "device_id": device.id,
            "metric": metric.value,
            "hour_start": hour,
            "business_date": day,
            "verdict": CleaningVerdict.EXCLUDE,
            "reason": f"shown by the dial before the change of {day} {changed_at:%H:%M}",
            "decided_at": now,
            "decided_by": actor,
        }
        for hour in hours[:-1]
        for metric in metrics
    ]
    if rows:
        session.execute(insert(CleaningDecision).values(rows).on_conflict_do_nothing())
