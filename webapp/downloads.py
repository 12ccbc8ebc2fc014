"""Files that people take with them: tables as CSV, and what the object store keeps.

Belongs here: how a download leaves, the same for staff and shops, and that it is written down
before it does. Not here: who may have it, and
which row of the database it is (the pages).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from flask import Response, abort, current_app, request

from domain.audit import AuditAction
from services.operations.audit import record_event
from services.queries.files import StoredFile
from services.spreadsheets import csv_bytes
from storage.objects import ObjectNotFound
from webapp.admin import formats
from webapp.auth.authorisation import current_actor
from webapp.auth.freshness import require_fresh
from webapp.runtime import runtime

MIME_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
CHUNK = 256 * 1024


def csv_download(
    name: str,
    titles: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    mall_id: int | None = None,
) -> Response:
    """A CSV file that spreadsheets read as UTF-8 and never as formulas. `mall_id` is the mall
    whose rows they are, for the audit. Asks for the password again when it was given more than
    fifteen minutes ago.
    """
    require_fresh()
    table = [[formats.export_cell(value) for value in row] for row in rows]
    data = csv_bytes([titles, *table])
    _write_down(
        AuditAction.EXPORTED,
        mall_id=mall_id,
        subject_type=request.endpoint or "",
        after={"rows": len(table), "asked": request.args.to_dict()},
        note=name,
    )
    return Response(
        data,
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def stored_download(found: StoredFile, *, is_shown: bool = False) -> Response:
    """The object as an attachment, streamed, or for the browser to show. 404 when the store has
    lost it.
    """
    opened = runtime().store.open(found.object_key)
    try:
        stream = opened.__enter__()
    except ObjectNotFound:
        abort(404)
    try:
        _write_down(
            AuditAction.DOWNLOADED,
            mall_id=found.mall_id,
            subject_type=found.table,
            subject_id=found.id,
            note=found.name,
        )
    except BaseException:
        opened.__exit__(None, None, None)
        raise

    def chunks() -> Iterator[bytes]:
        try:
            while chunk := stream.read(CHUNK):
                yield chunk
        finally:
            opened.__exit__(None, None, None)

    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in found.name)
    return Response(
        chunks(),
        mimetype=MIME_TYPES.get(found.format.lower(), "application/octet-stream"),
        headers={
            "Content-Disposition": (
                f"{'inline' if is_shown else 'attachment'};"
                f" filename=\"{plain}\"; filename*=UTF-8''{quote(found.name)}"
            ),
            "Content-Length": str(found.bytes),
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


def _write_down(action: AuditAction, **event: Any) -> None:
    """Keep the event in a transaction of its own, over the door's session: the page's own reads
    only. What cannot be written down does not leave.
    """
    session = current_app.extensions["security"].datastore.db.session
    record_event(session, action=action, now=runtime().now(), actor=current_actor(), **event)
    session.commit()
