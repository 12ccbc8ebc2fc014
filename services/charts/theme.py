"""Colours, fonts and proportions shared by every chart.

The palette is Okabe and Ito's (2008), told apart by people with any colour blindness; a business
type has the same colour in every chart.
"""

from typing import Any

import altair as alt

from domain.malls import BusinessType

FONT = (
    "system-ui, -apple-system, 'Segoe UI', 'Noto Sans SC', 'Noto Sans CJK SC', "
    "'PingFang SC', 'Microsoft YaHei', sans-serif"
)
BUSINESS_TYPE_COLOURS: dict[BusinessType, str] = {
    BusinessType.RETAIL: "#0072B2",
    BusinessType.CATERING: "#E69F00",
    BusinessType.ENTERTAINMENT: "#CC79A7",
    BusinessType.SERVICE: "#009E73",
    BusinessType.OTHER: "#999999",
}
BLUE, GREEN, AMBER, RED, GREY = "#0072B2", "#009E73", "#E69F00", "#D55E00", "#C7CCD6"
INK, MUTED, LINE = "#1A1F36", "#5B6478", "#E6E8EE"
HEIGHT = 220


def inline(rows: list[dict[str, Any]]) -> Any:
    """Rows as the data of a chart."""
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def configured(chart: Any, description: str) -> dict[str, Any]:
    """The chart's specification with the house's looks; it fills the width it is given.

    `description` is what a screen reader says instead of it.
    """
    specification: dict[str, Any] = (
        chart.properties(width="container", height=HEIGHT, description=description)
        .configure(
            font=FONT,
            background="transparent",
            padding={"left": 4, "right": 4, "top": 14, "bottom": 4},
        )
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=MUTED,
            titleColor=MUTED,
            titleFontWeight="normal",
            labelFontSize=11,
            titleFontSize=11,
            gridColor=LINE,
            domainColor=LINE,
            tickColor=LINE,
        )
        .configure_axisY(titleAngle=0, titleAlign="left", titleAnchor="end", titleX=0, titleY=-8)
        .configure_legend(
            labelColor=INK,
            titleColor=MUTED,
            orient="bottom",
            labelFontSize=11,
            symbolType="square",
            columns=3,
            title=None,
        )
        .to_dict()
    )
    return specification
