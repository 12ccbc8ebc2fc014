"""Text messages through a real gateway (Kannel), to the telephone and back."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa
from kannel import PASSWORD, USER, Kannel, kannel
from owed_bills import make_shop
from pydantic import SecretStr
from sqlalchemy.orm import Session

from bench.web_server import web
from domain.notifications import RETRY_AFTER, Audience, Channel, DeliveryState, Template
from services.gateways.channels import open_gateways
from services.gateways.message import Message, Receipt
from services.gateways.sms.choice import REPORT_SECRET, report_url
from services.operations.delivery_reports import note_delivery_report
from services.operations.message_addressing import address_messages
from services.operations.messages import post_message
from services.operations.outbox import DeliveryResult, deliver_notifications
from storage.database import transaction
from storage.logins import Login, login_url
from storage.models import Notification
from storage.roles import Group
from storage.settings import Settings

TEXT = (
    "【Test Mall】Tea：合约 C-1（2026年1月1日至2026年12月31日）已可签署。"
    "请登录阅读全文，并选择签署或拒签："
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Kannel]:
    with kannel() as running:
        yield running


def using(settings: Settings, gateway: Kannel, **more: object) -> Settings:
    return settings.model_copy(
        update={
            "sms_provider": "http",
            "sms_endpoint": gateway.url,
            "sms_key_id": USER,
            "sms_key_secret": SecretStr(PASSWORD),
            **more,
        }
    )


def tell(engine: sa.Engine, phone: str = "138 0000 0001", mall: str = "TST") -> None:
    with transaction(engine) as session:
        lease = make_shop(session, phone=phone, mall_code=mall)
        post_message(
            session,
            template=Template.CONTRACT_SENT,
            audience=Audience.SHOP,
            mall_id=lease.mall_id,
            shop_id=lease.shop_id,
            contract_id=lease.id,
            dedupe_key="sent",
            cause="TEST",
            actor="TEST",
            now=datetime.now(UTC),
        )


def deliver(engine: sa.Engine, settings: Settings, now: datetime | None = None) -> DeliveryResult:
    now = now or datetime.now(UTC)
    address_messages(engine, site=settings.site, default_locale="zh_CN", now=now)
    sms = open_gateways(settings)[Channel.SMS]
    return deliver_notifications(engine, gateways={Channel.SMS: sms}, clock=lambda: now)


def text_message(engine: sa.Engine) -> Notification:
    with Session(engine) as session:
        return session.scalars(
            sa.select(Notification).where(Notification.channel == Channel.SMS)
        ).one()


def until(condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.1)


def test_text_arrives_whole_in_chinese_and_its_report_comes_back(
    engine: sa.Engine, settings: Settings, gateway: Kannel
) -> None:
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    with web(settings.database_url, settings.state_dir, workers=1, log_level="INFO") as port:
        chosen = using(settings, gateway, public_url=f"http://127.0.0.1:{port}")
        tell(engine)
        assert deliver(engine, chosen).sent == 1
        until(lambda: text_message(engine).state is DeliveryState.DELIVERED)
        told = text_message(engine)
        assert told.provider == "http"
        assert told.delivered_at is not None
        pieces = [text for number, text in gateway.arrived() if number == "+8613800000001"]
        assert "".join(dict.fromkeys(pieces)) == f"{TEXT}http://127.0.0.1:{port}"
        token = settings.secret(REPORT_SECRET)
        log = (settings.state_dir / "web.log").read_text()
        assert "/api/v1/sms-reports/<token>" in log
        assert token not in log


def test_wrong_password_is_tried_again_and_said_without_it(
    engine: sa.Engine, settings: Settings, gateway: Kannel
) -> None:
    tell(engine)
    wrong = using(settings, gateway, sms_key_secret=SecretStr("no-such-password"))
    assert deliver(engine, wrong).postponed == 1
    assert text_message(engine).error.startswith("ANSWER: 403")
    again = datetime.now(UTC) + RETRY_AFTER[0] + timedelta(seconds=5)
    assert deliver(engine, using(settings, gateway), again).sent == 1


def test_number_that_takes_no_text_messages_is_given_up(
    engine: sa.Engine, settings: Settings, gateway: Kannel
) -> None:
    tell(engine, phone="010-12345678")
    assert deliver(engine, using(settings, gateway)).failed == 1
    assert text_message(engine).error == "NO_NUMBER"


# -- reports ------------------------------------------------------------------------------------


@pytest.fixture
def api(engine: sa.Engine, settings: Settings) -> Iterator[psycopg.Connection]:
    """A connection as the site's API has it, which may read no message."""
    options = f"-c role={Group.INGEST}"
    url = login_url(settings, Login.INGEST)
    with psycopg.connect(url, autocommit=True, options=options) as connection:
        yield connection


def waiting(engine: sa.Engine, settings: Settings, state: DeliveryState) -> None:
    tell(engine)
    address_messages(
        engine, site="https://mall.example.org", default_locale="zh_CN", now=datetime.now(UTC)
    )
    with transaction(engine) as session:
        session.execute(
            sa.update(Notification)
            .where(Notification.channel == Channel.SMS)
            .values(state=state, provider_id="p-1")
        )


def report(api: psycopg.Connection, name: str, *, is_delivered: bool) -> bool:
    return note_delivery_report(
        api,
        provider_id=name,
        is_delivered=is_delivered,
        reason="" if is_delivered else "NOT_ARRIVED",
        now=datetime.now(UTC),
    )


def test_report_finds_its_message_alone_and_changes_nothing_twice(
    engine: sa.Engine, settings: Settings, api: psycopg.Connection
) -> None:
    waiting(engine, settings, DeliveryState.SENT)
    assert not report(api, "p-2", is_delivered=True)
    assert not report(api, "", is_delivered=True)
    assert text_message(engine).state is DeliveryState.SENT
    assert report(api, "p-1", is_delivered=True)
    assert not report(api, "p-1", is_delivered=False)
    assert text_message(engine).state is DeliveryState.DELIVERED
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        api.execute("SELECT body FROM app.notifications")


def test_message_that_did_not_arrive_is_given_up_and_says_why(
    engine: sa.Engine, settings: Settings, api: psycopg.Connection
) -> None:
    waiting(engine, settings, DeliveryState.SENT)
    assert report(api, "p-1", is_delivered=False)
    told = text_message(engine)
    assert (told.state, told.error) == (DeliveryState.FAILED, "NOT_ARRIVED")


def test_report_quicker_than_the_note_of_sending_is_kept(
    engine: sa.Engine, settings: Settings, api: psycopg.Connection
) -> None:
    class Quick:
        def send(self, message: Message) -> Receipt:
            assert report(api, message.report_key, is_delivered=True)
            return Receipt("quick", message.report_key)

    tell(engine)
    now = datetime.now(UTC)
    address_messages(engine, site="https://x.example.org", default_locale="zh_CN", now=now)
    deliver_notifications(engine, gateways={Channel.SMS: Quick()}, clock=lambda: now)
    assert text_message(engine).state is DeliveryState.DELIVERED
    assert text_message(engine).sent_at is not None


@pytest.mark.parametrize("is_delivered", [True, False])
def test_report_before_the_note_of_sending_leaves_no_secret(
    engine: sa.Engine, settings: Settings, api: psycopg.Connection, *, is_delivered: bool
) -> None:
    """The process that sent died before it noted that: nobody else would blank the text."""
    waiting(engine, settings, DeliveryState.PENDING)
    with transaction(engine) as session:
        session.execute(sa.update(Notification).values(secret_body="482915"))
    assert report(api, "p-1", is_delivered=is_delivered)
    with Session(engine) as session:
        told = sa.select(Notification.secret_body).where(Notification.provider_id == "p-1")
        assert session.scalars(told).one() == ""


def test_report_needs_the_secret_of_its_address(staff_site, settings: Settings) -> None:  # type: ignore[no-untyped-def]
    client = staff_site.client()
    address = report_url(staff_site.settings).format(key="nobody's")
    path = address.removeprefix(staff_site.settings.site)
    assert client.get(f"{path}&state=1").status_code == 204
    assert client.get("/api/v1/sms-reports/guessed?message=a&state=1").status_code == 404
    assert client.get("/api/v1/sms-reports/%E4%B8%AD?message=a&state=1").status_code == 404
