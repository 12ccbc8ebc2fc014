"""A shop at a real browser: reads a sealed contract, signs it on a telephone, declines another,
asks to renew; and a stranger holds files against the paper.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect
from portal_mall import BOOKS
from portal_site import PortalSite, portal_site  # noqa: F401
from sent_papers import code_sent_to, sent_amendment, sent_lease, share_fonts
from sqlalchemy.orm import Session
from staff_mall import PASSWORD

from storage.models import ContractPaper
from storage.objects import open_object_store
from tests.browser.conftest import SCREENSHOTS
from tests.browser.test_portal_browser import FAULTS, signed_in
from tests.browser.test_staff_browser import LOCALES, WIDTHS, fits, words_of_the_other_language

Made = TypeVar("Made")
WORDS = {
    "zh_CN": {
        "open": "阅读并签署", "code": "获取验证码", "sign": "签署",
        "unread": "请先确认您已阅读并同意。",
        "signed": "签署完成", "decline": "不同意，拒签", "send": "拒签", "why": "请说明原因",
        "declined": "已拒签", "ask": "申请续约", "asked": "已将您的续约意愿告知商场",
        "compare": "比较", "same": "这是已签署的原件。", "other": "这不是已签署的原件。",
    },
    "en": {
        "open": "Read and sign", "code": "Send me a code", "sign": "Sign",
        "unread": "Say that you have read it and agree.", "signed": "Signed.",
        "decline": "Decline instead", "send": "Decline", "why": "Say why", "declined": "Declined.",
        "ask": "Ask to renew", "asked": "The mall knows that you would like to stay.",
        "compare": "Compare", "same": "This is the signed file.",
        "other": "This is not the file that was signed.",
    },
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def fonts(portal_site: PortalSite, font_state_dir: Path) -> None:  # noqa: F811
    share_fonts(portal_site, font_state_dir)


def look(page: Page, name: str, locale: str, width: int) -> None:
    """The page fits, speaks one language, has no fault, and is kept to be looked at."""
    page.screenshot(path=SCREENSHOTS / f"signing-{name}-{locale}-{width}.png", full_page=True)
    assert fits(page), name
    text = page.locator("main").inner_text()
    # Names and reasons that people typed stay as they are.
    for typed in ("南湖天街", "云上书店", "海岸咖啡", "中庭施工", "租金高于报价", "希望续租两年"):
        text = text.replace(typed, "")
    text = re.sub(r"\S+@example.org|[0-9a-f]{64}|[0-9A-Z]{4}(-[0-9A-Z]{4}){3}", "", text)
    assert words_of_the_other_language(text, locale) == [], name
    assert page.evaluate(FAULTS) == [], name


def apart(work: Callable[[], Made]) -> Made:
    """Signing runs an event loop of its own, which the browser's thread has already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def exact(page: Page, words: str):  # type: ignore[no-untyped-def]
    return page.get_by_role("button", name=words, exact=True)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_shop_reads_signs_and_declines(
    browser: Browser,
    address: str,
    portal_site: PortalSite,  # noqa: F811
    locale: str,
    width: int,
) -> None:
    said = WORDS[locale]
    lease = apart(lambda: sent_lease(portal_site))
    paper_id = lease.sent.paper_id
    with signed_in(browser, address, locale=locale, width=width) as (page, problems):
        page.goto(f"{address}/portal/contracts/{lease.contract_id}")
        look(page, "contract", locale, width)
        page.get_by_role("link", name=said["open"]).first.click()
        expect(page).to_have_url(re.compile(f"/portal/papers/{paper_id}$"))
        look(page, "paper", locale, width)
        exact(page, said["code"]).click()
        expect(page.locator(".message-success")).to_be_visible()
        page.fill("#password", PASSWORD)
        page.fill("#code", code_sent_to(portal_site.site.engine, paper_id))
        exact(page, said["sign"]).click()
        expect(page.get_by_text(said["unread"])).to_be_visible()
        look(page, "unread", locale, width)
        page.check("input[name=read]")
        page.fill("#password", PASSWORD)
        page.fill("#code", code_sent_to(portal_site.site.engine, paper_id))
        exact(page, said["sign"]).click()
        expect(page.locator(".message-success")).to_contain_text(said["signed"])
        look(page, "signed", locale, width)
        assert page.locator("#sign").count() == 0

        amendment = apart(lambda: sent_amendment(portal_site, lease.contract_id))
        page.goto(f"{address}/portal/papers/{amendment.paper_id}")
        page.get_by_text(said["decline"]).click()
        exact(page, said["send"]).click()
        expect(page.locator("#reason-errors")).to_contain_text(said["why"])
        page.fill("#reason", "租金高于报价")
        look(page, "declining", locale, width)
        exact(page, said["send"]).click()
        expect(page.locator(".message-success")).to_contain_text(said["declined"])
        look(page, "declined", locale, width)

        page.goto(f"{address}/portal/contracts/{lease.contract_id}")
        page.fill("#months", "24")
        page.fill("#comment", "希望续租两年")
        exact(page, said["ask"]).click()
        expect(page.locator(".message-success")).to_contain_text(said["asked"])
        look(page, "asked", locale, width)
        # A refused form is answered with 422, which the browser notes; nothing else.
        assert [one for one in problems if "422" not in one] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_stranger_holds_files_against_a_paper(
    browser: Browser,
    address: str,
    portal_site: PortalSite,  # noqa: F811
    tmp_path: Path,
    locale: str,
    width: int,
) -> None:
    said = WORDS[locale]
    lease = apart(lambda: sent_lease(portal_site))
    apart(lambda: _sign(portal_site, lease.address, lease.sent.paper_id))
    with Session(portal_site.site.engine) as session:
        key = session.get_one(ContractPaper, lease.sent.paper_id).signed_object_key
    assert key is not None
    signed = open_object_store(portal_site.site.settings).get(key)
    whole, longer = tmp_path / "signed.pdf", tmp_path / "longer.pdf"
    whole.write_bytes(signed)
    longer.write_bytes(signed + b"\n")
    context = browser.new_context(
        locale=LOCALES[locale], viewport={"width": width, "height": WIDTHS[width]}
    )
    try:
        page = context.new_page()
        page.goto(f"{address}/verify/")
        look(page, "verify", locale, width)
        page.fill("#code", lease.sent.verify_code.lower())
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(f"/verify/{lease.sent.verify_code}$"))
        look(page, "verify-paper", locale, width)
        for path, words, name in ((whole, "same", "same"), (longer, "other", "other")):
            page.set_input_files("#file", path)
            exact(page, said["compare"]).click()
            expect(page.locator(".verify-verdict")).to_contain_text(said[words])
            look(page, f"verify-{name}", locale, width)
    finally:
        context.close()


def _sign(site: PortalSite, address: str, paper_id: int) -> None:
    client = site.site.client(BOOKS)
    page = client.get(address).text
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    csrf = {"csrf_token": found[1]}
    client.post(f"{address}/code", data=csrf)
    code = code_sent_to(site.site.engine, paper_id)
    answer = client.post(
        f"{address}/sign", data={**csrf, "read": "1", "password": PASSWORD, "code": code}
    )
    assert answer.status_code == 302
