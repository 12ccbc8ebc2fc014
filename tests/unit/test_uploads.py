"""Hostile and broken files are refused with a sentence or made safe; the process that asks stays
small, and the next file is opened.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import upload_corpus as corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from domain.uploads import ACCEPTED, PAPERS, TABLES, FileFormat, UploadKind
from services.uploads import sandbox
from services.uploads.guard import CheckedFile, checked_file
from services.uploads.limits import UploadLimits, upload_limits
from services.uploads.names import LONGEST_BYTES, clean_name
from services.uploads.reasons import Reason, UploadRefused
from services.uploads.words import SENTENCES, sentence
from storage.settings import Settings

LIMITS = upload_limits(Settings(_env_file=None))
EVERYTHING = frozenset(FileFormat)
# What the process that asks may grow by while a file is opened.
FLAT_BYTES = 48 * 1024 * 1024


def check(
    data: bytes,
    name: str,
    *,
    accepted: frozenset[FileFormat] = EVERYTHING,
    limits: UploadLimits = LIMITS,
) -> tuple[CheckedFile, bytes]:
    with checked_file(io.BytesIO(data), name=name, accepted=accepted, limits=limits) as file:
        return file, file.content.read()


def refused(data: bytes, name: str, **how: object) -> UploadRefused:
    with pytest.raises(UploadRefused) as caught:
        check(data, name, **how)  # type: ignore[arg-type]
    return caught.value


def resident_peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


REFUSED: list[tuple[Callable[[], bytes], str, Reason]] = [
    (lambda: b"", "empty.png", Reason.EMPTY),
    (corpus.png_bomb, "bomb.png", Reason.TOO_MANY_PIXELS),
    (corpus.png_text_bomb, "bomb.png", Reason.DAMAGED),
    (lambda: corpus.truncated(corpus.picture("JPEG")), "cut.jpg", Reason.DAMAGED),
    (lambda: corpus.truncated(corpus.picture("PNG")), "cut.png", Reason.DAMAGED),
    (lambda: corpus.truncated(corpus.picture("WEBP")), "cut.webp", Reason.DAMAGED),
    (corpus.svg_as_png, "logo.png", Reason.WRONG_CONTENT),
    (corpus.html, "page.png", Reason.WRONG_CONTENT),
    (corpus.html, "page.csv", Reason.WRONG_CONTENT),
    (corpus.gif_and_script, "a.png", Reason.WRONG_CONTENT),
    (corpus.gif_and_script, "a.gif", Reason.WRONG_EXTENSION),
    (corpus.gif_and_script, "a.csv", Reason.WRONG_CONTENT),
    (corpus.gzip_bomb, "sales.csv", Reason.WRONG_CONTENT),
    (corpus.gzip_bomb, "sales.csv.gz", Reason.WRONG_EXTENSION),
    (lambda: corpus.picture("PNG"), "a.jpg", Reason.WRONG_CONTENT),
    (corpus.pdf, "a.pdf.exe", Reason.WRONG_EXTENSION),
    (corpus.pdf, "a\u202efdp.exe", Reason.WRONG_EXTENSION),
    (corpus.pdf, "pdf", Reason.WRONG_EXTENSION),
    (lambda: corpus.truncated(corpus.pdf()), "cut.pdf", Reason.DAMAGED),
    (lambda: b"%PDF-1.7\nstartxref\n9\n%%EOF", "made-up.pdf", Reason.DAMAGED),
    (corpus.pdf_with_script, "a.pdf", Reason.ACTIVE_CONTENT),
    (corpus.pdf_with_hex_name, "a.pdf", Reason.ACTIVE_CONTENT),
    (corpus.pdf_with_attachment, "a.pdf", Reason.ACTIVE_CONTENT),
    (lambda: corpus.pdf_with_action("/Launch"), "a.pdf", Reason.ACTIVE_CONTENT),
    (lambda: corpus.pdf_with_action("/SubmitForm"), "a.pdf", Reason.ACTIVE_CONTENT),
    (lambda: corpus.pdf_with_action("/GoToR"), "a.pdf", Reason.ACTIVE_CONTENT),
    (corpus.pdf_with_password, "a.pdf", Reason.ENCRYPTED),
    (corpus.pdf_and_zip, "a.pdf", Reason.TWO_IN_ONE),
    (corpus.billion_laughs, "a.xlsx", Reason.FORBIDDEN_XML),
    (corpus.external_entity, "a.xlsx", Reason.FORBIDDEN_XML),
    (corpus.document_type_only, "a.xlsx", Reason.FORBIDDEN_XML),
    (corpus.document_type_in_utf16, "a.xlsx", Reason.FORBIDDEN_XML),
    (corpus.row_of_a_thousand_million, "a.xlsx", Reason.TOO_MANY_ROWS),
    (corpus.huge_shared_strings, "a.xlsx", Reason.UNPACKS_TOO_LARGE),
    (corpus.flat_bomb, "a.xlsx", Reason.UNPACKS_TOO_LARGE),
    (corpus.many_entries, "a.xlsx", Reason.UNPACKS_TOO_LARGE),
    (corpus.overlapping_entries, "a.xlsx", Reason.UNPACKS_TOO_LARGE),
    (corpus.nested_archive, "a.xlsx", Reason.FOREIGN_PARTS),
    (corpus.path_names, "a.xlsx", Reason.UNSAFE_ARCHIVE),
    (corpus.lying_size, "a.xlsx", Reason.DAMAGED),
    (corpus.zip_behind_a_script, "a.xlsx", Reason.UNSAFE_ARCHIVE),
    (lambda: corpus.workbook() + b"<script>", "a.xlsx", Reason.DAMAGED),
    (lambda: corpus.package({"a.txt": b"x"}), "a.xlsx", Reason.WRONG_CONTENT),
    (lambda: corpus.workbook_with({"xl/vbaProject.bin": b"x"}), "a.xlsx", Reason.MACROS),
    (corpus.workbook, "a.xlsm", Reason.WRONG_EXTENSION),
    (
        lambda: corpus.workbook_with({"xl/externalLinks/externalLink1.xml": b"<a/>"}),
        "a.xlsx",
        Reason.FOREIGN_PARTS,
    ),
    (lambda: b"code,name\nS\x00,x\n", "a.csv", Reason.NOT_TEXT),
    (lambda: "编号".encode("utf-16"), "a.csv", Reason.UNKNOWN_ENCODING),
    (lambda: b"code\n\xff\xff\xff", "a.csv", Reason.UNKNOWN_ENCODING),
    (corpus.one_line_of_ten_megabytes, "a.csv", Reason.CELL_TOO_LONG),
    (corpus.many_columns, "a.csv", Reason.TOO_MANY_COLUMNS),
    (corpus.many_rows, "a.csv", Reason.TOO_MANY_ROWS),
    (lambda: b"x," * 8_000_000, "a.csv", Reason.TOO_LARGE),
]


@pytest.mark.parametrize(("make", "name", "reason"), REFUSED)
def test_hostile_file_is_refused_with_a_sentence_in_flat_memory(
    make: Callable[[], bytes], name: str, reason: Reason
) -> None:
    data = make()
    forget_peak()
    before = resident_peak()
    found = refused(data, name)
    assert found.reason is reason
    assert resident_peak() - before < FLAT_BYTES
    english, chinese = sentence(found, "en"), sentence(found, "zh_CN")
    assert english != chinese
    for text in (english, chinese):
        assert "{" not in text and len(text) >= 6
    # The next file is opened.
    assert check(b"a,b\n1,2\n", "next.csv")[0].rows == (("a", "b"), ("1", "2"))


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Reason)


def test_what_declares_ten_gigabytes_is_refused_unread() -> None:
    class Unread(io.BytesIO):
        def read(self, *_size: object) -> bytes:
            raise AssertionError("a byte was read")

    with (
        pytest.raises(UploadRefused, match="TOO_LARGE"),
        checked_file(
            Unread(), name="a.pdf", accepted=PAPERS, limits=LIMITS, declared_bytes=10 * 1024**3
        ),
    ):
        pass


def test_endless_stream_is_read_up_to_the_limit() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            Endless.given += size
            return b"%PDF-" + bytes(size - 5)

    stream = Endless()
    with (
        pytest.raises(UploadRefused, match="TOO_LARGE"),
        checked_file(stream, name="a.pdf", accepted=PAPERS, limits=LIMITS),  # type: ignore[arg-type]
    ):
        pass
    assert Endless.given < LIMITS.pdf_bytes + 1024 * 1024


def test_each_purpose_takes_its_own_formats() -> None:
    assert refused(corpus.pdf(), "a.pdf", accepted=ACCEPTED[UploadKind.PHOTO]).reason is (
        Reason.WRONG_EXTENSION
    )
    assert ACCEPTED[UploadKind.SALES_FILE] == TABLES
    assert set(ACCEPTED) == set(UploadKind)


@pytest.mark.parametrize("make", [corpus.exif_photo, corpus.text_in_png, corpus.jpeg_and_html])
def test_picture_keeps_its_pixels_and_nothing_else(make: Callable[[], bytes]) -> None:
    came = make()
    name = "a.png" if came.startswith(b"\x89PNG") else "a.jpg"
    file, kept = check(came, name)
    assert b"Secret" in came and b"Secret" not in kept
    assert b"<script" not in kept and b"PK" not in kept[-60:]
    with Image.open(io.BytesIO(kept)) as picture:
        picture.load()
        assert picture.getexif() == {}
        assert {"exif", "icc_profile", "comment", "Comment"}.isdisjoint(picture.info)
    assert file.received_sha256 == hashlib.sha256(came).hexdigest()
    assert file.received_bytes == len(came)


def test_photo_lying_on_its_side_stands_upright() -> None:
    _file, kept = check(corpus.exif_photo(), "a.jpg")
    with Image.open(io.BytesIO(kept)) as picture:
        assert picture.size == (400, 600)
        # The red half, above before it was turned to the right, is on the right now.
        assert picture.getpixel((390, 300))[0] > 240 > 60 > picture.getpixel((390, 300))[1]
        assert min(picture.getpixel((10, 300))) > 240


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animation_is_reduced_to_its_first_frame(kind: str) -> None:
    _file, kept = check(corpus.animation(kind), f"a.{kind.lower()}")
    with Image.open(io.BytesIO(kept)) as picture:
        assert getattr(picture, "n_frames", 1) == 1
        assert picture.convert("RGB").getpixel((20, 20))[0] > 200


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "P"), ("PNG", "1"), ("PNG", "LA"), ("PNG", "RGBA"), ("PNG", "I;16"), ("JPEG", "L"),
     ("JPEG", "CMYK"), ("WEBP", "RGBA")],
)  # fmt: skip
def test_every_way_to_store_colours_is_kept(kind: str, mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (64, 48), 0 if mode in ("P", "1", "L", "I;16") else None).save(buffer, kind)
    _file, kept = check(buffer.getvalue(), f"a.{kind.lower()}")
    with Image.open(io.BytesIO(kept)) as picture:
        assert (picture.format, picture.size) == (kind, (64, 48))


def test_sixteen_bits_of_grey_stay_grey() -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (8, 8), 0x8000).save(buffer, "PNG")
    _file, kept = check(buffer.getvalue(), "a.png")
    with Image.open(io.BytesIO(kept)) as picture:
        assert picture.getpixel((4, 4)) == 128


def test_large_photo_is_kept_at_most_4096_wide_with_a_thumbnail() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (9000, 3000), "green").save(buffer, "JPEG")
    with checked_file(
        io.BytesIO(buffer.getvalue()), name="a.jpg", accepted=PAPERS, limits=LIMITS
    ) as file:
        assert file.thumbnail is not None
        with Image.open(file.content) as picture, Image.open(file.thumbnail) as small:
            assert picture.size == (4096, 1365)
            assert max(small.size) == 320


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_largest_picture_that_is_allowed_can_be_opened(kind: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (8000, 5000), (1, 2, 3, 128)).save(buffer, kind, **FASTEST[kind])
    _file, kept = check(buffer.getvalue(), f"a.{kind.lower()}")
    assert max(Image.open(io.BytesIO(kept)).size) == 4096


FASTEST = {"PNG": {"compress_level": 1}, "WEBP": {"method": 0}}


@pytest.mark.parametrize("make", [corpus.pdf, corpus.pdf_of_references_in_a_circle])
def test_plain_pdf_is_kept_as_it_came(make: Callable[[], bytes]) -> None:
    data = make()
    file, kept = check(data, "租赁合同.PDF")
    assert (kept, file.name, file.content_type) == (data, "租赁合同.PDF", "application/pdf")


def test_pdf_of_deep_arrays_does_no_harm() -> None:
    assert refused(corpus.pdf_of_deep_arrays(), "a.pdf").reason in (
        Reason.TOO_DEMANDING,
        Reason.DAMAGED,
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_is_read_in_the_encodings_and_delimiters_of_offices(encoding: str, mark: str) -> None:
    text = f'编号{mark}名称\r\nS-1{mark}"云上{mark}书店"\r\n\r\n'
    file, kept = check(text.encode(encoding), "店铺.csv")
    assert file.rows == (("编号", "名称"), ("S-1", f"云上{mark}书店"))
    assert kept == text.encode(encoding)


def test_workbook_is_read_as_text_with_its_dates_and_row_numbers() -> None:
    import datetime as dt

    data = corpus.workbook(
        [["编号", "日期", "面积"], [], ["S-1", dt.date(2026, 1, 31), 120.5], [7, True, None]]
    )
    file, _kept = check(data, "a.xlsx")
    assert file.rows == (
        ("编号", "日期", "面积"), (), ("S-1", "2026-01-31", "120.5"), ("7", "TRUE")
    )  # fmt: skip


def test_openpyxl_reads_with_defusedxml_alone() -> None:
    """The document type is refused before openpyxl sees it; openpyxl would refuse entities too."""
    import defusedxml.ElementTree as defused
    import openpyxl
    from defusedxml import EntitiesForbidden
    from openpyxl.xml import functions

    assert openpyxl.DEFUSEDXML
    assert functions.iterparse is defused.iterparse
    with pytest.raises(ValueError) as caught:
        openpyxl.load_workbook(io.BytesIO(corpus.external_entity()))
    assert isinstance(caught.value.__context__, EntitiesForbidden)


def test_opening_process_that_takes_too_much_is_ended() -> None:
    tiny = UploadLimits(**{**LIMITS.__dict__, "memory_bytes": 90 * 1024 * 1024})
    big = corpus.picture("PNG", size=(5000, 5000), mode="RGBA")
    assert refused(big, "a.png", limits=tiny).reason is Reason.TOO_DEMANDING
    slow = UploadLimits(**{**LIMITS.__dict__, "seconds": 1, "rows": 10**6, "columns": 10**4})
    table = corpus.workbook([[n * m for m in range(60)] for n in range(6000)])
    assert refused(table, "a.xlsx", limits=slow).reason is Reason.TOO_DEMANDING


def test_opening_process_knows_no_secret_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ATRIUM_DATABASE_URL", "postgresql://secret")
    assert not any(name.startswith("ATRIUM") for name in sandbox._ENVIRONMENT)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    check(corpus.exif_photo(), "a.jpg")
    refused(corpus.png_bomb(), "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\发票.pdf", "发票.pdf"),
        ("发票.pdf", "发票.pdf"),
        ("CON", "_CON"),
        ("con.pdf", "_con.pdf"),
        ("lpt1.csv", "_lpt1.csv"),
        ("a\u202efdp.exe", "afdp.exe"),
        ("a\r\nSet-Cookie: x=1.pdf", "aSet-Cookie_ x=1.pdf"),
        ("a\x00.pdf", "a.pdf"),
        ("  .. ", "file"),
        ("", "file"),
        ("....", "file"),
        ('a"<b>|?.pdf', "a__b___.pdf"),
        ("e\u0301.pdf", "é.pdf"),
        ("\ud800.pdf", "pdf"),
    ],
)
def test_name_is_made_fit_to_be_shown(name: str, clean: str) -> None:
    assert clean_name(name) == clean


def test_name_of_four_kilobytes_is_cut_before_its_extension() -> None:
    name = clean_name("发" * 4096 + ".pdf")
    assert name.endswith("发.pdf")
    assert len(name.encode()) <= LONGEST_BYTES


@given(st.text(max_size=300))
def test_no_name_is_a_path_or_holds_what_is_not_shown(name: str) -> None:
    clean = clean_name(name)
    assert clean and len(clean.encode()) <= LONGEST_BYTES + 1
    assert not set(clean) & set('/\\<>:"|?*\x00\r\n\u202e\u200f')
    assert clean not in (".", "..")
    assert clean_name(clean) == clean


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["pictures", "papers", "sheets", "texts"]))
def test_parsers_answer_any_bytes_with_a_result_or_an_exception(data: bytes, module: str) -> None:
    """In this process, without its walls: nothing hangs and nothing but an exception comes out."""
    from services.uploads.opening import papers, pictures, sheets, texts

    known = {name: value for name, value in LIMITS.__dict__.items() if isinstance(value, int)}
    source = io.BytesIO({"papers": b"%PDF-1.7", "sheets": b"PK\x03\x04"}.get(module, b"") + data)
    try:
        if module == "pictures":
            pictures.open_picture(source, io.BytesIO(), io.BytesIO(), kind="PNG", limits=known)
        elif module == "papers":
            papers.open_paper(source, limits=known)
        elif module == "sheets":
            sheets.open_sheet(source, limits=known)
        else:
            rows = texts.open_text(source, limits=known)["rows"]
            assert all(isinstance(cell, str) for row in rows for cell in row)
    except UploadRefused as refused_now:
        assert sentence(refused_now, "zh_CN")
    except (OSError, ValueError, SyntaxError, zipfile.BadZipFile, KeyError):
        pass


def test_archive_that_is_sound_but_no_workbook_is_refused_by_its_parts() -> None:
    parts = corpus.workbook_parts()
    del parts["xl/workbook.xml"]
    assert refused(corpus.package(parts), "a.xlsx").reason is Reason.WRONG_CONTENT
