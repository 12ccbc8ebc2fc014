"""A file that landed is read again from archive/, as it was read when it came.

Belongs here: that reading. Not here: finding files of the drop-box (inbox), what becomes of the
rows (relanding).
"""

import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path, PurePosixPath
from tempfile import SpooledTemporaryFile, TemporaryDirectory

from domain.devices import Feed
from services.adapters.arrival import Arrival
from services.adapters.directory import MallDevices
from services.adapters.refusals import Refusal
from services.adapters.sale_rows import SaleRow
from services.adapters.tables import CannotRead
from services.adapters.unpacking import CannotUnpack
from services.operations.file_contents import Reader
from services.operations.readings import ReadingRows
from services.operations.staging import SMALL
from services.queries.waiting_sources import KeptSource
from storage.objects import ObjectNotFound, ObjectStore
from storage.settings import Settings

PIECE = 1024 * 1024
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
    arrival = Arrival(
        received_at=kept.received_at,
        ahead=timedelta(minutes=settings.clock_skew_ahead_minutes),
        behind=timedelta(days=settings.file_skew_behind_days),
    )
    try:
        with TemporaryDirectory(prefix="atrium-again-") as folder:
            reader = Reader(
                feed=Feed(kept.feed),
                where=where,
                arrival=arrival,
                folder=Path(folder),
                limit=settings.inbox_max_file_bytes,
            )
            with SpooledTemporaryFile(max_size=SMALL) as staged:
                with store.open(kept.archive_key) as stream:
                    shutil.copyfileobj(stream, staged, PIECE)
                staged.seek(0)
                contents = reader.read(staged, PurePosixPath(kept.name).name)
            if contents.spool is not None:
                contents.spool.close()
                raise CannotReadAgain(
                    f"{kept.name} is too long to be read again; drop its refused rows as a file of "
                    "their own"
                )
    except ObjectNotFound:
        raise CannotReadAgain(f"{kept.archive_key} is not in the object store any more") from None
    except (CannotRead, CannotUnpack) as error:
        raise CannotReadAgain(str(error.problem)) from None
    return (
        ReadingRows.of_frame(contents.frame),
        contents.frame["row_number"].tolist(),
        contents.sales,
        contents.sale_rows,
        contents.refusals,
    )
