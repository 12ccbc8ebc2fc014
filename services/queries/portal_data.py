"""The tables that a shop handed in, and how each was taken."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.devices import Feed
from services.queries.keyset import Page, Place, read_page
from storage.models import InboxFile, Quarantined, Upload


@dataclass(frozen=True, slots=True)
class OwnTable:
    """One table that landed: rows_total = accepted + revised + duplicate + late + refused."""

    id: int
    uuid: UUID
    feed: Feed
    name: str
    received_at: datetime
    sent_by: str
    total: int
    accepted: int
    revised: int
    duplicate: int
    late: int
    refused: int


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not taken: its number in the file and why."""

    number: int
    text: str
    reason_code: str
    reason: str


def list_own_tables(
    session: Session,
    *,
    shop_ids: Set[int],
    after: Place | None = None,
    before: Place | None = None,
    size: int = 20,
) -> Page[OwnTable]:
    """One page of the shops' tables, the newest first."""
    return read_page(
        session,
        _tables().where(InboxFile.shop_id.in_(shop_ids)),
        column=InboxFile.__table__.c.received_at,
        key=InboxFile.__table__.c.id,
        is_descending=True,
        after=after,
        before=before,
        size=size,
        make=lambda row: OwnTable(**row._mapping),
    )


def find_own_table(
    session: Session, *, shop_ids: Set[int], upload_id: int
) -> tuple[OwnTable, tuple[RefusedRow, ...]] | None:
    """What became of an upload, with its refused rows in their order; None before it landed."""
    row = session.execute(
        _tables().where(InboxFile.shop_id.in_(shop_ids), InboxFile.upload_id == upload_id)
    ).one_or_none()
    if row is None:
        return None
    refused = session.execute(
        sa.select(
            Quarantined.row_number, Quarantined.row, Quarantined.reason_code, Quarantined.reason
        )
        .where(Quarantined.file_id == row.id)
        .order_by(Quarantined.row_number, Quarantined.id)
    )
    return OwnTable(**row._mapping), tuple(RefusedRow(*each) for each in refused)


def _tables() -> sa.Select[*tuple[object, ...]]:
    return sa.select(
        InboxFile.id,
        Upload.uuid,
        InboxFile.feed,
        Upload.original_name.label("name"),
        InboxFile.received_at,
        Upload.uploaded_by_name.label("sent_by"),
        InboxFile.rows_total.label("total"),
        InboxFile.rows_accepted.label("accepted"),
        InboxFile.rows_revised.label("revised"),
        InboxFile.rows_duplicate.label("duplicate"),
        InboxFile.rows_late.label("late"),
        InboxFile.rows_refused.label("refused"),
    ).join(Upload, Upload.id == InboxFile.upload_id)
