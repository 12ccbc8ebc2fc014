"""Price lists for metered charges are written down.

Belongs here: a tariff's versions, one after the other. Not here: pricing with them.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.charges import ChargeType, TariffKind
from domain.tariffs import parse_tariff
from services.operations.malls import AlreadyRegistered, InvalidRegistration, NotRegistered
from storage.models import Mall, Tariff


def register_tariff(
    session: Session,
    *,
    mall_id: int,
    code: str,
    charge_type: ChargeType,
    kind: TariffKind,
    parameters: Mapping[str, Any],
    valid_from: date,
    valid_to: date | None = None,
) -> int:
    """A price list in force from `valid_from` to `valid_to`, both included; returns its id.

    `parameters` as `domain.tariffs` says, decimals as strings. Raises TariffError (parameters),
    NotRegistered (mall), InvalidRegistration (dates), AlreadyRegistered (another version of the
    code is in force on one of the days).
    """
    parse_tariff(
        tariff_id=0,
        code=code,
        kind=kind,
        parameters=parameters,
        valid_from=valid_from,
        valid_to=valid_to,
    )
    # The mall's row is the lock: two versions written at once cannot overlap.
    if session.get(Mall, mall_id, with_for_update=True) is None:
        raise NotRegistered(f"there is no mall {mall_id}")
    if valid_to is not None and valid_to < valid_from:
        raise InvalidRegistration(f"the tariff {code} cannot end before it begins")
    other = session.scalar(
        sa.select(Tariff).where(
            Tariff.mall_id == mall_id,
            Tariff.code == code,
            Tariff.valid_from <= (valid_to or date.max),
            sa.or_(Tariff.valid_to.is_(None), Tariff.valid_to >= valid_from),
        )
    )
    if other is not None:
        until = other.valid_to or "open end"
        raise AlreadyRegistered(f"the tariff {code} is in force from {other.valid_from} to {until}")
    tariff = Tariff(
        mall_id=mall_id,
        code=code,
        charge_type=charge_type,
        kind=kind,
        parameters=dict(parameters),
        valid_from=valid_from,
        valid_to=valid_to,
    )
    session.add(tariff)
    session.flush()
    return tariff.id
