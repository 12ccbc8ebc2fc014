"""Receipts of the public data as what this mall's tills would have said.

Belongs here: days, amounts and counts of tills. Not here: CSV (files) and JSON (batches).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from sample_mall.plan_devices import (
    CNY_PER_DOLLAR,
    EVENT_SHOPS,
    RECEIPTS_PER_BASKET,
    TAX_RATE,
)
from sample_mall.plan_leases import MOVE_IN_DAY, MOVE_IN_SHOP
from sample_mall.plan_shops import CUTOFF_HOUR, SHOPS, ShopPlan
from sample_mall.registers import opening_of
from sample_mall.shift import days_of
from sample_mall.sources import BASKETS_WINDOW, Basket, busiest_stores, read_baskets


@dataclass(frozen=True, slots=True)
class TillDay:
    """A till's business day; amounts in fen, tax included. gross = net + discounts + refunds."""

    shop: ShopPlan
    day: date
    receipts: int
    net: int
    discounts: int
    refunds: int = 0

    @property
    def gross(self) -> int:
        return self.net + self.discounts + self.refunds

    @property
    def tax(self) -> int:
        """The tax in the net sales, half up: net × rate ÷ (1 + rate)."""
        percent = int(TAX_RATE[self.shop.business_type] * 100)
        return (2 * self.net * percent + 100 + percent) // (2 * (100 + percent))


@dataclass(frozen=True, slots=True)
class Sale:
    """One transaction of a till that sends each; `at` by the mall's clock, amount in fen."""

    shop: ShopPlan
    at: datetime
    amount: int


def till_days(shop: ShopPlan, month: date, first_month: date) -> tuple[TillDay, ...]:
    """A day file's rows of one till; a day without a receipt is a day of zero sales."""
    baskets = _baskets_by_day(month).get(_store(shop), {})
    days = []
    for day in trading_days(shop, month, first_month):
        receipts = baskets.get(day, ())
        days.append(
            TillDay(
                shop,
                day,
                len(receipts) * RECEIPTS_PER_BASKET,
                sum(each.received for each in receipts) * CNY_PER_DOLLAR,
                sum(each.discounted for each in receipts) * CNY_PER_DOLLAR,
            )
        )
    return tuple(days)


def sales(month: date) -> tuple[Sale, ...]:
    """All transactions of the tills that send each, by time. No two of a till share a second:
    the later one is told a second later.
    """
    found: list[Sale] = []
    shift = BASKETS_WINDOW.shift(month)
    for shop in SHOPS:
        if shop.code not in EVENT_SHOPS:
            continue
        last = opening_of(month)
        by_day = _baskets_by_day(month).get(_store(shop), {})
        for day in days_of(month):
            for basket in by_day.get(day, ()):
                if basket.received:
                    last = max(basket.at + shift, last + timedelta(seconds=1))
                    found.append(Sale(shop, last, basket.received * CNY_PER_DOLLAR))
    return tuple(sorted(found, key=lambda sale: (sale.at, sale.shop.code)))


def day_file_shops() -> Iterator[ShopPlan]:
    return (shop for shop in SHOPS if shop.code not in EVENT_SHOPS)


def trading_days(shop: ShopPlan, month: date, first_month: date) -> tuple[date, ...]:
    days = days_of(month)
    if shop.code != MOVE_IN_SHOP or month > first_month:
        return days
    return days[MOVE_IN_DAY - 1 :] if month == first_month else ()


def _store(shop: ShopPlan) -> int:
    return busiest_stores()[shop.store]


@lru_cache(maxsize=2)
def _baskets_by_day(month: date) -> dict[int, dict[date, list[Basket]]]:
    """Baskets by store and by business date in (or near) the month, in order of time."""
    shift = BASKETS_WINDOW.shift(month)
    found: dict[int, dict[date, list[Basket]]] = defaultdict(lambda: defaultdict(list))
    for basket in read_baskets():
        day = (basket.at + shift - timedelta(hours=CUTOFF_HOUR)).date()
        found[basket.store_id][day].append(basket)
    return found
