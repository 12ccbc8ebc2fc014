"""Files of a shop on its staff page: added, seen, taken away, brought back; refused in words."""

import re
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from PIL import Image
from staff_site import StaffSite, token
from upload_corpus import exif_photo, pdf, pdf_with_script, png_bomb, svg_as_png

from services.operations.malls import register_mall, register_shop
from storage.database import transaction

DESK = "operation@example.org"
FINANCE = "finance@example.org"


def page(site: StaffSite) -> str:
    return f"/admin/shop-files/?shop={site.mall.shop_id}"


def send(client: FlaskClient, address: str, data: bytes, name: str, kind: str = "PHOTO"):  # type: ignore[no-untyped-def]
    return client.post(
        address,
        data={
            "csrf_token": token(client, address),
            "kind": kind,
            "file": (BytesIO(data), name),
        },
        content_type="multipart/form-data",
    )


def uuid_of(text: str, name: str) -> str:
    found = re.search(rf'/([0-9a-f-]{{36}})">{re.escape(name)}</a>', text)
    assert found, name
    return found[1]


def uuids(text: str) -> list[str]:
    return re.findall(r'href="/admin/shop-files/([0-9a-f-]{36})"', text)


def test_photo_is_added_listed_and_downloaded_without_its_place(staff_site: StaffSite) -> None:
    client = staff_site.client(DESK)
    answer = send(client, page(staff_site), exif_photo(), "../../门头 照片.JPG")
    assert answer.status_code == 302
    text = client.get(page(staff_site)).text
    assert "门头 照片.JPG" in text
    uuid = uuid_of(text, "门头 照片.JPG")
    got = client.get(f"/admin/shop-files/{uuid}")
    assert got.headers["Content-Disposition"].startswith("attachment; ")
    assert (
        "filename*=UTF-8''%E9%97%A8%E5%A4%B4%20%E7%85%A7%E7%89%87.JPG"
        in (got.headers["Content-Disposition"])
    )
    assert "sandbox" in got.headers["Content-Security-Policy"].split("; ")
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert b"Exif" not in got.data
    assert Image.open(BytesIO(got.data)).getexif() == {}
    small = client.get(f"/admin/shop-files/{uuid}/thumbnail")
    assert small.mimetype == "image/webp"
    assert max(Image.open(BytesIO(small.data)).size) <= 320
    shop = client.get(f"/admin/shops/details/?id={staff_site.mall.shop_id}").text
    assert "门头 照片.JPG" in shop


def test_removed_file_is_gone_until_it_is_brought_back(staff_site: StaffSite) -> None:
    client = staff_site.client(DESK)
    assert send(client, page(staff_site), pdf(), "lease.pdf", "DOCUMENT").status_code == 302
    uuid = uuid_of(client.get(page(staff_site)).text, "lease.pdf")
    question = client.get(f"/admin/shop-files/{uuid}/remove").text
    assert "Remove this file?" in question and "lease.pdf" in question
    assert client.get(f"/admin/shop-files/{uuid}").status_code == 200
    form = {"csrf_token": token(client, f"/admin/shop-files/{uuid}/remove")}
    assert client.post(f"/admin/shop-files/{uuid}/remove", data=form).status_code == 302
    assert client.get(f"/admin/shop-files/{uuid}").status_code == 404
    assert client.post(f"/admin/shop-files/{uuid}/remove", data=form).status_code == 404
    text = client.get(page(staff_site)).text
    assert uuid not in uuids(text)
    assert "lease.pdf" in text.split("removed file")[1]
    assert client.post(f"/admin/shop-files/{uuid}/restore", data=form).status_code == 302
    assert client.get(f"/admin/shop-files/{uuid}").data == pdf()


@pytest.mark.parametrize(
    ("data", "name", "english", "chinese"),
    [
        (svg_as_png(), "logo.png", "the content is something else", "但内容不是"),
        (pdf_with_script(), "form.pdf", "holds scripts, actions", "含有脚本、动作或附件"),
        (png_bomb(), "bomb.png", "50000 × 50000 pixels", "50000 × 50000 像素"),
        (b"", "empty.jpg", "The file is empty", "文件是空的"),
        (pdf(), "run.exe", "“.exe” are not taken", "不接受以“.exe”结尾的文件"),
    ],
)
def test_refusal_stands_at_the_field_in_both_languages(
    staff_site: StaffSite, data: bytes, name: str, english: str, chinese: str
) -> None:
    for locale, said in (("en", english), ("zh-CN", chinese)):
        client = staff_site.client(DESK, locale=locale)
        answer = send(client, page(staff_site), data, name, "DOCUMENT")
        assert answer.status_code == 422
        assert said in answer.text.split('id="file-error"')[1][:400]
        assert name not in client.get(page(staff_site)).text


def test_who_reads_shops_reads_their_files_and_only_the_desk_writes(
    staff_site: StaffSite,
) -> None:
    desk = staff_site.client(DESK)
    assert send(desk, page(staff_site), pdf(), "licence.pdf", "LICENCE").status_code == 302
    uuid = uuid_of(desk.get(page(staff_site)).text, "licence.pdf")
    finance = staff_site.client(FINANCE)
    text = finance.get(page(staff_site)).text
    assert "licence.pdf" in text
    assert 'type="file"' not in text and "/remove" not in text
    assert finance.get(f"/admin/shop-files/{uuid}").status_code == 200
    form = {"csrf_token": token(finance, "/admin/settings/"), "kind": "PHOTO"}
    for address in (page(staff_site), *(f"/admin/shop-files/{uuid}/{do}" for do in DEEDS)):
        answer = finance.post(address, data={**form, "file": (BytesIO(pdf()), "x.pdf")})
        assert answer.status_code == 403, address


DEEDS = ("remove", "restore")


def test_file_of_another_mall_does_not_exist(staff_site: StaffSite) -> None:
    admin = staff_site.client("admin@example.org")
    with transaction(staff_site.engine) as session:
        mall = register_mall(session, code="F99", name="别处")
        shop = register_shop(session, mall_id=mall, code="S", name="别店", business_type="RETAIL")
    chosen = {"csrf_token": token(admin, "/admin/settings/"), "mall": "F99"}
    assert admin.post("/admin/settings/mall", data=chosen).status_code == 302
    address = f"/admin/shop-files/?shop={shop}"
    assert send(admin, address, pdf(), "theirs.pdf", "DOCUMENT").status_code == 302
    (uuid,) = uuids(admin.get(address).text)
    desk = staff_site.client(DESK)
    assert desk.get(address).status_code == 404
    for path in ("", "/thumbnail", "/remove"):
        assert desk.get(f"/admin/shop-files/{uuid}{path}").status_code == 404


def test_ten_gigabytes_are_refused_before_a_byte_is_read(staff_site: StaffSite) -> None:
    client = staff_site.client(DESK)
    answer = client.post(
        page(staff_site),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
        environ_overrides={"wsgi.input": _NeverRead(), "CONTENT_LENGTH": str(10 * 1024**3)},
    )
    assert answer.status_code == 413
    assert client.get(page(staff_site)).status_code == 200


def test_body_of_no_stated_length_is_refused(staff_site: StaffSite) -> None:
    client = staff_site.client(DESK)
    answer = client.post(
        page(staff_site),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
        environ_overrides={
            "wsgi.input": _NeverRead(),
            "HTTP_TRANSFER_ENCODING": "chunked",
            "wsgi.input_terminated": True,
        },
    )
    assert answer.status_code == 411


class _NeverRead:
    def read(self, *_size: int) -> bytes:
        raise AssertionError("a byte was read")

    readline = readinto = read

    def close(self) -> None:
        pass
