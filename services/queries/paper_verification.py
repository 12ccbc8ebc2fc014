"""A paper found by the code that is printed on it, by whoever holds it.

The database answers by a function of its own, and only for a whole code: nobody who asks reaches
the tables, or another paper.
"""

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.signing import PaperState


@dataclass(frozen=True, slots=True)
class KnownPaper:
    """What a paper's holder may know. `change_number`: it is that amendment of the contract."""

    contract_number: str
    version: int
    change_number: int | None
    state: PaperState
    mall_name: str
    shop_name: str
    start_date: date
    end_date: date
    object_key: str
    sha256: str
    signed_object_key: str | None
    signed_sha256: str | None
    sealed_at: datetime
    signed_at: datetime | None
    voided_at: datetime | None
    time_zone: str


_ASKED = sa.text(
    "SELECT contract_number, version, change_number, state, mall_name, shop_name, start_date,"
    " end_date, object_key, sha256, signed_object_key, signed_sha256, sealed_at, signed_at,"
    " voided_at, time_zone FROM app.find_contract_paper(:code)"
)


def find_paper_by_code(session: Session, code: str) -> KnownPaper | None:
    """The paper with this code, as it is kept (without dashes), or None."""
    row = session.execute(_ASKED, {"code": code}).mappings().one_or_none()
    return None if row is None else KnownPaper(**{**row, "state": PaperState(row["state"])})
