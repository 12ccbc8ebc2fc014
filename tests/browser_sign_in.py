"""Signing in at a real browser, as a person with an authenticator does."""

from playwright.sync_api import Page
from second_factor import code_of_key, current_code
from staff_mall import PASSWORD
from staff_site import StaffSite

# The site that answers at an address.
SITES: dict[str, StaffSite] = {}


def sign_in(page: Page, address: str, email: str, password: str = PASSWORD) -> None:
    """From the sign-in page on, with whatever second step is asked for."""
    site = SITES[address]
    page.fill("#email", email)
    page.fill("#password", password)
    page.click("button.btn-primary")
    if page.url.endswith("/sign-in/authenticator"):
        key = page.locator("code.key").inner_text()
        page.fill("#code", code_of_key(site.app, key))
        page.click("button.btn-primary")
        page.locator("a.btn-primary").click()
    elif page.url.endswith("/sign-in/code"):
        page.fill("#code", current_code(site.app, site.engine, email))
        page.click("button.btn-primary")
