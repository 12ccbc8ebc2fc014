"""Report files: a snapshot drawn in every format and language, kept and registered."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.documents.fonts import FontFiles, prepare_fonts
from services.language import LOCALES
from services.reports.catalogue import REPORTS, build_snapshot
from services.reports.csv_text import render_csv
from services.reports.pdf import render_pdf
from services.reports.snapshot import Snapshot
from services.reports.words import Words
from services.reports.xlsx import render_xlsx
from storage.database import transaction
from storage.models import ReportFile
from storage.objects import ObjectStore
from storage.settings import Settings

FORMATS = ("xlsx", "csv", "pdf")

# Part of every key: raise it when the same snapshot is drawn differently.
LAYOUT = 2


@dataclass(frozen=True)
class WrittenReport:
    """One file of a report; `is_new` unless an earlier call had written the same contents."""

    report: str
    format: str
    locale: str
    object_key: str
    bytes: int
    row_count: int
    control_total: Decimal
    is_new: bool


def write_report_files(
    engine: sa.Engine,
    store: ObjectStore,
    *,
    settings: Settings,
    mall_id: int,
    start: date,
    end: date,
    now: datetime,
    run_id: str = "",
    reports: Sequence[str] = tuple(REPORTS),
    locales: Sequence[str] = LOCALES,
) -> tuple[WrittenReport, ...]:
    """All files of each report from `start` to `end`, both days included, from one snapshot each.

    A file's key names its contents, so it is written once: when a later snapshot states the same
    (its as-of time aside), the files of the earlier one stand. The object is written before its
    row: after a kill in between the next call repeats both. Raises as `build_snapshot`.
    """
    snapshots = _snapshots(engine, reports, mall_id, start, end, now)
    fonts = prepare_fonts(settings.state_dir, text=_names(snapshots))
    written = []
    for snapshot in snapshots:
        known = _known(engine, snapshot)
        for locale in locales:
            for kind in FORMATS:
                key = object_key(snapshot, locale, kind)
                size = known.get(key)
                if size is None:
                    data = _render(snapshot, kind, locale, fonts)
                    store.put(key, data)
                    with transaction(engine) as session:
                        _register(session, snapshot, kind, locale, key, data, now, run_id)
                written.append(
                    WrittenReport(
                        report=snapshot.report.code,
                        format=kind,
                        locale=locale,
                        object_key=key,
                        bytes=len(data) if size is None else size,
                        row_count=snapshot.row_count,
                        control_total=snapshot.control_total,
                        is_new=size is None,
                    )
                )
    return tuple(written)


def object_key(snapshot: Snapshot, locale: str, kind: str) -> str:
    """`reports/2026/10/M01/shop_operation-2026-10-01-2026-10-31-1-0a1b2c3d4e5f-zh_CN.xlsx`."""
    scope = snapshot.scope
    return (
        f"reports/{scope.start:%Y/%m}/{scope.mall_code}/{snapshot.report.code}-{scope.start}"
        f"-{scope.end}-{LAYOUT}-{snapshot.digest[:12]}-{locale}.{kind}"
    )


def _snapshots(
    engine: sa.Engine,
    reports: Sequence[str],
    mall_id: int,
    start: date,
    end: date,
    now: datetime,
) -> tuple[Snapshot, ...]:
    """All reports from one state of the database."""
    isolated = engine.execution_options(isolation_level="REPEATABLE READ")
    with transaction(isolated) as session:
        return tuple(
            build_snapshot(session, report=report, mall_id=mall_id, start=start, end=end, now=now)
            for report in reports
        )


def _names(snapshots: Sequence[Snapshot]) -> str:
    """Everything that people have written: it may need rarer characters."""
    return "".join(
        f"{snapshot.scope.mall_name}{snapshot.contents.rows}{snapshot.contents.remarks}"
        for snapshot in snapshots
    )


def _known(engine: sa.Engine, snapshot: Snapshot) -> dict[str, int]:
    """Keys and sizes of the files registered for the report and period."""
    scope = snapshot.scope
    with transaction(engine) as session:
        rows = session.execute(
            sa.select(ReportFile.object_key, ReportFile.bytes).where(
                ReportFile.mall_id == scope.mall_id,
                ReportFile.report == snapshot.report.code,
                ReportFile.period_start == scope.start,
                ReportFile.period_end == scope.end,
            )
        ).all()
    return {row.object_key: row.bytes for row in rows}


def _render(snapshot: Snapshot, kind: str, locale: str, fonts: FontFiles) -> bytes:
    if kind == "xlsx":
        return render_xlsx(snapshot, locale=locale)
    if kind == "csv":
        return render_csv(snapshot, locale=locale)
    return render_pdf(snapshot, locale=locale, fonts=fonts)


def _register(
    session: Session,
    snapshot: Snapshot,
    kind: str,
    locale: str,
    key: str,
    data: bytes,
    now: datetime,
    run_id: str,
) -> None:
    scope = snapshot.scope
    title = Words(snapshot, locale).title
    session.execute(
        insert(ReportFile)
        .values(
            mall_id=scope.mall_id,
            report=snapshot.report.code,
            period_start=scope.start,
            period_end=scope.end,
            format=kind,
            locale=locale,
            name=f"{title} {scope.mall_code} {scope.start} {scope.end}.{kind}",
            object_key=key,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            row_count=snapshot.row_count,
            control_total=snapshot.control_total,
            completeness=snapshot.contents.completeness,
            as_of=scope.as_of,
            created_at=now,
            run_id=run_id,
        )
        .on_conflict_do_nothing()
    )
