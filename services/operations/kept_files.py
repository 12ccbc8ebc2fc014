"""A file that landed is read again from archive/, as it was read when it came.

Belongs here: that reading. Not here: finding files of the drop-box (inbox), what becomes of the
rows (relanding).
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import PurePosixPath

from domain.devices import Feed
from services.adapters.arrival import Arrival
from services.adapters.directory import MallDevices
from services.adapters.refusals import Refusal
from services.adapters.sale_rows import SaleRow
from services.adapters.tables import CannotRead, decode_text
from services.adapters.unpacking import CannotUnpack, unpack_gzip
from services.operations.inbox import ADAPTERS
from services.operations.readings import ReadingRows
from services.queries.waiting_sources import KeptSource
from storage.objects import ObjectNotFound, ObjectStore
from storage.settings import Settings

KeptRows = tuple[ReadingRows, Sequence[int], Sequence[SaleRow], Sequence[int], Sequence[Refusal]]


class CannotReadAgain(Exception):
    """The file is not there any more, or is none that the desk tries again."""


def read_kept_file(
    kept: KeptSource, *, where: MallDevices, store: ObjectStore, settings: Settings
) -> KeptRows:
    """Readings, their lines, sales, their lines, and refusals of a file of the drop-box.

    Raises CannotReadAgain, and what the object store raises when it cannot be reached.
    """
    if kept.upload_id is not None:
        raise CannotReadAgain(
            f"{kept.name} is a shop's own file: the shop corrects it and sends it"
        )
    if kept.feed not in list(Feed):
        raise CannotReadAgain(f"{kept.name} came in a folder of no feed")
    try:
        data = store.get(kept.archive_key)
    except ObjectNotFound:
        raise CannotReadAgain(f"{kept.archive_key} is not in the object store any more") from None
    arrival = Arrival(
        received_at=kept.received_at,
        ahead=timedelta(minutes=settings.clock_skew_ahead_minutes),
        behind=timedelta(days=settings.file_skew_behind_days),
    )
    try:
        if PurePosixPath(kept.name).suffix.lower() == ".gz":
            data = unpack_gzip(data, limit=settings.inbox_max_file_bytes)
        frame, refusals, _ = ADAPTERS[Feed(kept.feed)](
            decode_text(data), where=where, arrival=arrival
        )
    except (CannotRead, CannotUnpack) as error:
        raise CannotReadAgain(str(error.problem)) from None
    return ReadingRows.of_frame(frame), frame["row_number"].tolist(), (), (), refusals
