"""Charts of one shop's days: its sales and its visitors.

Days are drawn as in `services.charts.day_bars`.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from services.charts import day_bars, theme
from services.charts.mall_days import DOMAIN
from services.language import CURRENCY_SIGNS, translator
from services.queries.portal_figures import ShopDay


def shop_sales_by_day(
    days: Sequence[ShopDay],
    *,
    start: date,
    end: date,
    missing: Sequence[date],
    currency: str,
    locale: str,
) -> dict[str, Any]:
    """Net sales a day; `missing` are the days whose tills said nothing though they should."""
    _ = translator(locale, DOMAIN)
    data = [
        {
            "day": day.business_date.isoformat(),
            "value": float(day.net_sales),
            "state": day_bars.completeness(day.has_complete_sales, _),
        }
        for day in days
        if day.net_sales is not None
    ]
    return day_bars.single(
        data,
        _,
        start=start,
        end=end,
        title=CURRENCY_SIGNS.get(currency, currency),
        description=_("Net sales by day"),
        colour=theme.GREEN,
        form=",.2f",
        missing=missing,
    )


def shop_footfall_by_day(
    days: Sequence[ShopDay], *, start: date, end: date, missing: Sequence[date], locale: str
) -> dict[str, Any]:
    """Visitors who entered the shop, a day; `missing` as for sales, of its counters."""
    _ = translator(locale, DOMAIN)
    data = [
        {
            "day": day.business_date.isoformat(),
            "value": day.footfall_in,
            "state": day_bars.completeness(day.has_complete_footfall, _),
        }
        for day in days
        if day.footfall_in is not None
    ]
    return day_bars.single(
        data,
        _,
        start=start,
        end=end,
        title=_("Visitors"),
        description=_("Visitors by day"),
        colour=theme.BLUE,
        form=",.0f",
        missing=missing,
    )
