"""Charts of the mall's days: sales by business type, visitors, electricity.

Days are drawn as in `services.charts.day_bars`.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import altair as alt

from domain.malls import BusinessType
from services.charts import day_bars, theme
from services.language import translator
from services.queries.dashboard import BusinessTypeDay, MallDay
from services.queries.portal_figures import ShopDay

DOMAIN = "charts"


def business_type_words(locale: str) -> dict[str, str]:
    """The word for each business type, by its value."""
    _ = translator(locale, DOMAIN)
    return {
        BusinessType.RETAIL.value: _("Retail"),
        BusinessType.CATERING.value: _("Catering"),
        BusinessType.ENTERTAINMENT.value: _("Entertainment"),
        BusinessType.SERVICE.value: _("Service"),
        BusinessType.OTHER.value: _("Other"),
    }


def sales_by_day(
    rows: Sequence[BusinessTypeDay],
    days: Sequence[MallDay],
    *,
    start: date,
    end: date,
    locale: str,
) -> dict[str, Any]:
    """Net sales a day, stacked by business type, in the mall's currency."""
    _ = translator(locale, DOMAIN)
    words = business_type_words(locale)
    order = list(words.values())
    complete = {day.business_date: day.has_complete_sales for day in days}
    data = [
        {
            "day": row.business_date.isoformat(),
            "type": words.get(row.business_type, row.business_type),
            "place": order.index(words.get(row.business_type, row.business_type)),
            "sales": float(row.net_sales),
            "state": day_bars.completeness(complete.get(row.business_date, False), _),
        }
        for row in rows
        if row.net_sales is not None
    ]
    colours = [theme.BUSINESS_TYPE_COLOURS[BusinessType(value)] for value in words]
    chart = day_bars.bars(data).encode(
        x=day_bars.day_axis(start, end),
        y=alt.Y("sales:Q", title="¥", axis=alt.Axis(format="~s", tickCount=5)),
        color=alt.Color("type:N", scale=alt.Scale(domain=order, range=colours)),
        order=alt.Order("place:Q"),
        tooltip=[
            alt.Tooltip("day:O", title=_("Business date")),
            alt.Tooltip("type:N", title=_("Business type")),
            alt.Tooltip("sales:Q", title=_("Net sales (¥)"), format=",.2f"),
            alt.Tooltip("state:N", title=_("Data")),
        ],
        **day_bars.incomplete(_),
    )
    return theme.configured(chart, _("Net sales by business type"))


def footfall_by_day(
    days: Sequence[MallDay] | Sequence[ShopDay],
    *,
    start: date,
    end: date,
    locale: str,
    missing: Sequence[date] = (),
) -> dict[str, Any]:
    """Visitors who entered the mall, or a shop, a day; `missing` are the days whose counters
    said nothing though they should.
    """
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


def electricity_by_day(
    days: Sequence[MallDay], *, start: date, end: date, locale: str
) -> dict[str, Any]:
    """Electricity metered a day, in kWh."""
    _ = translator(locale, DOMAIN)
    data = [
        {
            "day": day.business_date.isoformat(),
            "value": float(day.electricity_kwh),
            "state": day_bars.completeness(True, _),
        }
        for day in days
        if day.electricity_kwh is not None
    ]
    return day_bars.single(
        data,
        _,
        start=start,
        end=end,
        title="kWh",
        description=_("Electricity by day"),
        colour=theme.GREEN,
        form=",.1f",
    )
