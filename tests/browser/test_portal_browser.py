"""People of a shop at a real browser: telephone and desk, both languages."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from portal_mall import BOOKS, BOTH
from portal_site import PortalSite, portal_site  # noqa: F401
from staff_mall import PASSWORD

from tests.browser.conftest import SCREENSHOTS
from tests.browser.test_staff_browser import LOCALES, WIDTHS, fits, words_of_the_other_language

# What a reader with a keyboard or a screen reader meets first; axe's rules of the same names.
FAULTS = (Path(__file__).parent / "faults.js").read_text()


@contextmanager
def signed_in(
    browser: Browser, address: str, *, locale: str, width: int = 390, email: str = BOOKS
) -> Iterator[tuple[Page, list[str]]]:
    """A page of a person of a shop, and what the browser complained about."""
    context = browser.new_context(
        locale=LOCALES[locale],
        viewport={"width": width, "height": WIDTHS[width]},
        has_touch=width == 390,
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
    page.goto(f"{address}/")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url(f"{address}/portal/")
    expect(page.locator("main#content")).to_be_visible()
    yield page, problems
    context.close()


def pages(site: PortalSite) -> dict[str, str]:
    mall = site.mall
    return {
        "home": "/portal/",
        "bills": "/portal/bills/",
        "nothing": "/portal/bills/?search=nothing",
        "bill": f"/portal/bills/{mall.own_bill}",
        "void": f"/portal/bills/{mall.void_bill}",
        "contracts": "/portal/contracts/",
        "contract": f"/portal/contracts/{mall.own_contract}",
        "figures": "/portal/figures/?month=2026-03",
        "empty-figures": "/portal/figures/?month=2020-01",
        "messages": "/portal/messages/",
        "documents": "/portal/documents/",
        "more": "/portal/more",
    }


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_of_the_portal_fits_and_speaks_one_language(
    browser: Browser,
    address: str,
    portal_site: PortalSite,  # noqa: F811
    locale: str,
    width: int,
) -> None:
    foreign: dict[str, list[str]] = {}
    faults: dict[str, list[str]] = {}
    with signed_in(browser, address, locale=locale, width=width) as (page, problems):
        for name, path in pages(portal_site).items():
            page.goto(f"{address}{path}")
            for details in page.locator("details.line").all():
                details.evaluate("element => { element.open = true; }")
            if name == "figures":
                for chart in ("sales", "footfall"):
                    drawn = page.locator(f"#{chart}[data-drawn=yes] canvas")
                    expect(drawn).to_be_visible(timeout=20_000)
            assert fits(page), name
            page.screenshot(path=SCREENSHOTS / f"portal-{name}-{locale}-{width}.png")
            text = page.evaluate(
                "[document.title, document.body.innerText, ...[...document.querySelectorAll("
                "'[title],[aria-label],[placeholder]')].flatMap(e => [e.title, e.ariaLabel,"
                " e.placeholder])].filter(Boolean).join('\\n')"
            )
            if found := words_of_the_other_language(text, locale):
                foreign[name] = found
            if found := page.evaluate(FAULTS, width == 390):
                faults[name] = found
        assert problems == []
    assert foreign == {}
    assert faults == {}


def test_thumb_reaches_every_page(browser: Browser, address: str, portal_site: PortalSite) -> None:  # noqa: F811
    with signed_in(browser, address, locale="zh_CN") as (page, problems):
        tabs = page.get_by_role("navigation")
        box = tabs.bounding_box()
        assert box and box["y"] + box["height"] == WIDTHS[390]
        for word, title in (("账单", "账单"), ("经营数据", "2026年3月"), ("消息", "消息")):
            tabs.get_by_role("link", name=word).tap()
            expect(page.locator("h1")).to_have_text(title)
        for word in ("合约", "文档"):
            tabs.get_by_role("link", name="更多").tap()
            page.get_by_role("main").get_by_role("link", name=word).tap()
            expect(page.locator("h1")).to_have_text(word)
        tabs.get_by_role("link", name="更多").tap()
        page.get_by_role("button", name="退出登录").tap()
        expect(page.locator("#password")).to_be_visible()
        assert problems == []


def test_amount_opens_from_home_to_the_reading_behind_it(
    browser: Browser,
    address: str,
    portal_site: PortalSite,  # noqa: F811
) -> None:
    with signed_in(browser, address, locale="en") as (page, problems):
        expect(page.locator(".owed-amount")).to_have_text("¥121,911.51")
        page.get_by_role("link", name="March 2026").first.tap()
        line = page.locator("details.line", has_text="Electricity")
        line.locator("summary").tap()
        expect(line).to_contain_text("44,370.75")
        page.locator("details.line", has_text="Rent").first.locator("summary").tap()
        page.get_by_role("link", name="HT-2025-001").first.tap()
        expect(page.locator("li:target")).to_contain_text("per m² and day")
        page.go_back()
        with page.expect_download() as paper:
            page.get_by_role("link", name="PDF English").tap()
        assert paper.value.suggested_filename.endswith("-en.pdf")
        assert problems == []


def test_shop_s_file_is_kept_or_refused_at_the_field(
    browser: Browser,
    address: str,
    portal_site: PortalSite,  # noqa: F811
    tmp_path: Path,
) -> None:
    from PIL import Image

    picture = tmp_path / "门头 photo.png"
    Image.new("RGB", (40, 30), "#3a4ede").save(picture)
    forged = tmp_path / "forged.pdf"
    forged.write_bytes(b"MZ this is no paper")
    with signed_in(browser, address, locale="en") as (page, _problems):
        page.goto(f"{address}/portal/documents/")
        page.set_input_files("#file", forged)
        page.click("form[enctype] .btn-primary")
        expect(page.locator("#file-error")).to_be_visible()
        page.select_option("#kind", "PHOTO")
        page.set_input_files("#file", picture)
        page.click("form[enctype] .btn-primary")
        expect(page.get_by_role("status")).to_contain_text("门头 photo.png")
        with page.expect_download() as kept:
            page.get_by_role("link", name="门头 photo.png").tap()
        assert kept.value.suggested_filename == "门头 photo.png"
        assert Image.open(kept.value.path()).size == (40, 30)


def test_messages_are_new_until_they_are_read(
    browser: Browser,
    address: str,
    portal_site: PortalSite,  # noqa: F811
) -> None:
    with signed_in(browser, address, locale="en") as (page, problems):
        expect(page.locator(".badge-count")).to_contain_text("2")
        page.get_by_role("navigation").get_by_role("link", name="Messages").tap()
        expect(page.locator(".messages .chip")).to_have_count(2)
        page.get_by_role("button", name="Mark all as read").tap()
        expect(page.locator(".messages .chip")).to_have_count(0)
        expect(page.locator(".badge-count")).to_have_count(0)
        assert problems == []


def test_person_of_two_shops_changes_shop_where_the_page_stands(
    browser: Browser,
    address: str,
    portal_site: PortalSite,  # noqa: F811
) -> None:
    with signed_in(browser, address, locale="en", email=BOTH) as (page, problems):
        expect(page.locator("main")).to_contain_text("HT-2025-001")
        page.select_option("#shop", label="海岸咖啡 · S-002")
        expect(page.locator("main")).to_contain_text("HT-2025-002")
        assert fits(page)
        page.goto(f"{address}/portal/bills/")
        page.select_option("#state", "OPEN")
        page.wait_for_url(re.compile(r"\?state=OPEN$"))
        assert problems == []
