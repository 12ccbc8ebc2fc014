"""Papers of issued bills: drawn once, kept in the object store, registered with their sha256."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.bills import BillState
from services.documents.bill_paper import BillPaper
from services.documents.bill_pdf import draw_bill
from services.documents.fonts import FontFiles, prepare_fonts
from services.language import LOCALES
from services.queries.bill_papers import list_bill_papers
from storage.database import transaction
from storage.models import Bill, Document
from storage.objects import ObjectStore
from storage.settings import Settings

# Bills drawn between two commits: what a kill can cost, and what memory holds.
CHUNK = 50

PRINTED = (BillState.ISSUED, BillState.PARTIALLY_PAID, BillState.PAID)


@dataclass(frozen=True)
class DocumentsResult:
    """Papers `written` now (`bytes` together) and papers found `existing`."""

    written: int
    existing: int
    bytes: int


@dataclass(frozen=True)
class _Missing:
    bill_id: int
    shop_id: int
    number: str
    locales: tuple[str, ...]


def render_missing_bill_documents(
    engine: sa.Engine,
    store: ObjectStore,
    *,
    settings: Settings,
    mall_id: int,
    month: date,
    now: datetime,
    locales: Sequence[str] = LOCALES,
) -> DocumentsResult:
    """Draw the PDF of every issued bill of the month that has none yet, in each language.

    Papers that are registered stay as they are. The object is written before its row: after a
    kill in between the next call writes the same bytes under the same key again. No transaction
    is open while papers are drawn and stored.
    """
    missing, existing = _find_missing(engine, mall_id, month, locales)
    written = 0
    size = 0
    for start in range(0, len(missing), CHUNK):
        chunk = missing[start : start + CHUNK]
        with transaction(engine) as session:
            found = list_bill_papers(session, bill_ids=[entry.bill_id for entry in chunk])
        papers = {paper.number: paper for paper in found}
        fonts = prepare_fonts(settings.state_dir, text=_names(found))
        rows = [
            _store(store, papers[entry.number], entry, locale, fonts, mall_id, month, now)
            for entry in chunk
            for locale in entry.locales
        ]
        with transaction(engine) as session:
            new = _register(session, rows)
        written += len(new)
        size += sum(new)
    return DocumentsResult(written, existing, size)


def object_key(month: date, mall_code: str, number: str, locale: str) -> str:
    """Numbers are unique within a mall; so the key names the mall too."""
    return f"documents/bills/{month:%Y-%m}/{mall_code}/{number}-{locale}.pdf"


def _find_missing(
    engine: sa.Engine, mall_id: int, month: date, locales: Sequence[str]
) -> tuple[list[_Missing], int]:
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    with transaction(engine) as session:
        bills = session.execute(
            sa.select(Bill.id, Bill.shop_id, Bill.number)
            .where(
                Bill.mall_id == mall_id,
                Bill.period_start >= month.replace(day=1),
                Bill.period_start < following,
                Bill.state.in_(PRINTED),
            )
            .order_by(Bill.number)
        ).all()
        drawn: dict[int | None, set[str]] = defaultdict(set)
        for bill_id, locale in session.execute(
            sa.select(Document.bill_id, Document.locale).where(
                Document.kind == "BILL", Document.bill_id.in_([bill.id for bill in bills])
            )
        ):
            drawn[bill_id].add(locale)
    missing = []
    existing = 0
    for bill in bills:
        wanted = tuple(locale for locale in locales if locale not in drawn[bill.id])
        existing += len(locales) - len(wanted)
        if wanted:
            missing.append(_Missing(bill.id, bill.shop_id, bill.number, wanted))
    return missing, existing


def _names(papers: Sequence[BillPaper]) -> str:
    """Everything on the papers that people have written: it may need rarer characters."""
    names = [
        f"{paper.mall_name}{paper.mall_address}{paper.shop_name}{''.join(paper.unit_codes)}"
        f"{paper.contract_number}{[line.derivation for line in paper.lines]}"
        for paper in papers
    ]
    return "".join(names)


def _store(
    store: ObjectStore,
    paper: BillPaper,
    entry: _Missing,
    locale: str,
    fonts: FontFiles,
    mall_id: int,
    month: date,
    now: datetime,
) -> dict[str, object]:
    data = draw_bill(paper, locale=locale, fonts=fonts)
    key = object_key(month, paper.mall_code, paper.number, locale)
    store.put(key, data)
    return {
        "mall_id": mall_id,
        "shop_id": entry.shop_id,
        "bill_id": entry.bill_id,
        "kind": "BILL",
        "locale": locale,
        "name": f"{paper.number}-{locale}.pdf",
        "object_key": key,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "created_at": now,
    }


def _register(session: Session, rows: Sequence[dict[str, object]]) -> list[int]:
    """Sizes of the papers registered now; another process may have been first with some."""
    return list(
        session.scalars(
            insert(Document).on_conflict_do_nothing().returning(Document.bytes), list(rows)
        )
    )
