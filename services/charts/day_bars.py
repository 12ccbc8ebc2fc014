"""Bars by business date, as every chart of days draws them.

A day whose data is incomplete is drawn pale with a dashed outline: it may still grow, and it is
not a bad day. A day without data has no bar; one whose data is known to be missing, a cross.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import altair as alt

from services.charts import theme


def single(
    data: list[dict[str, Any]],
    _: Any,
    *,
    start: date,
    end: date,
    title: str,
    description: str,
    colour: str,
    form: str,
    missing: Sequence[date] = (),
) -> dict[str, Any]:
    """One figure a day; rows of `data` have `day`, `value` and `state`."""
    axis = alt.Axis(format="~s", tickCount=5)
    chart = bars(data, color=colour).encode(
        x=day_axis(start, end),
        y=alt.Y("value:Q", title=title, axis=axis),
        tooltip=[
            alt.Tooltip("day:O", title=_("Business date")),
            alt.Tooltip("value:Q", title=title, format=form),
            alt.Tooltip("state:N", title=_("Data")),
        ],
        **incomplete(_, stroke=colour),
    )
    if missing:
        chart = alt.layer(chart, _crosses(missing, _, start, end))
    return theme.configured(chart, description)


def _crosses(missing: Sequence[date], _: Any, start: date, end: date) -> Any:
    rows = [{"day": day.isoformat(), "value": 0, "state": _("missing")} for day in missing]
    return (
        alt.Chart(theme.inline(rows))
        .mark_text(text="×", fontSize=15, fontWeight="bold", color=theme.RED, dy=-7)
        .encode(
            x=day_axis(start, end),
            y="value:Q",
            tooltip=[
                alt.Tooltip("day:O", title=_("Business date")),
                alt.Tooltip("state:N", title=_("Data")),
            ],
        )
    )


def bars(data: list[dict[str, Any]], **mark: Any) -> Any:
    return alt.Chart(theme.inline(data)).mark_bar(
        cornerRadiusTopLeft=1, cornerRadiusTopRight=1, **mark
    )


def day_axis(start: date, end: date) -> alt.X:
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


def completeness(complete: bool, _: Any) -> str:
    word: str = _("complete") if complete else _("incomplete")
    return word


def incomplete(_: Any, stroke: str = theme.MUTED) -> dict[str, Any]:
    """Pale and dashed where the data is incomplete."""
    is_incomplete = alt.datum.state == _("incomplete")
    return {
        "opacity": alt.condition(is_incomplete, alt.value(0.4), alt.value(1)),
        "strokeDash": alt.condition(is_incomplete, alt.value([3, 2]), alt.value([])),
        "stroke": alt.condition(is_incomplete, alt.value(stroke), alt.value(None)),
        "strokeWidth": alt.condition(is_incomplete, alt.value(1), alt.value(0)),
    }
