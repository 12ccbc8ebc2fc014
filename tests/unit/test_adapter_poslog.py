"""POSLog: what of it is a sale, and which amounts ours are."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from till_and_meter_samples import (
    CONTROL,
    POSLOG_DAY,
    SALE,
    SOURCE,
    line,
    poslog,
    totals,
    transaction,
)

from domain.sales import COUNTED, SaleKind
from services.adapters.decoded import Sale, Unreadable
from services.adapters.poslog import decode
from services.adapters.refusals import Reason
from services.adapters.xml_tree import read_xml


def only_sale(*transactions: str) -> Sale:
    decoded = decode(poslog(*transactions), SOURCE)
    assert decoded.refusals == []
    (sale,) = decoded.sales
    return sale


def amounts(sale: Sale) -> tuple[str, str, str, str, str]:
    parts = (sale.gross, sale.refunds, sale.discounts, sale.tax, sale.net)
    gross, refunds, discounts, tax, net = (f"{part:.2f}" for part in parts)
    return gross, refunds, discounts, tax, net


def test_sale_is_read_with_its_address_its_stated_day_and_its_end() -> None:
    sale = only_sale(SALE)
    assert (sale.serial, sale.channel, sale.number) == ("S21", "T3", "7001")
    assert sale.business_date == date(2026, 5, 12)
    assert sale.at == datetime(2026, 5, 12, 16, 1, 5, tzinfo=UTC)
    assert sale.kind is SaleKind.SALE
    assert amounts(sale) == ("113.00", "0.00", "0.00", "13.00", "113.00")


def test_each_kind_of_transaction_of_a_day_is_kept_as_what_it_is() -> None:
    decoded = decode(POSLOG_DAY, SOURCE)
    assert [(sale.number, sale.kind) for sale in decoded.sales] == [
        ("7001", SaleKind.SALE),
        ("7002", SaleKind.RETURN),
        ("7003", SaleKind.SALE),
        ("7004", SaleKind.VOID),
        ("7005", SaleKind.CONTROL),
        ("7006", SaleKind.TRAINING),
        ("7007", SaleKind.CANCELLED),
        ("7008", SaleKind.CANCELLED),
    ]
    assert [sale.place for sale in decoded.sales] == list(range(8))
    assert decoded.total == 8
    assert decoded.heard == {"S21"}


def test_return_and_void_name_their_originals() -> None:
    by_number = {sale.number: sale for sale in decode(POSLOG_DAY, SOURCE).sales}
    assert by_number["7002"].original_number == "6998"
    assert by_number["7004"].original_number == "7001"
    assert by_number["7001"].original_number == ""


def test_return_is_positive_in_refunds_and_counts_against_sales() -> None:
    sale = {sale.number: sale for sale in decode(POSLOG_DAY, SOURCE).sales}["7002"]
    assert amounts(sale) == ("0.00", "45.20", "0.00", "5.20", "-45.20")


def test_exchange_has_sales_refunds_and_discounts_that_add_up_to_its_grand_total() -> None:
    sale = {sale.number: sale for sale in decode(POSLOG_DAY, SOURCE).sales}["7003"]
    assert amounts(sale) == ("220.00", "80.00", "20.00", "13.81", "120.00")


@pytest.mark.parametrize(
    "inside",
    [
        line("Return", "45.20") + totals("-45.20"),
        line("Return", "45.20") + totals("45.20"),
        line("Return", "-45.20") + totals("-45.20"),
        line("Sale", "-45.20") + totals("-45.20"),
        line("Return", "45.20"),
        line("Return", "45.20") + totals("45.20") + "<NegativeTotalFlag>true</NegativeTotalFlag>",
        totals("-45.20"),
    ],
)
def test_return_is_read_however_the_till_signs_it(inside: str) -> None:
    sale = only_sale(transaction(inside))
    assert sale.kind is SaleKind.RETURN
    assert amounts(sale)[:2] == ("0.00", "45.20")


@pytest.mark.parametrize("flags", ['CancelFlag="true"', 'TrainingModeFlag="1"', ""])
def test_what_is_not_counted_is_kept_whatever_its_amounts_say(flags: str) -> None:
    link = "<TransactionLink ReasonCode='Void'><SequenceNumber>1</SequenceNumber></TransactionLink>"
    sale = only_sale(transaction(line("Sale", "113.00") + link + totals("-113.00"), flags=flags))
    assert sale.kind not in COUNTED
    assert amounts(sale) == ("113.00", "0.00", "0.00", "0.00", "113.00")


def test_net_of_tax_and_tax_make_the_grand_total_that_a_till_leaves_out() -> None:
    sale = only_sale(transaction(line("Sale", "113.00") + totals(net="100.00", tax="13.00")))
    assert sale.net == Decimal("113.00")


def test_lines_without_tax_have_it_added_to_what_was_returned() -> None:
    returned = "<Tax><Amount>2.60</Amount></Tax>"
    sale = only_sale(
        transaction(
            line("Sale", "100.00")
            + line("Return", "20.00", returned)
            + totals("90.40", "80.00", "10.40")
        )
    )
    assert amounts(sale) == ("113.00", "22.60", "0.00", "10.40", "90.40")


def test_lines_alone_make_the_amounts() -> None:
    sale = only_sale(transaction(line("Sale", "30.00") + line("Sale", "12.50")))
    assert amounts(sale) == ("42.50", "0.00", "0.00", "0.00", "42.50")


def test_transaction_may_be_the_root_in_any_namespace_with_a_vendors_additions() -> None:
    body = (
        b'<v:Transaction xmlns:v="urn:other" xmlns:W="urn:vendor"><W:SequenceNumberOfBatch>1'
        b"</W:SequenceNumberOfBatch><v:BusinessUnit><v:UnitID>S9</v:UnitID></v:BusinessUnit>"
        b"<v:WorkstationID>1</v:WorkstationID><v:SequenceNumber>5</v:SequenceNumber>"
        b"<v:BusinessDayDate>2026-05-12</v:BusinessDayDate><v:RetailTransaction>"
        b"<W:CreateInfo><W:RetailStoreID>X</W:RetailStoreID></W:CreateInfo>"
        b'<v:Total TotalType="TransactionGrandAmount" W:DateTime="x">8.00</v:Total>'
        b'<v:Total TotalType="W:Rounding">99.00</v:Total>'
        b"</v:RetailTransaction></v:Transaction>"
    )
    (sale,) = decode(body, SOURCE).sales
    assert (sale.serial, sale.channel, sale.number, sale.net) == ("S9", "1", "5", Decimal("8.00"))
    # It says no time: it stands where its business day begins, at 04:00 in Shanghai.
    assert sale.at == datetime(2026, 5, 11, 20, 0, tzinfo=UTC)


def test_transaction_without_a_business_day_leaves_it_to_the_malls_cut_off() -> None:
    assert only_sale(transaction(totals("5.00"), day="")).business_date is None


def test_times_without_an_offset_are_local_to_the_store() -> None:
    tokyo = replace(
        SOURCE, zone_of=lambda serial: ZoneInfo("Asia/Tokyo") if serial == "S21" else None
    )
    (sale,) = decode(poslog(SALE), tokyo).sales
    assert sale.at == datetime(2026, 5, 12, 15, 1, 5, tzinfo=UTC)


def test_one_bad_transaction_is_refused_alone() -> None:
    bad = [
        (transaction(totals("5.00"), currency="USD"), Reason.WRONG_CURRENCY),
        (transaction(totals("five")), Reason.BAD_NUMBER),
        (transaction(totals("5.00"), number=""), Reason.MISSING_FIELD),
        (transaction(totals("5.00"), day="2026-13-40"), Reason.BAD_TIME),
        (
            transaction(line("Sale", "1.00") + line("Return", "5.00") + totals("-9.00")),
            Reason.NET_SALES_MISMATCH,
        ),
    ]
    decoded = decode(poslog(SALE, *(body for body, _ in bad), CONTROL), SOURCE)
    assert [sale.number for sale in decoded.sales] == ["7001", "7005"]
    assert [refusal.reason_code for refusal in decoded.refusals] == [code for _, code in bad]
    assert [refusal.row_number for refusal in decoded.refusals] == [1, 2, 3, 4, 5]
    assert "CurrencyCode=USD" in decoded.refusals[0].row
    assert decoded.total == 7


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"<POSLog>",
        b"<Other/>",
        b"not xml",
        b'<!DOCTYPE a [<!ENTITY x "y">]><POSLog>&x;</POSLog>',
        b"<a>" * 100_000,
    ],
)
def test_what_is_no_poslog_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(body, SOURCE)


def test_a_long_day_needs_the_memory_of_its_sales_and_not_of_its_tree() -> None:
    lines = line("Sale", "1.00") * 200
    body = poslog(*(transaction(lines + totals("200.00"), number=str(n)) for n in range(60)))

    def peak(read: Callable[[], object]) -> int:
        tracemalloc.start()
        try:
            read()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert len(decode(body, SOURCE).sales) == 60
    whole = peak(lambda: read_xml(body))
    assert peak(lambda: decode(body, SOURCE)) < whole / 4


@given(
    sold=st.lists(st.decimals(0, 9999, places=2), max_size=4),
    returned=st.lists(st.decimals(0, 9999, places=2), max_size=4),
)
def test_the_parts_always_add_up_to_what_the_lines_come_to(
    sold: list[Decimal], returned: list[Decimal]
) -> None:
    lines = [line("Sale", str(a)) for a in sold] + [line("Return", str(a)) for a in returned]
    sale = only_sale(transaction("".join(lines)))
    assert sale.net == sum(sold, Decimal(0)) - sum(returned, Decimal(0))
    assert min(sale.gross, sale.refunds, sale.discounts, sale.tax) >= 0
