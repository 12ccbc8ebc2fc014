"""A shop hands in its sales by table, at a real browser: telephone and desk, both languages."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from portal_site import PortalSite, portal_site  # noqa: F401

from tests.browser.conftest import SCREENSHOTS
from tests.browser.test_portal_browser import FAULTS, signed_in
from tests.browser.test_staff_browser import LOCALES, WIDTHS, fits, words_of_the_other_language

TITLES = (
    "商场编号,店铺编号,营业日期,收银机,交易笔数,销售总额,退款,折扣,含税额,净销售额,币种,文件序号"
)
# A row's own words, and the sentence of a refusal, which is a record, are in no one's language.
READ = """() => {
    const page = document.body.cloneNode(true);
    const data = '[lang=en], table.rows, h1, .person, .muted, .downloads, .help';
    page.querySelectorAll(data).forEach(e => e.remove());
    return page.innerText + document.title.replace(/.* · /, '');
}"""


def table(folder: Path, day: str, net: str) -> Path:
    path = folder / "销售.csv"
    row = "M01,S-001,{day},POS-001,9,{net},0,0,0,{net},CNY,1"
    lines = [TITLES, row.format(day=day, net=net), row.format(day="2025-08-40", net="1")]
    path.write_bytes("\n".join(lines).encode("gbk"))
    return path


def look(page: Page, name: str, locale: str, width: int) -> None:
    assert fits(page), name
    page.screenshot(path=SCREENSHOTS / f"data-{name}-{locale}-{width}.png", full_page=True)
    assert words_of_the_other_language(page.evaluate(READ), locale) == [], name
    assert page.evaluate(FAULTS, width == 390) == [], name


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_shop_sends_a_table_looks_and_has_it_taken(
    browser: Browser,
    address: str,
    portal_site: PortalSite,  # noqa: F811
    tmp_path: Path,
    locale: str,
    width: int,
) -> None:
    day = f"2025-08-{list(LOCALES).index(locale) * 10 + list(WIDTHS).index(width) + 1:02}"
    with signed_in(browser, address, locale=locale, width=width) as (page, problems):
        page.goto(f"{address}/portal/data/")
        look(page, "begin", locale, width)
        with page.expect_download() as template:
            page.locator("a[href$='pos_days/template.xlsx']").click()
        assert template.value.suggested_filename.endswith("S-001.xlsx")
        page.set_input_files("#file", table(tmp_path, day, "88.50"))
        page.locator("form[aria-labelledby=send-title] button.btn-primary").click()
        expect(page.locator("#what-title")).to_be_visible()
        look(page, "preview", locale, width)
        with page.expect_download() as refused:
            page.locator("a[href$='refused.csv']").click()
        assert "2025-08-40" in Path(refused.value.path()).read_text("utf-8-sig")
        page.locator("form.form-actions button.btn-primary").click()
        expect(page.locator(".message-success")).to_be_visible()
        look(page, "landed", locale, width)
        page.goto(f"{address}/portal/data/")
        expect(page.locator("table.rows a").first).to_contain_text("销售.csv")
        look(page, "history", locale, width)
        assert problems == []
