"""Leases at a real browser: the list, the board and the calendar, wide and narrow."""

import re

import pytest
from lease_records import write_leases
from playwright.sync_api import Browser, expect
from staff_site import StaffSite

from storage.database import transaction
from tests.browser.conftest import SCREENSHOTS
from tests.browser.test_staff_browser import (
    LOCALES,
    WIDTHS,
    fits,
    signed_in,
    words_of_the_other_language,
)


@pytest.fixture(scope="module", autouse=True)
def leases(staff_site: StaffSite) -> None:
    with transaction(staff_site.engine) as session:
        write_leases(session, staff_site.mall.mall_id)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_leases_are_looked_at_as_a_list_a_board_and_a_calendar(
    browser: Browser, address: str, locale: str, width: int
) -> None:
    with signed_in(browser, address, locale=locale, width=width, email="operation@example.org") as (
        page,
        problems,
    ):

        def look(name: str) -> None:
            assert fits(page), name
            # Numbers of the sample leases are no words.
            text = page.locator("main").inner_text()
            assert words_of_the_other_language(text, locale) == [], name
            page.screenshot(
                path=SCREENSHOTS / f"leases-{name}-{locale}-{width}.png", full_page=True
            )

        page.goto(f"{address}/admin/contracts/")
        expect(page.locator("tbody tr")).to_have_count(24)
        look("list")
        page.fill("#search", "松风")
        page.keyboard.press("Enter")
        expect(page.locator("tbody tr")).to_have_count(4)
        look("search")
        page.locator(".segments a").nth(1).click()
        page.wait_for_url(re.compile("/board.*search="))
        look("board-search")
        page.locator(".filter-bar .btn-quiet").click()
        expect(page.locator(".board-column")).to_have_count(11)
        look("board")
        page.locator(".segments a").nth(2).click()
        expect(page.locator(".date").first).to_be_visible()
        look("calendar")
        page.locator(".card-head .segments a").nth(1).click()
        expect(page.locator("tbody tr").first).to_be_visible()
        look("calendar-list")
        page.locator(".kinds a", has_text="提醒" if locale == "zh_CN" else "reminder").click()
        page.wait_for_url(re.compile("kind=REMINDER"))
        look("calendar-reminders")
        assert problems == []
