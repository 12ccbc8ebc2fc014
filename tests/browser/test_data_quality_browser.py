"""Completeness, flags and late values at a real browser, in both languages, wide and narrow."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from quality_mall import HALF_DAY, QualityMall, build_quality_mall
from staff_site import StaffSite

from tests.browser.conftest import SCREENSHOTS
from tests.browser.test_portal_browser import FAULTS
from tests.browser.test_staff_browser import (
    LOCALES,
    WIDTHS,
    fits,
    signed_in,
    words_of_the_other_language,
)

READ = """() => {
    const page = document.querySelector('main').cloneNode(true);
    page.querySelectorAll('[lang=en], .crumb a + a, input').forEach(e => e.remove());
    return page.innerText;
}"""


@pytest.fixture(scope="module")
def quality(staff_site: StaffSite) -> Iterator[QualityMall]:
    yield build_quality_mall(staff_site.engine, staff_site.mall)


def look(page: Page, name: str, locale: str, width: int) -> None:
    assert fits(page), name
    page.screenshot(path=SCREENSHOTS / f"{name}-{locale}-{width}.png", full_page=True)
    assert words_of_the_other_language(page.evaluate(READ), locale) == [], name
    assert page.evaluate(FAULTS, False) == [], name


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_from_the_calendar_to_a_decision_and_back(
    browser: Browser, address: str, quality: QualityMall, locale: str, width: int
) -> None:
    with signed_in(browser, address, locale=locale, width=width) as (page, problems):
        page.goto(f"{address}/admin/data-quality/?period=2026-03")
        look(page, "quality", locale, width)
        page.locator(f"a.grade[title^='{HALF_DAY}']").first.click()
        expect(page.locator("table.rows tbody tr")).to_have_count(12)
        look(page, "quality-day", locale, width)
        page.goto(f"{address}/admin/flags/?rule=outlier&device={quality.odd}")
        look(page, "flags", locale, width)
        page.goto(f"{address}{page.locator('td.primary a').first.get_attribute('href')}")
        look(page, "flag", locale, width)
        page.fill("#reason-exclude", "Fair")
        page.locator("button[value='exclude:']").click()
        expect(page.locator(".message-success")).to_be_visible()
        withdraw = page.locator("form:has(button[value^='withdraw:'])")
        withdraw.locator("input[name=reason]").fill("No fair")
        withdraw.locator("button").click()
        expect(page.locator("button[value^='withdraw:']")).to_have_count(0)
        page.goto(f"{address}/admin/late-values/")
        look(page, "late-values", locale, width)
        assert problems == []
