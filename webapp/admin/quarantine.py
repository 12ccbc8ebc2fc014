"""Quarantine: the rows that were refused, tried again or dismissed.

Belongs here: its list, a row's page, and what the desk decides. Not here: what trying again does
(relanding), the files they came in (landing).
"""

from datetime import date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_security import current_user

from domain.devices import Adapter, Feed
from domain.permissions import Permission
from services.adapters.refusals import title_of as refusal_title
from services.operations.relanding import dismiss
from services.queries.waiting_sources import SourceId, sources_of_rows
from storage.models import Batch, InboxFile, Quarantined
from webapp.admin import access, filters, formats, labels
from webapp.admin.base import RecordView
from webapp.admin.landing import scoped
from webapp.admin.relanding import try_again
from webapp.auth.authorisation import may, require
from webapp.language import current_locale

LONGEST_REASON = 400
WAITING, RELEASED = "waiting", "released"


def _reason_codes() -> list[tuple[str, str]]:
    rows = (
        access.database()
        .query(Quarantined.reason_code)
        .filter(Quarantined.mall_id == access.current_mall_id())
        .distinct()
        .order_by(Quarantined.reason_code)
    )
    return [(code, refusal_title(code, current_locale())) for (code,) in rows]


def _sources() -> list[tuple[str, Any]]:
    feeds = [(feed.value, labels.label(feed)) for feed in Feed if feed not in list(Adapter)]
    return [*labels.labels_of(Adapter), *feeds]


def _by_source(query: Any, value: str) -> Any:
    if value not in list(Adapter):
        of_feed = sa.select(InboxFile.id).where(InboxFile.feed == Feed(value))
        return query.filter(Quarantined.file_id.in_(of_feed))
    said = Quarantined.batch_id.in_(sa.select(Batch.id).where(Batch.adapter == value))
    if value in list(Feed):
        said |= Quarantined.file_id.in_(
            sa.select(InboxFile.id).where(InboxFile.feed == Feed(value))
        )
    return query.filter(said)


def _by_file(query: Any, value: str) -> Any:
    return query.filter(Quarantined.file_id == filters.row_id(value))


def _by_batch(query: Any, value: str) -> Any:
    return query.filter(Quarantined.batch_id == filters.row_id(value))


def _by_day(*, until: bool) -> Any:
    def add(query: Any, value: str) -> Any:
        day = date.fromisoformat(value)
        begins = datetime.combine(day, time(), formats.zone())
        if until:
            return query.filter(Quarantined.received_at < begins + timedelta(days=1))
        return query.filter(Quarantined.received_at >= begins)

    return add


def _by_state(query: Any, value: str) -> Any:
    if value not in (WAITING, RELEASED):
        raise ValueError(value)
    waits = Quarantined.released_at.is_(None)
    return query.filter(waits if value == WAITING else ~waits)


class QuarantineView(RecordView):
    permission = Permission.QUARANTINE_READ
    export_permission = Permission.QUARANTINE_EXPORT
    list_template = "admin/quarantine.html"
    details_template = "admin/quarantined.html"
    singular = _l("refused row")
    empty_title = _l("No row was refused")
    empty_advice = _l("Rows that break a rule wait here with the reason; nothing is thrown away.")
    column_list = (
        "received_at",
        "reason_code",
        "reason",
        "row",
        "row_number",
        "file_id",
        "batch_id",
        "released_at",
        "released_by",
        "release_note",
    )
    column_details_list = (
        "received_at",
        "reason_code",
        "reason",
        "row_number",
        "row",
        "file_id",
        "batch_id",
        "released_at",
        "released_by",
        "release_note",
    )
    column_labels = {
        "received_at": _l("Received at"),
        "reason_code": _l("Reason"),
        "reason": _l("In detail"),
        "row": _l("Row as it came"),
        "row_number": _l("Row number"),
        "file_id": _l("File"),
        "batch_id": _l("API call"),
        "released_at": _l("Released"),
        "released_by": _l("Released by"),
        "release_note": _l("Note"),
    }
    column_formatters = {
        "row": lambda view, context, model, name: formats.code(model.row),
        "reason_code": lambda view, context, model, name: refusal_title(
            model.reason_code, current_locale()
        ),
        "file_id": lambda view, context, model, name: (
            formats.link("landed_files.details_view", f"#{model.file_id}", id=model.file_id)
            if model.file_id
            else formats.DASH
        ),
    }
    numeric_columns = frozenset({"row_number"})
    prose_columns = frozenset({"row", "reason", "reason_code"})
    column_searchable_list = ("row", "reason")
    column_default_sort = ("id", True)
    list_filters = (
        filters.by_values("rule", _l("Reason"), Quarantined.reason_code, _reason_codes),
        filters.Filter("source", _l("Came as"), "select", _by_source, _sources),
        filters.Filter(
            "state",
            _l("State"),
            "select",
            _by_state,
            lambda: [(WAITING, _l("Waiting")), (RELEASED, _l("Released"))],
        ),
        filters.Filter("from", _l("From"), "date", _by_day(until=False)),
        filters.Filter("until", _l("Until"), "date", _by_day(until=True)),
        filters.Filter("file", "", "hidden", _by_file),
        filters.Filter("batch", "", "hidden", _by_batch),
    )
    scoped_query = scoped

    def title_of(self, model: Any) -> str:
        return f"#{model.id}"

    def may_release(self) -> bool:
        return may(Permission.QUARANTINE_RELEASE)

    def reason_title(self, model: Quarantined) -> str:
        return refusal_title(model.reason_code, current_locale())

    def file_names(self, rows: list[Quarantined]) -> dict[int, str]:
        """Names of the rows' files by their ids."""
        ids = {row.file_id for row in rows if row.file_id}
        if not ids:
            return {}
        found = access.database().execute(
            sa.select(InboxFile.id, InboxFile.inbox_key).where(InboxFile.id.in_(ids))
        )
        return {row.id: row.inbox_key.rsplit("/", 1)[-1] for row in found}

    def adapters(self, rows: list[Quarantined]) -> dict[int, Any]:
        """In which language the rows' calls came, by the calls' ids."""
        ids = {row.batch_id for row in rows if row.batch_id}
        if not ids:
            return {}
        found = access.database().execute(
            sa.select(Batch.id, Batch.adapter).where(Batch.id.in_(ids))
        )
        return {row.id: labels.label_of_value(Adapter, row.adapter) for row in found}

    @expose("/again", methods=("POST",))
    def again(self) -> Any:
        """Try the chosen rows again, or all rows of one call or file."""
        require(Permission.QUARANTINE_RELEASE)
        mall_id, session = access.current_mall_id(), access.database()
        source = request.form.get("of", "")
        if source:
            kind, _dash, number = source.partition("-")
            if kind not in ("batch", "file"):
                abort(404)
            try:
                wanted = [SourceId("batch" if kind == "batch" else "file", filters.row_id(number))]
            except ValueError:
                abort(404)
        else:
            wanted = list(sources_of_rows(session(), mall_id=mall_id, row_ids=_chosen()))
        if not wanted:
            flash(_("Choose the rows first."), "error")
            return redirect(_back())
        totals, _last = try_again(wanted, mall_id=mall_id)
        for problem in totals.problems[:3]:
            flash(problem, "warning")
        if totals.released:
            flash(
                ngettext(
                    "%(num)s row is released; its readings are taken: %(readings)s.",
                    "%(num)s rows are released; readings taken: %(readings)s.",
                    totals.released,
                    readings=totals.readings,
                ),
                "success",
            )
        if totals.refused:
            flash(
                ngettext(
                    "%(num)s row is refused still; its reason is the one of now.",
                    "%(num)s rows are refused still; their reasons are those of now.",
                    totals.refused,
                ),
                "warning",
            )
        if not totals.sources:
            flash(_("Nothing of it waits any more."), "info")
        return redirect(_back())

    @expose("/dismiss", methods=("POST",))
    def dismiss(self) -> Any:
        """Say of the chosen rows that nothing more is to be done, and why."""
        require(Permission.QUARANTINE_RELEASE)
        reason, chosen = request.form.get("reason", "").strip(), _chosen()
        if not chosen:
            flash(_("Choose the rows first."), "error")
            return redirect(_back())
        if not reason or len(reason) > LONGEST_REASON:
            # What was chosen and typed comes back with the page.
            return self._again_with(reason)
        session = access.database()
        count = dismiss(
            session(),
            mall_id=access.current_mall_id(),
            row_ids=chosen,
            reason=reason,
            actor=current_user.email,
            now=self.now(),
        )
        session.commit()
        flash(
            ngettext("%(num)s row is dismissed.", "%(num)s rows are dismissed.", count), "success"
        )
        return redirect(_back())

    def _again_with(self, reason: str) -> Any:
        rows = (
            self.scoped_query()
            .filter(Quarantined.id.in_(_chosen()))
            .order_by(Quarantined.id.desc())
            .all()
        )
        page = self.render(
            "admin/quarantine_dismiss.html",
            rows=rows,
            reason=reason,
            back=_back(),
            limit=LONGEST_REASON,
        )
        return page, 422


def _chosen() -> list[int]:
    """Ids of the chosen rows; what is no id is none."""
    found = []
    for text in request.form.getlist("row"):
        try:
            found.append(filters.row_id(text))
        except ValueError:
            continue
    return found


def _back() -> str:
    """The list as it was: its filters travel with the form, never an address."""
    names = {"search", "page", "sort", "desc", *(one.name for one in QuarantineView.list_filters)}
    kept = {name: request.form[f"at-{name}"] for name in names if request.form.get(f"at-{name}")}
    return url_for("quarantine.index_view", **kept)
