"""The inbox of the mall's people: what they were told, how much is unread, and the way to it."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from staff_mall import NOW, PEOPLE
from staff_site import StaffSite, token

from domain.notifications import Channel, DeliveryState, Template
from domain.people import Role
from services.operations.malls import register_mall
from services.operations.people import create_user
from services.queries.inboxes import in_inbox_of
from storage.database import transaction
from storage.models import Notification, User

ADMIN, MANAGEMENT, OPERATION, FINANCE = PEOPLE


def tell(site: StaffSite, email: str, body: str, **facts: object) -> int:
    """A message in the inbox of the person, as the messenger leaves it there."""
    with transaction(site.engine) as session:
        number = session.scalar(sa.text("SELECT count(*) FROM app.notifications"))
        told = Notification(
            **{
                "mall_id": site.mall.mall_id,
                "user_id": session.scalars(sa.select(User.id).where(User.email == email)).one(),
                "channel": Channel.IN_APP,
                "recipient": email,
                "locale": "zh_CN",
                "template": Template.CONTRACT_SUBMITTED.value,
                "body": body,
                "dedupe_key": f"told/{number}",
                "state": DeliveryState.SENT,
                "send_after": NOW,
                "sent_at": NOW - timedelta(hours=1) + timedelta(seconds=number or 0),
                **facts,
            }
        )
        session.add(told)
        session.flush()
        return told.id


@pytest.fixture(autouse=True)
def no_message(staff_site: StaffSite) -> Iterator[None]:
    with transaction(staff_site.engine) as session:
        session.execute(sa.delete(Notification))
    yield


def badge(page: str) -> str:
    found = re.search(r'class="btn btn-quiet bell".*?</a>', page, re.S)
    assert found
    count = re.search(r'badge-count"[^>]*>([^<]*)<', found[0])
    return count[1] if count else ""


def test_bell_counts_what_the_person_has_not_read(staff_site: StaffSite) -> None:
    tell(staff_site, MANAGEMENT, "甲")
    tell(staff_site, MANAGEMENT, "乙")
    tell(staff_site, MANAGEMENT, "丙", read_at=NOW)
    tell(staff_site, MANAGEMENT, "丁", state=DeliveryState.PENDING, sent_at=None)
    tell(staff_site, MANAGEMENT, "戊", channel=Channel.EMAIL)
    tell(staff_site, FINANCE, "己")
    client = staff_site.client(MANAGEMENT)
    assert badge(client.get("/admin/shops/").text) == "2"
    page = client.get("/admin/inbox/").text
    assert [text in page for text in "甲乙丙丁戊己"] == [True, True, True, False, False, False]
    assert page.index("丙") < page.index("乙") < page.index("甲")
    assert page.count("is-unread") == 2


def test_many_unread_messages_are_not_counted_to_the_end(staff_site: StaffSite) -> None:
    first = tell(staff_site, MANAGEMENT, "一")
    with transaction(staff_site.engine) as session:
        session.execute(
            sa.text(
                "INSERT INTO app.notifications (mall_id, user_id, channel, recipient, locale,"
                " template, body, dedupe_key, state, send_after, sent_at)"
                " SELECT mall_id, user_id, channel, recipient, locale, template, body,"
                " 'many/' || n, state, send_after, sent_at"
                " FROM app.notifications, generate_series(1, 140) n WHERE id = :id"
            ),
            {"id": first},
        )
    assert badge(staff_site.client(MANAGEMENT).get("/admin/inbox/").text) == "99+"


def test_unread_messages_are_found_by_their_own_index(staff_site: StaffSite) -> None:
    tell(staff_site, MANAGEMENT, "一")
    with staff_site.engine.connect() as connection:
        connection.execute(sa.text("SET enable_seqscan = off"))
        query = sa.select(Notification.id).where(*in_inbox_of(1), Notification.read_at.is_(None))
        text = str(query.compile(staff_site.engine, compile_kwargs={"literal_binds": True}))
        plan = "\n".join(connection.execute(sa.text(f"EXPLAIN {text}")).scalars())
    assert "ix_notifications_unread" in plan


def test_opening_marks_the_message_read_and_leads_to_the_contract(staff_site: StaffSite) -> None:
    contract = staff_site.mall.contract_id
    about = tell(staff_site, MANAGEMENT, "合约待审核", contract_id=contract)
    tell(staff_site, MANAGEMENT, "另一条")
    client = staff_site.client(MANAGEMENT)
    page = client.get("/admin/inbox/").text
    assert "Open contract HT-2025-001" in page
    answer = client.post(
        f"/admin/inbox/{about}", data={"csrf_token": token(client, "/admin/inbox/")}
    )
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith(f"?id={contract}")
    assert client.get(answer.headers["Location"]).status_code == 200
    assert badge(client.get("/admin/inbox/").text) == "1"


def test_message_of_another_mall_opens_in_that_mall(staff_site: StaffSite) -> None:
    with transaction(staff_site.engine) as session:
        other = register_mall(session, code="A02", name="北城里")
        create_user(
            session,
            email="two.malls@example.org",
            name="",
            role=Role.MANAGEMENT,
            mall_codes=["M01", "A02"],
            password_hash=session.scalars(
                sa.select(User.password).where(User.email == MANAGEMENT)
            ).one(),
        )
    tell(staff_site, "two.malls@example.org", "北城的事", mall_id=other)
    here = staff_site.mall.contract_id
    about = tell(staff_site, "two.malls@example.org", "南湖的事", contract_id=here)
    client = staff_site.client("two.malls@example.org")
    page = client.get("/admin/inbox/").text  # shows A02, the first mall
    assert "北城里 · " in page and "南湖天街 · " in page
    answer = client.post(
        f"/admin/inbox/{about}", data={"csrf_token": token(client, "/admin/inbox/")}
    )
    assert client.get(answer.headers["Location"]).status_code == 200


def test_nobody_opens_or_reads_the_message_of_somebody_else(staff_site: StaffSite) -> None:
    theirs = tell(staff_site, FINANCE, "财务的消息")
    client = staff_site.client(ADMIN)  # whose rows are all rows
    csrf = token(client, "/account/password")
    assert "财务的消息" not in client.get("/admin/inbox/").text
    assert client.post(f"/admin/inbox/{theirs}", data={"csrf_token": csrf}).status_code == 404
    client.post("/admin/inbox/read", data={"csrf_token": csrf})
    assert badge(staff_site.client(FINANCE).get("/admin/inbox/").text) == "1"


def test_everything_is_read_at_once(staff_site: StaffSite) -> None:
    for text in "甲乙丙":
        tell(staff_site, OPERATION, text)
    client = staff_site.client(OPERATION)
    client.post("/admin/inbox/read", data={"csrf_token": token(client, "/admin/inbox/")})
    page = client.get("/admin/inbox/").text
    assert badge(page) == ""
    assert "is-unread" not in page
    assert "Mark all as read" not in page


def test_long_inbox_has_pages_and_no_message_twice(staff_site: StaffSite) -> None:
    for number in range(35):
        tell(staff_site, OPERATION, f"第{number:02}条")
    client = staff_site.client(OPERATION)
    first = client.get("/admin/inbox/").text
    onward = re.search(r'rel="next" href="([^"]+)"', first)
    assert onward
    second = client.get(onward[1].replace("&amp;", "&")).text
    seen = re.findall(r"第(\d\d)条", first) + re.findall(r"第(\d\d)条", second)
    assert seen == [f"{number:02}" for number in reversed(range(35))]


def test_person_who_may_not_see_bills_gets_no_way_to_one(staff_site: StaffSite) -> None:
    for email in (OPERATION, FINANCE):
        tell(staff_site, email, "账单", bill_id=staff_site.mall.bill_id)
    assert "Open the bill" not in staff_site.client(OPERATION).get("/admin/inbox/").text
    client = staff_site.client(FINANCE)
    page = client.get("/admin/inbox/")
    assert "Open the bill" in page.text
    address = re.search(r'action="(/admin/inbox/\d+)"', page.text)
    assert address
    answer = client.post(address[1], data={"csrf_token": token(client, "/admin/inbox/")})
    assert answer.headers["Location"].startswith("/admin/bills/details/")
