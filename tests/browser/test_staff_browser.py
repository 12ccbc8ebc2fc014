"""Staff at a real browser: sign in, look at the home page and a bill, in both languages."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from browser_sign_in import sign_in
from playwright.sync_api import Browser, Page, expect
from staff_site import StaffSite

from tests.browser.conftest import SCREENSHOTS

LOCALES = {"zh_CN": "zh-CN", "en": "en-GB"}
WIDTHS = {1280: 900, 390: 844}
# English that stays in Chinese pages: names, codes, units, addresses.
NO_WORDS = re.compile(
    r"[\w.+-]+@[\w.-]+|https?://\S+|\S+\.(?:csv|pdf|xlsx)|\b[0-9a-f]{16}\b|"
    r"\b[A-Z]\w+(?:/[\w+-]+)+\b|"  # time zones
    r"\b(Atrium|English|Dagster|kWh|PDF|PNG|JPEG|WebP|CSV|XLSX|API|"
    r"inbox/\S*|make run|CNY|IP|MAC|SHA|CT/PT|kB|MB|GB|UTC|atrium|archive/\S*|backups/\S*|"
    r"Hikvision|Axis|Xovis|Milesight|POSLog|TechTrans|NEM12|NEM13|DSMR|OBIS|DL/T|Modbus|AI|"
    r"on-the-edge|SOAP|XML|JSON|ARTS|VS|ISAPI|Neuron|"
    r"negative_amount|sha)\b|\b[A-Z0-9]+-[A-Z0-9-]+\b|\bm²|\bM01,\S*"
)


@contextmanager
def signed_in(
    browser: Browser,
    address: str,
    *,
    locale: str,
    width: int = 1280,
    email: str = "admin@example.org",
) -> Iterator[tuple[Page, list[str]]]:
    """A page of a person of the staff, and what the browser complained about."""
    context = browser.new_context(
        locale=LOCALES[locale], viewport={"width": width, "height": WIDTHS[width]}
    )
    page = context.new_page()
    problems: list[str] = []
    page.on(
        "console",
        lambda message: (
            problems.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address, "data:", "blob:"))
            else problems.append(f"outside: {request.url}")
        ),
    )
    page.goto(f"{address}/admin/")
    sign_in(page, address, email)
    expect(page.locator("main#content")).to_be_visible()
    yield page, problems
    context.close()


def fits(page: Page) -> bool:
    """Whether nothing makes the page wider than the window."""
    page.wait_for_load_state()
    return bool(page.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.documentElement)"))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_home_and_a_bill_are_shown_without_a_complaint(
    browser: Browser, address: str, staff_site: StaffSite, locale: str, width: int
) -> None:
    with signed_in(browser, address, locale=locale, width=width) as (page, problems):
        for name in ("sales", "footfall", "collection", "electricity"):
            expect(page.locator(f"#{name}[data-drawn=yes] canvas")).to_be_visible(timeout=20_000)
        assert fits(page)
        page.screenshot(path=SCREENSHOTS / f"home-{locale}-{width}.png", full_page=True)

        page.goto(f"{address}/admin/bills/")
        assert fits(page)
        page.screenshot(path=SCREENSHOTS / f"bills-{locale}-{width}.png", full_page=True)
        page.get_by_text("M01-202603-0001").click()
        expect(page.locator("h1")).to_have_text("M01-202603-0001")
        line = page.locator("details.line").first
        line.locator("summary").click()
        expect(line.locator(".reasons")).to_contain_text("420.5")
        expect(line.locator(".reasons")).to_contain_text("HT-2025-001")
        assert fits(page)
        page.screenshot(path=SCREENSHOTS / f"bill-{locale}-{width}.png", full_page=True)
        assert problems == []


def test_chart_and_its_table_take_turns(browser: Browser, address: str) -> None:
    with signed_in(browser, address, locale="en") as (page, _problems):
        expect(page.locator("#sales[data-drawn=yes]")).to_be_visible(timeout=20_000)
        page.click("[data-table=sales]")
        expect(page.locator("#sales-table")).to_be_visible()
        expect(page.locator("#sales")).to_be_hidden()
        expect(page.locator("#sales-table tbody tr")).to_have_count(31 * 5)
        with page.expect_download() as png:
            page.click("[data-png=footfall]")
        assert png.value.suggested_filename == "footfall.png"
        with page.expect_download() as csv:
            page.click("#collection-title ~ .actions a")
        assert csv.value.suggested_filename == "collection-2026-03.csv"


def test_chosen_language_stays_after_signing_in_again(browser: Browser, address: str) -> None:
    with signed_in(browser, address, locale="en", email="management@example.org") as (
        page,
        _problems,
    ):
        page.click("button[value=zh_CN]")
        expect(page.locator("nav#navigation")).to_contain_text("店铺")
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
    with signed_in(browser, address, locale="en", email="management@example.org") as (
        page,
        _problems,
    ):
        expect(page.locator("nav#navigation")).to_contain_text("店铺")


def test_calendar_of_a_date_field_speaks_the_page_s_language(
    browser: Browser, address: str
) -> None:
    with signed_in(browser, address, locale="zh_CN") as (page, problems):
        page.goto(f"{address}/admin/shops/new/")
        page.fill("#move_in_date", "2026-03-01")
        expect(page.locator(".calendar")).to_contain_text("2026年3月")
        page.locator(".calendar button", has_text="17").click()
        expect(page.locator("#move_in_date")).to_have_value("2026-03-17")
        page.screenshot(path=SCREENSHOTS / "new-shop-zh_CN-1280.png")
        assert problems == []


def test_form_keeps_what_was_typed_and_marks_what_is_wrong(browser: Browser, address: str) -> None:
    with signed_in(browser, address, locale="en") as (page, _problems):
        page.goto(f"{address}/admin/shops/new/")
        page.fill("#code", "S-001")
        page.fill("#name", "第二家书店")
        page.click("form.form-card button.btn-primary")
        expect(page.locator(".errors")).to_have_text("This code is taken; choose another.")
        expect(page.locator("#name")).to_have_value("第二家书店")
        page.fill("#code", "S-099")
        page.click("form.form-card button.btn-primary")
        expect(page.locator("h1")).to_have_text("第二家书店")


def test_filter_stands_in_the_address(browser: Browser, address: str) -> None:
    with signed_in(browser, address, locale="en") as (page, _problems):
        page.goto(f"{address}/admin/bills/")
        page.select_option("#filter-state", "PAID")
        page.wait_for_url(re.compile(r"state=PAID$"))
        expect(page.locator("tbody tr")).to_have_count(3)
        page.goto(f"{address}/admin/shops/?type=CATERING&search=火锅")
        expect(page.locator("tbody tr")).to_have_count(1)
        page.goto(f"{address}/admin/shops/?search=nothing-is-called-so")
        expect(page.locator(".empty")).to_contain_text("Nothing matches")


def test_phone_reaches_every_page_by_its_menu(browser: Browser, address: str) -> None:
    with signed_in(browser, address, locale="en", width=390) as (page, _problems):
        expect(page.locator("#navigation")).not_to_be_in_viewport()
        page.click("#menu-button")
        page.get_by_role("link", name="Quarantine").click()
        expect(page.locator("h1")).to_have_text("Quarantine")
        assert fits(page)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_speaks_one_language(
    browser: Browser, address: str, staff_site: StaffSite, locale: str
) -> None:
    mall = staff_site.mall
    paths = (
        "/admin/",
        "/admin/?period=2026-W12",
        "/admin/?period=2020-01",
        "/admin/shops/",
        f"/admin/shops/details/?id={mall.shop_id}",
        "/admin/shops/new/",
        f"/admin/shops/edit/?id={mall.shop_id}",
        "/admin/contracts/",
        "/admin/contracts/board",
        "/admin/contracts/calendar",
        "/admin/contracts/calendar?view=list",
        "/admin/deposits/",
        f"/admin/deposits/?contract={mall.contract_id}",
        f"/admin/contracts/details/?id={mall.contract_id}",
        "/admin/units/",
        f"/admin/units/details/?id={mall.unit_id}",
        "/admin/units/new/",
        f"/admin/units/edit/?id={mall.unit_id}",
        f"/admin/units/{mall.unit_id}/merge",
        f"/admin/units/{mall.unit_id}/split",
        "/admin/malls/",
        f"/admin/malls/details/?id={mall.mall_id}",
        f"/admin/malls/edit/?id={mall.mall_id}",
        "/admin/bills/",
        "/admin/held-bills/",
        f"/admin/bills/details/?id={mall.bill_id}",
        "/admin/devices/",
        f"/admin/devices/details/?id={mall.device_id}",
        "/admin/devices/new/",
        f"/admin/readings/?device={mall.device_id}",
        "/admin/landed-files/",
        f"/admin/landed-files/details/?id={mall.file_id}",
        "/admin/quarantine/",
        f"/admin/quarantine/details/?id={mall.quarantined_id}",
        "/admin/requests/",
        f"/admin/requests/details/?id={mall.request_id}",
        f"/admin/requests/edit/?id={mall.request_id}",
        "/admin/files/",
        "/admin/backups/",
        f"/admin/backups/details/?id={mall.backup_id}",
        "/admin/runs/",
        "/admin/settings/",
        "/nothing",
    )
    foreign: dict[str, list[str]] = {}
    with signed_in(browser, address, locale=locale) as (page, _problems):
        for path in paths:
            page.goto(f"{address}{path}", wait_until="domcontentloaded")
            for details in page.locator("details.line").all():
                details.evaluate("element => { element.open = true; }")
            text = page.evaluate(
                "[document.title, document.body.innerText, ...[...document.querySelectorAll("
                "'[title],[aria-label],[placeholder]')].flatMap(e => [e.title, e.ariaLabel,"
                " e.placeholder])].filter(Boolean).join('\\n')"
            )
            found = words_of_the_other_language(text, locale)
            if found:
                foreign[path] = found
    assert foreign == {}


def words_of_the_other_language(text: str, locale: str) -> list[str]:
    """English words in a Chinese page. In an English page the data itself is Chinese, so only
    the words of the navigation tell.
    """
    if locale == "zh_CN":
        return re.findall(r"[A-Za-z]{3,}", NO_WORDS.sub(" ", text))
    return re.findall("首页|账务|招商租赁|待您处理|编号|状态|保存|取消", text)
