"""Shops and units from a table: seen first, registered at once, refused rows handed back."""

import csv
import re
from io import BytesIO, StringIO

import openpyxl
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from staff_site import StaffSite, token
from upload_corpus import billion_laughs, workbook

from storage.database import transaction
from storage.models import Shop, Unit

DESK = "operation@example.org"
PAGE = "/admin/imports/?of=shops"
HEADER = "编码,名称,业态,联系人,电话,电子邮箱,入驻日期,说明\n"


def send(client: FlaskClient, data: bytes, name: str = "shops.csv", page: str = PAGE):  # type: ignore[no-untyped-def]
    return client.post(
        page,
        data={"csrf_token": token(client, page), "file": (BytesIO(data), name)},
        content_type="multipart/form-data",
    )


def confirm(client: FlaskClient, address: str):  # type: ignore[no-untyped-def]
    found = re.search(r'name="digest" value="([0-9a-f]{64})"', client.get(address).text)
    digest = found[1] if found else ""
    return client.post(address, data={"csrf_token": token(client, PAGE), "digest": digest})


def codes(site: StaffSite, model: type[Shop] | type[Unit] = Shop) -> set[str]:
    with transaction(site.engine) as session:
        return set(session.scalars(sa.select(model.code).where(model.mall_id == site.mall.mall_id)))


def test_good_rows_are_seen_then_registered_and_refused_ones_come_back(
    staff_site: StaffSite,
) -> None:
    client = staff_site.client(DESK)
    before = codes(staff_site)
    text = HEADER + (
        "S-101,新店一,零售,王敏,'+86 138,new@example.org,2026/3/1,第一行\n"
        "S-001,已有,餐饮,,,,,\n"
        "S-102,新店二,Catering,,,,2026年3月2日,\n"
        "S-103,,零售,,,,,\n"
        "S-104,新店四,飞船,,,nobody,2026-02-30,=1+1\n"
        "S-102,重复,零售,,,,,\n"
    )
    answer = send(client, text.encode("gbk"), "../店铺.csv")
    assert answer.status_code == 302
    address = answer.location
    page = client.get(address).text
    assert "2 rows will be registered" in page and "4 rows are refused" in page
    assert codes(staff_site) == before
    for said in (
        "Code S-001 is registered already.",
        "Name is missing.",
        "“飞船” is none of the business types.",
        "E-mail “nobody” is no e-mail address.",
        "Move-in date “2026-02-30” is no date; write 2026-01-31.",
        "Code S-102 stands in row 4 too.",
    ):
        assert said in page
    assert confirm(client, address).status_code == 302
    assert codes(staff_site) - before == {"S-101", "S-102"}
    with transaction(staff_site.engine) as session:
        shop = session.scalars(sa.select(Shop).where(Shop.code == "S-101")).one()
        assert (shop.contact_phone, str(shop.move_in_date)) == ("+86 138", "2026-03-01")
    page = client.get(address).text
    assert "2 rows are registered" in page and "4 rows are refused" in page
    assert 'name="digest"' not in page
    got = client.get(f"{address}/refused.csv")
    assert got.headers["Content-Disposition"].startswith("attachment")
    rows = list(csv.reader(StringIO(got.data.decode("utf-8-sig"))))
    assert [row[0] for row in rows] == ["Code", "S-001", "S-103", "S-104", "S-102"]
    assert "'=1+1" in rows[3] and "飞船" in rows[3]
    # Corrected, the downloaded file can be sent again; its reasons are passed over.
    corrected = got.data.decode("utf-8-sig").replace("S-103,,零售", "S-103,新店三,零售")
    again = client.get(send(client, corrected.encode()).location).text
    assert "1 row will be registered" in again
    assert "These columns are passed over: Why it was refused" in again


def test_registering_twice_registers_once(staff_site: StaffSite) -> None:
    client = staff_site.client(DESK)
    address = send(client, (HEADER + "S-201,店,零售,,,,,\n").encode()).location
    page = client.get(address).text
    digest = re.search(r'name="digest" value="(\w+)"', page)[1]  # type: ignore[index]
    form = {"csrf_token": token(client, PAGE), "digest": digest}
    for _ in range(2):
        assert client.post(address, data=form).status_code == 302
    assert "S-201" in codes(staff_site)
    assert "1 row is registered" in client.get(address).text


def test_nothing_is_saved_when_the_register_changed_after_the_look(staff_site: StaffSite) -> None:
    first, second = staff_site.client(DESK), staff_site.client("admin@example.org")
    text = HEADER + "S-301,店,零售,,,,,\nS-302,店,零售,,,,,\n"
    address = send(first, text.encode()).location
    page = first.get(address).text
    digest = re.search(r'name="digest" value="(\w+)"', page)[1]  # type: ignore[index]
    confirm(second, send(second, (HEADER + "S-301,先到,零售,,,,,\n").encode()).location)
    answer = first.post(
        address, data={"csrf_token": token(first, PAGE), "digest": digest}, follow_redirects=True
    )
    assert "The register has changed since you looked" in answer.text
    assert "S-302" not in codes(staff_site)
    assert "Code S-301 is registered already." in answer.text
    assert "1 row will be registered" in answer.text


def test_preview_is_its_author_s_alone(staff_site: StaffSite) -> None:
    client = staff_site.client(DESK)
    address = send(client, (HEADER + "S-401,店,零售,,,,,\n").encode()).location
    other = staff_site.client("admin@example.org")
    for path in (address, f"{address}/refused.csv"):
        assert client.get(path).status_code == 200
        assert other.get(path).status_code == 404
    assert confirm(other, address).status_code == 404
    assert client.get(address.replace("shops", "units")).status_code == 404
    assert staff_site.client("finance@example.org").get(PAGE).status_code == 403


def test_preview_is_kept_for_a_day(staff_site: StaffSite) -> None:
    from datetime import timedelta

    from services.imports.columns import ImportOf
    from services.operations.register_import import ImportNotFound, preview_import

    client = staff_site.client(DESK)
    address = send(client, (HEADER + "S-501,店,零售,,,,,\n").encode()).location
    store = staff_site.app.extensions["atrium"].store
    keys = [info.key for info in store.list("uploads/imports/") if address[-36:] in info.key]
    actor = int(keys[0].split("/")[3])
    from uuid import UUID

    asked = {"store": store, "of": ImportOf.SHOPS, "mall_id": staff_site.mall.mall_id}
    asked |= {"actor_id": actor, "uuid": UUID(address[-36:])}
    with transaction(staff_site.engine) as session:
        now = staff_site.clock.at
        preview_import(session, now=now + timedelta(hours=23), **asked)
        with pytest.raises(ImportNotFound):
            preview_import(session, now=now + timedelta(hours=25), **asked)


@pytest.mark.parametrize("extension", ["csv", "xlsx"])
@pytest.mark.parametrize("of", ["shops", "units"])
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_template_filled_in_comes_back_as_rows(
    staff_site: StaffSite, extension: str, of: str, locale: str
) -> None:
    client = staff_site.client(DESK, locale=locale)
    got = client.get(f"/admin/imports/{of}/template.{extension}")
    row = {
        "shops": [f"T-{extension}-{locale}", "店", "RETAIL"],
        "units": [f"U-{extension}-{locale}", "1F", "东区", "80.5", "2026-01-01"],
    }[of]
    if extension == "csv":
        data = got.data + ",".join(row).encode() + b"\r\n"
    else:
        book = openpyxl.load_workbook(BytesIO(got.data))
        for place, value in enumerate(row, 1):
            book.worksheets[0].cell(2, place, value)
        buffer = BytesIO()
        book.save(buffer)
        data = buffer.getvalue()
    answer = send(client, data, f"a.{extension}", f"/admin/imports/?of={of}")
    assert answer.status_code == 302, answer.text
    assert confirm(client, answer.location).status_code == 302
    assert row[0] in codes(staff_site, Shop if of == "shops" else Unit)


@pytest.mark.parametrize(
    ("data", "name", "english", "chinese"),
    [
        (b"a,b\n1,2\n", "a.csv", "lacks the column Code", "第一行缺少“编码”列"),
        (HEADER.encode(), "a.csv", "no row below the header", "表头下方没有数据行"),
        (b"code,Code\n1,2\n", "a.csv", "names the column Code twice", "有两列名为“Code”"),
        (billion_laughs(), "a.xlsx", "declares entities", "声明了实体"),
        (workbook(), "a.csv", "content is something else", "但内容不是"),
        (b"x", "a.pdf", "“.pdf” are not taken here; send CSV, XLSX", "请上传 CSV, XLSX"),
        (
            (HEADER + "S-9,x,零售,,,,,\n" * 2001).encode(),
            "a.csv",
            "more than 2000 rows",
            "超过 2000 行",
        ),
    ],
)
def test_refused_table_is_explained_at_the_field(
    staff_site: StaffSite, data: bytes, name: str, english: str, chinese: str
) -> None:
    for locale, said in (("en", english), ("zh-CN", chinese)):
        answer = send(staff_site.client(DESK, locale=locale), data, name)
        assert answer.status_code == 422
        assert said in answer.text.split('id="file-error"')[1][:500]
