"""Every report there is, and the snapshot of one."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from services.reports.rent_collection import RENT_COLLECTION
from services.reports.shop_operation import SHOP_OPERATION
from services.reports.snapshot import Report, Scope, Snapshot
from storage.models import Mall

REPORTS: dict[str, Report] = {report.code: report for report in (SHOP_OPERATION, RENT_COLLECTION)}


def build_snapshot(
    session: Session, *, report: str, mall_id: int, start: date, end: date, now: datetime
) -> Snapshot:
    """What `report` states about a mall from `start` to `end`, both days included.

    Statements of one snapshot must see one state of the database: give a session whose
    transaction is REPEATABLE READ. Raises KeyError for an unknown report, ValueError for an
    empty period or an unknown mall.
    """
    if end < start:
        raise ValueError(f"a report cannot end on {end} before it begins on {start}")
    definition = REPORTS[report]
    mall = session.get(Mall, mall_id)
    if mall is None:
        raise ValueError(f"there is no mall {mall_id}")
    scope = Scope(
        mall_id=mall_id,
        mall_code=mall.code,
        mall_name=mall.name,
        time_zone=mall.time_zone,
        currency=mall.currency,
        start=start,
        end=end,
        as_of=now,
    )
    return Snapshot(definition, scope, definition.load(session, scope))
