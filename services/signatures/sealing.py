"""Two signatures are put into a PDF: first the mall's seal, later the shop's.

Each is an incremental update (PAdES baseline B): the bytes that were there stay as they were. The
seal certifies the paper, so that a reader calls any change but the second signature a tampering;
the field of the second locks the paper for good.
Belongs here: fields and signatures. Not here: keys (keys) and what a signature looks like
(services.documents.signature_marks).
"""

import binascii
import secrets
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils import layout
from pyhanko.pdf_utils.content import PdfContent
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import (
    FieldMDPAction,
    FieldMDPSpec,
    MDPPerm,
    SigFieldSpec,
    SigSeedSubFilter,
    append_signature_field,
)
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.signers.pdf_signer import PdfSigningSession
from pyhanko.stamp import StaticStampStyle

from domain.signing import Party
from services.signatures.apart import apart
from services.signatures.boxes import SignatureBox

FIELDS: Mapping[Party, str] = {Party.LANDLORD: "Landlord", Party.TENANT: "Tenant"}


def seal_paper(
    data: bytes,
    *,
    boxes: Mapping[Party, SignatureBox],
    signer: SimpleSigner,
    mark: bytes,
    reason: str,
    now: datetime,
) -> bytes:
    """The paper with the field of each party, the landlord's signed.

    `mark` is a PDF whose first page, as large as the box, is what is seen of the signature.
    """
    writer = IncrementalPdfFileWriter(BytesIO(data))
    for party, box in boxes.items():
        lock = FieldMDPSpec(FieldMDPAction.ALL) if party is Party.TENANT else None
        append_signature_field(
            writer,
            SigFieldSpec(
                FIELDS[party],
                on_page=box.page,
                box=box.corners,
                field_mdp_spec=lock,
                doc_mdp_update_value=MDPPerm.NO_CHANGES if lock else None,
                readable_field_name=FIELDS[party],
            ),
        )
    return _sign(writer, Party.LANDLORD, signer, mark, reason, now, certify=True)


def add_signature(
    sealed: bytes, *, signer: SimpleSigner, mark: bytes, reason: str, now: datetime
) -> bytes:
    """The sealed paper with the tenant's signature after its last byte."""
    writer = IncrementalPdfFileWriter(BytesIO(sealed))
    return _sign(writer, Party.TENANT, signer, mark, reason, now, certify=False)


def certificate_sha256(signer: SimpleSigner) -> str:
    """The fingerprint by which readers of PDFs name the certificate."""
    certificate: Any = signer.signing_cert
    return str(certificate.sha256.hex())


def _sign(
    writer: IncrementalPdfFileWriter,
    party: Party,
    signer: SimpleSigner,
    mark: bytes,
    reason: str,
    now: datetime,
    *,
    certify: bool,
) -> bytes:
    metadata = PdfSignatureMetadata(
        field_name=FIELDS[party],
        md_algorithm="sha256",
        reason=reason,
        subfilter=SigSeedSubFilter.PADES,
        certify=certify,
        # After the seal the other signature is to come, after that nothing.
        docmdp_permissions=MDPPerm.FILL_FORMS if certify else MDPPerm.NO_CHANGES,
    )
    style = StaticStampStyle(
        border_width=0, background=_Mark(mark), background_layout=_WHOLE, background_opacity=1
    )
    pen = _SignerAt(metadata, signer=signer, stamp_style=style, now=now)
    signed: Any = apart(lambda: pen.sign_pdf(writer, existing_fields_only=True))
    return bytes(signed.getvalue())


class _SignerAt(PdfSigner):
    """Signs at a time that is handed in; the library would look at the clock."""

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._now = now

    def init_signing_session(self, *args: Any, **kwargs: Any) -> PdfSigningSession:
        session = super().init_signing_session(*args, **kwargs)
        session.system_time = self._now
        return session


class _Mark(PdfContent):
    """The first page of another PDF."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    def render(self) -> bytes:
        writer = self._ensure_writer
        page = writer.import_page_as_xobject(PdfFileReader(BytesIO(self._data)))
        name = b"/Mark" + binascii.hexlify(secrets.token_bytes(8))
        self.resources.xobject[name.decode()] = page
        left, bottom, right, top = (float(edge) for edge in page.get_object()["/BBox"])
        self.box = layout.BoxConstraints(width=right - left, height=top - bottom)
        return name + b" Do"


_WHOLE = layout.SimpleBoxLayoutRule(
    x_align=layout.AxisAlignment.ALIGN_MID,
    y_align=layout.AxisAlignment.ALIGN_MID,
    margins=layout.Margins(left=0, right=0, top=0, bottom=0),
)
