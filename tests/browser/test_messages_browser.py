"""Messages at a real browser: the log, an inbox, a text in one's own words, what one is told."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from message_samples import write_messages
from playwright.sync_api import Browser, expect
from portal_mall import BOOKS
from portal_site import PortalSite, portal_site, staff_site  # noqa: F401
from staff_mall import PEOPLE
from staff_site import StaffSite

from domain.notifications import Channel, DeliveryState, Template
from storage.database import transaction
from storage.models import MessagePreference, Notification
from tests.browser.conftest import SCREENSHOTS
from tests.browser.test_portal_browser import FAULTS
from tests.browser.test_portal_browser import signed_in as shop_signed_in
from tests.browser.test_staff_browser import (
    LOCALES,
    WIDTHS,
    fits,
    signed_in,
    words_of_the_other_language,
)

ADMIN, MANAGEMENT, OPERATION, FINANCE = PEOPLE
EDITOR = "/admin/message-texts/CONTRACT_REJECTED"


@pytest.fixture(scope="module")
def told(portal_site: PortalSite) -> Iterator[StaffSite]:  # noqa: F811
    write_messages(portal_site.site)
    yield portal_site.site


def delivery(site: StaffSite, template: Template, channel: Channel) -> int:
    with site.engine.connect() as connection:
        return connection.scalars(
            sa.select(Notification.id).where(
                Notification.template == template.value, Notification.channel == channel
            )
        ).one()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_of_messages_fits_and_speaks_one_language(
    browser: Browser, address: str, told: StaffSite, locale: str, width: int
) -> None:
    failed = delivery(told, Template.CONTRACT_SENT, Channel.SMS)
    pages = {
        "inbox": "/admin/inbox/",
        "log": "/admin/messages/",
        "failed": "/admin/messages/?state=FAILED",
        "nothing": "/admin/messages/?text=nothing",
        "undelivered": "/admin/messages/undelivered",
        "delivery": f"/admin/messages/{failed}",
        "texts": "/admin/message-texts/",
        "editor": EDITOR,
        "letter": "/admin/message-texts/PASSWORD_RESET",
        "told": "/account/messages",
    }
    foreign, faults = {}, {}
    with signed_in(browser, address, locale=locale, width=width, email=OPERATION) as (
        page,
        problems,
    ):
        for name, path in pages.items():
            page.goto(f"{address}{path}")
            assert fits(page), name
            page.screenshot(
                path=SCREENSHOTS / f"messages-{name}-{locale}-{width}.png", full_page=True
            )
            faults[name] = page.evaluate(FAULTS)
            # What a message says is in its reader's language, and marked so; what a provider says
            # and what stands for a value are nobody's words.
            page.evaluate(
                "for (const e of document.querySelectorAll('main [lang], main code, main samp')) {"
                " if (e.lang !== document.documentElement.lang) e.remove(); }"
            )
            found = words_of_the_other_language(page.locator("body").inner_text(), locale)
            if found:
                foreign[name] = found
    assert foreign == {}
    assert {name: found for name, found in faults.items() if found} == {}
    assert problems == []


def test_reviewer_finds_what_waits_by_the_bell_and_opens_it(
    browser: Browser, address: str, told: StaffSite
) -> None:
    with transaction(told.engine) as session:
        session.execute(sa.update(Notification).values(read_at=None))
    with signed_in(browser, address, locale="zh_CN", email=MANAGEMENT) as (page, problems):
        bell = page.locator(".topbar .bell")
        expect(bell).to_have_attribute("aria-label", "收件箱，2 条未读")
        bell.click()
        expect(page.locator(".inbox li")).to_have_count(2)
        item = page.locator(".inbox li", has_text="合约待审核")
        item.get_by_role("button", name="打开合约").click()
        expect(page.locator("h1")).to_contain_text("HT-2025-001")
        expect(page.locator(".topbar .badge-count")).to_have_text("1")
        page.locator(".topbar .bell").click()
        page.get_by_role("button", name="全部标为已读").click()
        expect(page.locator(".topbar .badge-count")).to_have_count(0)
        assert problems == []


def test_desk_sends_what_failed_again(browser: Browser, address: str, told: StaffSite) -> None:
    failed = delivery(told, Template.CONTRACT_SENT, Channel.SMS)
    with signed_in(browser, address, locale="en", email=OPERATION) as (page, _problems):
        page.goto(f"{address}/admin/messages/")
        page.get_by_role("navigation", name="Which messages").get_by_text("Failed").click()
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page.locator("tbody tr")).to_contain_text("isv.MOBILE_NUMBER_ILLEGAL")
        page.check("thead [data-check-all]")
        page.get_by_role("button", name="Send the chosen ones again").click()
        expect(page.locator(".message-success")).to_have_text("1 message goes out again.")
        expect(page.locator(".empty")).to_contain_text("Nothing has failed")
    with transaction(told.engine) as session:
        row = session.get_one(Notification, failed)
        assert row.state is DeliveryState.PENDING
        # As it was, for whoever looks next.
        row.state, row.attempts, row.error = DeliveryState.FAILED, 5, "isv.MOBILE_NUMBER_ILLEGAL"


def test_text_is_written_looked_at_and_saved(
    browser: Browser, address: str, told: StaffSite
) -> None:
    with signed_in(browser, address, locale="zh_CN", email=OPERATION) as (page, problems):
        page.goto(f"{address}{EDITOR}")
        body = page.locator("#body-zh_CN")
        body.fill("合约未获批准，原因：{reason}。编号 ")
        page.locator("[data-insert='{contract}']").click()
        expect(body).to_have_value("合约未获批准，原因：{reason}。编号 {contract}")
        page.get_by_role("button", name="预览").click()
        expect(page.locator(".preview").first).to_contain_text(
            "合约未获批准，原因：面积与平面图不符。编号 HT-2026-018"
        )
        expect(body).to_have_value("合约未获批准，原因：{reason}。编号 {contract}")
        page.screenshot(path=SCREENSHOTS / "messages-preview-zh_CN-1280.png", full_page=True)
        body.fill("合约未获批准 {price}")
        page.get_by_role("button", name="保存").click()
        expect(page.locator(".errors")).to_contain_text("此消息没有变量“price”。")
        assert fits(page)
        page.screenshot(path=SCREENSHOTS / "messages-wrong-zh_CN-1280.png", full_page=True)
        body.fill("合约 {contract} 未获批准：{reason}")
        page.get_by_role("button", name="保存").click()
        expect(page.locator(".message-success")).to_be_visible()
        expect(page.locator("h1 + .chip")).to_have_text("本商场自拟")
        page.get_by_text("恢复 Atrium 的文案").click()
        page.get_by_role("button", name="使用 Atrium 的文案").click()
        expect(page.locator("h1 + .chip")).to_have_count(0)
        assert [one for one in problems if "422" not in one] == []


def test_shop_s_person_reads_about_the_contract_and_chooses_where(
    browser: Browser, address: str, told: StaffSite
) -> None:
    with shop_signed_in(browser, address, locale="zh_CN", email=BOOKS) as (page, problems):
        page.goto(f"{address}/portal/messages/")
        assert fits(page)
        page.screenshot(path=SCREENSHOTS / "messages-shop-zh_CN-390.png", full_page=True)
        page.locator(".messages li", has_text="合约待签署").get_by_role("link").click()
        page.wait_for_url(re.compile(r"/portal/contracts/\d+$"))
        page.goto(f"{address}/account/messages")
        assert fits(page)
        page.screenshot(path=SCREENSHOTS / "messages-told-shop-zh_CN-390.png", full_page=True)
        page.uncheck("input[value=LEASING-EMAIL]")
        page.locator("form", has=page.locator("input[name=wanted]")).get_by_role("button").click()
        expect(page.locator(".message-success")).to_be_visible()
        expect(page.locator("input[value=LEASING-EMAIL]")).not_to_be_checked()
        page.fill("#phone", "138 0000 9999")
        page.get_by_role("button", name="保存号码").click()
        expect(page.locator("#phone")).to_have_value("13800009999")
        assert problems == []
    with told.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(MessagePreference)) == 1
