"""Which months the mall has data or bills for."""

from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from storage.models import BillRun, Mall


def last_billed_month(session: Session, *, mall_code: str) -> date | None:
    """First day of the newest month that a bill run was made for, or None."""
    return session.scalar(
        sa.select(sa.func.max(BillRun.month)).join(Mall).where(Mall.code == mall_code)
    )
