"""Charts of one shop's days: its sales (its visitors are drawn as the mall's are).

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
