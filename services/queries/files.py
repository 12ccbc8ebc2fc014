"""Files that people download: reports and the papers of bills, found by id, listed by period."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from storage.models import Bill, Document, ReportFile, Shop


@dataclass(frozen=True, slots=True)
class ReportRow:
    id: int
    report: str
    period_start: date
    period_end: date
    format: str
    locale: str
    name: str
    bytes: int
    row_count: int
    control_total: Decimal
    completeness: Decimal
    as_of: datetime


@dataclass(frozen=True, slots=True)
class BillPaper:
    id: int
    bill_id: int
    bill_number: str
    shop: str
    locale: str
    name: str
    bytes: int
    total_amount: Decimal
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Where the bytes are and what the download is called. `report` is empty for a document;
    `table` and `id` say which row names it.
    """

    table: str
    id: int
    mall_id: int
    object_key: str
    name: str
    bytes: int
    format: str
    report: str


def list_periods(session: Session, *, mall_id: int, with_papers: bool = True) -> tuple[date, ...]:
    """First days of the months that have report files or, unless left out, bill papers, the
    newest first.
    """
    reports = sa.select(sa.func.date_trunc("month", ReportFile.period_start)).where(
        ReportFile.mall_id == mall_id
    )
    papers = (
        sa.select(sa.func.date_trunc("month", Bill.period_start))
        .join(Document, Document.bill_id == Bill.id)
        .where(Bill.mall_id == mall_id)
    )
    months = {*session.scalars(reports), *(session.scalars(papers) if with_papers else ())}
    return tuple(sorted((month.date() for month in months), reverse=True))


def list_report_files(
    session: Session, *, mall_id: int, start: date, end: date, reports: frozenset[str] | None
) -> tuple[ReportRow, ...]:
    """Files whose period begins in `start` to `end`; `reports` limits which, None is all.

    Of several renderings of one file only the newest is listed.
    """
    query = (
        sa.select(ReportFile)
        .where(ReportFile.mall_id == mall_id, ReportFile.period_start.between(start, end))
        .ext(
            distinct_on(
                ReportFile.report,
                ReportFile.period_start,
                ReportFile.period_end,
                ReportFile.locale,
                ReportFile.format,
            )
        )
        .order_by(
            ReportFile.report,
            ReportFile.period_start,
            ReportFile.period_end,
            ReportFile.locale,
            ReportFile.format,
            ReportFile.created_at.desc(),
            ReportFile.id.desc(),
        )
    )
    if reports is not None:
        query = query.where(ReportFile.report.in_(reports))
    return tuple(
        ReportRow(
            id=file.id,
            report=file.report,
            period_start=file.period_start,
            period_end=file.period_end,
            format=file.format,
            locale=file.locale,
            name=file.name,
            bytes=file.bytes,
            row_count=file.row_count,
            control_total=file.control_total,
            completeness=file.completeness,
            as_of=file.as_of,
        )
        for file in session.scalars(query)
    )


def list_bill_papers(
    session: Session, *, mall_id: int, start: date, end: date, limit: int = 500
) -> tuple[BillPaper, ...]:
    """Papers of the bills whose period begins in `start` to `end`, by bill number and locale."""
    rows = session.execute(
        sa.select(Document, Bill, Shop)
        .join(Bill, Bill.id == Document.bill_id)
        .join(Shop, Shop.id == Bill.shop_id)
        .where(Bill.mall_id == mall_id, Bill.period_start.between(start, end))
        .order_by(Bill.number, Document.locale)
        .limit(limit)
    )
    return tuple(
        BillPaper(
            id=document.id,
            bill_id=bill.id,
            bill_number=bill.number,
            shop=str(shop),
            locale=document.locale,
            name=document.name,
            bytes=document.bytes,
            total_amount=bill.total_amount,
            currency=bill.currency,
            created_at=document.created_at,
        )
        for document, bill, shop in rows
    )


def find_report_file(session: Session, *, file_id: int, mall_ids: set[int]) -> StoredFile | None:
    """A report file of one of the malls, or None."""
    file = session.get(ReportFile, file_id)
    if file is None or file.mall_id not in mall_ids:
        return None
    return StoredFile(
        table=ReportFile.__tablename__,
        id=file.id,
        mall_id=file.mall_id,
        object_key=file.object_key,
        name=file.name,
        bytes=file.bytes,
        format=file.format,
        report=file.report,
    )


def find_document(session: Session, *, document_id: int, mall_ids: set[int]) -> StoredFile | None:
    """A bill's paper of one of the malls, or None."""
    document = session.get(Document, document_id)
    if document is None or document.mall_id not in mall_ids:
        return None
    return StoredFile(
        table=Document.__tablename__,
        id=document.id,
        mall_id=document.mall_id,
        object_key=document.object_key,
        name=document.name,
        bytes=document.bytes,
        format="pdf",
        report="",
    )
