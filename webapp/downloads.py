"""Files that people take with them: tables as CSV, and what the object store keeps.

Belongs here: how a download leaves, the same for staff and shops. Not here: who may have it, and
which row of the database it is (the pages).
"""

import csv
import io
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from flask import Response, abort
from flask_security import current_user

from services.queries.files import StoredFile
from storage.objects import ObjectNotFound
from webapp.admin import formats
from webapp.runtime import runtime

MIME_TYPES = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
CHUNK = 256 * 1024

audit_log = logging.getLogger("atrium.audit")


def csv_download(name: str, titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """A CSV file that spreadsheets read as UTF-8 and never as formulas."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(titles)
    for row in rows:
        writer.writerow([formats.export_cell(value) for value in row])
    return Response(
        "\ufeff" + buffer.getvalue(),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def stored_download(found: StoredFile) -> Response:
    """The object as an attachment, streamed. 404 when the store has lost it."""
    opened = runtime().store.open(found.object_key)
    try:
        stream = opened.__enter__()
    except ObjectNotFound:
        abort(404)
    audit_log.info("%s downloaded %s", current_user.email, found.name)

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
                f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name)}"
            ),
            "Content-Length": str(found.bytes),
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )
