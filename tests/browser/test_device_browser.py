"""Devices and their keys at a real browser: fits, is translated, and a key can be copied."""

import re

import pytest
from playwright.sync_api import Browser, expect
from staff_site import StaffSite

from tests.browser.conftest import SCREENSHOTS
from tests.browser.test_staff_browser import LOCALES, WIDTHS, fits, signed_in


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_key_is_made_from_the_device_s_page_and_shown_once(
    browser: Browser, address: str, staff_site: StaffSite, locale: str, width: int
) -> None:
    device = staff_site.mall.device_id
    with signed_in(browser, address, locale=locale, width=width, email="operation@example.org") as (
        page,
        problems,
    ):
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])

        def look(name: str) -> None:
            assert fits(page), name
            page.screenshot(path=SCREENSHOTS / f"{name}-{locale}-{width}.png", full_page=True)

        page.goto(f"{address}/admin/devices/details/?id={device}")
        look("device-before")
        page.click(f"a[href='/admin/device-keys/new/?device={device}']")
        look("device-key-new")
        page.fill("#name", "东门收银机")
        page.click("main button.btn-primary")
        shown = page.locator("#plain-key")
        expect(shown).to_have_value(re.compile(r"^[0-9a-f]{16}_[\w-]{43}$"))
        key = shown.input_value()
        look("device-key-once")
        assert key not in page.url
        page.click("[data-copy]")
        assert page.evaluate("navigator.clipboard.readText()") == key
        page.locator(".form-actions a").click()
        look("device-key")
        assert key not in page.content()
        for deed in ("rotate", "revoke"):
            page.goto(re.sub(r"/details/\?id=(\d+)", rf"/\1/{deed}", page.url))
            look(f"device-key-{deed}")
            page.go_back()
        page.goto(f"{address}/admin/devices/details/?id={device}")
        look("device")
        page.goto(f"{address}/admin/device-keys/")
        look("device-keys")
        for deed in ("remove", "replace", "maintenance"):
            page.goto(f"{address}/admin/devices/{device}/{deed}")
            look(f"device-{deed}")
        page.goto(f"{address}/api/docs#signing")
        look("api-signing")
        assert problems == []
