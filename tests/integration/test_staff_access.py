"""What staff pages show, keep back and write down; who opens what stands in the access matrix."""

from datetime import date
from decimal import Decimal

import sqlalchemy as sa
from flask_admin.model import BaseModelView
from staff_mall import PEOPLE
from staff_site import StaffSite, token

from services.operations.malls import register_mall, register_unit
from storage.database import transaction
from webapp.admin.base import RecordView, StaffView

_ADMIN, _MANAGEMENT, OPERATION, FINANCE = PEOPLE


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
