"""A real server and a real browser: Chromium as the machine has it, no download."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_sign_in import SITES
from playwright.sync_api import Browser, sync_playwright
from staff_site import StaffSite, staff_site  # noqa: F401
from werkzeug.serving import make_server

SCREENSHOTS = Path(__file__).parent / "screenshots"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def address(staff_site: StaffSite) -> Iterator[str]:  # noqa: F811
    """The site on a free port of the loopback."""
    server = make_server("127.0.0.1", 0, staff_site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    SITES[address] = staff_site
    yield address
    server.shutdown()
    thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(
        (
            found
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (found := shutil.which(name))
        ),
        None,
    )
    if path is None:
        pytest.fail("the browser tests need Chromium: apt-get install chromium")
    SCREENSHOTS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()
