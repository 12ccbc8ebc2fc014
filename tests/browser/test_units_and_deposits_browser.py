"""Units merged and split, deposits entered and confirmed, and a shop's page, at a real browser."""

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa
from lease_records import write_leases
from playwright.sync_api import Browser, expect
from staff_mall import PASSWORD
from staff_site import StaffSite

from domain.people import Role
from services.operations.malls import register_unit
from services.operations.passwords import hash_password
from services.operations.people import create_user
from storage.database import transaction
from tests.browser.conftest import SCREENSHOTS
from tests.browser.test_staff_browser import (
    LOCALES,
    WIDTHS,
    fits,
    signed_in,
    words_of_the_other_language,
)

COLLEAGUE = "colleague@example.org"


@pytest.fixture(scope="module", autouse=True)
def people(staff_site: StaffSite) -> None:
    with transaction(staff_site.engine) as session:
        write_leases(session, staff_site.mall.mall_id)
        create_user(
            session,
            email=COLLEAGUE,
            name="",
            role=Role.FINANCE,
            mall_codes=["M01"],
            password_hash=hash_password(PASSWORD, staff_site.settings.secret("password_salt")),
        )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_units_are_split_and_merged_again(
    browser: Browser, address: str, staff_site: StaffSite, locale: str, width: int
) -> None:
    code = f"7-{locale[:2]}{width}".upper()
    with transaction(staff_site.engine) as session:
        unit = register_unit(
            session,
            mall_id=staff_site.mall.mall_id,
            code=code,
            floor="7F",
            area_m2=Decimal("120.50"),
            opened_date=date(2020, 1, 1),
        )
    with signed_in(browser, address, locale=locale, width=width, email="operation@example.org") as (
        page,
        problems,
    ):

        def look(name: str) -> None:
            assert fits(page), name
            text = page.locator("main").inner_text().replace(code, "")
            assert words_of_the_other_language(text, locale) == [], name
            page.screenshot(path=SCREENSHOTS / f"unit-{name}-{locale}-{width}.png", full_page=True)

        page.goto(f"{address}/admin/units/details/?id={unit}")
        look("before")
        page.click(f"a[href='/admin/units/{unit}/split']")
        page.fill("#parts-0-code", f"{code}A")
        page.fill("#parts-0-area_m2", "70")
        page.fill("#parts-1-code", f"{code}B")
        page.fill("#parts-1-area_m2", "40")
        expect(page.locator("[data-rest]")).to_contain_text("10.50")
        page.fill("#reason", "分租给两家店铺")
        page.locator("h1").click()
        page.click("main .form-actions button")
        expect(page.locator("[role=alert]")).to_contain_text("10.50")
        look("split-refused")
        page.fill("#parts-1-area_m2", "50.5")
        expect(page.locator("[data-rest]")).to_have_text("")
        page.click("main .form-actions button")
        expect(page.locator(".message-warning")).to_contain_text(f"{code}A, {code}B")
        look("split-confirm")
        page.click("main .btn-danger")
        expect(page.locator("h1")).to_have_text(f"{code}A")
        look("after-split")
        page.locator(".page-head a[href$='/merge']").click()
        page.locator("label", has_text=f"{code}B").locator("input").check()
        page.fill("#code", f"{code}C")
        page.fill("#effective_date", "2026-09-01")
        page.fill("#reason", "恢复整层")
        page.locator("h1").click()
        page.click("main .form-actions button")
        expect(page.locator(".message-warning")).to_contain_text("120.50")
        look("merge-confirm")
        page.click("main .btn-danger")
        expect(page.locator("h1")).to_have_text(f"{code}C")
        expect(page.locator(".timeline")).to_contain_text("恢复整层")
        expect(page.locator(".timeline")).to_contain_text("分租给两家店铺")
        look("after-merge")
        # Chromium notes the answer to what was refused.
        assert [one for one in problems if "422" not in one] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_deposit_is_entered_by_one_and_confirmed_by_another(
    browser: Browser, address: str, staff_site: StaffSite, locale: str, width: int
) -> None:
    # A lease for each run: the ledger only grows.
    number = f"HT-2025-00{4 + 2 * (locale == 'en') + (width == 390)}"
    with staff_site.engine.connect() as connection:
        contract, shop = connection.execute(
            sa.text("SELECT id, shop_id FROM app.contracts WHERE number = :n"), {"n": number}
        ).one()

    def look(page, name: str) -> None:  # type: ignore[no-untyped-def]
        assert fits(page), name
        text = page.locator("main").inner_text()
        assert words_of_the_other_language(text, locale) == [], name
        page.screenshot(path=SCREENSHOTS / f"deposit-{name}-{locale}-{width}.png", full_page=True)

    with signed_in(browser, address, locale=locale, width=width, email="finance@example.org") as (
        page,
        problems,
    ):
        page.goto(f"{address}/admin/deposits/?contract={contract}")
        look(page, "none")
        page.click(".page-head .btn-primary")
        expect(page.locator("#number")).to_have_value(number)
        page.fill("#amount", "0")
        page.fill("#reference", "ICBC-20260413")
        page.locator("h1").click()
        page.click("main .form-actions button")
        expect(page.locator("#amount-errors")).to_be_visible()
        page.fill("#amount", "50000")
        page.locator("h1").click()
        page.click("main .form-actions button")
        expect(page.locator(".chip-waiting")).to_be_visible()
        look(page, "entered")
        assert [one for one in problems if "422" not in one] == []
    with signed_in(browser, address, locale=locale, width=width, email=COLLEAGUE) as (
        page,
        problems,
    ):
        page.goto(f"{address}/admin/deposits/?waiting=1&search={number}")
        look(page, "waiting")
        page.click("a.btn-small")
        look(page, "confirm")
        page.click("main .form-actions button")
        expect(page.locator(".figure .value").first).to_have_text("¥50,000.00")
        look(page, "ledger")
        page.goto(f"{address}/admin/deposits/")
        look(page, "list")
        page.goto(f"{address}/admin/shops/details/?id={shop}")
        expect(page.locator(".figure", has_text="¥50,000.00").first).to_be_visible()
        page.screenshot(path=SCREENSHOTS / f"shop-{locale}-{width}.png", full_page=True)
        assert fits(page)
        assert problems == []
