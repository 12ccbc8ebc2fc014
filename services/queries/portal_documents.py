"""The papers of a shop, listed and found to download."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from services.queries.files import StoredFile
from services.queries.keyset import Page, Place, read_page
from services.queries.portal_bills import shown_bills
from storage.models import Bill, Document


@dataclass(frozen=True, slots=True)
class OwnPaper:
    """A PDF of a bill in one language."""

    id: int
    bill_id: int
    bill_number: str
    period_start: date
    locale: str
    name: str
    bytes: int
    created_at: datetime


def list_own_papers(
    session: Session,
    *,
    shop_ids: Set[int],
    after: Place | None = None,
    before: Place | None = None,
    size: int = 50,
) -> Page[OwnPaper]:
    """One page of the papers of the shops' bills, the newest period first."""
    return read_page(
        session,
        sa.select(
            Document.id,
            Document.bill_id,
            Bill.number.label("bill_number"),
            Bill.period_start,
            Document.locale,
            Document.name,
            Document.bytes,
            Document.created_at,
        )
        .join(Bill, Bill.id == Document.bill_id)
        .where(Document.shop_id.in_(shop_ids), *shown_bills(shop_ids)),
        column=Bill.__table__.c.period_start,
        key=Document.__table__.c.id,
        is_descending=True,
        after=after,
        before=before,
        size=size,
        make=lambda row: OwnPaper(**row._mapping),
    )


def find_own_document(
    session: Session, *, shop_ids: Set[int], document_id: int
) -> StoredFile | None:
    """A paper of the shops, or None."""
    row = session.execute(
        sa.select(Document.id, Document.mall_id, Document.object_key, Document.name, Document.bytes)
        .join(Bill, Bill.id == Document.bill_id)
        .where(
            Document.id == document_id,
            Document.shop_id.in_(shop_ids),
            *shown_bills(shop_ids),
        )
    ).one_or_none()
    if row is None:
        return None
    return StoredFile(**row._mapping, table=Document.__tablename__, format="pdf", report="")
