"""From an invitation to the first page, locked out and back in: a browser, letters, a telephone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from browser_sign_in import sign_in
from mail_server import Mailbox, mail_server
from playwright.sync_api import Browser, Page, expect
from portal_site import PortalSite, portal_site  # noqa: F401
from second_factor import code_of_key, current_code
from staff_site import StaffSite

from domain.notifications import Channel
from services.gateways.email.smtp import SmtpEmail
from services.operations.malls import register_mall
from services.operations.outbox import deliver_notifications
from services.queries.malls import find_mall
from storage.database import transaction
from tests.browser.conftest import SCREENSHOTS
from webapp.limits import limiter

LOCALES = {"zh_CN": "zh-CN", "en": "en-GB"}
SIZES = {1280: 900, 390: 844}
FIRST = "seven lamps by the river"
SECOND = "nine lifts above the lake"
ENGLISH = re.compile(r"[A-Za-z]{4,}")
# English that stays in Chinese pages: names, and what people typed.
NAMES = re.compile(
    r"[\w.+-]+@[\w.-]+|Atrium|English|Microsoft|Google|Authenticator|FreeOTP|Chrome|Linux|Asia/\w+|"
    r"[A-Z2-7]{4}(-[A-Z2-7]{4})+|[2-9A-Z]{5}-[2-9A-Z]{5}|Headless\w*"
)


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture(autouse=True)
def unknown_address() -> None:
    """All journeys knock from one address, and fast machines knock often."""
    limiter.reset()


@contextmanager
def window(browser: Browser, address: str, locale: str, width: int) -> Iterator[Page]:
    """A browser of somebody's own, which complains about nothing."""
    context = browser.new_context(
        locale=LOCALES[locale], viewport={"width": width, "height": SIZES[width]}
    )
    page = context.new_page()
    problems: list[str] = []
    page.on(
        "console",
        lambda said: problems.append(said.text) if said.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda asked: (
            None
            if asked.url.startswith((address, "data:"))
            else problems.append(f"outside: {asked.url}")
        ),
    )
    yield page
    context.close()
    assert problems == []


def look(page: Page, name: str, locale: str, width: int) -> None:
    """The page fits, speaks one language, and is kept as a picture."""
    assert page.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.documentElement)"), name
    if locale == "zh_CN":
        text = page.evaluate("document.title + '\\n' + document.body.innerText")
        assert ENGLISH.findall(NAMES.sub(" ", text)) == [], name
    page.screenshot(path=SCREENSHOTS / f"{name}-{locale}-{width}.png", full_page=True)


def post_letters(site: StaffSite, mailbox: Mailbox) -> None:
    """What the sensor of the pipelines does every few seconds."""
    gateway = SmtpEmail.from_url(mailbox.url, sender="atrium@mall.example.org")
    deliver_notifications(
        site.engine,
        gateways={Channel.EMAIL: gateway},
        clock=lambda: site.clock.at,
    )


def link_in_newest_letter(site: StaffSite, mailbox: Mailbox, email: str) -> str:
    post_letters(site, mailbox)
    links = [
        found.group()
        for letter in mailbox.to(email)
        if (found := re.search(r"http\S+/link/\S+", letter.get_content()))
    ]
    return links[-1]


def choose_password(page: Page, link: str, password: str) -> None:
    page.goto(link)
    assert urlsplit(page.url).path == "/password/new", "the token leaves the address"
    page.fill("#password", password)
    page.fill("#repeated", password)
    page.click("button.btn-primary")
    expect(page.locator(".message-success")).to_be_visible()


def invite(
    browser: Browser, address: str, email: str, name: str, role: str, box: str, locale: str
) -> None:
    with window(browser, address, "en", 1280) as page:
        page.goto(f"{address}/admin/users/new/")
        sign_in(page, address, "admin@example.org")
        page.goto(f"{address}/admin/users/new/")
        page.fill("#email", email)
        page.fill("#name", name)
        page.select_option("#role", role)
        page.check(f"input[value='{box}']")
        page.select_option("#locale", locale)
        page.click("form.form-card button.btn-primary")
        expect(page.locator("h1")).to_contain_text(name)


def lock_out_and_come_back(
    page: Page, site: StaffSite, mailbox: Mailbox, email: str, locale: str, width: int
) -> None:
    page.locator("form[action='/sign-out'] button").click()
    expect(page.locator("#password")).to_be_visible()
    for _ in range(5):
        page.fill("#email", email)
        page.fill("#password", "not my password at all")
        page.click("button.btn-primary")
        expect(page.locator(".message-error")).to_be_visible()
    page.fill("#password", FIRST)
    page.click("button.btn-primary")
    expect(page.locator(".message-error")).to_be_visible()
    look(page, "locked", locale, width)
    page.click("a[href='/password/forgotten']")
    page.fill("#email", email)
    look(page, "forgotten", locale, width)
    page.click("button.btn-primary")
    expect(page).to_have_url(re.compile("/password/sent$"))
    look(page, "letter-sent", locale, width)
    choose_password(page, link_in_newest_letter(site, mailbox, email), SECOND)
    page.fill("#email", email)
    page.fill("#password", SECOND)
    page.click("button.btn-primary")


@pytest.mark.parametrize(("locale", "width"), [("zh_CN", 390), ("en", 1280)])
def test_finance_person_is_invited_enrols_sees_one_mall_is_locked_out_and_returns(
    browser: Browser,
    address: str,
    staff_site: StaffSite,
    mailbox: Mailbox,
    locale: str,
    width: int,
) -> None:
    site = staff_site
    site.settings.public_url = address
    with transaction(site.engine) as session:
        if find_mall(session, code="Z88") is None:
            register_mall(session, code="Z88", name="别处广场")
    email = f"lin-{width}@example.org"
    invite(browser, address, email, "林芳", "FINANCE", "M01", locale)
    with window(browser, address, locale, width) as page:
        link = link_in_newest_letter(site, mailbox, email)
        page.goto(link)
        page.fill("#password", "short")
        page.fill("#repeated", "short")
        page.click("button.btn-primary")
        expect(page.locator("#password-errors")).to_contain_text("12")
        look(page, "choose-password", locale, width)
        choose_password(page, link, FIRST)
        look(page, "sign-in", locale, width)

        page.fill("#email", email)
        page.fill("#password", FIRST)
        page.click("button.btn-primary")
        expect(page.locator(".enrolment img")).to_be_visible()
        picture = page.locator(".enrolment img")
        assert picture.evaluate("image => image.complete && image.naturalWidth > 100")
        look(page, "enrol", locale, width)
        page.goto(f"{address}/admin/bills/")
        expect(page.locator("#email")).to_be_visible()  # nothing but enrolling is open
        page.goto(f"{address}/sign-in/authenticator")
        page.fill("#code", code_of_key(site.app, page.locator("code.key").inner_text()))
        page.click("button.btn-primary")
        expect(page.locator(".recovery-codes li")).to_have_count(10)
        look(page, "recovery-codes", locale, width)
        page.locator("a.btn-primary").click()
        expect(page.locator("main#content")).to_be_visible()
        expect(page.locator(".topbar")).to_contain_text("南湖天街")

        page.goto(f"{address}/admin/malls/")
        expect(page.locator("main")).to_contain_text("M01")
        expect(page.locator("main")).not_to_contain_text("Z88")
        for name in ("", "password", "authenticator", "sessions"):
            page.goto(f"{address}/account/{name}")
            look(page, f"account-{name or 'profile'}", locale, width)
        lock_out_and_come_back(page, site, mailbox, email, locale, width)
        expect(page.locator("#code")).to_be_visible()
        look(page, "code", locale, width)
        page.fill("#code", current_code(site.app, site.engine, email))
        page.click("button.btn-primary")
        expect(page.locator("main#content")).to_be_visible()


@pytest.mark.parametrize(("locale", "width"), [("zh_CN", 1280), ("en", 390)])
def test_shop_person_is_invited_sees_one_shop_is_locked_out_and_returns(
    browser: Browser,
    address: str,
    portal_site: PortalSite,  # noqa: F811
    mailbox: Mailbox,
    locale: str,
    width: int,
) -> None:
    site = portal_site.site
    site.settings.public_url = address
    email = f"shop-{width}@example.org"
    invite(browser, address, email, "王敏", "SHOP", "M01/S-001", locale)
    with window(browser, address, locale, width) as page:
        choose_password(page, link_in_newest_letter(site, mailbox, email), FIRST)
        page.fill("#email", email)
        page.fill("#password", FIRST)
        page.click("button.btn-primary")
        expect(page).to_have_url(f"{address}/portal/")
        expect(page.locator("body")).to_contain_text("云上书店")
        expect(page.locator("body")).not_to_contain_text("海岸咖啡")
        page.goto(f"{address}/account/sessions")
        look(page, "shop-sessions", locale, width)
        answer = page.request.get(f"{address}/portal/bills/{portal_site.mall.other_bill}")
        assert answer.status == 404
        assert page.request.get(f"{address}/admin/").status == 403
        lock_out_and_come_back(page, site, mailbox, email, locale, width)
        expect(page).to_have_url(f"{address}/portal/")
