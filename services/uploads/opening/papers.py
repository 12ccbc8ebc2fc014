"""PDFs: whole, open, and without anything that acts."""

import re
import zipfile
from typing import IO, Any

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, StreamObject

from services.uploads.reasons import Reason, UploadRefused

# Keys and values of dictionaries that run something or carry another file.
_ACTING_KEYS = frozenset({"/JS", "/AA", "/EmbeddedFiles", "/EF", "/RichMediaContent", "/XFA"})
_ACTING_ACTIONS = frozenset(
    {
        "/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/GoToR", "/GoToE", "/Rendition",
        "/Movie", "/Sound", "/RichMediaExecute",
    }
)  # fmt: skip
_ACTING_TYPES = frozenset({"/EmbeddedFile", "/RichMedia", "/Filespec", "/FileAttachment"})
# Also where no cross-reference leads: a reader may repair a file and find them.
_RAW = re.compile(rb"/(JavaScript|Launch|EmbeddedFile|RichMedia|XFA)\b")
_HEX = re.compile(rb"#([0-9A-Fa-f]{2})")
_DEEPEST = 60


def open_paper(source: IO[bytes], *, limits: dict[str, int]) -> dict[str, Any]:
    """Judge a PDF; what came is kept as it is. Gives the number of its pages."""
    data = source.read()
    tail = data[-1024:]
    if b"%%EOF" not in tail or b"startxref" not in data[-4096:]:
        raise UploadRefused(Reason.DAMAGED)
    source.seek(0)
    if zipfile.is_zipfile(source):
        raise UploadRefused(Reason.TWO_IN_ONE)
    if _RAW.search(_HEX.sub(lambda found: bytes([int(found[1], 16)]), data)):
        raise UploadRefused(Reason.ACTIVE_CONTENT)
    del data
    source.seek(0)
    reader = PdfReader(source, strict=False)
    if reader.is_encrypted:
        raise UploadRefused(Reason.ENCRYPTED)
    numbers = [
        (number, generation) for generation, known in reader.xref.items() for number in known
    ]
    numbers += [(number, 0) for number in reader.xref_objStm]
    if len(numbers) > limits["pdf_objects"]:
        raise UploadRefused(Reason.TOO_DEMANDING)
    _judge(reader.trailer)
    for number, generation in numbers:
        if number:
            _judge(reader.get_object(IndirectObject(number, generation, reader)))
    pages = len(reader.pages)
    if pages == 0:
        raise UploadRefused(Reason.DAMAGED)
    return {"pages": pages}


def _judge(value: Any, depth: int = 0) -> None:
    """Raise for anything that acts in the object; references are judged where they point."""
    if depth > _DEEPEST:
        raise UploadRefused(Reason.TOO_DEMANDING)
    if isinstance(value, DictionaryObject | StreamObject):
        for key, part in value.items():
            if key in _ACTING_KEYS:
                raise UploadRefused(Reason.ACTIVE_CONTENT)
            if isinstance(part, NameObject) and (
                (key == "/S" and part in _ACTING_ACTIONS)
                or (key in ("/Type", "/Subtype") and part in _ACTING_TYPES)
            ):
                raise UploadRefused(Reason.ACTIVE_CONTENT)
            _judge(part, depth + 1)
    elif isinstance(value, ArrayObject):
        for part in value:
            _judge(part, depth + 1)
