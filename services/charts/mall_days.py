"""Charts of the mall's days: sales by business type, visitors, electricity.

A day whose data is incomplete is drawn pale with a dashed outline: it may still grow, and it is
not a bad day. A day without data has no bar.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import altair as alt

from domain.malls import BusinessType
from services.charts import theme
from services.language import translator
from services.queries.dashboard import BusinessTypeDay, MallDay

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
            "state": _completeness(complete.get(row.business_date, False), _),
        }
        for row in rows
        if row.net_sales is not None
    ]
    colours = [theme.BUSINESS_TYPE_COLOURS[BusinessType(value)] for value in words]
    chart = _bars(data, _).encode(
        x=_day_axis(start, end),
        y=alt.Y("sales:Q", title="¥", axis=alt.Axis(format="~s", tickCount=5)),
        color=alt.Color("type:N", scale=alt.Scale(domain=order, range=colours)),
        order=alt.Order("place:Q"),
        tooltip=[
            alt.Tooltip("day:O", title=_("Business date")),
            alt.Tooltip("type:N", title=_("Business type")),
            alt.Tooltip("sales:Q", title=_("Net sales (¥)"), format=",.2f"),
            alt.Tooltip("state:N", title=_("Data")),
        ],
        **_incomplete(_),
    )
    return theme.configured(chart, _("Net sales by business type"))


def footfall_by_day(
    days: Sequence[MallDay], *, start: date, end: date, locale: str
) -> dict[str, Any]:
    """Visitors who entered the mall, a day."""
    _ = translator(locale, DOMAIN)
    data = [
        {
            "day": day.business_date.isoformat(),
            "value": day.footfall_in,
            "state": _completeness(day.has_complete_footfall, _),
        }
        for day in days
        if day.footfall_in is not None
    ]
    return _single(
        data,
        _,
        start=start,
        end=end,
        title=_("Visitors"),
        description=_("Visitors by day"),
        colour=theme.BLUE,
        form=",.0f",
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
            "state": _completeness(True, _),
        }
        for day in days
        if day.electricity_kwh is not None
    ]
    return _single(
        data,
        _,
        start=start,
        end=end,
        title="kWh",
        description=_("Electricity by day"),
        colour=theme.GREEN,
        form=",.1f",
    )


def _single(
    data: list[dict[str, Any]],
    _: Any,
    *,
    start: date,
    end: date,
    title: str,
    description: str,
    colour: str,
    form: str,
) -> dict[str, Any]:
    chart = _bars(data, _, color=colour).encode(
        x=_day_axis(start, end),
        y=alt.Y("value:Q", title=title, axis=alt.Axis(format="~s", tickCount=5)),
        tooltip=[
            alt.Tooltip("day:O", title=_("Business date")),
            alt.Tooltip("value:Q", title=title, format=form),
            alt.Tooltip("state:N", title=_("Data")),
        ],
        **_incomplete(_, stroke=colour),
    )
    return theme.configured(chart, description)


def _bars(data: list[dict[str, Any]], _: Any, **mark: Any) -> Any:
    return alt.Chart(theme.inline(data)).mark_bar(
        cornerRadiusTopLeft=1, cornerRadiusTopRight=1, **mark
    )


def _day_axis(start: date, end: date) -> alt.X:
    """Every day of the span has its place, also a day without data."""
    days = [(start + timedelta(days=at)).isoformat() for at in range((end - start).days + 1)]
    return alt.X(
        "day:O",
        title=None,
        axis=alt.Axis(
            labelExpr="slice(datum.value, 5)",
            labelAngle=0,
            labelOverlap="greedy",
            labelSeparation=6,
            ticks=False,
            grid=False,
        ),
        scale=alt.Scale(domain=days, paddingInner=0.25),
    )


def _completeness(complete: bool, _: Any) -> str:
    word: str = _("complete") if complete else _("incomplete")
    return word


def _incomplete(_: Any, stroke: str = theme.MUTED) -> dict[str, Any]:
    """Pale and dashed where the data is incomplete."""
    is_incomplete = alt.datum.state == _("incomplete")
    return {
        "opacity": alt.condition(is_incomplete, alt.value(0.4), alt.value(1)),
        "strokeDash": alt.condition(is_incomplete, alt.value([3, 2]), alt.value([])),
        "stroke": alt.condition(is_incomplete, alt.value(stroke), alt.value(None)),
        "strokeWidth": alt.condition(is_incomplete, alt.value(1), alt.value(0)),
    }
