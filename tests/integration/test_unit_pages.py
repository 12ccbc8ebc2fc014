"""Units merged and split at their pages: asked twice, refused with a reason, and remembered."""

import re
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from staff_mall import PEOPLE
from staff_site import StaffSite, token

from services.operations.malls import register_unit
from storage.database import transaction
from storage.models import Unit

_ADMIN, _MANAGEMENT, OPERATION, _FINANCE = PEOPLE


@pytest.fixture
def officer(staff_site: StaffSite) -> FlaskClient:
    return staff_site.client(OPERATION)


def open_unit(site: StaffSite, code: str, area: str, floor: str = "6F") -> int:
    with transaction(site.engine) as session:
        return register_unit(
            session,
            mall_id=site.mall.mall_id,
            code=code,
            floor=floor,
            area_m2=Decimal(area),
            opened_date=date(2020, 1, 1),
        )


def units(site: StaffSite, *codes: str) -> dict[str, tuple[Decimal, date, date | None]]:
    with site.engine.connect() as connection:
        rows = connection.execute(
            sa.select(Unit.code, Unit.area_m2, Unit.opened_date, Unit.closed_date).where(
                Unit.code.in_(codes)
            )
        )
        return {row.code: (row.area_m2, row.opened_date, row.closed_date) for row in rows}


def send(client: FlaskClient, path: str, data: dict[str, Any]) -> Any:
    return client.post(path, data={**data, "csrf_token": token(client, path)})


def confirmation(page: str) -> str:
    found = re.search(r'name="confirmed" value="(\w+)"', page)
    assert found, page
    return found.group(1)


def test_units_are_merged_once_what_happens_was_confirmed(
    staff_site: StaffSite, officer: FlaskClient
) -> None:
    one, other = open_unit(staff_site, "6-601", "40.50"), open_unit(staff_site, "6-602", "60.25")
    path = f"/admin/units/{one}/merge"
    asked = {
        "unit": [str(other)],
        "code": "6-601A",
        "floor": "6F",
        "effective_date": "2026-06-01",
        "reason": "打通隔墙",
    }
    shown = send(officer, path, asked)
    assert shown.status_code == 200
    assert "6-601, 6-602 close on 2026-05-31 (100.75 m²)." in shown.text
    assert "6-601A opens on 2026-06-01 (100.75 m²)." in shown.text
    assert units(staff_site, "6-601A") == {}

    done = send(officer, path, {**asked, "confirmed": confirmation(shown.text)})
    assert done.status_code == 302
    assert units(staff_site, "6-601", "6-602", "6-601A") == {
        "6-601": (Decimal("40.50"), date(2020, 1, 1), date(2026, 5, 31)),
        "6-602": (Decimal("60.25"), date(2020, 1, 1), date(2026, 5, 31)),
        "6-601A": (Decimal("100.75"), date(2026, 6, 1), None),
    }
    page = officer.get(done.headers["Location"]).text
    for word in ("Merged on 2026-06-01", "打通隔墙", "6-602", OPERATION):
        assert word in page
    assert "Merged on 2026-06-01" in officer.get(f"/admin/units/details/?id={other}").text


def test_something_else_than_what_was_shown_is_asked_again(
    staff_site: StaffSite, officer: FlaskClient
) -> None:
    one, other = open_unit(staff_site, "6-611", "10"), open_unit(staff_site, "6-612", "20")
    path = f"/admin/units/{one}/merge"
    asked = {
        "unit": [str(other)],
        "code": "6-611A",
        "floor": "6F",
        "effective_date": "2026-06-01",
        "reason": "x",
    }
    shown = send(officer, path, asked)
    other_area = {**asked, "area_m2": "31.5", "confirmed": confirmation(shown.text)}
    again = send(officer, path, other_area)
    assert again.status_code == 200
    assert "6-611A opens on 2026-06-01 (31.50 m²)." in again.text
    assert units(staff_site, "6-611A") == {}


def test_merge_without_another_unit_is_refused_and_keeps_what_was_typed(
    staff_site: StaffSite, officer: FlaskClient
) -> None:
    one = open_unit(staff_site, "6-621", "10")
    answer = send(
        officer,
        f"/admin/units/{one}/merge",
        {"code": "6-621A", "floor": "6F", "effective_date": "2026-06-01", "reason": "x"},
    )
    assert answer.status_code == 422
    assert "Choose at least one other unit." in answer.text
    assert 'value="6-621A"' in answer.text


def test_unit_that_a_contract_holds_names_the_contract(
    staff_site: StaffSite, officer: FlaskClient
) -> None:
    other = open_unit(staff_site, "6-631", "10")
    answer = send(
        officer,
        f"/admin/units/{staff_site.mall.unit_id}/merge",
        {
            "unit": [str(other)],
            "code": "6-631A",
            "floor": "6F",
            "effective_date": "2026-06-01",
            "reason": "x",
        },
    )
    assert answer.status_code == 422
    assert (
        "The contract HT-2025-001 holds the unit 1-101 until 2027-12-31."
        " The change can take effect the day after." in answer.text
    )


def test_unit_is_split_into_parts_of_the_same_area(
    staff_site: StaffSite, officer: FlaskClient
) -> None:
    unit = open_unit(staff_site, "6-641", "100")
    path = f"/admin/units/{unit}/split"
    asked = {
        "parts-0-code": "6-641A",
        "parts-0-floor": "6F",
        "parts-0-area_m2": "60",
        "parts-1-code": "6-641B",
        "parts-1-floor": "6F",
        "parts-1-area_m2": "30.5",
        "effective_date": "2026-06-01",
        "reason": "分租",
    }
    refused = send(officer, path, asked)
    assert refused.status_code == 422
    assert "90.50 m² together, the unit has 100.00 m²: 9.50 m² are missing." in refused.text
    more = send(officer, path, {**asked, "add": "1"})
    assert more.status_code == 200
    assert 'name="parts-2-code"' in more.text
    assert 'value="6-641B"' in more.text

    whole = {
        **asked,
        "parts-2-code": "6-641C",
        "parts-2-floor": "6F",
        "parts-2-area_m2": "9.5",
    }
    shown = send(officer, path, whole)
    assert "6-641A, 6-641B, 6-641C open on 2026-06-01 (100.00 m²)." in shown.text
    assert send(officer, path, {**whole, "confirmed": confirmation(shown.text)}).status_code == 302
    assert sorted(units(staff_site, "6-641", "6-641A", "6-641B", "6-641C")) == [
        "6-641", "6-641A", "6-641B", "6-641C",
    ]  # fmt: skip
    page = officer.get(f"/admin/units/details/?id={unit}").text
    assert "Split on 2026-06-01" in page
    assert "6-641C" in page
    assert f"/admin/units/{unit}/split" not in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parts-1-code": "1-102"}, "This code is taken; choose another."),
        ({"parts-1-code": "6-651A"}, "This code is taken; choose another."),
        ({"parts-1-area_m2": "39.999"}, "Write at most 2 decimals."),
        ({"parts-1-floor": ""}, "Fill this in."),
        ({"parts-1-code": "", "parts-1-area_m2": ""}, "At least two units take part"),
        ({"effective_date": "2019-01-01"}, "opens on 2020-01-01 only; choose a later day."),
    ],
)
def test_split_that_cannot_be_says_why(
    staff_site: StaffSite, officer: FlaskClient, change: dict[str, str], said: str
) -> None:
    code = f"6-{uuid4().hex[:8]}"
    unit = open_unit(staff_site, code, "100")
    asked = {
        "parts-0-code": "6-651A",
        "parts-0-floor": "6F",
        "parts-0-area_m2": "60",
        "parts-1-code": "6-651B",
        "parts-1-floor": "6F",
        "parts-1-area_m2": "40",
        "effective_date": "2026-06-01",
        "reason": "x",
    }
    answer = send(officer, f"/admin/units/{unit}/split", {**asked, **change})
    assert answer.status_code == 422
    assert said in answer.text
    assert units(staff_site, "6-651A") == {}
