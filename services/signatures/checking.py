"""What the signatures inside a PDF are worth, judged by the file and our authority alone.

Runs on files of strangers, so in the process that opens uploads (services.uploads.sandbox), and
on our own paper before it is kept. It imports little: neither settings nor a database.
Belongs here: judging. Not here: whether a file is the one that we keep (comparing).
"""

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from io import BytesIO
from typing import IO, Any

from asn1crypto import x509
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from services.signatures.apart import apart


class Fault(StrEnum):
    UNREADABLE = "UNREADABLE"  # no PDF, or none that a reader takes without repairing it
    UNSIGNED = "UNSIGNED"
    CHANGED = "CHANGED"  # a byte that a signature covers
    FOREIGN = "FOREIGN"  # signed, but by nobody whom our authority vouches for
    ADDED = "ADDED"  # something after the last signature, or more than a signature after one


@dataclass(frozen=True)
class SignatureFacts:
    """One signature. `signed_at` is what the signer's clock said; `faults` is empty when good."""

    field: str
    person: str
    organisation: str
    signed_at: datetime | None
    certificate_sha256: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class PaperFacts:
    """The signatures in their order, and what is wrong with the paper as a whole."""

    signatures: tuple[SignatureFacts, ...]
    faults: tuple[Fault, ...]

    @property
    def is_good(self) -> bool:
        return not self.faults


def check_paper(data: bytes, *, roots: Sequence[bytes], now: datetime) -> PaperFacts:
    """Judge every signature of a PDF. `roots` are certificates in DER."""
    try:
        embedded = list(PdfFileReader(BytesIO(data)).embedded_regular_signatures)
    except (PdfReadError, ValueError, KeyError, IndexError, TypeError):
        return PaperFacts((), (Fault.UNREADABLE,))
    if not embedded:
        return PaperFacts((), (Fault.UNSIGNED,))
    found = tuple(
        _judge(one, roots, now, is_last=one is embedded[-1], size=len(data)) for one in embedded
    )
    # In the order in which they are worst.
    worst = tuple(fault for fault in Fault if any(fault in one.faults for one in found))
    return PaperFacts(found, worst)


def check_as_asked(source: IO[bytes], roots: Sequence[str], now: str) -> dict[str, Any]:
    """`check_paper` in plain data, as one process asks another: roots in base64, an ISO instant."""
    known = [base64.b64decode(root) for root in roots]
    return asdict(check_paper(source.read(), roots=known, now=datetime.fromisoformat(now)))


def _judge(
    embedded: Any, roots: Sequence[bytes], now: datetime, *, is_last: bool, size: int
) -> SignatureFacts:
    context = ValidationContext(
        trust_roots=[x509.Certificate.load(root) for root in roots],
        allow_fetching=False,
        moment=now,
    )
    try:
        status = apart(lambda: validate_pdf_signature(embedded, signer_validation_context=context))
    except (SignatureValidationError, PdfReadError, ValueError, KeyError, TypeError):
        return SignatureFacts(str(embedded.field_name), "", "", None, "", (Fault.CHANGED,))
    faults = set()
    if not (status.intact and status.valid):
        faults.add(Fault.CHANGED)
    elif not status.trusted:
        faults.add(Fault.FOREIGN)
    if not status.docmdp_ok:
        faults.add(Fault.ADDED)
    first, length, second, rest = (int(part) for part in embedded.byte_range)
    covers_all = first == 0 and second + rest == size
    if is_last and not (covers_all and status.coverage is SignatureCoverageLevel.ENTIRE_FILE):
        faults.add(Fault.ADDED)
    if not is_last and status.modification_level not in _ALLOWED_BETWEEN:
        faults.add(Fault.ADDED)
    if status.coverage is SignatureCoverageLevel.UNCLEAR or length + first > second:
        faults.add(Fault.CHANGED)
    certificate: Any = status.signing_cert
    subject = certificate.subject.native
    return SignatureFacts(
        field=str(embedded.field_name),
        person=_text(subject.get("common_name")),
        organisation=_text(subject.get("organization_name")),
        signed_at=status.signer_reported_dt,
        certificate_sha256=certificate.sha256.hex(),
        faults=tuple(fault for fault in Fault if fault in faults),
    )


_ALLOWED_BETWEEN = frozenset(
    {ModificationLevel.NONE, ModificationLevel.LTA_UPDATES, ModificationLevel.FORM_FILLING}
)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
