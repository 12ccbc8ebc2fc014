"""Files as they landed. Not here: the rows that were refused (quarantine)."""

from typing import Any

from flask_babel import lazy_gettext as _l

from domain.devices import Feed
from domain.permissions import Permission
from storage.models import InboxFile, Quarantined
from storage.models.ingest import FileState
from webapp.admin import access, filters, formats
from webapp.admin.base import RecordView
from webapp.auth.authorisation import may


def scoped(view: RecordView) -> Any:
    """Rows of this mall; those whose mall nobody could tell are the administrators'."""
    column = view.model.mall_id
    query = access.database().query(view.model)
    if may(Permission.LANDING_READ):
        return query.filter((column == access.current_mall_id()) | column.is_(None))
    return query.filter(column == access.current_mall_id())


class LandedFileView(RecordView):
    permission = Permission.LANDED_FILES_READ
    export_permission = Permission.LANDED_FILES_EXPORT
    details_template = "admin/landed_file.html"
    singular = _l("file")
    empty_title = _l("No file has landed")
    empty_advice = _l("Devices and people drop files in inbox/<mall>/<feed>/; they appear here.")
    column_list = (
        "inbox_key",
        "feed",
        "state",
        "rows_total",
        "rows_accepted",
        "rows_duplicate",
        "rows_revised",
        "rows_late",
        "rows_refused",
        "received_at",
    )
    column_details_list = (
        "inbox_key",
        "feed",
        "state",
        "reason",
        "bytes",
        "rows_total",
        "rows_accepted",
        "rows_duplicate",
        "rows_revised",
        "rows_late",
        "rows_refused",
        "received_at",
        "sha256",
        "archive_key",
        "run_id",
    )
    column_labels = {
        "inbox_key": _l("File"),
        "feed": _l("Feed"),
        "state": _l("State"),
        "reason": _l("Reason"),
        "bytes": _l("Size"),
        "rows_total": _l("Rows"),
        "rows_accepted": _l("Accepted"),
        "rows_duplicate": _l("Known already"),
        "rows_revised": _l("Revised"),
        "rows_late": _l("Late value"),
        "rows_refused": _l("Refused"),
        "received_at": _l("Received at"),
        "sha256": _l("SHA-256"),
        "archive_key": _l("Kept as"),
        "run_id": _l("Run"),
    }
    column_formatters = {
        "bytes": lambda view, context, model, name: formats.size(model.bytes),
        "sha256": lambda view, context, model, name: formats.code(model.sha256),
        "archive_key": lambda view, context, model, name: formats.code(model.archive_key),
        "run_id": lambda view, context, model, name: formats.code(model.run_id[:8]),
    }
    numeric_columns = frozenset(
        {
            "rows_total",
            "rows_accepted",
            "rows_duplicate",
            "rows_revised",
            "rows_late",
            "rows_refused",
            "bytes",
        }
    )
    column_searchable_list = ("inbox_key", "sha256")
    column_default_sort = ("received_at", True)
    list_filters = (
        filters.by_enum("state", _l("State"), InboxFile.state, FileState),
        filters.by_enum("feed", _l("Feed"), InboxFile.feed, Feed),
    )
    scoped_query = scoped

    def title_of(self, model: Any) -> str:
        return str(model.inbox_key.rsplit("/", 1)[-1])

    def refused_rows(self, file: InboxFile) -> Any:
        return (
            access.database()
            .query(Quarantined)
            .filter(Quarantined.file_id == file.id)
            .order_by(Quarantined.row_number)
            .limit(100)
            .all()
        )
