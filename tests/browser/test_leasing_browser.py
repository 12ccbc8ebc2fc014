"""A lease at a real browser: drafted, compared and approved, sent to the shop and signed."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect
from staff_mall import NOW
from staff_site import StaffSite

from services.documents.fonts import prepare_fonts
from services.operations.papers import Signer, sign_paper
from storage.database import transaction
from storage.objects import open_object_store
from tests.browser.conftest import SCREENSHOTS
from tests.browser.test_staff_browser import (
    LOCALES,
    WIDTHS,
    fits,
    signed_in,
    words_of_the_other_language,
)

OFFICER, MANAGER = "operation@example.org", "management@example.org"


@pytest.fixture(scope="module")
def fonts(staff_site: StaffSite, font_state_dir: Path) -> None:
    """The fonts that were cut for all tests, for the papers of this site."""
    prepare_fonts(font_state_dir)
    (staff_site.settings.state_dir / "fonts").symlink_to(font_state_dir / "fonts")


def look(page: Page, name: str, locale: str, width: int) -> None:
    """Fits, speaks one language, and is there to be looked at."""
    assert fits(page), name
    text = page.locator("main").inner_text()
    assert words_of_the_other_language(text, locale) == [], name
    page.screenshot(path=SCREENSHOTS / f"{name}-{locale}-{width}.png", full_page=True)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_officer_drafts_manager_compares_and_approves_officer_sends(
    browser: Browser,
    address: str,
    staff_site: StaffSite,
    fonts: None,
    locale: str,
    width: int,
) -> None:
    at = list(LOCALES).index(locale) * 2 + list(WIDTHS).index(width)
    number = f"HT-2028-{at + 1:03}"

    def draft(page: Page) -> None:
        page.goto(f"{address}/admin/contracts/new/")
        look(page, "lease-new", locale, width)
        page.fill("#number", number)
        page.fill("#start_date", "2028-01-15")
        page.fill("#end_date", "2030-12-31")
        page.fill("#deposit_amount", "50,000.00")
        page.locator("input[name=units]").nth(at + 4).check()
        page.click("form.form-card button.btn-primary")
        page.fill("#clause-0-rate", "6.5")
        expect(page.locator("#preview")).to_contain_text("2028-01")
        page.click("button[value=add]")
        page.fill("#clause-1-rate", "38")
        page.click("button[value=add]")
        expect(page.locator("#clause-2")).to_be_visible()
        page.click("button[value=tier-2]", click_count=2)  # two presses, none of them lost
        expect(page.locator("#clause-2 .tier")).to_have_count(2)
        page.fill("#clause-2-tier-0-up_to", "500,000")
        page.fill("#clause-2-tier-0-rate", "8")
        page.fill("#clause-2-tier-1-rate", "6")
        page.locator("details.guided summary").nth(1).click()
        page.fill("#free-first", "2028-01-15")
        page.fill("#free-last", "2028-03-31")
        page.click("button[value=free]")
        expect(page.locator("#clause-1-valid_from")).to_have_value("2028-04-01")
        expect(page.locator("#preview .note").first).to_be_visible()
        look(page, "lease-clauses", locale, width)
        page.fill("#clause-1-rate", "zehn")
        page.click(".sticky-actions button[value=save]")
        expect(page.locator("#clause-1-rate-errors")).to_be_visible()
        expect(page.locator("#clause-1-rate")).to_have_value("zehn")
        page.screenshot(path=SCREENSHOTS / f"lease-faults-{locale}-{width}.png", full_page=True)
        page.fill("#clause-1-rate", "6.5")
        page.click(".sticky-actions button[value=save]")
        expect(page.locator("h1")).to_have_text(number)

    def hand_in(page: Page) -> None:
        page.click(".next-step .btn-primary")
        look(page, "lease-hand-in", locale, width)
        page.click("form.form-card button.btn-primary")
        expect(page.locator(".chip").first).to_have_text({"en": "In review"}.get(locale, "审核中"))

    with signed_in(browser, address, locale=locale, width=width, email=OFFICER) as (page, problems):
        draft(page)
        look(page, "lease-draft", locale, width)
        hand_in(page)
        lease = page.url
        assert problems == []
    with signed_in(browser, address, locale=locale, width=width, email=MANAGER) as (page, problems):
        page.goto(f"{address}/admin/reviews/")
        look(page, "reviews", locale, width)
        page.get_by_role("link", name=number).click()
        look(page, "lease-review", locale, width)
        page.fill("#comment", "免租期过长")
        page.click("button[value=reject]")
        assert problems == []
    with signed_in(browser, address, locale=locale, width=width, email=OFFICER) as (page, problems):
        page.goto(lease)
        page.click(".next-step .btn-primary")  # back to draft
        page.click("form.form-card button.btn-primary")
        page.goto(re.sub(r"details/\?id=(\d+)", r"\1/clauses", lease))
        page.fill("#clause-0-valid_to", "2028-02-29")
        page.fill("#clause-1-valid_from", "2028-03-01")
        page.keyboard.press("Escape")
        page.click(".sticky-actions button[value=save]")
        hand_in(page)
        assert problems == []
    with signed_in(browser, address, locale=locale, width=width, email=MANAGER) as (page, problems):
        page.goto(f"{address}/admin/reviews/")
        page.get_by_role("link", name=number).click()
        expect(page.locator("table.differences ins").first).to_be_visible()
        look(page, "lease-compare", locale, width)
        page.click("button[value=approve]")
        assert problems == []
    with signed_in(browser, address, locale=locale, width=width, email=OFFICER) as (page, problems):
        page.goto(lease)
        page.click(".next-step .btn-primary")
        look(page, "lease-send", locale, width)
        page.click("form.form-card button.btn-primary")
        expect(page.locator(".papers > li")).to_have_count(1)
        with page.expect_download() as paper:
            page.click(".papers .paper-head a")
        assert paper.value.path().read_bytes().startswith(b"%PDF")
        # In a thread of its own: the browser's runs a loop already.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(sign, staff_site, number).result()
        page.reload()
        expect(page.locator(".signatures .chip-good")).to_have_count(2)
        look(page, "lease-signed", locale, width)
        assert problems == []


def sign(site: StaffSite, number: str) -> None:
    """As the shop does in its portal (test_signing_browser holds that)."""
    state = site.app.extensions["atrium"]
    with transaction(site.engine) as session:
        paper_id, shop_id = session.execute(
            sa.text(
                "SELECT p.id, p.shop_id FROM app.contract_papers p"
                " JOIN app.contracts c ON c.id = p.contract_id WHERE c.number = :number"
            ),
            {"number": number},
        ).one()
        user_id = session.execute(sa.text("SELECT min(id) FROM app.users")).scalar_one()
        sign_paper(
            session,
            open_object_store(site.settings),
            settings=state.settings,
            paper_id=paper_id,
            shop_ids={shop_id},
            signer=Signer(user_id, "王敏", "shop@example.org", "203.0.113.9", "tests"),
            now=NOW,
        )


def test_editor_works_without_scripts(
    browser: Browser, address: str, staff_site: StaffSite
) -> None:
    with signed_in(browser, address, locale="en", email=OFFICER) as (page, _problems):
        state = page.context.storage_state()
    context = browser.new_context(locale="en-GB", java_script_enabled=False, storage_state=state)
    page = context.new_page()
    page.goto(f"{address}/admin/contracts/{staff_site.mall.contract_id}/amend?from=2026-07-01")
    before = page.locator(".clause-card").count()
    page.click("button[value=add]")
    expect(page.locator(".clause-card")).to_have_count(before + 1)
    page.fill("#clause-0-rate", "7.25")
    page.click("button[value=preview]")
    expect(page.locator("#clause-0-rate")).to_have_value("7.25")
    expect(page.locator("#preview")).to_contain_text("94,507.38")  # 7.25 × 420.5 m² × 31 days
    context.close()
