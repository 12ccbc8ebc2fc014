"""Files as attackers and broken programs send them, built when a test asks: none is stored."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

import openpyxl
from PIL import Image
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

SHEET = "xl/worksheets/sheet1.xml"
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


# -- pictures ------------------------------------------------------------------------------


def picture(kind: str = "JPEG", *, size: tuple[int, int] = (640, 480), mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def exif_photo() -> bytes:
    """A photo lying on its side that says where and with what it was taken."""
    photo = Image.new("RGB", (600, 400), "white")
    photo.paste("red", (0, 0, 600, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825).update({1: "N", 2: (31.0, 13.0, 49.0), 3: "E", 4: (121.0, 28.0, 25.0)})
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", exif=exif, icc_profile=b"SecretProfile" * 20, comment=b"SecretNote")
    return buffer.getvalue()


def text_in_png() -> bytes:
    """A PNG with a text chunk and a ZIP behind its end."""
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    about.add_text("Comment", "SecretNote")
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20)).save(buffer, "PNG", pnginfo=about)
    return buffer.getvalue() + package({"SecretPart": b"x"})


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_bomb(side: int = 50_000) -> bytes:
    """A PNG of 2.5 thousand million pixels in some kilobytes."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(1_000_000), 9))
        + _chunk(b"IEND", b"")
    )


def png_text_bomb() -> bytes:
    """A PNG whose compressed text unpacks to 200 MB."""
    whole = picture("PNG", size=(8, 8))
    bomb = _chunk(b"zTXt", b"c\x00\x00" + zlib.compress(bytes(200_000_000), 9))
    return whole[:33] + bomb + whole[33:]


def animation(kind: str) -> bytes:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "green", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=50)
    return buffer.getvalue()


def truncated(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def svg_as_png() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def html() -> bytes:
    return b"<!DOCTYPE html><script>alert(1)</script>"


def gif_and_script() -> bytes:
    return b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)"


def jpeg_and_html() -> bytes:
    """A sound JPEG with markup in a comment and behind its end."""
    whole = picture("JPEG")
    note = b"<script>SecretNote</script>"
    comment = b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note
    return whole[:2] + comment + whole[2:] + html()


# -- PDF -----------------------------------------------------------------------------------


def _written(writer: PdfWriter) -> bytes:
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def _blank() -> PdfWriter:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    return writer


def pdf() -> bytes:
    return _written(_blank())


def pdf_with_script() -> bytes:
    writer = _blank()
    script = DictionaryObject(
        {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("x()")}
    )
    writer.root_object[NameObject("/OpenAction")] = writer._add_object(script)
    return _written(writer)


def pdf_with_attachment() -> bytes:
    writer = _blank()
    writer.add_attachment("run.exe", b"MZ")
    return _written(writer)


def pdf_with_password() -> bytes:
    writer = _blank()
    writer.encrypt("secret", algorithm="RC4-128")
    return _written(writer)


def pdf_with_action(action: str) -> bytes:
    """A PDF that does something when it is opened, hidden in a compressed object."""
    writer = _blank()
    deed = DictionaryObject(
        {NameObject("/S"): NameObject(action), NameObject("/F"): TextStringObject("calc.exe")}
    )
    writer.root_object[NameObject("/OpenAction")] = writer._add_object(deed)
    return _written(writer)


def pdf_with_hex_name() -> bytes:
    """`/JavaScript` with a letter spelled as its number."""
    return pdf_with_script().replace(b"/JavaScript", b"/J#61vaScript")


def pdf_and_zip() -> bytes:
    return pdf() + package({"a.txt": b"x"}) + b"\n%%EOF"


def pdf_of_deep_arrays() -> bytes:
    deep = b"[" * 50_000 + b"]" * 50_000
    return pdf().replace(b"/Type /Pages", b"/Deep " + deep + b" /Type /Pages", 1)


def pdf_of_references_in_a_circle() -> bytes:
    writer = _blank()
    first, second = DictionaryObject(), ArrayObject()
    reference = writer._add_object(first)
    second.append(reference)
    first[NameObject("/Round")] = writer._add_object(second)
    writer.root_object[NameObject("/Extra")] = reference
    return _written(writer)


# -- archives and workbooks ----------------------------------------------------------------


def package(parts: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def workbook(rows: list[list[object]] | None = None) -> bytes:
    book = openpyxl.Workbook()
    for row in rows or [["编号", 1.5, 2]]:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def workbook_parts() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(workbook())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def workbook_with(changed: Mapping[str, bytes]) -> bytes:
    return package({**workbook_parts(), **changed})


def workbook_of_sheet(data: str, before: str = "", dimension: str = "A1") -> bytes:
    sheet = (
        f'<?xml version="1.0"?>{before}<worksheet xmlns="{NAMESPACE}">'
        f'<dimension ref="{dimension}"/><sheetData>{data}</sheetData></worksheet>'
    )
    return workbook_with({SHEET: sheet.encode()})


def billion_laughs() -> bytes:
    lines = ['<!ENTITY a0 "ha">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    cell = '<row r="1"><c r="A1" t="inlineStr"><is><t>&a9;</t></is></c></row>'
    return workbook_of_sheet(cell, f"<!DOCTYPE x [{''.join(lines)}]>")


def external_entity() -> bytes:
    cell = '<row r="1"><c r="A1" t="inlineStr"><is><t>&x;</t></is></c></row>'
    return workbook_of_sheet(cell, '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>')


def document_type_only() -> bytes:
    return workbook_of_sheet("", '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">')


def document_type_in_utf16() -> bytes:
    text = f'<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x []><worksheet xmlns="{NAMESPACE}"/>'
    return workbook_with({SHEET: text.encode("utf-16")})


def row_of_a_thousand_million() -> bytes:
    row = '<row r="1000000000"><c r="A1000000000"><v>1</v></c></row>'
    return workbook_of_sheet(row, dimension="A1:XFD1000000000")


def huge_shared_strings() -> bytes:
    """A megabyte that unpacks to a list of 2 million strings, at a ratio below suspicion."""
    import random

    dice = random.Random(1)
    strings = "".join(f"<si><t>{dice.randrange(10)}</t></si>" for _ in range(4_000_000))
    text = f'<?xml version="1.0"?><sst xmlns="{NAMESPACE}">{strings}</sst>'
    types = workbook_parts()["[Content_Types].xml"].replace(
        b"</Types>",
        b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-'
        b'officedocument.spreadsheetml.sharedStrings+xml"/></Types>',
    )
    return workbook_with({"xl/sharedStrings.xml": text.encode(), "[Content_Types].xml": types})


def flat_bomb() -> bytes:
    """A workbook whose sheet unpacks to 150 MB, a thousand times its size."""
    return workbook_of_sheet(" " * 150_000_000)


def many_entries() -> bytes:
    return package({**workbook_parts(), **{f"xl/media/{n}.txt": b"" for n in range(5000)}})


def overlapping_entries() -> bytes:
    """Two hundred names for the same bytes, as in the zip bomb without recursion."""
    payload = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = payload.compress(bytes(900_000)) + payload.flush()
    crc = zlib.crc32(bytes(900_000))
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 33, crc, len(data), 900_000, 1, 0)
    body = local + b"a" + data
    directory = b"".join(
        struct.pack(
            "<4s6H3L5H2L",
            b"PK\x01\x02", 20, 20, 0, 8, 0, 33, crc, len(data), 900_000, 3, 0, 0, 0, 0, 0, 0,
        )
        + f"{n:03}".encode()
        for n in range(200)
    )  # fmt: skip
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 200, 200, len(directory), len(body), 0)
    return body + directory + end


def nested_archive() -> bytes:
    return workbook_with({"xl/media/image1.png": package({"bomb": bytes(1000)})})


def path_names() -> bytes:
    return workbook_with({"../../etc/passwd": b"x"})


def lying_size() -> bytes:
    """A sheet that says it is small in the directory and is not."""
    whole = workbook_of_sheet(" " * 3_000_000)
    real = struct.pack("<L", _size_in_directory(whole))
    return whole.replace(real, struct.pack("<L", 200))


def _size_in_directory(data: bytes) -> int:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.getinfo(SHEET).file_size


def zip_behind_a_script() -> bytes:
    return b"PK\x03\x04<script>" + workbook()


def gzip_bomb() -> bytes:
    return gzip.compress(bytes(50_000_000), mtime=0)


# -- CSV -----------------------------------------------------------------------------------


def one_line_of_ten_megabytes() -> bytes:
    return b"code,name\n" + b"x" * 9_999_000


def many_columns() -> bytes:
    return b"," * 5000 + b"x\n"


def many_rows() -> bytes:
    return b"code\n" + b"1\n" * 30_000
