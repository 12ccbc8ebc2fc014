"""The papers of leases: what they say in both languages, how they are laid out, what a clause is
in words.
"""

import re
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from contract_papers import CLAUSES, PARTIES, TERMS, VERIFICATION, amendment_paper, contract_paper
from pypdf import PdfReader

from domain.charges import PricingKind
from domain.lease_terms import ClauseDraft
from domain.rent_schedule import rent_schedule
from domain.signing import Party
from services.documents.amendment_pdf import draw_amendment
from services.documents.clause_texts import clause_terms
from services.documents.contract_articles import articles
from services.documents.contract_pdf import draw_contract
from services.documents.fonts import FontFiles, prepare_fonts
from services.documents.lease_parts import DrawnPaper
from services.documents.numerals import article_number
from services.documents.paper import FOOTER_HEIGHT, MARGIN


@pytest.fixture(scope="module")
def fonts(font_state_dir: Path) -> FontFiles:
    return prepare_fonts(font_state_dir, text=PARTIES.text)


@pytest.fixture(scope="module")
def drawn(fonts: FontFiles) -> DrawnPaper:
    return draw_contract(contract_paper(), fonts)


def pages_of(drawn: DrawnPaper) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(drawn.data)).pages]


def part(pages: list[str], title: str, before: str) -> str:
    """The pages from the one with `title` to the one with `before`."""
    first = next(at for at, text in enumerate(pages) if title in text)
    last = next(at for at, text in enumerate(pages) if before in text)
    return "\n".join(pages[first:last])


def test_contract_says_everything_in_chinese_first(drawn: DrawnPaper) -> None:
    text = part(pages_of(drawn), "商铺租赁合同", "Shop lease contract")
    for words in (
        "南湖天街购物中心", "云上书店", "HT-2026-0107", "第 1 版", "L2-018", "L2-019", "206.50",
        "租期自2026年4月16日起至2029年4月15日止", "共 1096 天", "HT-2023-0042",
        "每月 ¥36,000.00；免租", "按指数调整：¥36,000.00 × 104.3 ÷ 101.2", "¥500,000.00 以内 8%",
        "分段计算", "超过 ¥400,000.00 的部分", "不低于 ¥9,000.00", "按季结算", "价目 E-TOU",
        "壹拾万捌仟元整", "账单开具后 10 日内", "以中文为准", "K7QM-3TXP-9W2F-H5NR",
    ):  # fmt: skip
        assert words in re.sub(r"\n", "", text) or words in text, words


def test_english_part_holds_no_chinese_but_names(drawn: DrawnPaper) -> None:
    text = part(pages_of(drawn), "Shop lease contract", "Signature page")
    names = (
        PARTIES.mall_name, PARTIES.mall_address, PARTIES.shop_name, PARTIES.contact_name,
        "核验", "页，共", "第", "页",
    )  # fmt: skip
    for name in names:
        text = text.replace(name, "")
    assert not re.search(r"[\u4e00-\u9fff]", text)
    assert "the Chinese text prevails" in text


def test_both_languages_have_the_same_articles() -> None:
    chinese, english = (articles(contract_paper(), locale) for locale in ("zh_CN", "en"))
    assert [(len(one.sentences), one.table) for one in chinese] == [
        (len(one.sentences), one.table) for one in english
    ]


def test_schedule_of_the_paper_is_the_one_that_is_billed(drawn: DrawnPaper) -> None:
    text = "\n".join(pages_of(drawn))
    for month in rent_schedule(TERMS):
        assert f"{month.days.first:%Y-%m}" in text
        assert f"{month.total:,.2f}" in text


def test_every_page_is_counted_and_leads_to_its_check(drawn: DrawnPaper) -> None:
    pages = pages_of(drawn)
    assert len(pages) == drawn.pages
    for number, text in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in text
        assert VERIFICATION.address in text


def test_head_of_a_table_is_repeated_on_its_next_page(drawn: DrawnPaper) -> None:
    chinese = [page for page in pages_of(drawn) if "按销售额" in page]
    assert len(chinese) > 1
    assert all("月份" in page and "含税金额" in page for page in chinese)


def test_no_heading_ends_a_page(drawn: DrawnPaper) -> None:
    for text in pages_of(drawn):
        lines = [line for line in text.splitlines() if line.strip()]
        body = [line for line in lines if "核验" not in line and "Page " not in line]
        assert not re.match(r"(第.+条|Article \d+) ", body[-1]), body[-1]


def test_boxes_of_both_signatures_lie_on_the_last_page(drawn: DrawnPaper) -> None:
    assert set(drawn.boxes) == {Party.LANDLORD, Party.TENANT}
    landlord, tenant = drawn.boxes[Party.LANDLORD], drawn.boxes[Party.TENANT]
    assert landlord.page == tenant.page == drawn.pages - 1
    assert landlord.right < tenant.left
    for box in (landlord, tenant):
        assert box.left >= MARGIN - 0.01
        assert box.bottom > MARGIN + FOOTER_HEIGHT


def test_same_contract_gives_the_same_bytes(fonts: FontFiles, drawn: DrawnPaper) -> None:
    assert draw_contract(contract_paper(), fonts).data == drawn.data
    other = replace(contract_paper(), version=2)
    assert draw_contract(other, fonts).data != drawn.data


def test_amendment_names_what_ends_and_what_begins(fonts: FontFiles) -> None:
    pages = pages_of(draw_amendment(amendment_paper(), fonts))
    chinese = part(pages, "租赁合同补充协议", "Amendment to the lease")
    assert "HT-2026-0107-2" in chinese
    assert "每 m² 每月 ¥35；另加税 6%" in chinese
    assert "每 m² 每月 ¥32；另加税 6%" in chinese
    assert chinese.index("每月 ¥35") < chinese.index("每月 ¥32")
    assert "二期中庭改造期间" in chinese
    english = part(pages, "Amendment to the lease", "Signature page")
    assert "15 October 2026" in english


def test_amendment_that_only_adds_says_so(fonts: FontFiles) -> None:
    added = replace(amendment_paper(), ends=())
    text = "\n".join(pages_of(draw_amendment(added, fonts)))
    assert "No clause ends." in text


def test_contract_without_sales_or_meters_does_not_speak_of_them() -> None:
    plain = replace(TERMS, clauses=CLAUSES[:3])
    paper = replace(contract_paper(), terms=plain, predecessor="")
    text = " ".join(sentence for one in articles(paper, "en") for sentence in one.sentences)
    assert "tills" not in text
    assert "meters" not in text
    assert "follows the contract" not in text


def test_long_names_and_many_units_stay_inside_the_page(fonts: FontFiles) -> None:
    units = tuple(replace(TERMS.units[0], code=f"L2-{number:03}") for number in range(1, 40))
    parties = replace(PARTIES, shop_name="云上书店" * 12, mall_address="湖滨路" * 40)
    paper = replace(contract_paper(), parties=parties, terms=replace(TERMS, units=units))
    drawn = draw_contract(paper, fonts)
    assert drawn.pages > 9


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "第一条"), (10, "第十条"), (12, "第十二条"), (20, "第二十条"), (31, "第三十一条")],
)
def test_articles_are_numbered_as_contracts_do(number: int, words: str) -> None:
    assert article_number(number, "zh_CN") == words
    assert article_number(number, "en") == f"Article {number}"


@pytest.mark.parametrize(
    ("kind", "parameters", "words"),
    [
        (PricingKind.FIXED_MONTHLY, {"amount": "20000"}, ("¥20,000.00 per month",)),
        (
            PricingKind.FIXED_MONTHLY,
            {"amount": "1", "factor": "0"},
            ("¥1.00 per month", "rent-free"),
        ),
        (
            PricingKind.PER_AREA_DAY,
            {"rate": "6.5", "tax_rate": "0.09"},
            ("¥6.5 per m² and day", "tax 9% on top"),
        ),
        (PricingKind.METERED, {"tariff": "E", "loss": "0.02"}, ("tariff E", "2% loss added")),
        (
            PricingKind.PERCENTAGE,
            {
                "rate": "0.05",
                "breakpoint": "ARTIFICIAL",
                "breakpoint_amount": "1000000",
                "settlement": "QUARTER",
                "minimum": "500",
            },
            ("5% of sales", "over ¥1,000,000.00", "at least ¥500.00", "settled every quarter"),
        ),
        (PricingKind.ONE_OFF, {"amount": "50000"}, ("¥50,000.00, once",)),
    ],
)
def test_clause_says_what_it_charges(kind, parameters, words) -> None:  # type: ignore[no-untyped-def]
    assert clause_terms(kind, parameters, currency="CNY", locale="en") == words


def test_tiers_and_index_are_said_in_full() -> None:
    tiers, index = CLAUSES[3], CLAUSES[2]
    assert said(tiers) == (
        "8% up to ¥500,000.00", "6% up to ¥1,000,000.00", "4% above", "each band at its own rate",
        "over ¥400,000.00", "at least ¥9,000.00", "settled every quarter", "tax 9% on top",
    )  # fmt: skip
    assert said(index)[1] == "indexed: ¥36,000.00 × 104.3 ÷ 101.2, change at most 3%"


def said(clause: ClauseDraft) -> tuple[str, ...]:
    return clause_terms(clause.pricing_kind, clause.parameters, currency="CNY", locale="en")


def test_clause_is_dated_to_the_end_of_the_lease_without_an_end(drawn: DrawnPaper) -> None:
    assert f"– {date(2029, 4, 15)}" in "\n".join(pages_of(drawn))
