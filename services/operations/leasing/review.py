"""A draft is handed in, approved or refused, and taken back to the desk.

Belongs here: the steps between the drafter and the checker. Not here: holding units (holding),
the shop's signature (signing).
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.contracts import ContractEvent as Event
from domain.contracts import ContractState, advance
from domain.notifications import Audience, Template
from domain.people import Role
from domain.term_checks import check_terms
from services.operations.leasing.drafting import require_following
from services.operations.leasing.errors import HandedInAgain, InvalidContract
from services.operations.leasing.holding import hold_units, lock_units
from services.operations.leasing.machine import (
    locked,
    release_units,
    require_checker,
    require_comment,
    require_permission,
    take,
)
from services.operations.leasing.paper_rows import void_papers
from services.operations.messages import post_message
from services.queries.contracts import get_contract_terms, tariff_charges
from storage.models import Contract, ContractVersion


def submit_contract(
    session: Session, *, contract_id: int, actor: str, now: datetime, role: str = "OPERATION"
) -> ContractState:
    """DRAFT → IN_REVIEW: the terms are kept as a version, and from now on the units are held.

    Raises InvalidContract, naming the clauses at fault; UnitAlreadyLet, naming the other
    contract; NotFollowing, IllegalTransition, RoleMayNot. Nothing is changed then.
    """
    contract = locked(session, contract_id)
    require_permission(Event.SUBMIT, role)
    advance(contract.state, Event.SUBMIT)
    require_following(
        session,
        contract.predecessor_id,
        contract.number,
        contract.shop_id,
        contract.start_date,
    )
    lock_units(session, contract)
    terms = get_contract_terms(session, contract_id)
    found = check_terms(terms, tariffs=tariff_charges(session, mall_id=contract.mall_id))
    if problems := [problem for problem in found if not problem.is_warning]:
        raise InvalidContract(contract.number, problems)
    with session.begin_nested():
        state = take(session, contract, Event.SUBMIT, actor=actor, role=role, now=now)
        hold_units(session, contract)
    version = ContractVersion(
        contract_id=contract_id,
        version=contract.version,
        terms=terms.terms_json(),
        terms_sha256=terms.terms_sha256,
        submitted_at=now,
        submitted_by=actor,
    )
    session.add(version)
    session.flush()
    _tell(session, contract, Template.CONTRACT_SUBMITTED, Event.SUBMIT, actor=actor, now=now)
    return state


def approve_contract(
    session: Session,
    *,
    contract_id: int,
    actor: str,
    now: datetime,
    role: str = "MANAGEMENT",
    comment: str = "",
    version_id: int | None = None,
) -> ContractState:
    """IN_REVIEW → APPROVED. `version_id` is the version that was read, 0 where there was none.

    Raises MakerIsChecker, HandedInAgain, and UnitAlreadyLet where the units are not held yet
    (what was handed in before units were held from then on).
    """
    contract = locked(session, contract_id)
    require_checker(contract, actor)
    _require_newest(session, contract, version_id)
    with session.begin_nested():
        state = take(
            session, contract, Event.APPROVE, actor=actor, role=role, now=now, comment=comment
        )
        hold_units(session, contract)
    _tell(session, contract, Template.CONTRACT_APPROVED, Event.APPROVE, actor=actor, now=now)
    return state


def reject_contract(
    session: Session,
    *,
    contract_id: int,
    actor: str,
    now: datetime,
    comment: str,
    role: str = "MANAGEMENT",
    version_id: int | None = None,
) -> ContractState:
    """IN_REVIEW → REJECTED; its units are free again. `version_id` is the version that was read.

    Raises MakerIsChecker, HandedInAgain, CommentRequired.
    """
    contract = locked(session, contract_id)
    require_checker(contract, actor)
    _require_newest(session, contract, version_id)
    require_comment(contract, comment)
    state = take(session, contract, Event.REJECT, actor=actor, role=role, now=now, comment=comment)
    release_units(contract)
    session.flush()
    _tell(
        session,
        contract,
        Template.CONTRACT_REJECTED,
        Event.REJECT,
        actor=actor,
        now=now,
        reason=comment.strip(),
    )
    return state


def revise_contract(
    session: Session,
    *,
    contract_id: int,
    actor: str,
    now: datetime,
    role: str = "OPERATION",
    comment: str = "",
) -> ContractState:
    """REJECTED, DECLINED or SENT → DRAFT; a new version once the shop had seen it.

    A contract that the shop could sign is recalled: its paper and the signature it waited for
    are void, and the shop is told why. Raises CommentRequired then, without a comment.
    """
    contract = locked(session, contract_id)
    before = contract.state
    if before is ContractState.SENT:
        require_comment(contract, comment)
    state = take(session, contract, Event.REVISE, actor=actor, role=role, now=now, comment=comment)
    if before in (ContractState.SENT, ContractState.DECLINED):
        contract.version += 1
    release_units(contract)
    session.flush()
    if before is ContractState.SENT:
        void_papers(session, contract_id=contract_id, reason=comment, now=now)
        _tell(
            session,
            contract,
            Template.CONTRACT_RECALLED,
            Event.REVISE,
            actor=actor,
            now=now,
            reason=comment.strip(),
        )
    return state


def _require_newest(session: Session, contract: Contract, version_id: int | None) -> None:
    """What was read is what is decided on."""
    newest = session.execute(
        sa.select(ContractVersion.id, ContractVersion.submitted_by)
        .where(ContractVersion.contract_id == contract.id)
        .order_by(ContractVersion.id.desc())
        .limit(1)
    ).first()
    if version_id is not None and newest is not None and newest.id != version_id:
        raise HandedInAgain(contract.number, newest.submitted_by)


_AUDIENCES = {
    Template.CONTRACT_SUBMITTED: Audience.ROLE,
    Template.CONTRACT_APPROVED: Audience.OFFICER,
    Template.CONTRACT_REJECTED: Audience.OFFICER,
    Template.CONTRACT_RECALLED: Audience.SHOP,
}


def _tell(
    session: Session,
    contract: Contract,
    template: Template,
    event: Event,
    *,
    actor: str,
    now: datetime,
    reason: str = "",
) -> None:
    """Once for each time that the contract was handed in, or recalled."""
    audience = _AUDIENCES[template]
    handed_in = session.scalar(
        sa.select(sa.func.max(ContractVersion.id)).where(ContractVersion.contract_id == contract.id)
    )
    post_message(
        session,
        template=template,
        audience=audience,
        mall_id=contract.mall_id,
        shop_id=contract.shop_id,
        contract_id=contract.id,
        role=Role.MANAGEMENT if audience is Audience.ROLE else None,
        parameters={"reason": reason} if reason else {},
        dedupe_key=f"{template.lower()}/{contract.id}/{handed_in}",
        cause=f"CONTRACT {event}",
        actor=actor,
        now=now,
    )
