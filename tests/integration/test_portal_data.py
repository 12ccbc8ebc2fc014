"""A shop hands in its own data: template, look, landing, correction; never another shop's."""

import csv
import io
from typing import Any
from uuid import UUID

import openpyxl
import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from portal_mall import BOOKS, COFFEE
from portal_site import PortalSite, portal_site, staff_site  # noqa: F401
from staff_site import token

HEADER = (
    "mall_code,shop_code,business_date,till_id,txn_count,gross_sales,refunds,discounts,tax,"
    "net_sales,currency,file_seq"
)


def row(day: str, net: str, *, till: str = "POS-001", shop: str = "S-001", txns: str = "9") -> str:
    return f"M01,{shop},{day},{till},{txns},{net},0.00,0.00,0.00,{net},CNY,1"


def send(client: FlaskClient, content: bytes, *, name: str = "sales.csv", feed: str = "pos_days"):  # type: ignore[no-untyped-def]
    return client.post(
        "/portal/data/",
        data={
            "csrf_token": token(client, "/portal/data/"),
            "feed": feed,
            "file": (io.BytesIO(content), name),
        },
    )


def sent(client: FlaskClient, *rows: str, header: str = HEADER) -> str:
    """The address of what was sent."""
    answer = send(client, "\n".join([header, *rows]).encode())
    assert answer.status_code == 302, answer.text
    return str(answer.headers["Location"])


def land(client: FlaskClient, address: str):  # type: ignore[no-untyped-def]
    return client.post(
        address, data={"csrf_token": token(client, "/portal/data/")}, follow_redirects=True
    )


def stored(site: PortalSite, metric: str = "sales") -> dict[str, Any]:
    with site.site.engine.connect() as connection:
        return {
            f"{found.day}": found.value
            for found in connection.execute(
                sa.text(
                    "SELECT (interval_start AT TIME ZONE 'Asia/Shanghai')::date AS day, value "
                    "FROM ingest.readings r JOIN app.devices d ON d.id = r.device_id "
                    "WHERE d.code = 'POS-001' AND metric = :metric"
                ),
                {"metric": metric},
            )
        }


def count(site: PortalSite, table: str) -> int:
    with site.site.engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(sa.text(table))) or 0)


@pytest.fixture
def site(portal_site: PortalSite) -> PortalSite:  # noqa: F811
    return portal_site


@pytest.fixture
def client(site: PortalSite) -> FlaskClient:
    return site.site.client(BOOKS)


@pytest.mark.parametrize("locale", ["en", "zh_CN"])
def test_template_filled_in_is_taken(site: PortalSite, locale: str) -> None:
    client = site.site.client(BOOKS, locale=locale)
    book = openpyxl.load_workbook(
        io.BytesIO(client.get("/portal/data/pos_days/template.xlsx").data)
    )
    sheet = book.worksheets[0]
    titles = [cell.value for cell in sheet[1]]
    assert ("净销售额" in titles) is (locale == "zh_CN")
    begun = [cell.value for cell in sheet[2]]
    assert begun[:2] == ["M01", "S-001"] and begun[3] == "POS-001"
    for place, value in enumerate(("7", "70.50", "0", "0", "4.00", "70.50"), 5):
        sheet.cell(2, place, value)
    buffer = io.BytesIO()
    book.save(buffer)
    answer = send(client, buffer.getvalue(), name="销售.xlsx")
    page = client.get(answer.headers["Location"]).text
    assert ("接收 1 行" if locale == "zh_CN" else "Take 1 row") in page


def test_look_changes_nothing_and_landing_does_what_it_showed(
    site: PortalSite,
    client: FlaskClient,
) -> None:
    before, files = stored(site), count(site, "ingest.files")
    address = sent(client, row("2025-09-05", "100.00"), row("2025-09-06", "x"))
    page = client.get(address).text
    assert "Take 1 row" in page and "1 row is refused" in page and "Not a number" in page
    assert stored(site) == before and count(site, "ingest.files") == files
    landed = land(client, address).text
    assert "1 row was taken" in landed and "Not a number" in landed
    assert stored(site)["2025-09-05"] == 100
    assert "2025-09-06" not in stored(site)


def test_second_press_lands_nothing_again(site: PortalSite, client: FlaskClient) -> None:
    address = sent(client, row("2025-09-07", "10.00"))
    land(client, address)
    files = count(site, "ingest.files")
    again = land(client, address)
    assert again.status_code == 200 and "What became of it" in again.text
    assert count(site, "ingest.files") == files


def test_correction_wins_and_the_earlier_value_is_kept(
    site: PortalSite,
    client: FlaskClient,
) -> None:
    land(client, sent(client, row("2025-09-08", "10.00")))
    revisions = count(site, "ingest.reading_revisions")
    address = sent(client, row("2025-09-08", "12.00"))
    assert "corrects" in client.get(address).text
    land(client, address)
    assert stored(site)["2025-09-08"] == 12
    assert count(site, "ingest.reading_revisions") > revisions
    same = sent(client, row("2025-09-08", "12.00"))
    assert "the same as before" in client.get(same).text
    assert "Take " not in client.get(same).text


def test_closed_month_is_left_for_finance(site: PortalSite, client: FlaskClient) -> None:
    with site.site.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO app.closed_months (mall_id, month, closed_at, closed_by) "
                "SELECT id, '2025-08-01', now(), 'finance' FROM app.malls WHERE code = 'M01'"
            )
        )
    address = sent(client, row("2025-08-05", "10.00"))
    assert "finance decides" in client.get(address).text
    late = count(site, "ingest.late_readings")
    land(client, address)
    assert "2025-08-05" not in stored(site)
    assert count(site, "ingest.late_readings") > late


def test_refused_rows_come_back_to_be_corrected(
    site: PortalSite,
    client: FlaskClient,
) -> None:
    address = sent(client, row("2025-09-09", "1"), row("2025-09-10", "=1+1"))
    for _ in range(2):  # before the landing and after it
        answer = client.get(f"{address}/refused.csv")
        rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
        assert rows[0][:-1] == HEADER.split(",") and len(rows) == 2
        assert rows[1][2] == "2025-09-10" and rows[1][5] == "'=1+1" and "number" in rows[1][-1]
        land(client, address)
    corrected = [*rows[1][:5], "5", "0", "0", "0", "5", *rows[1][10:]]
    again = sent(client, ",".join(f'"{cell}"' for cell in corrected), header=",".join(rows[0]))
    land(client, again)
    assert stored(site)["2025-09-10"] == 5


def test_till_of_another_shop_is_refused(site: PortalSite, client: FlaskClient) -> None:
    address = sent(
        client,
        row("2025-09-11", "1", till="POS-002", shop="S-002"),
        row("2025-09-11", "1", till="POS-002"),
        row("2025-09-11", "1", shop="S-002"),
    )
    page = client.get(address).text
    assert "3 rows are refused" in page and "Take " not in page


def test_day_before_the_till_stood_here_is_refused(
    site: PortalSite,
    client: FlaskClient,
) -> None:
    page = client.get(sent(client, row("2024-12-31", "1"))).text
    assert "did not stand in shop S-001" in page


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk"])
def test_chinese_titles_in_either_encoding_are_read(client: FlaskClient, encoding: str) -> None:
    titles = (
        "商场编号,店铺编号,营业日期,收银机,交易笔数,销售总额,退款,折扣,含税额,净销售额,币种,"
        "文件序号"
    )
    answer = send(client, f"{titles}\n{row('2025-09-12', '3')}".encode(encoding))
    assert "Take 1 row" in client.get(answer.headers["Location"]).text


def test_missing_column_is_named(client: FlaskClient) -> None:
    answer = client.get(sent(client, "M01,S-001", header="mall_code,shop_code"))
    assert answer.status_code == 422 and "lacks the column" in answer.text


def test_rows_without_a_value_are_passed_over(client: FlaskClient) -> None:
    page = client.get(sent(client, "M01,S-001,2025-09-13,POS-001,,,,,,,CNY,1")).text
    assert "No row is filled in" in page


def test_file_that_is_no_table_is_refused_at_the_field(client: FlaskClient) -> None:
    answer = send(client, b"\x89PNG\r\n\x1a\n", name="sales.csv")
    assert answer.status_code == 422 and 'id="file-error"' in answer.text


def test_what_one_shop_sent_is_not_found_by_another(
    site: PortalSite,
    client: FlaskClient,
) -> None:
    address = sent(client, row("2025-09-14", "1"))
    other = site.site.client(COFFEE)
    for path in (address, f"{address}/refused.csv"):
        assert other.get(path).status_code == 404
    land(client, address)
    assert other.get(address).status_code == 404
    assert "sales.csv" in client.get("/portal/data/").text
    assert "sales.csv" not in other.get("/portal/data/").text


def test_unknown_upload_and_feed_are_not_found(client: FlaskClient) -> None:
    address = sent(client, row("2025-09-15", "1"))
    assert client.get(f"/portal/data/pos_days/{UUID(int=1)}").status_code == 404
    assert client.get(address.replace("pos_days", "sales")).status_code == 404


def test_landing_is_written_down(site: PortalSite, client: FlaskClient) -> None:
    land(client, sent(client, row("2025-09-16", "1")))
    with site.site.engine.connect() as connection:
        action, actor, after = connection.execute(
            sa.text(
                "SELECT action, actor_name, after FROM audit.events "
                "WHERE subject_type = 'uploads' ORDER BY seq DESC LIMIT 1"
            )
        ).one()
    assert (action, actor, after["accepted"]) == ("IMPORTED", BOOKS, 1)
