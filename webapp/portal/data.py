"""A shop hands in its own data: a template, a look at what would happen, then the landing.

An address names the upload and the table it was sent as; what became of it stands under the same
address afterwards.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

import psycopg
from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from domain.audit import AuditAction
from domain.devices import Feed
from domain.permissions import Permission
from domain.uploads import UploadKind
from services.adapters.arrival import Arrival
from services.adapters.directory import MallDevices
from services.adapters.refusals import title_of
from services.imports.begun import begun_rows
from services.imports.shop_tables import SHOP_TABLES
from services.imports.templates import shop_refused_csv, shop_template_csv, shop_template_xlsx
from services.operations.audit import record_event
from services.operations.shop_data import (
    RowStatus,
    ShopTable,
    feeds_of,
    land_table,
    own_devices,
    read_rows,
)
from services.operations.uploads import KeptUpload, UploadNotFound, keep_upload, open_upload
from services.queries.keyset import Place
from services.queries.portal_data import find_own_table, list_own_tables
from services.uploads.reasons import UploadRefused
from storage.objects import ObjectNotFound
from webapp import listing
from webapp.admin import labels
from webapp.api.connections import devices_of, in_mall, with_connection
from webapp.auth.authorisation import current_actor, principal
from webapp.downloads import MIME_TYPES
from webapp.language import current_locale
from webapp.portal import door
from webapp.runtime import runtime
from webapp.uploads import limits, refusal, sent_file, takes_uploads

Result = TypeVar("Result")
SHOWN_ROWS = 200
TITLES: dict[Feed, Any] = {
    Feed.POS_DAYS: _l("Sales by day and till"),
    Feed.FOOTFALL_HOURS: _l("Visitors by hour"),
    Feed.METER_REGISTERS: _l("Meter readings"),
}
STATUSES: dict[RowStatus, tuple[Any, str]] = {
    RowStatus.ACCEPTED: (_l("new"), labels.GOOD),
    RowStatus.REVISED: (_l("corrects"), labels.INFO),
    RowStatus.DUPLICATE: (_l("known"), labels.NEUTRAL),
    RowStatus.LATE: (_l("month closed"), labels.WAITING),
    RowStatus.REFUSED: (_l("refused"), labels.BAD),
}
WHAT: dict[RowStatus, Any] = {
    RowStatus.ACCEPTED: _l("not known before"),
    RowStatus.REVISED: _l("another value than before; the earlier one is kept too"),
    RowStatus.DUPLICATE: _l("the same as before; nothing changes"),
    RowStatus.LATE: _l("the month is closed; finance decides on an adjustment"),
    RowStatus.REFUSED: _l("to be corrected"),
}


@door.page("/data/", Permission.OWN_DATA_UPLOAD, methods=("GET", "POST"))
@takes_uploads
def data() -> Any:
    """The templates of the shop, the form for a filled-in one, and what was sent before."""
    where = own_devices(_register(), shop_code=door.shop_on_page().code)
    feeds = feeds_of(where)
    error = ""
    if request.method == "POST":
        feed = _feed(request.form.get("feed", ""), feeds)
        try:
            kept = _keep(feed)
        except UploadRefused as refused:
            error = refusal(refused)
        else:
            return redirect(url_for("portal.sent_table", feed=feed.value, uuid=kept.uuid))
    found = list_own_tables(
        door.database(),
        shop_ids=door.shown_shop_ids(),
        after=listing.asked_place("after", listing.read_instant),
        before=listing.asked_place("before", listing.read_instant),
    )
    page = door.show(
        "portal/data.html",
        feeds=feeds,
        titles=TITLES,
        chosen=request.form.get("feed", feeds[0].value if feeds else ""),
        tables=found.items,
        pager=listing.pager(found, lambda table: Place(table.received_at, table.id)),
        error=error,
        limits=limits(),
    )
    return page, 422 if error else 200


@door.page("/data/<feed>/template.<extension>", Permission.OWN_DATA_UPLOAD)
def data_template(feed: str, extension: str) -> Response:
    """The header with a row begun for each till, counter or meter of the shop."""
    shop = door.shop_on_page()
    where = own_devices(_register(), shop_code=shop.code)
    kind = _feed(feed, tuple(SHOP_TABLES))
    make = {"csv": shop_template_csv, "xlsx": shop_template_xlsx}.get(extension)
    if make is None:
        abort(404)
    rows = begun_rows(kind, where, shop_code=shop.code, now=runtime().now())
    content = make(kind, rows, locale=current_locale())
    return _attachment(content, f"{TITLES[kind]} {shop.code}.{extension}", extension)


@door.page("/data/<feed>/<uuid:uuid>", Permission.OWN_DATA_UPLOAD, methods=("GET", "POST"))
def sent_table(feed: str, uuid: UUID) -> Any:
    """What would become of the table; sent again by its button, what became of it."""
    upload = _upload(uuid)
    done = find_own_table(
        door.database(), shop_ids=frozenset({upload.shop_id or 0}), upload_id=upload.id
    )
    if done is not None:
        table, refused = done
        return door.show(
            "portal/data_landed.html", table=table, refused=refused, **_words(table.feed)
        )
    kind = _feed(feed, tuple(SHOP_TABLES))
    if request.method == "POST":
        return _land(kind, upload)
    tried = _on_table(kind, upload, is_trial=True)
    problem = tried.problem
    page = door.show(
        "portal/data_preview.html",
        upload=upload,
        table=tried,
        problem_title=problem and title_of(problem.code, current_locale()),
        **_words(kind),
    )
    return page, 422 if tried.problem else 200


@door.page("/data/<feed>/<uuid:uuid>/refused.csv", Permission.OWN_DATA_UPLOAD)
def refused_rows(feed: str, uuid: UUID) -> Response:
    """The refused rows to correct, before the landing or after it."""
    upload = _upload(uuid)
    locale = current_locale()
    done = find_own_table(
        door.database(), shop_ids=frozenset({upload.shop_id or 0}), upload_id=upload.id
    )
    if done is None:
        table = _on_table(_feed(feed, tuple(SHOP_TABLES)), upload, is_trial=True)
        header = table.header
        rows = [(row.cells, _why(row)) for row in table.of(RowStatus.REFUSED)]
    else:
        sent = _rows(upload)
        header = sent[0]
        rows = [(sent[row.number - 1], _why(row)) for row in done[1]]
    return _attachment(
        shop_refused_csv(header, rows, locale=locale), f"{_('Refused rows')}.csv", "csv"
    )


def _keep(feed: Feed) -> KeptUpload:
    """Keep the file of the form to be looked at. Raises UploadRefused."""
    sent, who, shop = sent_file(), principal(), door.shop_on_page()
    session = door.database()
    kept = keep_upload(
        session,
        store=runtime().store,
        limits=limits(),
        mall_id=shop.mall_id,
        shop_id=shop.id,
        kind=UploadKind.SALES_FILE,
        stream=sent.stream,
        name=sent.filename or "",
        actor_id=who.account_id if who else None,
        actor_name=who.email if who else "",
        now=runtime().now(),
    )
    record_event(
        session,
        action=AuditAction.UPLOADED,
        now=runtime().now(),
        mall_id=shop.mall_id,
        subject_type="uploads",
        subject_id=kept.id,
        note=f"{feed.value}: {kept.name}",
    )
    session.commit()
    return kept


def _land(feed: Feed, upload: KeptUpload) -> Any:
    """Land the table and show what became of it; a second press finds the first."""
    here = url_for("portal.sent_table", feed=feed.value, uuid=upload.uuid)
    try:
        table = _on_table(feed, upload)
    except psycopg.errors.UniqueViolation:
        return redirect(here)
    if table.problem is not None:
        return redirect(here)
    session = door.database()
    record_event(
        session,
        action=AuditAction.IMPORTED,
        now=runtime().now(),
        mall_id=upload.mall_id,
        subject_type="uploads",
        subject_id=upload.id,
        after={status.value.lower(): table.count(status) for status in RowStatus},
        note=feed.value,
    )
    session.commit()
    taken = len(table.rows) - table.count(RowStatus.REFUSED)
    flash(ngettext("%(num)s row was taken.", "%(num)s rows were taken.", taken), "success")
    return redirect(here)


def _on_table(feed: Feed, upload: KeptUpload, *, is_trial: bool = False) -> ShopTable:
    """Land the upload, or try to, over the connection that readings come in by."""
    at = runtime()
    rows = _rows(upload)
    shop = next((one for one in door.own_shops() if one.id == upload.shop_id), None)
    if shop is None:
        abort(404)
    arrival = Arrival(
        received_at=at.now(),
        ahead=timedelta(minutes=at.settings.clock_skew_ahead_minutes),
        behind=timedelta(days=at.settings.file_skew_behind_days),
    )

    def on(connection: psycopg.Connection) -> ShopTable:
        where = devices_of(connection, at.database_url, upload.mall_id)
        return land_table(
            connection,
            upload,
            feed=feed,
            rows=rows,
            where=where,
            shop_code=shop.code,
            arrival=arrival,
            is_trial=is_trial,
        )

    return _through_the_device_door(upload.mall_id, on)


def _register() -> MallDevices:
    mall_id = door.shop_on_page().mall_id
    return _through_the_device_door(
        mall_id, lambda connection: devices_of(connection, runtime().database_url, mall_id)
    )


def _through_the_device_door(mall_id: int, work: Callable[[psycopg.Connection], Result]) -> Result:
    """Readings are appended by one login alone, whoever hands them in; it reaches this mall."""
    at = runtime()

    def inside(connection: psycopg.Connection) -> Result:
        with in_mall(connection, at.settings, mall_id=mall_id, actor=current_actor()):
            return work(connection)

    return with_connection(at.database_url, inside)


def _upload(uuid: UUID) -> KeptUpload:
    """A table of the person's shops, or 404."""
    try:
        upload = open_upload(door.database(), uuid=uuid, shop_ids=door.own_shop_ids())
    except UploadNotFound:
        abort(404)
    if upload.kind is not UploadKind.SALES_FILE:
        abort(404)
    return upload


def _rows(upload: KeptUpload) -> tuple[tuple[str, ...], ...]:
    try:
        return read_rows(runtime().store, upload, limits=limits())
    except (UploadRefused, ObjectNotFound):
        abort(404)


def _feed(text: str, known: tuple[Feed, ...]) -> Feed:
    return next((feed for feed in known if feed.value == text), None) or abort(404)


def _title(row: Any) -> str:
    return title_of(row.reason_code, current_locale())


def _why(row: Any) -> str:
    return f"{_title(row)}: {row.reason}"


def _words(feed: Feed) -> dict[str, Any]:
    return {
        "feed": feed,
        "title": TITLES[feed],
        "statuses": STATUSES,
        "what": WHAT,
        "RowStatus": RowStatus,
        "why_title": _title,
        "shown_rows": SHOWN_ROWS,
    }


def _attachment(content: bytes, name: str, extension: str) -> Response:
    return Response(
        content,
        mimetype=MIME_TYPES[extension],
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )
