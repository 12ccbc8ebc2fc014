"""Shops' day summaries as JSON: one object a shop and day, or an array of them.

Belongs here: that shape. Not here: what a repeat overwrites (the newest received wins).

serial = ShopCode, no channel. The figures are of the mall's whole business day SaleDate:
`SaleMoney` is sales (net of refunds and discounts, tax included), `SaleNum` transactions and
`SaleDiscountMoney` discounts. Left out where the shop leaves one out. The number of articles
(SaleQty) and averages are let be. A Currency other than the mall's is refused.
"""

import codecs
from datetime import datetime
from decimal import Decimal

import msgspec

from domain.devices import Metric
from services.adapters.decoded import Decoded, Source
from services.adapters.pieces import (
    Gathering,
    Unfit,
    count,
    day,
    name_of,
    number,
    read_json,
    read_piece,
    text_of,
)
from services.adapters.refusals import Reason, shown

EXPECTED = "an array of objects with ShopCode, SaleDate, SaleNum and SaleMoney"
_Amount = Decimal | None


class _Day(msgspec.Struct, gc=False):
    ShopCode: str | int
    SaleDate: str
    SaleMoney: _Amount = None
    SaleNum: _Amount = None
    SaleDiscountMoney: _Amount = None
    Currency: str | None = None


_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_ONE = msgspec.json.Decoder(msgspec.Raw)
_DAY = msgspec.json.Decoder(_Day)


def decode(body: bytes, source: Source) -> Decoded:
    """The figures of each object; `place` counts figures from 0."""
    gathering = Gathering()
    for index, raw in enumerate(_objects(body)):
        try:
            figures = _figures(read_piece(raw, _DAY, f"[{index}]"), source)
        except Unfit as why:
            gathering.refuse(why, text_of(raw))
            continue
        shop, start, end, values = figures
        text = text_of(raw)
        gathering.heard.add(shop)
        for label, metric, value in values:
            gathering.take(
                serial=shop,
                channel="",
                label=label,
                metric=metric,
                start=start,
                end=end,
                value=value,
                text=text,
            )
    return gathering.decoded()


def _objects(body: bytes) -> list[msgspec.Raw]:
    if body.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")[:1] == b"{":
        return [read_json(body, _ONE, EXPECTED)]
    return read_json(body, _ARRAY, EXPECTED)


_Figures = list[tuple[str, Metric, Decimal]]


def _figures(said: _Day, source: Source) -> tuple[str, datetime, datetime, _Figures]:
    """The shop, the start and end of its business day, and what it says of it."""
    shop = name_of(said.ShopCode, "ShopCode")
    if said.Currency and said.Currency.upper() != source.currency.upper():
        raise Unfit(
            Reason.WRONG_CURRENCY, f"Currency is {shown(said.Currency)}; expected {source.currency}"
        )
    start, end = source.business_day(shop, day(said.SaleDate, "SaleDate"))
    values: _Figures = []
    if said.SaleMoney is not None:
        values.append(("SaleMoney", Metric.SALES, number(said.SaleMoney, "SaleMoney")))
    if said.SaleNum is not None:
        values.append(("SaleNum", Metric.TRANSACTIONS, count(said.SaleNum, "SaleNum")))
    if said.SaleDiscountMoney is not None:
        discount = number(said.SaleDiscountMoney, "SaleDiscountMoney")
        values.append(("SaleDiscountMoney", Metric.DISCOUNTS, discount))
    if not values:
        raise Unfit(
            Reason.MISSING_FIELD,
            "SaleMoney, SaleNum and SaleDiscountMoney are missing; expected one",
        )
    return shop, start, end, values
