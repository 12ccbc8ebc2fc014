"""People say what they want to be told and where; what the law or the lease wants told is told."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from portal_mall import BOOKS
from portal_site import PortalSite, portal_site  # noqa: F401
from staff_mall import NOW, PASSWORD, PEOPLE
from staff_site import StaffSite, token

from domain.message_templates import SPECS
from domain.notifications import Audience, Channel, Template, Topic
from domain.people import InvalidPhone, Role, phone_number
from services.operations.message_addressing import address_messages
from services.operations.messages import post_message
from storage.database import transaction
from storage.models import MessagePreference, Notification, OutboxMessage, User
from webapp.account.messages import Say, rows_for

ADMIN, MANAGEMENT, OPERATION, FINANCE = PEOPLE


@pytest.fixture(autouse=True)
def nothing_chosen(staff_site: StaffSite) -> Iterator[None]:
    with transaction(staff_site.engine) as session:
        for model in (MessagePreference, Notification, OutboxMessage):
            session.execute(sa.delete(model))
        session.execute(sa.update(User).values(phone=""))
    staff_site.clock.at = NOW
    yield
    staff_site.clock.at = NOW


def boxes(page: str) -> dict[str, bool]:
    """The boxes of the page: whether each is ticked."""
    found = re.findall(r'name="wanted" value="([A-Z_-]+)"( checked)?', page)
    return {name: bool(ticked) for name, ticked in found}


def choose(client: FlaskClient, *wanted: str) -> None:
    csrf = token(client, "/account/messages")
    answer = client.post("/account/messages", data={"csrf_token": csrf, "wanted": list(wanted)})
    assert answer.status_code == 302


def kept(site: StaffSite, email: str) -> set[tuple[Topic, Channel]]:
    with site.engine.connect() as connection:
        rows = connection.execute(
            sa.select(MessagePreference.topic, MessagePreference.channel)
            .join(User, User.id == MessagePreference.user_id)
            .where(User.email == email)
        )
        return {(row.topic, row.channel) for row in rows}


def told(site: StaffSite, template: Template, **parameters: object) -> dict[str, list[Channel]]:
    """Over which channels the people of management hear of something."""
    with transaction(site.engine) as session:
        post_message(
            session,
            template=template,
            audience=Audience.ROLE,
            role=Role.MANAGEMENT,
            mall_id=site.mall.mall_id,
            contract_id=site.mall.contract_id,
            parameters=parameters,
            dedupe_key=template.value,
            cause="CONTRACT SUBMIT",
            actor=OPERATION,
            now=NOW,
        )
    address_messages(site.engine, site="https://m", default_locale="en", now=NOW)
    with site.engine.connect() as connection:
        rows = connection.execute(
            sa.select(Notification.recipient, Notification.channel)
            .where(Notification.template == template.value)
            .order_by(Notification.channel)
        )
        found: dict[str, list[Channel]] = {}
        for recipient, channel in rows:
            found.setdefault(recipient, []).append(channel)
        return found


def test_everything_is_on_until_somebody_switches_it_off(staff_site: StaffSite) -> None:
    client = staff_site.client(MANAGEMENT)
    both = {"LEASING-IN_APP": True, "LEASING-EMAIL": True}
    assert boxes(client.get("/account/messages").text) == both
    choose(client, "LEASING-IN_APP")
    assert kept(staff_site, MANAGEMENT) == {(Topic.LEASING, Channel.EMAIL)}
    assert boxes(client.get("/account/messages").text)["LEASING-EMAIL"] is False
    choose(client, "LEASING-EMAIL")
    assert kept(staff_site, MANAGEMENT) == {(Topic.LEASING, Channel.IN_APP)}
    choose(client, "LEASING-IN_APP", "LEASING-EMAIL")
    assert kept(staff_site, MANAGEMENT) == set()


def test_what_is_switched_off_is_not_sent_and_legal_notices_are(staff_site: StaffSite) -> None:
    assert told(staff_site, Template.CONTRACT_SUBMITTED) == {
        MANAGEMENT: [Channel.EMAIL, Channel.IN_APP]
    }
    choose(staff_site.client(MANAGEMENT), "LEASING-IN_APP")
    assert told(staff_site, Template.CONTRACT_APPROVED) == {MANAGEMENT: [Channel.IN_APP]}
    assert SPECS[Template.CONTRACT_SIGNED].is_legal
    assert told(staff_site, Template.CONTRACT_SIGNED) == {
        MANAGEMENT: [Channel.EMAIL, Channel.IN_APP]
    }


def test_page_names_the_messages_that_are_always_sent(staff_site: StaffSite) -> None:
    page = staff_site.client(MANAGEMENT).get("/account/messages").text
    always = page[page.index("Always sent, whatever you choose") :]
    for said in ("Contract was signed", "Notice of an early end", "Password was changed"):
        assert said in always
    assert "Contract was approved" not in always


def test_person_of_a_shop_chooses_letters_alone(portal_site: PortalSite) -> None:  # noqa: F811
    client = portal_site.site.client(BOOKS)
    page = client.get("/account/messages").text
    assert boxes(page) == {"LEASING-EMAIL": True}
    assert page.count("to the shop") >= 4  # its inbox and its number, of leases and of bills
    choose(client)
    assert kept(portal_site.site, BOOKS) == {(Topic.LEASING, Channel.EMAIL)}


def test_choice_cannot_reach_what_is_no_choice(staff_site: StaffSite) -> None:
    for role in Role:
        for row in rows_for(role):
            for channel, say in row.says.items():
                taking = [
                    spec
                    for spec in SPECS.values()
                    if spec.topic is row.topic and channel in spec.channels
                ]
                assert (say is Say.NOTHING) is not bool(taking)
                if say is Say.CHOOSE:
                    assert not all(spec.is_legal for spec in taking)
    client = staff_site.client(FINANCE)
    choose(client)  # nothing is wanted
    assert {topic for topic, _channel in kept(staff_site, FINANCE)} == {Topic.LEASING}


def phone_of(site: StaffSite, email: str) -> str:
    with site.engine.connect() as connection:
        return connection.scalars(sa.select(User.phone).where(User.email == email)).one()


def test_number_is_kept_as_digits_and_text_messages_go_there(staff_site: StaffSite) -> None:
    client = staff_site.client(MANAGEMENT)
    csrf = token(client, "/account/messages")
    answer = client.post(
        "/account/phone",
        data={"csrf_token": csrf, "phone": " +86 (138) 0000-1234 "},
        follow_redirects=True,
    )
    assert "go to the new number" in answer.text
    assert phone_of(staff_site, MANAGEMENT) == "+8613800001234"
    assert "+8613800001234" in client.get("/account/").text
    said = told(staff_site, Template.RENEWAL_REMINDER, days=30)
    assert said["+8613800001234"] == [Channel.SMS]


@pytest.mark.parametrize(
    "typed", ["call me", "１３８００００１２３４", "1" * 16, "1234", "+", "12a45678"]
)
def test_what_is_no_number_is_refused_where_it_stands(staff_site: StaffSite, typed: str) -> None:
    client = staff_site.client(MANAGEMENT)
    csrf = token(client, "/account/messages")
    answer = client.post("/account/phone", data={"csrf_token": csrf, "phone": typed})
    assert answer.status_code == 422
    assert 'aria-describedby="phone-errors"' in answer.text
    assert f'value="{typed}"' in answer.text
    assert phone_of(staff_site, MANAGEMENT) == ""
    with pytest.raises(InvalidPhone):
        phone_number(typed)


def test_number_is_changed_only_by_whoever_knows_the_password(staff_site: StaffSite) -> None:
    client = staff_site.client(MANAGEMENT)
    csrf = token(client, "/account/messages")
    staff_site.clock.at = NOW + timedelta(minutes=16)
    asked = client.post("/account/phone", data={"csrf_token": csrf, "phone": "13800001234"})
    assert asked.status_code == 401
    assert phone_of(staff_site, MANAGEMENT) == ""
    client.post(
        "/account/phone",
        data={"csrf_token": csrf, "phone": "13800001234", "confirm_password": PASSWORD},
    )
    assert phone_of(staff_site, MANAGEMENT) == "13800001234"


def test_administrator_enters_the_number_of_somebody(staff_site: StaffSite) -> None:
    client = staff_site.client(ADMIN)
    with staff_site.engine.connect() as connection:
        user_id = connection.scalars(sa.select(User.id).where(User.email == OPERATION)).one()
    address = f"/admin/users/edit/?id={user_id}"
    form = {
        "csrf_token": token(client, address),
        "name": "周敏",
        "role": "OPERATION",
        "mall_codes": ["M01"],
        "locale": "",
    }
    wrong = client.post(address, data={**form, "phone": "none"})
    assert "Write the number with its digits" in wrong.text
    assert client.post(address, data={**form, "phone": "138 0000 5678"}).status_code == 302
    assert phone_of(staff_site, OPERATION) == "13800005678"
    assert "13800005678" in client.get(f"/admin/users/details/?id={user_id}").text
