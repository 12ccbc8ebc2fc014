"""Report files and bill papers of a month, to download.

A download names a row; the row names the object. No part of an address reaches the object store.
"""

from datetime import date
from typing import Any

from flask import Response, abort, request
from flask_admin import expose

from domain.permissions import Permission
from services.queries.files import (
    find_document,
    find_report_file,
    list_bill_papers,
    list_periods,
    list_report_files,
)
from webapp.admin import access
from webapp.admin.base import StaffView
from webapp.admin.period import month_end, parse_month
from webapp.auth.authorisation import may, require
from webapp.downloads import stored_download

# Reports with money in them are finance's; the others are every desk's.
OPEN_REPORTS = frozenset({"shop_operation"})


class FilesView(StaffView):
    permission = Permission.FILES_READ

    @expose("/")
    def index(self) -> str:
        session = access.database()
        mall_id = access.current_mall_id()
        papers: dict[int, list[Any]] | None = {} if may(Permission.DOCUMENTS_DOWNLOAD) else None
        periods = list_periods(session, mall_id=mall_id, with_papers=papers is not None)
        month = parse_month(request.args.get("month", "")) or (periods[0] if periods else None)
        reports: dict[tuple[str, date, date], list[Any]] = {}
        if month is not None:
            span = {"start": month, "end": month_end(month)}
            for file in list_report_files(
                session, mall_id=mall_id, reports=_readable_reports(), **span
            ):
                key = (file.report, file.period_start, file.period_end)
                reports.setdefault(key, []).append(file)
            if papers is not None:
                for paper in list_bill_papers(session, mall_id=mall_id, **span):
                    papers.setdefault(paper.bill_id, []).append(paper)
        return self.render(
            "admin/files.html", periods=periods, month=month, reports=reports, papers=papers
        )

    @expose("/report/<int(max=9223372036854775807):file_id>")
    def report(self, file_id: int) -> Response:
        found = find_report_file(
            access.database(), file_id=file_id, mall_ids={mall.id for mall in access.malls()}
        )
        if found is None:
            abort(404)
        readable = _readable_reports()
        if readable is not None and found.report not in readable:
            abort(403)
        return stored_download(found)

    @expose("/document/<int(max=9223372036854775807):document_id>")
    def document(self, document_id: int) -> Response:
        require(Permission.DOCUMENTS_DOWNLOAD)
        found = find_document(
            access.database(),
            document_id=document_id,
            mall_ids={mall.id for mall in access.malls()},
        )
        if found is None:
            abort(404)
        return stored_download(found)


def _readable_reports() -> frozenset[str] | None:
    """Names of the reports that this person may download; None for all of them."""
    if may(Permission.FINANCE_REPORTS_DOWNLOAD):
        return None
    return OPEN_REPORTS if may(Permission.REPORTS_DOWNLOAD) else frozenset()
