"""Until when a message that was posted is sent, on real Postgres."""

from datetime import date, timedelta

import pytest
from running_mall import NOW, START, RunningMall, at
from sqlalchemy.orm import Session

from domain.notifications import Audience, Template
from services.operations.messages import post_message

NEW_YEAR = date(2027, 1, 1)


@pytest.mark.parametrize(
    ("template", "given", "kept"),
    [
        (Template.CONTRACT_APPROVED, None, NOW + timedelta(days=30)),
        (Template.CONTRACT_APPROVED, at(START), at(START)),
        (Template.CONTRACT_RECALLED, None, None),
        (Template.CONTRACT_RECALLED, at(START), at(START)),
    ],
)
def test_message_expires_after_a_month_unless_it_is_a_legal_notice(
    session: Session, template: Template, given: object, kept: object
) -> None:
    mall = RunningMall(session)
    post_message(
        session,
        template=template,
        audience=Audience.SHOP,
        mall_id=mall.mall_id,
        shop_id=mall.shop_id,
        dedupe_key="1",
        cause="TEST",
        actor="zhou",
        now=NOW,
        parameters={"reason": "why"} if template is Template.CONTRACT_RECALLED else {},
        expires_at=given,  # type: ignore[arg-type]
    )
    (message,) = mall.told(template)
    assert message.expires_at == kept


def test_notice_of_the_end_does_not_expire(session: Session) -> None:
    mall = RunningMall(session)
    mall.lease()
    mall.move(NEW_YEAR)
    (began,) = mall.told("CONTRACT_ACTIVE")
    (ended,) = mall.told("CONTRACT_ENDED")
    assert (began.expires_at, ended.expires_at) == (at(START) + timedelta(days=30), None)
