"""Messages of a lively week in the mall of the tests: sent, on their way, failed, read, to nobody.

Posted and addressed by the operations; only what becomes of the deliveries is set by hand.
"""

from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session
from staff_mall import NOW, PEOPLE
from staff_site import StaffSite

from domain.notifications import Audience, Channel, DeliveryState, Template
from domain.people import Role
from services.operations.message_addressing import address_messages
from services.operations.messages import money_of, post_message
from storage.database import transaction
from storage.models import Notification

ADMIN, MANAGEMENT, OPERATION, FINANCE = PEOPLE


def write_messages(site: StaffSite) -> None:
    mall = site.mall
    of_contract = {"contract_id": mall.contract_id, "shop_id": mall.shop_id}
    to_management = {"audience": Audience.ROLE, "role": Role.MANAGEMENT, **of_contract}
    to_shop = {"audience": Audience.SHOP, **of_contract}
    reminder = {
        "bill_number": "M01-202603-0001",
        "month": "2026-03-01",
        "due_date": "2026-04-20",
        "outstanding": money_of(Decimal("92000.00"), "CNY"),
    }
    for template, cause, actor, facts in (
        (Template.CONTRACT_SUBMITTED, "CONTRACT SUBMIT", OPERATION, to_management),
        (Template.CHANGE_SUBMITTED, "CONTRACT AMENDMENT_PROPOSED", OPERATION,
         {**to_management, "parameters": {"effective_date": "2026-10-01"}}),
        (Template.CONTRACT_SENT, "CONTRACT SEND", OPERATION, to_shop),
        (Template.PAYMENT_REMINDER, "REMINDER T-3", "SYSTEM",
         {"audience": Audience.SHOP, "shop_id": mall.shop_id, "bill_id": mall.bill_id,
          "parameters": reminder}),
        (Template.RENEWAL_ASKED, "CONTRACT RENEWAL_ASKED", "王敏",
         {"audience": Audience.OFFICER, **of_contract,
          "parameters": {"months": 12, "comment": "希望延长一年"}}),
        (Template.CONTRACT_ENDED, "CONTRACT EXPIRE", "SYSTEM",
         {**to_shop, "expires_at": NOW - timedelta(minutes=1)}),
    ):  # fmt: skip
        _post(site, template, cause, actor, **facts)
    address_messages(site.engine, site="https://mall.example.org", default_locale="zh_CN", now=NOW)
    later = {**to_shop, "send_after": NOW + timedelta(hours=9)}
    _post(site, Template.CONTRACT_ACTIVE, "CONTRACT ACTIVATE", "SYSTEM", **later)
    with transaction(site.engine) as session:
        _become(session, Notification.channel == Channel.IN_APP, state=DeliveryState.SENT,
                attempts=1, sent_at=NOW)  # fmt: skip
        _become(
            session,
            sa.and_(
                Notification.channel == Channel.SMS,
                Notification.template == Template.CONTRACT_SENT.value,
            ),
            state=DeliveryState.FAILED,
            attempts=5,
            error="isv.MOBILE_NUMBER_ILLEGAL: 13800000000",
            provider="aliyun",
        )
        _become(
            session,
            sa.and_(
                Notification.channel == Channel.SMS,
                Notification.template == Template.PAYMENT_REMINDER.value,
            ),
            state=DeliveryState.DELIVERED,
            attempts=1,
            sent_at=NOW,
            delivered_at=NOW + timedelta(seconds=4),
            provider="kannel",
            provider_id="6f1c2a90-1",
        )
        _become(
            session,
            sa.and_(
                Notification.channel == Channel.EMAIL,
                Notification.template == Template.CONTRACT_SUBMITTED.value,
            ),
            attempts=2,
            error="421 too busy, try again later",
            send_after=NOW + timedelta(minutes=20),
        )


def _post(site: StaffSite, template: Template, cause: str, actor: str, **facts: object) -> None:
    with transaction(site.engine) as session:
        post_message(
            session,
            **{  # type: ignore[arg-type]
                "template": template,
                "mall_id": site.mall.mall_id,
                "dedupe_key": f"sample/{template}",
                "cause": cause,
                "actor": actor,
                "now": NOW - timedelta(minutes=10),
                **facts,
            },
        )


def _become(session: Session, which: object, **facts: object) -> None:
    session.execute(sa.update(Notification).where(which).values(**facts))  # type: ignore[arg-type]
