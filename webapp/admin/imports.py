"""Shops and units from a table: sent, looked at, registered.

A page per step; what was sent waits under a uuid that only its sender finds.
"""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Response, abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from domain.audit import AuditAction
from domain.permissions import Permission
from services.imports.columns import COLUMNS, ImportOf
from services.imports.rows import MOST_ROWS, CannotImport
from services.imports.templates import refused_csv, template_csv, template_xlsx
from services.language import translator
from services.operations.audit import record_event
from services.operations.register_import import (
    ImportNotFound,
    ImportPreview,
    RegisterChanged,
    begin_import,
    close_import,
    commit_import,
    preview_import,
)
from services.uploads.reasons import UploadRefused
from services.uploads.words import DOMAIN
from webapp.admin import access
from webapp.admin.base import StaffView
from webapp.auth.authorisation import principal
from webapp.downloads import MIME_TYPES
from webapp.language import current_locale
from webapp.runtime import runtime
from webapp.uploads import limits, refusal, sent_file, takes_uploads

SHOWN_ROWS = 200
TITLES = {ImportOf.SHOPS: _l("Import shops"), ImportOf.UNITS: _l("Import units")}
LISTS = {ImportOf.SHOPS: _l("Shops"), ImportOf.UNITS: _l("Units")}


class ImportView(StaffView):
    permission = Permission.SHOPS_IMPORT

    @expose("/", methods=("GET", "POST"))
    @takes_uploads
    def index(self) -> Any:
        """`?of=shops` or `?of=units`: the template, and the form for a filled-in one."""
        of = _of(request.args.get("of", ImportOf.SHOPS.value))
        error = ""
        if request.method == "POST":
            session = access.database()
            try:
                file = sent_file()
                uuid = begin_import(
                    session,
                    store=runtime().store,
                    limits=limits(),
                    of=of,
                    stream=file.stream,
                    name=file.filename or "",
                    now=runtime().now(),
                    **_owner(),
                )
            except UploadRefused as refused:
                error = refusal(refused)
            except CannotImport as refused:
                error = refused.problem.sentence(current_locale())
            else:
                return redirect(url_for(".preview", of=of.value, uuid=uuid))
        page = self.render(
            "admin/import.html",
            of=of,
            title=TITLES[of],
            list_title=LISTS[of],
            columns=_titles(of),
            error=error,
            most_rows=MOST_ROWS,
            limits=limits(),
        )
        return page, 422 if error else 200

    @expose("/<of>/template.<extension>")
    def template(self, of: str, extension: str) -> Response:
        kind = _of(of)
        make = {"csv": template_csv, "xlsx": template_xlsx}.get(extension)
        if make is None:
            abort(404)
        word = _("Template")
        data = make(kind, locale=current_locale())
        return _attachment(data, f"{word} {LISTS[kind]}.{extension}", extension)

    @expose("/<of>/<uuid:uuid>", methods=("GET", "POST"))
    def preview(self, of: str, uuid: UUID) -> Any:
        kind = _of(of)
        if request.method == "POST":
            return self._commit(kind, uuid)
        return self._show(kind, _preview(kind, uuid))

    @expose("/<of>/<uuid:uuid>/refused.csv")
    def refused(self, of: str, uuid: UUID) -> Response:
        kind = _of(of)
        table = _preview(kind, uuid).table
        data = refused_csv(kind, table.refused, locale=current_locale())
        word = _("Refused rows")
        return _attachment(data, f"{word}.csv", "csv")

    def _show(self, of: ImportOf, preview: ImportPreview) -> str:
        locale = current_locale()
        done = preview.done_rows
        good = preview.table.good
        page: str = self.render(
            "admin/import_preview.html",
            of=of,
            title=TITLES[of],
            list_title=LISTS[of],
            columns=_titles(of),
            preview=preview,
            done=[row for row in good if done is not None and row.number in done],
            good=good if done is None else (),
            refused=[
                (row, [problem.sentence(locale) for problem in row.problems])
                for row in preview.table.refused
            ],
            shown_rows=SHOWN_ROWS,
        )
        return page

    def _commit(self, of: ImportOf, uuid: UUID) -> Any:
        session = access.database()
        store, owner = runtime().store, _owner()
        here = url_for(".preview", of=of.value, uuid=uuid)
        try:
            numbers = [row.number for row in _preview(of, uuid).table.good]
            count = commit_import(
                session,
                store=store,
                of=of,
                uuid=uuid,
                digest=request.form.get("digest", ""),
                now=runtime().now(),
                **owner,
            )
            if count:
                record_event(
                    session,
                    action=AuditAction.IMPORTED,
                    now=runtime().now(),
                    mall_id=owner["mall_id"],
                    subject_type=of.value,
                    after={"rows": count},
                )
            session.commit()
        except ImportNotFound:
            abort(404)
        except RegisterChanged:
            session.rollback()
            flash(
                _("The register has changed since you looked. Nothing was saved; look again."),
                "error",
            )
            return redirect(here)
        if count:
            close_import(store, uuid=uuid, numbers=numbers, **owner)
            flash(
                ngettext("%(num)s row was registered.", "%(num)s rows were registered.", count),
                "success",
            )
        return redirect(here)


def _of(text: str) -> ImportOf:
    try:
        return ImportOf(text)
    except ValueError:
        abort(404)


def _owner() -> dict[str, int]:
    """Whose table it is, and for which mall."""
    who = principal()
    mall_id = access.current_mall_id()
    if who is None or not mall_id:
        abort(404)
    return {"mall_id": mall_id, "actor_id": who.account_id}


def _preview(of: ImportOf, uuid: UUID) -> ImportPreview:
    try:
        return preview_import(
            access.database(),
            store=runtime().store,
            of=of,
            uuid=uuid,
            now=runtime().now(),
            **_owner(),
        )
    except ImportNotFound:
        abort(404)


def _titles(of: ImportOf) -> list[tuple[str, bool]]:
    """(title, whether it is required) of each column."""
    say = translator(current_locale(), DOMAIN)
    return [(say(column.title), column.is_required) for column in COLUMNS[of]]


def _attachment(data: bytes, name: str, extension: str) -> Response:
    return Response(
        data,
        mimetype=MIME_TYPES[extension],
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )
