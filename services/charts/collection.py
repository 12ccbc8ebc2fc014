"""What was billed for a period and what became of it, by business type."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from services.charts import theme
from services.charts.mall_days import DOMAIN, business_type_words
from services.language import translator
from services.queries.dashboard import Collection


def collection_by_business_type(rows: Sequence[Collection], *, locale: str) -> dict[str, Any]:
    """Received, not yet due, and overdue, stacked, in the mall's currency."""
    _ = translator(locale, DOMAIN)
    words = business_type_words(locale)
    parts = (
        (_("Received"), theme.GREEN),
        (_("Not yet due"), theme.GREY),
        (_("Overdue"), theme.RED),
    )
    data = [
        {
            "type": words.get(row.business_type, row.business_type),
            "part": part,
            "place": place,
            "amount": float(amount),
        }
        for row in rows
        for place, ((part, _colour), amount) in enumerate(
            zip(parts, (row.collected, row.open, row.overdue), strict=True)
        )
        if amount
    ]
    chart = (
        alt.Chart(theme.inline(data))
        .mark_bar(cornerRadius=1)
        .encode(
            y=alt.Y(
                "type:N",
                title=None,
                sort=list(words.values()),
                axis=alt.Axis(ticks=False, domain=False, labelFontSize=12),
                scale=alt.Scale(paddingInner=0.35),
            ),
            x=alt.X("amount:Q", title="¥", axis=alt.Axis(format="~s", tickCount=5)),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(
                    domain=[word for word, _colour in parts],
                    range=[colour for _word, colour in parts],
                ),
            ),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("type:N", title=_("Business type")),
                alt.Tooltip("part:N", title=_("State")),
                alt.Tooltip("amount:Q", title=_("Amount (¥)"), format=",.2f"),
            ],
        )
    )
    return theme.configured(chart, _("What became of the period's bills"))
