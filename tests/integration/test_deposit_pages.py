"""The ledger of deposits at its pages: entered by one person, confirmed by another."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from staff_mall import PASSWORD, PEOPLE
from staff_site import StaffSite, token

from domain.people import Role
from services.operations.passwords import hash_password
from services.operations.people import create_user
from storage.database import transaction
from storage.models import Contract, DepositEntry

_ADMIN, _MANAGEMENT, OPERATION, FINANCE = PEOPLE
COLLEAGUE = "colleague@example.org"
MOVEMENT = {
    "number": "HT-2025-002",
    "kind": "RECEIVED",
    "amount": "50000.00",
    "entry_date": "2026-04-13",
    "reference": "ICBC-7781",
    "comment": "首期保证金",
}


@pytest.fixture(scope="module")
def colleague(staff_site: StaffSite) -> FlaskClient:
    with transaction(staff_site.engine) as session:
        create_user(
            session,
            email=COLLEAGUE,
            name="",
            role=Role.FINANCE,
            mall_codes=["M01"],
            password_hash=hash_password(PASSWORD, staff_site.settings.secret("password_salt")),
        )
    return staff_site.client(COLLEAGUE)


@pytest.fixture(scope="module")
def finance(staff_site: StaffSite) -> FlaskClient:
    return staff_site.client(FINANCE)


def send(client: FlaskClient, path: str, **data: str) -> Any:
    return client.post(path, data={**data, "csrf_token": token(client, path)})


def entry_of(site: StaffSite, number: str) -> tuple[int, int]:
    """(contract id, id of its newest movement)."""
    with site.engine.connect() as connection:
        return connection.execute(
            sa.select(DepositEntry.contract_id, DepositEntry.id)
            .join(Contract, Contract.id == DepositEntry.contract_id)
            .where(Contract.number == number)
            .order_by(DepositEntry.id.desc())
            .limit(1)
        ).one()


def test_movement_counts_once_another_person_confirmed_it(
    staff_site: StaffSite, finance: FlaskClient, colleague: FlaskClient
) -> None:
    entered = send(finance, "/admin/deposits/new", **MOVEMENT)
    assert entered.status_code == 302
    contract_id, entry_id = entry_of(staff_site, "HT-2025-002")
    ledger = f"/admin/deposits/?contract={contract_id}"
    page = finance.get(ledger).text
    assert "waits for another person" in page
    assert "¥50,000.00 are missing" in page
    assert f"/admin/deposits/{entry_id}/confirm" not in page

    own = send(finance, f"/admin/deposits/{entry_id}/confirm")
    assert own.status_code == 422
    assert "You entered this movement: another person has to confirm it." in own.text

    assert f"/admin/deposits/{entry_id}/confirm" in colleague.get(ledger).text
    asked = colleague.get(f"/admin/deposits/{entry_id}/confirm").text
    for word in ("¥50,000.00", "HT-2025-002", "S-002 海岸咖啡", "ICBC-7781", FINANCE):
        assert word in asked
    assert send(colleague, f"/admin/deposits/{entry_id}/confirm").status_code == 302
    page = colleague.get(ledger).text
    assert "complete" in page
    assert COLLEAGUE in page
    again = send(colleague, f"/admin/deposits/{entry_id}/confirm")
    assert f"{COLLEAGUE} confirmed this movement already." in again.text


def test_more_than_is_held_cannot_go_out(staff_site: StaffSite, finance: FlaskClient) -> None:
    answer = send(
        finance,
        "/admin/deposits/new",
        **{**MOVEMENT, "number": "HT-2025-003", "kind": "REFUNDED", "amount": "0.01"},
    )
    assert answer.status_code == 422
    assert "The deposit of HT-2025-003 is ¥0.00: ¥0.01 cannot go out of it." in answer.text
    assert 'value="HT-2025-003"' in answer.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"number": "HT-0000"}, "This mall has no contract of this number."),
        ({"amount": "0"}, "Number must be between"),
        ({"amount": "1.005"}, "Write at most 2 decimals."),
        ({"amount": "NaN"}, "Number must be between"),
        ({"kind": "TRANSFERRED_IN"}, "Not a valid choice."),
        ({"entry_date": "2026-04-15"}, "This day has not come yet."),
        ({"entry_date": "13.4."}, "Not a valid date value."),
    ],
)
def test_movement_that_cannot_be_is_marked_at_its_field(
    finance: FlaskClient, change: dict[str, str], said: str
) -> None:
    answer = send(finance, "/admin/deposits/new", **{**MOVEMENT, **change})
    assert answer.status_code == 422
    assert said in answer.text
    assert "首期保证金" in answer.text


def test_list_is_narrowed_by_what_waits_kind_and_words(
    staff_site: StaffSite, finance: FlaskClient
) -> None:
    for number, reference in (("HT-2025-004", "WAIT-1"), ("HT-2025-005", "WAIT-2")):
        sent = {**MOVEMENT, "number": number, "reference": reference}
        assert send(finance, "/admin/deposits/new", **sent).status_code == 302
    waiting = finance.get("/admin/deposits/?waiting=1&search=WAIT").text
    assert "WAIT-1" in waiting
    assert "WAIT-2" in waiting
    by_shop = finance.get("/admin/deposits/?search=S-005").text
    assert "WAIT-2" in by_shop
    assert "WAIT-1" not in by_shop
    assert "Nothing matches" in finance.get("/admin/deposits/?kind=REFUNDED").text
    for odd in ("?kind=x&after=1~2&before=~", "?contract=0", "?contract=999999"):
        assert finance.get(f"/admin/deposits/{odd}").status_code == 200


def test_operation_reads_the_ledger_and_changes_nothing(staff_site: StaffSite) -> None:
    page = staff_site.client(OPERATION).get("/admin/deposits/").text
    assert "Deposits" in page
    assert "/admin/deposits/new" not in page
