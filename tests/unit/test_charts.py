"""Charts as data: what is drawn, in which colours, with which gaps."""

from datetime import date
from decimal import Decimal

import pytest

from domain.malls import BusinessType
from services.charts import theme
from services.charts.collection import collection_by_business_type
from services.charts.mall_days import footfall_by_day, sales_by_day
from services.queries.dashboard import BusinessTypeDay, Collection, MallDay

START, END = date(2026, 3, 1), date(2026, 3, 4)


def day(number: int, *, footfall: int | None = 100, share: str = "1") -> MallDay:
    return MallDay(
        date(2026, 3, number), Decimal(1), 1, footfall, None, None, Decimal(share), Decimal(share)
    )


def values(specification: dict) -> list[dict]:
    return (
        next(iter(specification.get("datasets", {}).values()), None)
        or (specification["data"]["values"])
    )


def test_day_without_data_keeps_its_place_and_has_no_bar() -> None:
    chart = footfall_by_day([day(1), day(2, footfall=None)], start=START, end=END, locale="en")
    assert [row["day"] for row in values(chart)] == ["2026-03-01"]
    assert chart["encoding"]["x"]["scale"]["domain"] == [
        "2026-03-01",
        "2026-03-02",
        "2026-03-03",
        "2026-03-04",
    ]


@pytest.mark.parametrize(("share", "state"), [("0.949", "incomplete"), ("0.95", "complete")])
def test_day_below_95_percent_is_marked_incomplete(share: str, state: str) -> None:
    chart = footfall_by_day([day(1, share=share)], start=START, end=END, locale="en")
    assert [row["state"] for row in values(chart)] == [state]
    assert "incomplete" in str(chart["encoding"]["strokeDash"])


def test_business_type_has_one_colour_in_every_language() -> None:
    rows = [BusinessTypeDay(START, kind.value, Decimal(5)) for kind in BusinessType]
    for locale in ("en", "zh_CN"):
        chart = sales_by_day(rows, [day(1)], start=START, end=END, locale=locale)
        scale = chart["encoding"]["color"]["scale"]
        assert scale["range"] == list(theme.BUSINESS_TYPE_COLOURS.values())
        assert len(set(scale["domain"])) == len(BusinessType)


def test_chinese_chart_has_no_english_word() -> None:
    chart = footfall_by_day([day(1)], start=START, end=END, locale="zh_CN")
    assert values(chart)[0]["state"] == "完整"
    assert chart["encoding"]["y"]["title"] == "客流（人次）"


def test_parts_of_a_collection_bar_add_up_to_what_was_billed() -> None:
    row = Collection("RETAIL", Decimal("1000.00"), Decimal("250.50"), Decimal("100.25"))
    chart = collection_by_business_type([row], locale="en")
    assert [item["amount"] for item in values(chart)] == [250.5, 649.25, 100.25]


def test_chart_renders_in_the_library_that_the_page_uses() -> None:
    import vl_convert

    chart = footfall_by_day([day(1), day(2, share="0.5")], start=START, end=END, locale="zh_CN")
    chart["width"] = 300
    svg = vl_convert.vegalite_to_svg(chart)
    assert "stroke-dasharray" in svg
    assert "客流" in svg
