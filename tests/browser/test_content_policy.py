"""The browser itself finds nothing on any page that the content security policy forbids."""

from collections.abc import Iterator
from contextlib import contextmanager

from browser_sign_in import sign_in
from playwright.sync_api import Browser, Page, expect
from site_crawl import crawl
from staff_site import StaffSite

ADMIN = "admin@example.org"
WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.__violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


@contextmanager
def watched(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page and what Chromium's console complained about."""
    context = browser.new_context(locale="zh-CN")
    context.add_init_script(WATCH)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: problems.append(message.text) if message.type == "error" else None,
    )
    yield page, problems
    context.close()


def test_no_page_of_staff_breaks_the_policy(
    browser: Browser, address: str, staff_site: StaffSite
) -> None:
    pages = crawl(staff_site.app, staff_site.client(ADMIN), "/admin/")
    found: dict[str, list[str]] = {}
    with watched(browser) as (page, problems):
        page.goto(f"{address}/sign-in")
        sign_in(page, address, ADMIN)
        for path in (*(one.address for one in pages.values()), "/api/docs"):
            problems.clear()
            answer = page.goto(f"{address}{path}")
            assert answer is not None
            assert "'unsafe" not in answer.headers["content-security-policy"]
            if path == "/admin/":
                for chart in ("sales", "footfall", "collection", "electricity"):
                    drawn = page.locator(f"#{chart}[data-drawn=yes] canvas")
                    expect(drawn).to_be_visible(timeout=20_000)
                # The chart says its values where the pointer is: Vega's expressions at work.
                page.locator("#sales canvas").hover()
            violations = page.evaluate("window.__violations")
            if violations or problems:
                found[path] = [*violations, *problems]
    assert len(pages) > 20
    assert found == {}


def test_watch_sees_what_is_forbidden(browser: Browser, address: str) -> None:
    with watched(browser) as (page, problems):
        page.goto(f"{address}/sign-in")
        page.evaluate(
            """() => {
                const script = document.createElement("script");
                script.textContent = "window.ran = true";
                document.body.append(script);
                document.body.setAttribute("style", "color: red");
                const image = document.createElement("img");
                image.src = "https://evil.example.org/x.png";
                document.body.append(image);
            }"""
        )
        page.wait_for_function("window.__violations.length >= 3")
        seen = " ".join(page.evaluate("window.__violations"))
        assert page.evaluate("window.ran") is None
        for directive in ("script-src-elem", "style-src-attr", "img-src"):
            assert directive in seen
        assert problems
