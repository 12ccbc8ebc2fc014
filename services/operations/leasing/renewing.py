"""A lease is renewed: the shop asks, the mall answers, and a new lease is drafted for it.

Belongs here: wishes to stay and the offer. Not here: the life of the new lease, which is that of
any other (drafting, review, signing), and its taking over on its first day (lifecycle).

The lease before it stays as it was.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa
from psycopg.errors import UniqueViolation
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from domain.calendar import ONE_DAY
from domain.clause_edits import carried_over
from domain.contract_changes import RecordedEvent
from domain.contracts import GIVEN_UP
from domain.lease_terms import ClauseDraft
from domain.notifications import Audience, Template
from domain.renewals import LEAST_MONTHS, MOST_MONTHS, RenewalState
from services.operations.leasing.change_steps import require_reason, require_running, running
from services.operations.leasing.drafting import draft_contract
from services.operations.leasing.errors import ContractNotFound
from services.operations.leasing.machine import record, require_permission
from services.operations.leasing.running_errors import (
    InvalidMonths,
    RenewalAlreadyAsked,
    RequestClosed,
    RequestNotFound,
    SuccessorExists,
)
from services.operations.messages import post_message
from services.queries.contracts import list_clauses
from services.queries.portal_papers import find_own_request
from storage.models import Contract, RenewalRequest


def ask_renewal(
    session: Session,
    *,
    contract_id: int,
    months: int,
    actor: str,
    now: datetime,
    comment: str = "",
    role: str = "SHOP",
) -> int:
    """A shop's wish to stay for so many months, told to the officer; returns its id.

    Raises ContractNotFound, NotRunning, InvalidMonths, RenewalAlreadyAsked, RoleMayNot.
    """
    event = RecordedEvent.RENEWAL_ASKED
    require_permission(event, role)
    contract = session.get(Contract, contract_id)
    if contract is None:
        raise ContractNotFound(contract_id)
    require_running(contract)
    if not LEAST_MONTHS <= months <= MOST_MONTHS:
        raise InvalidMonths(months, LEAST_MONTHS, MOST_MONTHS)
    wish = find_own_request(session, contract_id=contract_id)
    if wish is not None and wish.has_offer:
        raise RenewalAlreadyAsked(contract.number)
    request = RenewalRequest(
        mall_id=contract.mall_id,
        shop_id=contract.shop_id,
        contract_id=contract.id,
        months=months,
        comment=comment.strip(),
        asked_by=actor,
        asked_at=now,
    )
    try:
        with session.begin_nested():
            session.add(request)
            session.flush()
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation):
            raise
        raise RenewalAlreadyAsked(contract.number) from None
    record(session, contract, event, actor=actor, role=role, now=now, comment=comment)
    post_message(
        session,
        template=Template.RENEWAL_ASKED,
        audience=Audience.OFFICER,
        mall_id=contract.mall_id,
        shop_id=contract.shop_id,
        contract_id=contract.id,
        parameters={"months": months, "comment": comment.strip()},
        dedupe_key=f"renewal-asked/{request.id}",
        cause=f"CONTRACT {event}",
        actor=actor,
        now=now,
    )
    session.flush()
    return request.id


def withdraw_renewal_request(
    session: Session, *, request_id: int, actor: str, now: datetime, role: str = "SHOP"
) -> None:
    """OPEN → WITHDRAWN. Raises RequestNotFound, RequestClosed, RoleMayNot."""
    event = RecordedEvent.RENEWAL_WITHDRAWN
    require_permission(event, role)
    request, contract = _open_request(session, request_id)
    request.state = RenewalState.WITHDRAWN
    record(session, contract, event, actor=actor, role=role, now=now)
    session.flush()


def refuse_renewal(
    session: Session,
    *,
    request_id: int,
    answer: str,
    actor: str,
    now: datetime,
    role: str = "OPERATION",
) -> None:
    """OPEN → REFUSED; the shop is told why.

    Raises RequestNotFound, RequestClosed, ReasonRequired, RoleMayNot.
    """
    event = RecordedEvent.RENEWAL_REFUSED
    require_permission(event, role)
    request, contract = _open_request(session, request_id)
    require_reason(contract, answer)
    _answer(request, RenewalState.REFUSED, actor, now)
    request.answer = answer.strip()
    record(session, contract, event, actor=actor, role=role, now=now, comment=answer)
    post_message(
        session,
        template=Template.RENEWAL_REFUSED,
        audience=Audience.SHOP,
        mall_id=contract.mall_id,
        shop_id=contract.shop_id,
        contract_id=contract.id,
        parameters={"reason": answer.strip()},
        dedupe_key=f"renewal-refused/{request.id}",
        cause=f"CONTRACT {event}",
        actor=actor,
        now=now,
    )
    session.flush()


def offer_renewal(
    session: Session,
    *,
    contract_id: int,
    number: str,
    end_date: date,
    actor: str,
    now: datetime,
    role: str = "OPERATION",
    clauses: Sequence[ClauseDraft] | None = None,
    deposit_amount: Decimal | None = None,
) -> int:
    """A DRAFT that follows the lease from the day after its last, on the same units; returns its
    id. A wish of the shop that was open is OFFERED by it.

    Without `clauses` the terms of the last day go on (`carried_over`), without `deposit_amount`
    the deposit stays what was agreed. The draft is edited like any other before it is handed in.
    Raises ContractNotFound, NotRunning, SuccessorExists, RoleMayNot, and what draft_contract
    raises.
    """
    event = RecordedEvent.RENEWAL_OFFERED
    require_permission(event, role)
    contract = running(session, contract_id)
    _require_no_successor(session, contract)
    first = contract.end_date + ONE_DAY
    if clauses is None:
        clauses = carried_over(
            [one.clause for one in list_clauses(session, contract.id)],
            old_last_day=contract.end_date,
            new_first_day=first,
        )
    drafted = draft_contract(
        session,
        mall_id=contract.mall_id,
        shop_id=contract.shop_id,
        number=number,
        unit_ids=sorted({row.unit_id for row in contract.contract_units if row.is_held}),
        start_date=first,
        end_date=end_date,
        clauses=clauses,
        actor=actor,
        role=role,
        now=now,
        deposit_amount=contract.deposit_amount if deposit_amount is None else deposit_amount,
        proration=contract.proration,
        payment_term_days=contract.payment_term_days,
        predecessor_id=contract.id,
    )
    request = session.scalar(
        sa.select(RenewalRequest)
        .where(
            RenewalRequest.contract_id == contract.id,
            RenewalRequest.state == RenewalState.OPEN,
        )
        .with_for_update()
    )
    if request is not None:
        _answer(request, RenewalState.OFFERED, actor, now)
    record(session, contract, event, actor=actor, role=role, now=now, comment=number)
    session.flush()
    return drafted


def _open_request(session: Session, request_id: int) -> tuple[RenewalRequest, Contract]:
    request = session.get(RenewalRequest, request_id, with_for_update=True, populate_existing=True)
    if request is None:  # a shop locks only what is open
        request = session.get(RenewalRequest, request_id)
    if request is None:
        raise RequestNotFound(request_id)
    contract = session.get_one(Contract, request.contract_id)
    if request.state is not RenewalState.OPEN:
        raise RequestClosed(contract.number, request.state)
    return request, contract


def _require_no_successor(session: Session, contract: Contract) -> None:
    found = session.execute(
        sa.select(Contract.number, Contract.state)
        .where(Contract.predecessor_id == contract.id, Contract.state.not_in(GIVEN_UP))
        .limit(1)
    ).first()
    if found is not None:
        raise SuccessorExists(contract.number, found[0], found[1])


def _answer(request: RenewalRequest, state: RenewalState, actor: str, now: datetime) -> None:
    request.state = state
    request.answered_by = actor
    request.answered_at = now
