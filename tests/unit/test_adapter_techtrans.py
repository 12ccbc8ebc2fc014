"""科传's calls: sales, returns, day summaries, the reply; and what is never kept of them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from defusedxml.ElementTree import fromstring
from till_and_meter_samples import (
    SECRETS,
    SOURCE,
    TECHTRANS_DAY,
    TECHTRANS_RETURN,
    TECHTRANS_SALE,
    salestotal,
    soap,
)

from domain.devices import Metric
from domain.sales import SaleKind
from services.adapters.decoded import Unreadable
from services.adapters.refusals import Reason
from services.adapters.techtrans import answer, decode


def test_sale_is_read_with_its_discount_and_its_tax() -> None:
    decoded = decode(TECHTRANS_SALE, SOURCE)
    (sale,) = decoded.sales
    assert (sale.serial, sale.channel, sale.number) == ("B1-07", "02", "D88001")
    assert sale.business_date == date(2026, 5, 12)
    assert sale.at == datetime(2026, 5, 12, 13, 30, 45, tzinfo=UTC)
    assert sale.kind is SaleKind.SALE
    assert (sale.gross, sale.discounts, sale.refunds) == (
        Decimal("320.00"),
        Decimal("31.20"),
        Decimal(0),
    )
    assert (sale.net, sale.tax) == (Decimal("288.80"), Decimal("33.22"))
    assert (decoded.total, decoded.heard) == (1, {"B1-07"})


def test_return_counts_against_sales_and_names_its_original() -> None:
    (sale,) = decode(TECHTRANS_RETURN, SOURCE).sales
    assert sale.kind is SaleKind.RETURN
    assert (sale.gross, sale.refunds, sale.tax) == (Decimal(0), Decimal("50.00"), Decimal("5.75"))
    assert sale.original_number == "D87990"


@pytest.mark.parametrize(
    ("salestype", "net"), [("SR", "50.00"), ("SR", "-50.00"), ("SA", "-50.00")]
)
def test_return_is_read_however_the_till_writes_it(salestype: str, net: str) -> None:
    body = soap("postsalescreate", salestotal(salestype=salestype, netamount=net))
    (sale,) = decode(body, SOURCE).sales
    assert (sale.kind, sale.net) == (SaleKind.RETURN, Decimal("-50.00"))


def test_void_takes_back_the_document_it_names() -> None:
    body = soap("postsalescreate", salestotal(salestype="VO", txorgdocno="D1", netamount="-9.00"))
    (sale,) = decode(body, SOURCE).sales
    assert (sale.kind, sale.original_number) == (SaleKind.VOID, "D1")


def test_several_sales_in_one_call_are_each_taken_or_refused() -> None:
    body = soap(
        "postsalescreate",
        salestotal()
        + salestotal(txdocno="D2", salestype="ZZ")
        + salestotal(txdocno="D3", netamount="")
        + salestotal(txdocno="D4", txdate_yyyymmdd="20260230")
        + salestotal(txdocno="D5", txtime_hhmmss="256199")
        + salestotal(txdocno=""),
    )
    decoded = decode(body, SOURCE)
    assert [sale.number for sale in decoded.sales] == ["D88001"]
    assert [refusal.reason_code for refusal in decoded.refusals] == [
        Reason.BAD_TEXT,
        Reason.BAD_NUMBER,
        Reason.BAD_TIME,
        Reason.BAD_TIME,
        Reason.MISSING_FIELD,
    ]
    assert decoded.total == 6
    assert [refusal.row_number for refusal in decoded.refusals] == [1, 2, 3, 4, 5]


def test_whole_day_posted_as_one_document_is_taken() -> None:
    body = soap(
        "postsalescreate",
        salestotal(txtime_hhmmss="233000", originalamount="0", netqty="1", netamount="18234.10"),
    )
    (sale,) = decode(body, SOURCE).sales
    assert sale.net == Decimal("18234.10")


def test_day_summary_is_of_the_malls_business_day() -> None:
    decoded = decode(TECHTRANS_DAY, SOURCE)
    assert {m.label: (m.metric, m.value) for m in decoded.measurements} == {
        "netamount": (Metric.SALES, Decimal("9250.50")),
        "ttlrefundamt": (Metric.REFUNDS, Decimal("50.00")),
        "ttldoccount": (Metric.TRANSACTIONS, Decimal(41)),
    }
    for measurement in decoded.measurements:
        # 04:00 in Shanghai to 04:00
        assert measurement.start == datetime(2026, 5, 11, 20, tzinfo=UTC)
        assert measurement.end == datetime(2026, 5, 12, 20, tzinfo=UTC)
        assert (measurement.serial, measurement.channel) == ("B1-07", "02")


def test_count_of_zero_beside_sales_says_nothing() -> None:
    body = TECHTRANS_DAY.replace(b"<ttldoccount>41<", b"<ttldoccount>0<")
    assert Metric.TRANSACTIONS not in {m.metric for m in decode(body, SOURCE).measurements}
    closed = body.replace(b"9300.50", b"0").replace(b"<ttlrefundamt>50.00<", b"<ttlrefundamt>0<")
    by_metric = {m.metric: m.value for m in decode(closed, SOURCE).measurements}
    assert by_metric[Metric.TRANSACTIONS] == 0


@pytest.mark.parametrize("encoding", ["gbk", "gb2312", "GB18030", "utf-16"])
def test_chinese_encodings_are_read(encoding: str) -> None:
    body = soap("postsalescreate", salestotal(txdocno="单据1"), encoding)
    assert [sale.number for sale in decode(body, SOURCE).sales] == ["单据1"]


def test_nothing_of_the_header_or_the_customer_is_kept() -> None:
    bad = soap("postsalescreate", salestotal(salestype="ZZ"))
    texts = [sale.text for sale in decode(TECHTRANS_SALE, SOURCE).sales]
    texts += [m.text for m in decode(TECHTRANS_DAY, SOURCE).measurements]
    texts += [f"{r.row} {r.reason}" for r in decode(bad, SOURCE).refusals]
    for broken in (bad[:-30], bad.replace(b"</licensekey>", b"</oops>"), bad[:200]):
        with pytest.raises(Unreadable) as raised:
            decode(broken, SOURCE)
        texts.append(str(raised.value))
    assert len(texts) == 8
    for secret in (*SECRETS, "VIP-13900001111"):
        assert all(secret not in text for text in texts)
    assert "D88001" in texts[0]


@pytest.mark.parametrize(
    "body",
    [b"", b"<a/>", soap("postsalescreate", ""), b'<!DOCTYPE a [<!ENTITY b "c">]><salestotal/>'],
)
def test_what_is_no_call_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(body, SOURCE)


@pytest.mark.parametrize(
    ("asked", "call"),
    [(TECHTRANS_SALE, "postsalescreate"), (TECHTRANS_DAY, "postdailysalessummary")],
)
def test_reply_answers_the_call_that_was_made(asked: bytes, call: str) -> None:
    for ok, code in ((True, 0), (False, -1)):
        root = fromstring(answer(ok, "没有登记 <店铺>\x01", asked))
        names = [element.tag.rpartition("}")[2] for element in root.iter()]
        assert names[2:5] == [f"{call}Response", f"{call}Result", "header"]
        found = {e.tag.rpartition("}")[2]: e.text for e in root.iter()}
        assert int(found["responsecode"] or "") == code
        assert found["responsemessage"] == "没有登记 <店铺> "
