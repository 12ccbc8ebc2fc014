"""Papers: words, breaks and bytes of a bill that the domain computed."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paper_samples import ISSUED, bill_paper, computed_bill
from pypdf import PageObject, PdfReader

from domain.derivations import FORMULAS
from services.documents.bill_pdf import draw_bill
from services.documents.capitals import capital_amount
from services.documents.explanations import explain
from services.documents.fonts import BOLD, REGULAR, FontFiles, prepare_fonts, register_fonts
from services.documents.paper import FOOTER_HEIGHT, MARGIN, Furniture, Paper
from services.documents.tables import Column, Table
from services.documents.wrapping import shorten, width_of, wrap
from services.language import money


@pytest.fixture(scope="module")
def fonts(font_state_dir: Path) -> FontFiles:
    files = prepare_fonts(font_state_dir)
    register_fonts(files)
    return files


def pages_of(data: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(data)).pages]


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "零元整"),
        ("0.05", "伍分"),
        ("0.50", "伍角整"),
        ("10", "壹拾元整"),
        ("1234.50", "壹仟贰佰叁拾肆元伍角整"),
        ("1409.50", "壹仟肆佰零玖元伍角整"),
        ("6007.14", "陆仟零柒元壹角肆分"),
        ("325.04", "叁佰贰拾伍元零肆分"),
        ("107000.53", "壹拾万柒仟元伍角叁分"),
        ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("10000001", "壹仟万零壹元整"),
        ("100000000", "壹亿元整"),
        ("200030000.10", "贰亿零叁万元壹角整"),
        ("-8.08", "负捌元零捌分"),
    ],
)
def test_capital_amounts_read_as_the_rules_say(amount: str, words: str) -> None:
    assert capital_amount(D(amount)) == words


def test_capital_amount_of_less_than_a_cent_is_refused() -> None:
    with pytest.raises(ValueError, match="no capital numerals"):
        capital_amount(D("0.001"))


def test_estimated_usage_is_named_in_both_languages() -> None:
    derivation = computed_bill().lines[4].derivation
    meters = [
        {**meter, "estimated": {"value": "3.50", "unit": "kWh"}}
        for meter in derivation["operands"]["meters"]
    ]
    told = {**derivation, "operands": {**derivation["operands"], "meters": meters}}
    said = {
        locale: explain(told, locale=locale, currency="CNY").sentences[0]
        for locale in ("en", "zh_CN")
    }
    assert said["en"].endswith("× ratio 20, of it 3.5 kWh estimated")
    assert said["zh_CN"].endswith("× 倍率 20，其中估算 3.5 kWh")


def test_chinese_explanations_name_every_operand() -> None:
    sentences = [
        " ".join(explain(line.derivation, locale="zh_CN", currency="CNY").sentences)
        for line in computed_bill().lines
    ]
    assert sentences[0] == "¥6.5/㎡·天 × 120.5 ㎡ × 31 天"
    assert "¥500,000.00 以内 8%；¥1,000,000.00 以内 6%；超出部分 4%（分段计算）" in sentences[1]
    assert "约定分界点 ¥400,000.00" in sentences[1]
    assert "自然分界点 ¥485,615.00 = ¥24,280.75 ÷ 5%" in sentences[2]
    assert "31 天中 30 个完整营业日" in sentences[2]
    assert sentences[3] == "¥35/㎡·月 × 120.5 ㎡ × 当月 31/31"
    assert "表计 EM-001：24.75 kWh × 倍率 20" in sentences[4]
    assert "peak 8:00–22:00：371.25 kWh × ¥1.0523" in sentences[4]
    assert "30 m³ 以内 ¥3.45；超出部分 ¥4.83" in sentences[5]
    assert "每 m³ ¥3.65" in sentences[6]


def test_english_explanations_hold_no_chinese() -> None:
    for line in computed_bill().lines:
        explanation = explain(line.derivation, locale="en", currency="CNY")
        text = explanation.price + " ".join(explanation.sentences)
        assert not re.search(r"[\u4e00-\u9fff]", text), text


def test_every_way_of_charging_can_be_explained() -> None:
    assert {line.derivation["formula"] for line in computed_bill().lines} == set(FORMULAS)


def test_unknown_formula_is_not_printed() -> None:
    derivation = {**computed_bill().lines[0].derivation, "formula": "guess"}
    with pytest.raises(KeyError):
        explain(derivation, locale="en", currency="CNY")


def test_tax_inside_the_amount_is_said() -> None:
    derivation = computed_bill().lines[0].derivation
    inclusive = {**derivation, "tax": {"rate": "0.09", "is_inclusive": True}}
    assert "includes tax at 9%" in explain(inclusive, locale="en", currency="CNY").sentences[-1]


def test_meter_of_two_lines_shows_their_sum() -> None:
    paper = bill_paper()
    twice = replace(paper, lines=paper.lines + paper.lines)
    assert [meter.code for meter in twice.meters] == ["EM-001", "WM-001", "GM-001"]
    assert twice.meters[0].consumption == 2 * paper.meters[0].consumption == D("990.00")


def test_completeness_is_that_of_the_worst_source() -> None:
    paper = bill_paper()
    assert paper.completeness == D(30) / D(31)
    rent_only = replace(paper, lines=paper.lines[:1])
    assert rent_only.completeness is None
    assert rent_only.meters == ()


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        (
            "zh_CN",
            ["账单", "应付金额", "2026年11月11日", "抄表明细", "费用计算说明", "大写：人民币"],
        ),
        ("en", ["Bill", "Amount due", "11 November 2026", "Meter readings", "How the amounts"]),
    ],
)
def test_bill_says_what_is_owed_and_why(fonts: FontFiles, locale: str, words: list[str]) -> None:
    bill = bill_paper()
    text = "\n".join(pages_of(draw_bill(bill, locale=locale, fonts=fonts)))
    expected = [*words, bill.number, bill.shop_name, bill.contract_number, "1F-01", "EM-001"]
    for line in bill.lines:
        expected.append(money(line.total_amount, bill.currency))
    for part in [*expected, f"¥{bill.total_amount:,}", "999,987.5", "96.7%", "Asia/Shanghai"]:
        assert part in text, part


def test_long_bill_repeats_its_header_and_counts_its_pages(fonts: FontFiles) -> None:
    pages = pages_of(draw_bill(bill_paper(copies=5), locale="en", fonts=fonts))
    assert len(pages) > 3
    for at, page in enumerate(pages, 1):
        assert f"Page {at} of {len(pages)}" in page
        assert "B202610-0001" in page
        assert "Amounts computed as of 2026-11-01 00:05" in page
    assert [("Charge and period" in page) for page in pages[:3]] == [True, True, True]


def test_totals_never_stand_without_a_line_nor_in_the_footer(fonts: FontFiles) -> None:
    bill = bill_paper(copies=4)
    for count in range(8, 32):
        shorter = replace(bill, lines=bill.lines[:count])
        data = draw_bill(shorter, locale="en", fonts=fonts)
        (page,) = [page for page in PdfReader(BytesIO(data)).pages if "Total due" in texts_of(page)]
        heights = texts_of(page)
        assert heights["Total due"] > MARGIN + FOOTER_HEIGHT
        assert str(count) in heights, f"line {count} is not on the page of its total"


def texts_of(page: PageObject) -> dict[str, float]:
    """Pieces of text and how high above the lower edge they stand."""
    found: dict[str, float] = {}

    def visit(text: str, _: object, matrix: list[float], *rest: object) -> None:
        if text.strip():
            found[text.strip()] = matrix[5]

    page.extract_text(visitor_text=visit)
    return found


def test_same_bill_gives_the_same_bytes(fonts: FontFiles) -> None:
    first = draw_bill(bill_paper(), locale="zh_CN", fonts=fonts)
    assert draw_bill(bill_paper(), locale="zh_CN", fonts=fonts) == first
    later = draw_bill(bill_paper(as_of=ISSUED + timedelta(days=1)), locale="zh_CN", fonts=fonts)
    assert later != first


def test_bill_carries_its_names_and_date_in_the_file(fonts: FontFiles) -> None:
    info = PdfReader(BytesIO(draw_bill(bill_paper(), locale="zh_CN", fonts=fonts))).metadata
    assert info is not None
    assert (info.title, info.author) == ("账单 B202610-0001", "悦汇广场 Atrium Plaza")
    assert info.creation_date == ISSUED


def test_both_weights_are_embedded_under_names_of_their_own(fonts: FontFiles) -> None:
    page = PdfReader(BytesIO(draw_bill(bill_paper(), locale="en", fonts=fonts))).pages[0]
    used = {font.get_object()["/BaseFont"] for font in page["/Resources"]["/Font"].values()}
    assert any(name.endswith(REGULAR) for name in used)
    assert any(name.endswith(BOLD) for name in used)


def test_bold_is_wider_than_regular(fonts: FontFiles) -> None:
    assert width_of("Amount due 1,234.50", BOLD, 10) > width_of("Amount due 1,234.50", REGULAR, 10)


@given(
    text=st.text(alphabet="租金费用，。（）¥1,234.50 kWh/abcdefgh\n", max_size=120),
    width=st.floats(min_value=12, max_value=400),
)
def test_wrapped_lines_fit_and_lose_nothing_but_spaces(
    fonts: FontFiles, text: str, width: float
) -> None:
    lines = wrap(text, font=REGULAR, size=9, width=width)
    # Closing signs stay with their word: one may hang over where nothing else fits.
    assert all(width_of(line, REGULAR, 9) <= width or len(line) == 1 for line in lines)
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)


def test_line_never_begins_with_a_closing_sign(fonts: FontFiles) -> None:
    lines = wrap("按合同约定，计收租金。" * 12, font=REGULAR, size=9, width=83)
    assert len(lines) > 5
    assert all(line[0] not in "，。" for line in lines)


def test_shortened_text_ends_with_an_ellipsis_and_fits(fonts: FontFiles) -> None:
    text = shorten("一个非常非常长的店铺名称有限公司", font=REGULAR, size=9, width=60)
    assert text.endswith("…")
    assert width_of(text, REGULAR, 9) <= 60


def test_last_row_goes_with_the_totals_of_a_table(fonts: FontFiles) -> None:
    furniture = Furniture("t", "a", "s", "l", "r", "f", lambda page, pages: "", ISSUED)
    for count in range(30, 45):
        paper = Paper(fonts, furniture)
        table = Table([Column("Name", 1), Column("Amount", 1, "right")])
        rows = [(f"row-{at:03d}", "1.00") for at in range(count)]
        table.draw(paper, rows, totals=[("sum-total", f"{count}.00")])
        page = next(page for page in pages_of(paper.finish()) if "sum-total" in page)
        assert f"row-{count - 1:03d}" in page
        assert "Name" in page
