"""Who may open which address: every route stands in this list."""

from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask_admin.model import BaseModelView
from staff_mall import PEOPLE
from staff_site import StaffSite, token

from services.operations.malls import register_mall, register_unit
from storage.database import transaction
from webapp.admin.base import RecordView, StaffView

ADMIN, MANAGEMENT, OPERATION, FINANCE = PEOPLE
STAFF = {ADMIN, MANAGEMENT, OPERATION, FINANCE}
OPERATIONS = {ADMIN, MANAGEMENT, OPERATION}
DESK = {ADMIN, OPERATION}
MONEY = {ADMIN, MANAGEMENT, FINANCE}
PUBLIC = {
    "assets.chart_library",
    "static",
    "admin.static",
    "security.static",
    "security.login",
    "security.logout",
    "pages.front_door",
    "pages.choose_language",
    "pages.robots",
    "pages.security_contact",
}
DEVICE = "<int(max=9223372036854775807):device_id>"
KEY = "<int(max=9223372036854775807):key_id>"
# (rule, who may open it, an address of it); methods are GET unless the rule has none.
PAGES = {
    "/admin/": (STAFF, "/admin/"),
    "/admin/charts/<chart>.csv": (STAFF, "/admin/charts/sales.csv"),
    "/admin/shops/": (STAFF, "/admin/shops/"),
    "/admin/shops/details/": (STAFF, "/admin/shops/details/?id={shop_id}"),
    "/admin/shops/new/": (DESK, "/admin/shops/new/"),
    "/admin/shops/edit/": (DESK, "/admin/shops/edit/?id={shop_id}"),
    "/admin/shops/export/<export_type>/": (STAFF, "/admin/shops/export/csv/"),
    "/admin/contracts/": (STAFF, "/admin/contracts/"),
    "/admin/contracts/details/": (STAFF, "/admin/contracts/details/?id={contract_id}"),
    "/admin/contracts/export/<export_type>/": (STAFF, "/admin/contracts/export/csv/"),
    "/admin/units/": (STAFF, "/admin/units/"),
    "/admin/units/details/": (STAFF, "/admin/units/details/?id={unit_id}"),
    "/admin/units/new/": (DESK, "/admin/units/new/"),
    "/admin/units/edit/": (DESK, "/admin/units/edit/?id={unit_id}"),
    "/admin/units/export/<export_type>/": (STAFF, "/admin/units/export/csv/"),
    "/admin/malls/": (STAFF, "/admin/malls/"),
    "/admin/malls/details/": (STAFF, "/admin/malls/details/?id={mall_id}"),
    "/admin/malls/edit/": ({ADMIN}, "/admin/malls/edit/?id={mall_id}"),
    "/admin/malls/export/<export_type>/": (STAFF, "/admin/malls/export/csv/"),
    "/admin/bills/": (MONEY, "/admin/bills/"),
    "/admin/bills/details/": (MONEY, "/admin/bills/details/?id={bill_id}"),
    "/admin/bills/export/<export_type>/": (MONEY, "/admin/bills/export/csv/"),
    "/admin/held-bills/": (MONEY, "/admin/held-bills/"),
    "/admin/held-bills/details/": (MONEY, "/admin/held-bills/details/?id={gate_id}"),
    "/admin/held-bills/export/<export_type>/": (MONEY, "/admin/held-bills/export/csv/"),
    "/admin/devices/": (OPERATIONS, "/admin/devices/"),
    "/admin/devices/details/": (OPERATIONS, "/admin/devices/details/?id={device_id}"),
    "/admin/devices/new/": (DESK, "/admin/devices/new/"),
    "/admin/devices/edit/": (DESK, "/admin/devices/edit/?id={device_id}"),
    f"/admin/devices/{DEVICE}/install": (DESK, "/admin/devices/{device_id}/install"),
    f"/admin/devices/{DEVICE}/remove": (DESK, "/admin/devices/{device_id}/remove"),
    f"/admin/devices/{DEVICE}/replace": (DESK, "/admin/devices/{device_id}/replace"),
    f"/admin/devices/{DEVICE}/maintenance": (DESK, "/admin/devices/{device_id}/maintenance"),
    f"/admin/devices/{DEVICE}/end-maintenance": (DESK, ""),
    "/admin/device-keys/": (OPERATIONS, "/admin/device-keys/"),
    "/admin/device-keys/new/": (DESK, "/admin/device-keys/new/?device={device_id}"),
    "/admin/device-keys/export/<export_type>/": (OPERATIONS, "/admin/device-keys/export/csv/"),
    # Keys are made by tests/integration/test_device_pages.py, which asks for these.
    "/admin/device-keys/details/": (OPERATIONS, ""),
    f"/admin/device-keys/{KEY}/rotate": (DESK, ""),
    f"/admin/device-keys/{KEY}/revoke": (DESK, ""),
    "/admin/devices/export/<export_type>/": (OPERATIONS, "/admin/devices/export/csv/"),
    "/admin/readings/": (OPERATIONS, "/admin/readings/"),
    "/admin/landed-files/": (OPERATIONS, "/admin/landed-files/"),
    "/admin/landed-files/details/": (OPERATIONS, "/admin/landed-files/details/?id={file_id}"),
    "/admin/landed-files/export/<export_type>/": (
        OPERATIONS,
        "/admin/landed-files/export/csv/",
    ),
    "/admin/quarantine/": (OPERATIONS, "/admin/quarantine/"),
    "/admin/quarantine/details/": (OPERATIONS, "/admin/quarantine/details/?id={quarantined_id}"),
    "/admin/quarantine/export/<export_type>/": (OPERATIONS, "/admin/quarantine/export/csv/"),
    "/admin/requests/": (OPERATIONS, "/admin/requests/"),
    "/admin/requests/details/": (OPERATIONS, "/admin/requests/details/?id={request_id}"),
    "/admin/requests/edit/": (DESK, "/admin/requests/edit/?id={request_id}"),
    "/admin/requests/export/<export_type>/": (OPERATIONS, "/admin/requests/export/csv/"),
    "/admin/files/": (STAFF, "/admin/files/"),
    "/admin/files/report/<int:file_id>": (MONEY, "/admin/files/report/{report_file_id}"),
    "/admin/files/document/<int:document_id>": (MONEY, "/admin/files/document/{document_id}"),
    "/admin/audit/": ({ADMIN, MANAGEMENT}, "/admin/audit/"),
    "/admin/audit/<int(max=9223372036854775807):seq>": (
        {ADMIN, MANAGEMENT},
        "/admin/audit/1",
    ),
    "/admin/audit/export.csv": ({ADMIN, MANAGEMENT}, "/admin/audit/export.csv"),
    "/admin/backups/": ({ADMIN}, "/admin/backups/"),
    "/admin/backups/details/": ({ADMIN}, "/admin/backups/details/?id={backup_id}"),
    "/admin/backups/export/<export_type>/": ({ADMIN}, "/admin/backups/export/csv/"),
    "/admin/runs/": (OPERATIONS, "/admin/runs/"),
    "/admin/settings/": (STAFF, "/admin/settings/"),
    "/admin/settings/mall": (STAFF, ""),
    "/admin/shop-files/": (STAFF, "/admin/shop-files/?shop={shop_id}"),
    # A file's uuid is made when it is sent: tests/integration/test_shop_files.py asks for these.
    "/admin/shop-files/<uuid:uuid>": (STAFF, ""),
    "/admin/shop-files/<uuid:uuid>/thumbnail": (STAFF, ""),
    "/admin/shop-files/<uuid:uuid>/remove": (DESK, ""),
    "/admin/shop-files/<uuid:uuid>/restore": (DESK, ""),
    "/admin/imports/": (DESK, "/admin/imports/?of=shops"),
    "/admin/imports/<of>/template.<extension>": (DESK, "/admin/imports/shops/template.csv"),
    # Likewise: tests/integration/test_imports.py.
    "/admin/imports/<of>/<uuid:uuid>": (DESK, ""),
    "/admin/imports/<of>/<uuid:uuid>/refused.csv": (DESK, ""),
}


def test_every_route_is_expected(staff_site: StaffSite) -> None:
    rules = {
        rule.rule
        for rule in staff_site.app.url_map.iter_rules()
        if rule.endpoint not in PUBLIC and not rule.endpoint.startswith("api.")
    }
    assert rules == set(PAGES)


def test_every_staff_page_derives_from_the_closed_base(staff_site: StaffSite) -> None:
    for view in staff_site.app.extensions["admin"][0]._views:
        assert isinstance(view, StaffView), view
        if isinstance(view, BaseModelView):
            assert isinstance(view, RecordView), view
        assert view.permission is not None, view


def test_base_view_is_closed_by_default() -> None:
    assert StaffView.permission is None
    assert not (RecordView.can_create or RecordView.can_edit or RecordView.can_delete)
    assert not (RecordView.editable or RecordView.creatable)
    assert RecordView.edit_permission is RecordView.export_permission is None


def test_stranger_is_asked_to_sign_in(staff_site: StaffSite) -> None:
    client = staff_site.client()
    for _allowed, address in PAGES.values():
        if address:
            answer = client.get(address.format(**vars(staff_site.mall)))
            assert answer.status_code == 302, address
            assert urlsplit(answer.location).path == "/sign-in", address


@pytest.mark.parametrize("email", PEOPLE)
def test_person_opens_what_the_role_allows_and_nothing_else(
    staff_site: StaffSite, email: str
) -> None:
    client = staff_site.client(email)
    wrong = {}
    for allowed, address in PAGES.values():
        if not address:
            continue
        answer = client.get(address.format(**vars(staff_site.mall)))
        expected = 200 if email in allowed else 403
        if answer.status_code != expected:
            wrong[address] = answer.status_code
    assert wrong == {}


def test_finance_report_is_not_served_to_operations(staff_site: StaffSite) -> None:
    page = staff_site.client(OPERATION).get("/admin/files/").text
    assert "Shop operation" in page
    assert "Rent collection" not in page
    assert "/admin/files/document/" not in page


def test_row_of_another_mall_does_not_exist(staff_site: StaffSite) -> None:
    with transaction(staff_site.engine) as session:
        other = register_mall(session, code="Z99", name="别处")
        unit = register_unit(
            session,
            mall_id=other,
            code="9-999",
            floor="9F",
            area_m2=Decimal(10),
            opened_date=date(2020, 1, 1),
        )
    finance = staff_site.client(FINANCE)
    assert finance.get(f"/admin/units/details/?id={unit}").status_code == 404
    assert "9-999" not in finance.get("/admin/units/").text
    assert "别处" not in finance.get("/admin/malls/").text
    answer = finance.post(
        "/admin/settings/mall",
        data={"mall": "Z99", "csrf_token": token(finance, "/admin/settings/")},
    )
    assert answer.status_code == 404


def test_state_and_money_are_in_no_form(staff_site: StaffSite) -> None:
    forbidden = {"state", "status", "total_amount", "net_amount", "deposit_amount"}
    for view in staff_site.app.extensions["admin"][0]._views:
        for form in (getattr(view, "form_class", None), getattr(view, "edit_form_class", None)):
            if form is not None:
                with staff_site.app.test_request_context():
                    assert not forbidden & {field.name for field in form()}, view


def test_area_of_a_unit_cannot_be_changed(staff_site: StaffSite) -> None:
    client = staff_site.client(OPERATION)
    address = f"/admin/units/edit/?id={staff_site.mall.unit_id}"
    answer = client.post(
        address,
        data={
            "code": "1-101",
            "floor": "1F",
            "zone": "西区",
            "closed_date": "",
            "area_m2": "9999",
            "csrf_token": token(client, address),
        },
    )
    assert answer.status_code == 302
    page = client.get(f"/admin/units/details/?id={staff_site.mall.unit_id}").text
    assert "420.5" in page
    assert "9,999" not in page


def _taken(staff_site: StaffSite, action: str) -> list[tuple[str, str, str, int | None]]:
    with staff_site.engine.connect() as connection:
        rows = connection.execute(
            sa.text(
                "SELECT actor_name, subject_type, note, mall_id FROM audit.events"
                " WHERE action = :action ORDER BY seq"
            ),
            {"action": action},
        )
        return [tuple(row) for row in rows]


def test_export_is_written_down_with_what_was_asked(staff_site: StaffSite) -> None:
    mall = staff_site.mall
    before = len(_taken(staff_site, "EXPORTED"))
    answer = staff_site.client(FINANCE).get("/admin/bills/export/csv/?state=PAID")
    name = answer.headers["Content-Disposition"].split('"')[1]
    assert _taken(staff_site, "EXPORTED")[before:] == [
        (FINANCE, "bills.export", name, mall.mall_id)
    ]
    with staff_site.engine.connect() as connection:
        after = connection.execute(
            sa.text("SELECT after FROM audit.events WHERE note = :name ORDER BY seq DESC LIMIT 1"),
            {"name": name},
        ).scalar_one()
    assert after == {"rows": len(answer.text.splitlines()) - 1, "asked": {"state": "PAID"}}


def test_download_is_written_down_before_it_leaves(staff_site: StaffSite) -> None:
    mall = staff_site.mall
    before = len(_taken(staff_site, "DOWNLOADED"))
    staff_site.client(FINANCE).get(f"/admin/files/document/{mall.document_id}").close()
    (event,) = _taken(staff_site, "DOWNLOADED")[before:]
    assert (event[0], event[1], event[3]) == (FINANCE, "documents", mall.mall_id)


def test_refused_export_is_no_export(staff_site: StaffSite) -> None:
    before = len(_taken(staff_site, "EXPORTED"))
    assert staff_site.client(OPERATION).get("/admin/bills/export/csv/").status_code == 403
    assert len(_taken(staff_site, "EXPORTED")) == before


def test_export_that_cannot_be_written_down_does_not_leave(staff_site: StaffSite) -> None:
    client = staff_site.client(FINANCE)
    with transaction(staff_site.engine) as session:
        session.execute(sa.text("ALTER TABLE audit.pending RENAME TO away"))
    try:
        answer = client.get("/admin/shops/export/csv/")
    finally:
        with transaction(staff_site.engine) as session:
            session.execute(sa.text("ALTER TABLE audit.away RENAME TO pending"))
    assert answer.status_code == 500
    assert "S-001" not in answer.text


def test_modulus_of_a_device_without_register_is_refused_at_the_field(
    staff_site: StaffSite,
) -> None:
    client = staff_site.client(OPERATION)
    answer = client.post(
        "/admin/devices/new/",
        data={
            "code": "POS-900",
            "kind": "POS",
            "feed_kind": "INTERVAL",
            "adapter": "atrium",
            "expected_interval_minutes": "60",
            "modulus": "1000",
            "ratio": "1",
            "csrf_token": token(client, "/admin/devices/new/"),
        },
    )
    assert answer.status_code == 200
    assert "Only a register rolls over" in answer.text
