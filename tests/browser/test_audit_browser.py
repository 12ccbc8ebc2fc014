"""The audit at a real browser: searched, opened, in both languages, wide and narrow."""

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect
from staff_site import StaffSite
from test_staff_browser import LOCALES, WIDTHS, fits, signed_in

from tests.browser.conftest import SCREENSHOTS


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_what_changed_on_a_shop_is_found_from_its_page(
    browser: Browser, address: str, staff_site: StaffSite, locale: str, width: int
) -> None:
    shop = staff_site.mall.shop_id
    with staff_site.engine.begin() as connection:
        connection.execute(sa.text("UPDATE app.shops SET business_type = 'OTHER'"))
        connection.execute(
            sa.text(
                "UPDATE app.shops SET contact_phone = :phone, business_type = 'SERVICE', "
                "description = 'moved' WHERE id = :id"
            ),
            {"phone": f"139{locale}{width}", "id": shop},
        )
    with signed_in(browser, address, locale=locale, width=width) as (page, problems):
        page.goto(f"{address}/admin/audit/")
        assert fits(page)
        page.screenshot(path=SCREENSHOTS / f"audit-{locale}-{width}.png", full_page=True)
        page.goto(f"{address}/admin/shops/details/?id={shop}")
        page.locator(f"a[href='/admin/audit/?thing=shops&id={shop}']").click()
        expect(page.locator("table.rows tbody tr").first).to_be_visible()
        assert fits(page)
        page.locator("table.rows tbody tr td.primary a").first.click()
        expect(page.locator("table.comparison")).to_contain_text(f"139{locale}{width}")
        expect(page.locator("table.comparison")).to_contain_text(
            "服务" if locale == "zh_CN" else "Service"
        )
        assert fits(page)
        page.screenshot(path=SCREENSHOTS / f"audit-event-{locale}-{width}.png", full_page=True)
        page.goto(f"{address}/admin/audit/?actor=nobody-of-this-name")
        expect(page.locator(".empty")).to_be_visible()
    assert problems == []
