"""What is to be told goes to the outbox, in the transaction of what causes it.

Belongs here: writing that down. Not here: who is behind an audience (message_addressing), the
words (message_texts) and the sending (outbox).
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.message_templates import SPECS
from domain.notifications import Audience, Template
from domain.people import Role
from services.operations.message_texts import check_parameters
from storage.models import OutboxMessage

# How long people want to hear of a step that somebody took.
STALE_AFTER = timedelta(days=30)


def post_message(
    session: Session,
    *,
    template: Template,
    audience: Audience,
    mall_id: int,
    dedupe_key: str,
    cause: str,
    actor: str,
    now: datetime,
    parameters: Mapping[str, Any] | None = None,
    shop_id: int | None = None,
    contract_id: int | None = None,
    bill_id: int | None = None,
    role: Role | None = None,
    user_id: int | None = None,
    send_after: datetime | None = None,
    expires_at: datetime | None = None,
) -> bool:
    """Write a message for an audience; False when one with this key was written before.

    `parameters` are the template's variables (`domain.message_templates`): text, a number, a
    date, or `money_of(amount, currency)`; those known from the mall, the shop, the contract and
    the actor are added when the message is addressed. `cause` and `actor` say why it is sent, for
    whoever asks. `send_after` is the first moment to send it (default: now), `expires_at` the
    moment after which nobody needs it (default: STALE_AFTER from now; never for a legal notice).
    Raises WrongParameters when a variable is missing.
    """
    check_parameters(template, parameters or {})
    if expires_at is None and not SPECS[template].is_legal:
        expires_at = now + STALE_AFTER
    statement = insert(OutboxMessage).values(
        mall_id=mall_id,
        shop_id=shop_id,
        contract_id=contract_id,
        bill_id=bill_id,
        template=template.value,
        parameters={name: _stored(value) for name, value in (parameters or {}).items()},
        audience=audience,
        role=role,
        user_id=user_id,
        dedupe_key=dedupe_key,
        cause=cause,
        actor=actor,
        send_after=send_after or now,
        expires_at=expires_at,
    )
    # Without a target and, being inline, without RETURNING: a shop may add here what it may not
    # read.
    done = cast(
        sa.CursorResult[Any],
        session.execute(
            statement.on_conflict_do_nothing().inline(),
            execution_options={"preserve_rowcount": True},
        ),
    )
    return done.rowcount == 1


def money_of(amount: Decimal, currency: str) -> dict[str, str]:
    """An amount as a message's parameter."""
    return {"amount": str(amount), "currency": currency}


def _stored(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
