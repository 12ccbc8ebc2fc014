"""The register at a real browser: a new device registered and landed, a meter replaced, rows
released; in both languages, wide and narrow.
"""

import hashlib
import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect
from staff_site import StaffSite

from domain.devices import Adapter
from services.adapters.arrival import Arrival
from services.operations.device_directory import load_device_directory
from services.operations.device_keys import create_device_key
from services.operations.device_pushes import land_push
from storage.database import transaction
from tests.browser.conftest import SCREENSHOTS
from tests.browser.test_staff_browser import LOCALES, NO_WORDS, WIDTHS, fits, signed_in

MINUTE = 60_000


def speak(site: StaffSite, serial: str, *, pushes: int) -> None:
    """A Xovis sensor that nobody knows counts people on line 3, a minute in each push."""
    now = site.clock.at
    began = int(now.timestamp() * 1000) // MINUTE * MINUTE - pushes * MINUTE
    with transaction(site.engine) as session:
        create_device_key(session, mall_id=site.mall.mall_id, device_id=None, name=serial, now=now)
        key_id = session.scalar(sa.text("SELECT max(id) FROM app.device_keys"))
        connection = session.connection().connection.driver_connection
        (devices,) = load_device_directory(connection, mall_id=site.mall.mall_id).malls.values()
        for at in range(pushes):
            start = began + at * MINUTE
            counts = [{"id": 1, "name": "fw", "value": at}, {"id": 2, "name": "bw", "value": 1}]
            logic = {
                "id": 3,
                "name": "Gate",
                "info": "XLT_4X_LINE_IN_OUT_COUNT",
                "records": [{"from": start, "to": start + MINUTE, "counts": counts}],
            }
            body = {
                "logics_data": {
                    "package_info": {"version": "5.0", "id": at, "agent_id": 1},
                    "sensor_info": {"serial_number": serial, "type": "SINGLE_SENSOR"},
                    "logics": [logic],
                }
            }
            land_push(
                connection,
                json.dumps(body).encode(),
                adapter=Adapter.XOVIS,
                content_type="application/json",
                devices=devices,
                mall=devices.mall,
                key_id=key_id,
                only_device_id=None,
                received_at=now,
                arrival=Arrival(now, timedelta(minutes=15), timedelta(days=7)),
            )


def one(site: StaffSite, query: str, **values: object):
    with site.engine.connect() as connection:
        return connection.execute(sa.text(query), values).scalar()


def translated(page: Page, locale: str, *names: str) -> None:
    """Whether a Chinese page holds no English words but names, codes and records."""
    if locale != "zh_CN":
        return
    text = page.evaluate(
        """() => {
            const copy = document.querySelector("main").cloneNode(true);
            copy.querySelectorAll("[lang=en], code, select, datalist, script, h1, .crumb")
                .forEach((e) => e.remove());
            return copy.textContent;
        }"""
    )
    for name in (*names, "Hikvision", "Axis", "Xovis", "Milesight", "POSLog", "NEM12", "DSMR",
                 "AI-on-the-edge", "ARTS", "SOAP", "XML", "JSON", "OBIS", "Modbus", "DL/T", "VS",
                 "Unknown"):  # fmt: skip
        text = text.replace(name, "")
    left = [word for word in NO_WORDS.sub("", text).split() if word.isascii() and word.isalpha()]
    assert [word for word in left if len(word) > 2] == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_unknown_device_is_registered_and_its_messages_are_landed(
    browser: Browser, address: str, staff_site: StaffSite, locale: str, width: int
) -> None:
    digest = hashlib.sha256(f"{locale}{width}".encode()).hexdigest()[:4]
    serial, code = f"00005e00{digest}", f"GATE-{digest.upper()}"
    speak(staff_site, serial, pushes=3)
    with signed_in(browser, address, locale=locale, width=width, email="operation@example.org") as (
        page,
        problems,
    ):

        def look(name: str) -> None:
            assert fits(page), name
            translated(page, locale, serial, serial.upper(), code, "fw", "bw")
            page.screenshot(
                path=SCREENSHOTS / f"register-{name}-{locale}-{width}.png", full_page=True
            )

        page.goto(f"{address}/admin/new-devices/")
        look("new-devices")
        page.get_by_text(serial).click()
        look("new-device")
        page.click("a.btn-primary")
        expect(page.locator("#kind")).to_have_value("FOOTFALL")
        expect(page.locator("input[name=directions-0-label]")).to_have_value("bw")
        expect(page.locator("#counts_electricity_register")).to_be_hidden()
        expect(page.locator("#counts_water_used")).to_be_hidden()
        expect(page.locator("#counts_footfall_in")).to_be_visible()
        look("form")
        # The sensor hangs the other way round; the code is taken at first.
        page.fill("#code", "POS-001")
        page.select_option("select[name=directions-0-to]", "footfall_in")
        page.select_option("select[name=directions-1-to]", "footfall_out")
        page.click("main button.btn-primary")
        expect(page.locator("#code-errors")).to_be_visible()
        expect(page.locator("select[name=directions-0-to]")).to_have_value("footfall_in")
        look("form-refused")
        page.fill("#code", code)
        page.click("main button.btn-primary")
        look("registered")
        page.click("main a.btn-primary")
        look("land")
        page.click("main button.btn-primary")
        expect(page.locator("#remaining")).to_have_text("0")
        expect(page.locator("#readings")).to_have_text("6")
        expect(page.locator("#released")).to_have_text("6")
        look("landed")
        page.locator(".form-actions a").first.click()
        expect(page.locator("h1")).to_have_text(code)
        look("device")
        assert problems == []
    counted = one(
        staff_site,
        "SELECT sum(value) FROM ingest.readings r JOIN app.devices d ON d.id = r.device_id"
        " WHERE d.code = :code AND metric = 'footfall_out'",
        code=code,
    )
    assert counted == 0 + 1 + 2


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_meter_is_replaced_after_what_is_computed_again_is_confirmed(
    browser: Browser, address: str, staff_site: StaffSite, locale: str, width: int
) -> None:
    code = f"E-00{1 + 2 * (locale == 'en') + (width == 390)}"
    meter = one(staff_site, "SELECT id FROM app.devices WHERE code = :code", code=code)
    with transaction(staff_site.engine) as session:
        session.execute(
            sa.text(
                "INSERT INTO ingest.touched_dates (mall_id, business_date, touched_at, cleaned_at)"
                " SELECT :mall, day, now(), now() FROM generate_series("
                "DATE '2026-04-01', DATE '2026-04-12', '1 day') day ON CONFLICT DO NOTHING"
            ),
            {"mall": staff_site.mall.mall_id},
        )
    with signed_in(browser, address, locale=locale, width=width, email="operation@example.org") as (
        page,
        problems,
    ):

        def look(name: str) -> None:
            assert fits(page), name
            page.screenshot(
                path=SCREENSHOTS / f"register-{name}-{locale}-{width}.png", full_page=True
            )

        page.goto(f"{address}/admin/devices/details/?id={meter}")
        page.click(f"a[href='/admin/devices/{meter}/replace']")
        page.fill("#first_date", "2026-04-10")
        page.fill("#final_register", "1204.7")
        page.fill("#initial_register", "0.4")
        page.locator("h1").click()
        look("replace")
        page.click("main form button.btn-primary")
        expect(page.locator("main [role=status]")).to_contain_text("2026-04-09")
        expect(page.locator("#final_register")).to_have_value("1204.7")
        look("replace-confirm")
        page.click("main form button.btn-primary")
        expect(page.locator("h1")).to_have_text(code)
        expect(page.locator("main")).to_contain_text("1,204.7")
        look("replaced")
        assert problems == []
    places = "SELECT count(*) FROM app.device_installations WHERE device_id = :id"
    assert one(staff_site, places, id=meter) == 2


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("locale", LOCALES)
def test_quarantine_is_filtered_tried_again_and_dismissed(
    browser: Browser, address: str, staff_site: StaffSite, locale: str, width: int
) -> None:
    digest = hashlib.sha256(f"quarantine{locale}{width}".encode()).hexdigest()[:4]
    serial = f"00005e01{digest}"
    speak(staff_site, serial, pushes=2)
    with signed_in(browser, address, locale=locale, width=width, email="operation@example.org") as (
        page,
        problems,
    ):

        def look(name: str) -> None:
            assert fits(page), name
            page.screenshot(
                path=SCREENSHOTS / f"register-{name}-{locale}-{width}.png", full_page=True
            )

        here = f"{address}/admin/quarantine/?search={serial}&state=waiting"
        page.goto(f"{here}&source=xovis&rule=UNKNOWN_DEVICE&from=2026-01-01")
        rows = page.locator("input[name=row]")
        expect(rows).to_have_count(4)
        look("quarantine")
        # Nobody registered it: they stay, and the page says so.
        rows.first.check()
        page.click("#rows button.btn-primary")
        expect(page.locator(".message-warning")).to_be_visible()
        assert "search=" in page.url
        expect(rows).to_have_count(4)
        look("quarantine-again")
        rows.first.check()
        page.click("#rows button[formaction]")
        expect(page.locator("#reason-errors")).to_be_visible()
        look("quarantine-reason")
        page.fill("#reason", "试装时的数据")
        page.click("main button.btn-primary")
        expect(page.locator(".message-success")).to_be_visible()
        expect(rows).to_have_count(3)
        page.goto(f"{address}/admin/quarantine/?search={serial}&state=released")
        look("quarantine-released")
        page.locator("td.primary a").first.click()
        expect(page.locator("main")).to_contain_text("试装时的数据")
        look("quarantined")
        # Chromium notes the answer to what was dismissed without a reason.
        assert [one for one in problems if "422" not in one] == []
