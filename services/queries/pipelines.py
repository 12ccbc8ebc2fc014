"""What waits for the pipelines, and what stands at the end of their month.

Belongs here: counts that decide whether a run is needed, marks of the data that a run was made
from, and the figures of a month. Not here: runs themselves (services.queries.runs).
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.backups import BackupState
from domain.bills import BillState
from domain.devices import Quality
from domain.notifications import REMINDERS, DeliveryState
from services.queries.quiet_hours import is_awake
from storage.models import (
    Backup,
    Batch,
    Bill,
    BillingGate,
    Document,
    InboxFile,
    Notification,
    OutboxMessage,
    Reading,
    ReportFile,
    TouchedDate,
)


class Part(StrEnum):
    """A part of the data that changes on its own."""

    READINGS = "READINGS"
    BILLS = "BILLS"
    DOCUMENTS = "DOCUMENTS"
    PAYMENTS = "PAYMENTS"
    MESSAGES = "MESSAGES"
    REPORTS = "REPORTS"


# Each statement gives one text that differs when the part has changed.
_MARKS: dict[Part, str] = {
    Part.READINGS: "SELECT md5(COALESCE(string_agg(t::text, ';' ORDER BY t), ''))"
    " FROM ingest.touched_dates t",
    Part.BILLS: "SELECT concat_ws(',', (SELECT max(id) FROM app.bills),"
    " (SELECT max(id) FROM app.bill_events))",
    Part.DOCUMENTS: "SELECT COALESCE(max(id), 0)::text FROM app.documents",
    Part.PAYMENTS: "SELECT concat_ws(',', (SELECT max(id) FROM app.payments),"
    " (SELECT max(id) FROM app.allocations))",
    Part.MESSAGES: "SELECT concat_ws(',', max(id), count(*) FILTER (WHERE state = 'SENT'),"
    " (SELECT max(id) FROM app.outbox_messages)) FROM app.notifications",
    Part.REPORTS: "SELECT COALESCE(max(id), 0)::text FROM app.report_files",
}


@dataclass(frozen=True, slots=True)
class LandedFigures:
    """What came for a mall, over all time: `rows_total` = accepted + duplicate + revised +
    refused, over files and API calls.
    """

    files: int
    batches: int
    rows_total: int
    accepted: int
    duplicate: int
    revised: int
    refused: int
    uncertain: int


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """What stands for a mall's month. `held` counts shops that a gate keeps from being billed,
    `reminders` those written, one per bill and step, `reminders_sent` those that went over some
    channel, `report_files` those of the newest snapshot of each report.
    """

    bills: int
    total: Decimal
    held: int
    documents: int
    reminders: int
    reminders_sent: int
    report_files: int


@dataclass(frozen=True, slots=True)
class BackupFigures:
    sequence: int
    plain_bytes: int
    stored_bytes: int
    tables: int
    rows: int
    is_verified: bool
    proof: dict[str, Any]


def count_uncleaned_dates(session: Session) -> int:
    """Business dates whose readings changed since they were cleaned, over all malls."""
    return _count(session, sa.select(TouchedDate).where(TouchedDate.cleaned_at.is_(None)))


def count_waiting_messages(session: Session, *, now: datetime, since: datetime) -> int:
    """Messages and deliveries of the outbox that may be sent at `now` and could be at `since`."""
    messages = sa.select(OutboxMessage.id).where(
        OutboxMessage.addressed_at.is_(None), OutboxMessage.send_after <= since
    )
    deliveries = sa.select(Notification.id).where(
        Notification.state == DeliveryState.PENDING,
        Notification.send_after <= since,
        is_awake(session, now),
    )
    return _count(session, messages) + _count(session, deliveries)


def data_mark(session: Session, *, parts: Collection[Part]) -> str:
    """A short hash that is another when one of the parts has changed."""
    digest = hashlib.sha256()
    for part in sorted(parts):
        digest.update(f"{part}={session.scalar(sa.text(_MARKS[part]))}\n".encode())
    return digest.hexdigest()[:24]


def list_due_dates(session: Session, *, mall_id: int, month: date) -> tuple[date, ...]:
    """Due dates of a month's issued bills, in order."""
    return tuple(
        session.scalars(
            sa.select(Bill.due_date)
            .where(*_bills_of(mall_id, month), Bill.state != BillState.DRAFT)
            .distinct()
            .order_by(Bill.due_date)
        )
    )


def landed_figures(session: Session, *, mall_id: int) -> LandedFigures:
    files = session.execute(
        sa.select(
            sa.func.count(),
            *(
                sa.func.coalesce(sa.func.sum(column), 0)
                for column in (
                    InboxFile.rows_total,
                    InboxFile.rows_accepted,
                    InboxFile.rows_duplicate,
                    InboxFile.rows_revised,
                    InboxFile.rows_refused,
                )
            ),
        ).where(InboxFile.mall_id == mall_id)
    ).one()
    batches, posted, refused = session.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(Batch.rows_total), 0),
            sa.func.coalesce(sa.func.sum(Batch.rows_refused), 0),
        ).where(Batch.mall_id == mall_id)
    ).one()
    own_batches = sa.select(Batch.id).where(Batch.mall_id == mall_id)
    kept = _count(session, sa.select(Reading.device_id).where(Reading.batch_id.in_(own_batches)))
    uncertain = _count(
        session, sa.select(Reading.device_id).where(Reading.quality == Quality.UNCERTAIN)
    )
    return LandedFigures(
        files=files[0],
        batches=batches,
        rows_total=int(files[1]) + int(posted),
        accepted=int(files[2]) + kept,
        duplicate=int(files[3]) + int(posted) - int(refused) - kept,
        revised=int(files[4]),
        refused=int(files[5]) + int(refused),
        uncertain=uncertain,
    )


def month_figures(session: Session, *, mall_id: int, month: date) -> MonthFigures:
    bills = sa.select(Bill.id).where(*_bills_of(mall_id, month), Bill.state != BillState.VOID)
    count, total = session.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(Bill.total_amount), 0)).where(
            Bill.id.in_(bills)
        )
    ).one()
    reminders = sa.select(OutboxMessage.id).where(
        OutboxMessage.bill_id.in_(bills),
        OutboxMessage.template.in_([one.value for one in REMINDERS]),
    )
    went = sa.select(Notification.message_id).where(
        Notification.state.in_((DeliveryState.SENT, DeliveryState.DELIVERED))
    )
    held = sa.select(BillingGate.shop_id).where(
        BillingGate.mall_id == mall_id,
        BillingGate.month == month,
        BillingGate.is_passed.is_(False),
        BillingGate.overridden_at.is_(None),
    )
    return MonthFigures(
        bills=count,
        total=Decimal(total),
        held=_count(session, held.distinct()),
        documents=_count(session, sa.select(Document.id).where(Document.bill_id.in_(bills))),
        reminders=_count(session, reminders),
        reminders_sent=_count(session, reminders.where(OutboxMessage.id.in_(went))),
        report_files=_count(
            session,
            sa.select(ReportFile.report, ReportFile.format, ReportFile.locale)
            .where(ReportFile.mall_id == mall_id, ReportFile.period_start == month)
            .distinct(),
        ),
    )


def latest_backup(session: Session) -> BackupFigures | None:
    """The newest backup that was completed, proven or not yet."""
    backup = session.scalar(
        sa.select(Backup)
        .where(Backup.state.in_((BackupState.SUCCESS, BackupState.VERIFIED)))
        .order_by(Backup.sequence.desc())
        .limit(1)
    )
    if backup is None:
        return None
    return BackupFigures(
        sequence=backup.sequence,
        plain_bytes=backup.plain_bytes,
        stored_bytes=backup.stored_bytes,
        tables=backup.tables,
        rows=backup.rows,
        is_verified=backup.state is BackupState.VERIFIED,
        proof=backup.proof or {},
    )


def _bills_of(mall_id: int, month: date) -> tuple[sa.ColumnElement[bool], ...]:
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return (
        Bill.mall_id == mall_id,
        Bill.period_start >= month,
        Bill.period_start < following,
    )


def _count(session: Session, query: sa.Select[*tuple[Any, ...]]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0
