"""Signatures inside papers: two readers accept them, and nothing can be done to a signed file
that is not noticed.
"""

import asyncio
import shutil
import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1_x509
from contract_papers import PARTIES, SEALED, contract_paper
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pypdf import PdfWriter

from domain.signing import Party
from services.documents.contract_pdf import draw_contract
from services.documents.fonts import FontFiles, prepare_fonts
from services.documents.signature_marks import MarkFacts, draw_person_mark, draw_seal_mark
from services.signatures.apart import apart
from services.signatures.checking import Fault, check_paper
from services.signatures.comparing import Likeness, compare_file
from services.signatures.examining import examine_file
from services.signatures.keys import (
    AUTHORITY,
    FORMER_AUTHORITIES,
    SEAL,
    open_authority,
    open_seal,
    signer_for_one,
    trusted_roots,
)
from services.signatures.sealing import FIELDS, add_signature, certificate_sha256, seal_paper
from services.uploads.limits import UploadLimits, upload_limits
from services.uploads.reasons import Reason, UploadRefused
from storage.settings import Settings

# Readers know no clock but the machine's.
NOW = datetime.now(UTC)


class Signed:
    """A paper drawn, sealed and signed, and the installation that did it."""

    def __init__(self, settings: Settings, fonts: FontFiles) -> None:
        self.settings = settings
        drawn = draw_contract(contract_paper(), fonts)
        seal = open_seal(settings, mall_id=1, mall_name=PARTIES.mall_name, now=NOW)
        mark = MarkFacts("", PARTIES.mall_name, NOW, PARTIES.time_zone, certificate_sha256(seal))
        self.sealed = seal_paper(
            drawn.data,
            boxes=drawn.boxes,
            signer=seal,
            mark=draw_seal_mark(mark, fonts),
            reason="合同盖章",
            now=NOW,
        )
        signer = signer_for_one(
            settings, person="王晓梅", shop=PARTIES.shop_name, contract="HT-2026-0107", now=NOW
        )
        mark = MarkFacts("王晓梅", PARTIES.shop_name, NOW, PARTIES.time_zone, "ab" * 32)
        self.signed = add_signature(
            self.sealed,
            signer=signer,
            mark=draw_person_mark(mark, fonts),
            reason="合同签署",
            now=NOW,
        )
        self.drawn = drawn.data
        self.roots = trusted_roots(settings, now=NOW)

    def faults(self, data: bytes) -> tuple[Fault, ...]:
        return check_paper(data, roots=self.roots, now=NOW).faults


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(state_dir=tmp_path_factory.mktemp("signatures"))


@pytest.fixture(scope="module")
def paper(settings: Settings, font_state_dir: Path) -> Signed:
    return Signed(settings, prepare_fonts(font_state_dir, text=PARTIES.text))


@pytest.fixture(scope="module")
def limits(settings: Settings) -> UploadLimits:
    return upload_limits(settings)


def test_sealed_bytes_are_a_prefix_of_the_signed_ones(paper: Signed) -> None:
    assert paper.sealed.startswith(paper.drawn)
    assert paper.signed.startswith(paper.sealed)
    assert len(paper.signed) > len(paper.sealed) > len(paper.drawn)


def test_both_signatures_are_good_and_say_who_signed(paper: Signed) -> None:
    facts = check_paper(paper.signed, roots=paper.roots, now=NOW)
    assert facts.is_good
    assert [(one.field, one.person, one.organisation) for one in facts.signatures] == [
        ("Landlord", PARTIES.mall_name, PARTIES.mall_name),
        ("Tenant", "王晓梅", PARTIES.shop_name),
    ]
    assert all(one.signed_at == NOW.replace(microsecond=0) for one in facts.signatures)
    assert check_paper(paper.sealed, roots=paper.roots, now=NOW).is_good


def test_pyhanko_accepts_both_signatures_on_its_bottom_line(paper: Signed) -> None:
    for embedded in PdfFileReader(BytesIO(paper.signed)).embedded_regular_signatures:
        context = ValidationContext(
            trust_roots=[asn1_x509.Certificate.load(root) for root in paper.roots],
            allow_fetching=False,
        )
        status = apart(partial(validate_pdf_signature, embedded, context))
        assert status.bottom_line, embedded.field_name


@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="Debian's poppler-utils is not there")
def test_pdfsig_accepts_both_signatures(paper: Signed, tmp_path: Path) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(paper.signed)
    said = pdfsig(path)
    assert said.count("Signature Validation: Signature is Valid.") == 2
    assert said.count("ETSI.CAdES.detached") == 2
    # The second covers the file, the first what was there before it.
    assert said.count("- Total document signed") == 1
    broken = bytearray(paper.signed)
    broken[len(paper.drawn) // 2] ^= 1
    path.write_bytes(bytes(broken))
    assert pdfsig(path).count("Signature is Valid") == 0


def pdfsig(path: Path) -> str:
    done = subprocess.run(["pdfsig", str(path)], capture_output=True, text=True, check=False)
    return done.stdout


def hole(data: bytes, field: str) -> range:
    """The bytes of a signature's own value, which nothing but itself can vouch for."""
    for embedded in PdfFileReader(BytesIO(data)).embedded_regular_signatures:
        if embedded.field_name == field:
            return range(int(embedded.byte_range[1]), int(embedded.byte_range[2]))
    raise AssertionError(field)


def test_every_flipped_byte_outside_the_last_signature_is_reported(paper: Signed) -> None:
    own = hole(paper.signed, FIELDS[Party.TENANT])
    step = max(1, len(paper.signed) // 90)
    offsets = [at for at in range(0, len(paper.signed), step) if at not in own]
    offsets += [hole(paper.signed, FIELDS[Party.LANDLORD]).start + 40, len(paper.signed) - 1]
    assert len(offsets) > 60
    for at in offsets:
        broken = bytearray(paper.signed)
        broken[at] ^= 1
        assert paper.faults(bytes(broken)), f"byte {at}"


def test_every_flipped_byte_whatsoever_makes_it_another_file(paper: Signed) -> None:
    for at in range(0, len(paper.signed), 997):
        broken = bytearray(paper.signed)
        broken[at] ^= 1
        found = compare_file(bytes(broken), sealed=paper.sealed, signed=paper.signed)
        assert (found.likeness, found.first, found.more) == (Likeness.DIFFERENT, at, 0)


def test_broken_value_of_the_last_signature_is_reported(paper: Signed) -> None:
    own = hole(paper.signed, FIELDS[Party.TENANT])
    signature = paper.signed[own.start : own.stop].rstrip(b">").rstrip(b"0")
    broken = bytearray(paper.signed)
    # The RSA value stands at the end.
    broken[own.start + len(signature) - 20] = ord("f") if signature[-20:-19] != b"f" else ord("e")
    assert Fault.CHANGED in paper.faults(bytes(broken))


def appended_page(data: bytes) -> bytes:
    """A page appended as an incremental update, so that no signed byte changes."""
    writer = PdfWriter(BytesIO(data), incremental=True)
    writer.add_blank_page(595, 842)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def plain_update(data: bytes) -> bytes:
    """An update that changes nothing that can be seen."""
    writer = IncrementalPdfFileWriter(BytesIO(data))
    writer.set_info(writer.add_object(writer.root.raw_get("/Type") and _info()))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _info() -> object:
    from pyhanko.pdf_utils.generic import DictionaryObject, pdf_name, pdf_string

    return DictionaryObject({pdf_name("/Title"): pdf_string("another")})


def rewritten(data: bytes) -> bytes:
    writer = PdfWriter(clone_from=BytesIO(data))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("change", "likeness"),
    [
        (appended_page, Likeness.EXTENDED),
        (plain_update, Likeness.EXTENDED),
        (lambda data: data + b"\n% a note\n", Likeness.EXTENDED),
        (lambda data: data[:-1], Likeness.CUT),
        (lambda data: data[: len(data) // 2], Likeness.CUT),
        (rewritten, Likeness.DIFFERENT),
        (lambda data: b"%PDF-1.4\n" + data, Likeness.DIFFERENT),
    ],
    ids=["page", "update", "bytes", "cut by one", "cut in half", "saved anew", "bytes before"],
)
def test_whatever_is_done_to_a_signed_file_is_reported(
    paper: Signed, change: Callable[[bytes], bytes], likeness: Likeness
) -> None:
    changed = change(paper.signed)
    assert paper.faults(changed)
    found = compare_file(changed, sealed=paper.sealed, signed=paper.signed)
    assert found.likeness is likeness


def test_page_appended_before_the_shop_signs_is_reported_as_added(paper: Signed) -> None:
    assert Fault.ADDED in paper.faults(appended_page(paper.sealed))


def test_paper_of_another_installation_is_foreign(
    paper: Signed, tmp_path: Path, font_state_dir: Path
) -> None:
    other = Signed(Settings(state_dir=tmp_path), prepare_fonts(font_state_dir, text=PARTIES.text))
    assert paper.faults(other.signed) == (Fault.FOREIGN,)
    assert paper.faults(other.sealed) == (Fault.FOREIGN,)


def test_what_is_no_signed_pdf_is_told_apart(paper: Signed) -> None:
    assert paper.faults(paper.drawn) == (Fault.UNSIGNED,)
    assert paper.faults(b"no paper") == (Fault.UNREADABLE,)
    assert paper.faults(b"") == (Fault.UNREADABLE,)


def test_strangers_file_is_judged_in_a_process_of_its_own(
    paper: Signed, limits: UploadLimits
) -> None:
    def examine(data: bytes):  # type: ignore[no-untyped-def]
        return examine_file(
            BytesIO(data),
            sealed=paper.sealed,
            signed=paper.signed,
            roots=paper.roots,
            limits=limits,
            now=NOW,
        )

    whole = examine(paper.signed)
    assert whole.comparison.likeness is Likeness.SIGNED
    assert whole.paper == check_paper(paper.signed, roots=paper.roots, now=NOW)
    before = examine(paper.sealed)
    assert before.comparison.likeness is Likeness.SEALED
    longer = examine(appended_page(paper.signed))
    assert longer.comparison.likeness is Likeness.EXTENDED
    assert longer.paper.faults == (Fault.ADDED,)
    text = examine(b"%PDF-1.7 nothing of a kind")
    assert text.paper.faults == (Fault.UNREADABLE,)
    with pytest.raises(UploadRefused) as refused:
        examine(b"")
    assert refused.value.reason is Reason.EMPTY


def test_keys_are_kept_for_their_owner_alone_and_made_once(settings: Settings) -> None:
    first = open_authority(settings, now=NOW)
    assert open_authority(settings, now=NOW).certificate == first.certificate
    open_seal(settings, mall_id=7, mall_name="另一商场", now=NOW)
    kept = settings.secrets_dir / SEAL.format(mall_id=7)
    before = kept.read_bytes()
    open_seal(settings, mall_id=7, mall_name="另一商场", now=NOW)
    assert kept.read_bytes() == before
    for name in (AUTHORITY, SEAL.format(mall_id=7)):
        mode = stat.S_IMODE((settings.secrets_dir / name).stat().st_mode)
        assert mode == 0o600, name


def test_key_of_a_person_is_new_each_time_and_kept_nowhere(settings: Settings) -> None:
    open_authority(settings, now=NOW)
    known = set(settings.secrets_dir.iterdir())
    one, other = (
        signer_for_one(settings, person="王晓梅", shop="云上书店", contract="HT-1", now=NOW)
        for _ in range(2)
    )
    assert certificate_sha256(one) != certificate_sha256(other)
    assert one.signing_cert is not None
    assert one.signing_cert.subject.native == {
        "organization_name": "云上书店",
        "organizational_unit_name": "HT-1",
        "common_name": "王晓梅",
    }
    assert set(settings.secrets_dir.iterdir()) == known


def test_names_longer_than_certificates_allow_are_cut(settings: Settings) -> None:
    signer = signer_for_one(settings, person="王" * 90, shop="店" * 90, contract="H" * 90, now=NOW)
    assert signer.signing_cert is not None
    assert signer.signing_cert.subject.native["common_name"] == "王" * 21


def test_replaced_authority_makes_a_new_seal_and_still_trusts_old_papers(
    tmp_path: Path, font_state_dir: Path
) -> None:
    settings = Settings(state_dir=tmp_path)
    fonts = prepare_fonts(font_state_dir, text=PARTIES.text)
    old = Signed(settings, fonts)
    authority = settings.secrets_dir / AUTHORITY
    certificate = authority.read_text().partition("-----BEGIN CERTIFICATE")[1:]
    (settings.secrets_dir / FORMER_AUTHORITIES).write_text("".join(certificate))
    authority.unlink()
    new = Signed(settings, fonts)
    roots = trusted_roots(settings, now=NOW)
    assert len(roots) == 2
    assert new.roots == roots
    assert new.faults(new.signed) == ()
    assert new.faults(old.signed) == ()
    assert old.faults(new.signed) == (Fault.FOREIGN,)


def test_clock_set_back_makes_no_certificate_older_than_its_authority(settings: Settings) -> None:
    before = NOW - timedelta(days=900)
    signer = signer_for_one(settings, person="王", shop="店", contract="H", now=before)
    assert signer.signing_cert is not None
    authority = open_authority(settings, now=NOW).certificate
    assert signer.signing_cert.not_valid_before >= authority.not_valid_before_utc


def test_seal_is_dated_by_the_clock_that_is_handed_in(
    settings: Settings, font_state_dir: Path
) -> None:
    fonts = prepare_fonts(font_state_dir, text=PARTIES.text)
    drawn = draw_contract(contract_paper(), fonts)
    seal = open_seal(settings, mall_id=3, mall_name=PARTIES.mall_name, now=SEALED)
    mark = MarkFacts("", PARTIES.mall_name, SEALED, PARTIES.time_zone, certificate_sha256(seal))
    sealed = seal_paper(
        drawn.data, boxes=drawn.boxes, signer=seal, mark=draw_seal_mark(mark, fonts),
        reason="", now=SEALED,
    )  # fmt: skip
    found = check_paper(sealed, roots=trusted_roots(settings, now=NOW), now=NOW)
    assert found.signatures[0].signed_at == SEALED


def test_paper_is_signed_and_judged_where_an_event_loop_runs(
    settings: Settings, font_state_dir: Path
) -> None:
    fonts = prepare_fonts(font_state_dir, text=PARTIES.text)

    async def sign_and_judge() -> bool:
        signed = Signed(settings, fonts)
        roots = trusted_roots(settings, now=NOW)
        return check_paper(signed.signed, roots=roots, now=NOW).is_good

    # The loop runs apart: another test's may run in this thread.
    assert apart(lambda: asyncio.run(sign_and_judge()))
