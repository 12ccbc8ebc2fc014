"""What stands in a mall's register, by code.

Belongs here: looking codes up. Not here: lists for pages (their own queries).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.contracts import ContractState
from storage.models import (
    Contract,
    Device,
    DeviceInstallation,
    ServiceRequest,
    Shop,
    Tariff,
    Unit,
)


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """`installed_date` of the first installation, `removed_date` of the last; both included."""

    id: int
    installed_date: date | None
    removed_date: date | None


@dataclass(frozen=True, slots=True)
class ContractEntry:
    id: int
    state: ContractState


@dataclass(frozen=True, slots=True)
class MallRegister:
    """Ids by code: units, shops, devices; contracts and requests by number; tariff codes."""

    units: Mapping[str, int]
    shops: Mapping[str, int]
    devices: Mapping[str, DeviceEntry]
    contracts: Mapping[str, ContractEntry]
    tariffs: frozenset[str]
    requests: frozenset[str]


def get_register(session: Session, *, mall_id: int) -> MallRegister:
    """Everything registered for a mall; empty for a mall that does not exist."""
    units = session.execute(sa.select(Unit.code, Unit.id).where(Unit.mall_id == mall_id))
    shops = session.execute(sa.select(Shop.code, Shop.id).where(Shop.mall_id == mall_id))
    devices = session.execute(
        sa.select(
            Device.code,
            Device.id,
            sa.func.min(DeviceInstallation.installed_date).label("installed_date"),
            # A device that hangs somewhere has no last day yet.
            sa.case(
                (
                    sa.func.count(DeviceInstallation.id)
                    == sa.func.count(DeviceInstallation.removed_date),
                    sa.func.max(DeviceInstallation.removed_date),
                )
            ).label("removed_date"),
        )
        .outerjoin(DeviceInstallation, DeviceInstallation.device_id == Device.id)
        .where(Device.mall_id == mall_id)
        .group_by(Device.id)
    )
    contracts = session.execute(
        sa.select(Contract.number, Contract.id, Contract.state).where(Contract.mall_id == mall_id)
    )
    tariffs = session.scalars(sa.select(Tariff.code).where(Tariff.mall_id == mall_id))
    requests = session.scalars(
        sa.select(ServiceRequest.number).where(ServiceRequest.mall_id == mall_id)
    )
    return MallRegister(
        units={row.code: row.id for row in units},
        shops={row.code: row.id for row in shops},
        devices={
            row.code: DeviceEntry(row.id, row.installed_date, row.removed_date) for row in devices
        },
        contracts={row.number: ContractEntry(row.id, row.state) for row in contracts},
        tariffs=frozenset(tariffs),
        requests=frozenset(requests),
    )
