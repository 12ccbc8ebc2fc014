"""Backup nodes and what their restore drills proved."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from domain.backups import BackupState
from domain.permissions import Permission
from storage.models import Backup
from webapp.admin import filters, formats
from webapp.admin.base import RecordView


class BackupView(RecordView):
    permission = Permission.BACKUPS_READ
    export_permission = Permission.BACKUPS_EXPORT
    mall_column = None
    details_template = "admin/backup.html"
    singular = _l("backup")
    empty_title = _l("No backup yet")
    empty_advice = _l("Backups are made every day by the pipeline; run `make run` for the first.")
    column_list = (
        "sequence",
        "kind",
        "origin",
        "state",
        "plain_bytes",
        "stored_bytes",
        "started_at",
        "verified_at",
    )
    column_details_list = (
        "sequence",
        "kind",
        "origin",
        "state",
        "error",
        "plain_bytes",
        "stored_bytes",
        "tables",
        "rows",
        "started_at",
        "finished_at",
        "verified_at",
        "object_key",
        "manifest_sha256",
        "run_id",
    )
    column_labels = {
        "sequence": _l("Number"),
        "kind": _l("Kind"),
        "origin": _l("Origin"),
        "state": _l("State"),
        "error": _l("Error"),
        "plain_bytes": _l("Size"),
        "stored_bytes": _l("Stored, encrypted"),
        "tables": _l("Tables"),
        "rows": _l("Rows"),
        "started_at": _l("Started"),
        "finished_at": _l("Finished at"),
        "verified_at": _l("Proven"),
        "object_key": _l("Kept as"),
        "manifest_sha256": _l("SHA-256 of the manifest"),
        "run_id": _l("Run"),
    }
    column_formatters = {
        "sequence": lambda view, context, model, name: f"#{model.sequence}",
        "plain_bytes": lambda view, context, model, name: formats.size(model.plain_bytes),
        "stored_bytes": lambda view, context, model, name: formats.size(model.stored_bytes),
        "object_key": lambda view, context, model, name: formats.code(model.object_key),
        "manifest_sha256": lambda view, context, model, name: formats.code(model.manifest_sha256),
        "run_id": lambda view, context, model, name: formats.code(model.run_id[:8]),
    }
    numeric_columns = frozenset({"plain_bytes", "stored_bytes", "tables", "rows"})
    column_default_sort = ("sequence", True)
    list_filters = (filters.by_enum("state", _l("State"), Backup.state, BackupState),)

    def title_of(self, model: Any) -> str:
        return _("Backup #%(number)s", number=model.sequence)
