"""How much a file may be and do. Numbers come from the settings."""

from dataclasses import dataclass

from domain.uploads import PICTURES, TABLES, FileFormat
from services.adapters.unpacking import HIGHEST_RATIO, RATIO_COUNTS_FROM
from storage.settings import Settings


@dataclass(frozen=True)
class UploadLimits:
    """`unpacked_bytes`, `entries` and the ratio are of workbooks, which are ZIP archives.
    `memory_bytes` and `seconds` are of the process that opens a file.
    """

    image_bytes: int
    pdf_bytes: int
    table_bytes: int
    pixels: int
    rows: int
    columns: int
    memory_bytes: int
    seconds: int
    cell_characters: int = 4000
    longest_side: int = 4096
    thumbnail_side: int = 320
    entries: int = 500
    unpacked_bytes: int = 200 * 1024 * 1024
    ratio: int = HIGHEST_RATIO
    ratio_counts_from: int = RATIO_COUNTS_FROM
    pdf_objects: int = 200_000

    def bytes_of(self, found: FileFormat) -> int:
        if found in PICTURES:
            return self.image_bytes
        return self.table_bytes if found in TABLES else self.pdf_bytes


def upload_limits(settings: Settings) -> UploadLimits:
    return UploadLimits(
        image_bytes=settings.upload_max_image_bytes,
        pdf_bytes=settings.upload_max_pdf_bytes,
        table_bytes=settings.upload_max_table_bytes,
        pixels=settings.upload_max_pixels,
        rows=settings.upload_max_rows,
        columns=settings.upload_max_columns,
        memory_bytes=settings.upload_memory_bytes,
        seconds=settings.upload_seconds,
    )
