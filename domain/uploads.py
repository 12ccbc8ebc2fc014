"""Files that people hand in: what they are for and which formats each purpose takes."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class FileFormat(StrEnum):
    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    PDF = "PDF"
    CSV = "CSV"
    XLSX = "XLSX"


PICTURES = frozenset({FileFormat.JPEG, FileFormat.PNG, FileFormat.WEBP})
PAPERS = PICTURES | {FileFormat.PDF}
TABLES = frozenset({FileFormat.CSV, FileFormat.XLSX})


class UploadKind(StrEnum):
    """What a file is for."""

    LICENCE = "LICENCE"  # 证照
    PHOTO = "PHOTO"
    DOCUMENT = "DOCUMENT"
    REPAIR_PHOTO = "REPAIR_PHOTO"  # 报修照片
    BANK_SLIP = "BANK_SLIP"  # 转账凭证
    SALES_FILE = "SALES_FILE"  # 销售数据


ACCEPTED: Mapping[UploadKind, frozenset[FileFormat]] = MappingProxyType(
    {
        UploadKind.LICENCE: PAPERS,
        UploadKind.PHOTO: PICTURES,
        UploadKind.DOCUMENT: PAPERS,
        UploadKind.REPAIR_PHOTO: PICTURES,
        UploadKind.BANK_SLIP: PAPERS,
        UploadKind.SALES_FILE: TABLES,
    }
)

# The kinds that staff file under a shop by hand; the others come through doors of their own.
SHOP_FILE_KINDS = (UploadKind.LICENCE, UploadKind.PHOTO, UploadKind.DOCUMENT)
