"""What a shop sees of its leases beside their terms: papers and signatures, history, renewal.

Belongs here: reading as the shop. Not here: terms and units (portal_contracts), and what a paper
says (contract_papers).
"""

from collections.abc import Set
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from domain.contract_changes import ChangeKind, ChangeState
from domain.contracts import GIVEN_UP, SHOWN_TO_SHOP, ContractState
from domain.renewals import RenewalState
from domain.signing import PaperState, Party, SignatureState, SigningMethod
from services.queries.files import StoredFile
from storage.models import (
    Contract,
    ContractChange,
    ContractEvent,
    ContractPaper,
    ContractSignature,
    RenewalRequest,
)


@dataclass(frozen=True, slots=True)
class PaperSignature:
    party: Party
    state: SignatureState
    method: SigningMethod
    signer: str
    signed_at: datetime | None


@dataclass(frozen=True, slots=True)
class LeasePaper:
    """A paper of a lease, or of its amendment `change_number`, with what it has come to. `bytes`
    and `sha256` are those of its newest bytes.
    """

    id: int
    shop_id: int
    contract_id: int
    contract_number: str
    version: int
    change_number: int | None
    effective_date: date | None
    reason: str
    state: PaperState
    pages: int
    bytes: int
    sha256: str
    verify_code: str
    sealed_at: datetime
    signed_at: datetime | None
    void_reason: str
    signatures: tuple[PaperSignature, ...]

    @property
    def waits(self) -> bool:
        """Whether the shop may sign it now."""
        return self.state is PaperState.SEALED


@dataclass(frozen=True, slots=True)
class LeaseEvent:
    event: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class LeaseEnd:
    """A change that made `last_day` the last of a lease."""

    last_day: date
    reason: str


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """The shop's newest wish to renew a lease. `has_offer`: a contract was drafted for it, and it
    was not given up since.
    """

    id: int
    state: RenewalState
    months: int
    comment: str
    asked_at: datetime
    answer: str
    has_offer: bool


@dataclass(frozen=True, slots=True)
class NextLease:
    """A lease that comes before or after another."""

    id: int
    number: str
    state: ContractState


def list_lease_papers(
    session: Session, *, shop_ids: Set[int], contract_id: int
) -> tuple[LeasePaper, ...]:
    """The papers of a lease, the newest first."""
    return _papers(session, ContractPaper.contract_id == contract_id, shop_ids)


def list_waiting_papers(session: Session, *, shop_ids: Set[int]) -> tuple[LeasePaper, ...]:
    """The papers that wait for the shops' signature, the newest first."""
    return _papers(session, ContractPaper.state == PaperState.SEALED, shop_ids)


def find_lease_paper(session: Session, *, shop_ids: Set[int], paper_id: int) -> LeasePaper | None:
    """One paper of the shops, or None."""
    found = _papers(session, ContractPaper.id == paper_id, shop_ids)
    return found[0] if found else None


def find_paper_file(session: Session, *, shop_ids: Set[int], paper_id: int) -> StoredFile | None:
    """The newest bytes of a paper of the shops, or None."""
    row = session.execute(
        sa.select(
            ContractPaper.id,
            ContractPaper.mall_id,
            sa.func.coalesce(ContractPaper.signed_object_key, ContractPaper.object_key),
            sa.func.coalesce(ContractPaper.signed_bytes, ContractPaper.bytes),
            Contract.number,
            ContractChange.number,
        )
        .join(Contract, Contract.id == ContractPaper.contract_id)
        .outerjoin(ContractChange, ContractChange.id == ContractPaper.change_id)
        .where(ContractPaper.id == paper_id, ContractPaper.shop_id.in_(shop_ids))
    ).one_or_none()
    if row is None:
        return None
    row_id, mall_id, key, size, number, change = row
    return StoredFile(
        table=ContractPaper.__tablename__,
        id=row_id,
        mall_id=mall_id,
        object_key=key,
        name=f"{number}{'' if change is None else f'-{change}'}.pdf",
        bytes=size,
        format="pdf",
        report="",
    )


def list_lease_events(session: Session, *, contract_id: int) -> tuple[LeaseEvent, ...]:
    """What the shop may know of a lease's history, the newest first."""
    rows = session.execute(
        sa.select(ContractEvent.event, ContractEvent.occurred_at)
        .where(ContractEvent.contract_id == contract_id)
        .order_by(ContractEvent.id.desc())
    )
    return tuple(LeaseEvent(*row) for row in rows)


def find_early_end(session: Session, *, contract_id: int) -> LeaseEnd | None:
    """The early end of a lease that is in force, the newest of several, or None."""
    row = session.execute(
        sa.select(ContractChange.effective_date, ContractChange.reason)
        .where(
            ContractChange.contract_id == contract_id,
            ContractChange.kind == ChangeKind.TERMINATION,
            ContractChange.state == ChangeState.IN_FORCE,
        )
        .order_by(ContractChange.id.desc())
        .limit(1)
    ).first()
    return None if row is None else LeaseEnd(*row)


def find_own_request(session: Session, *, contract_id: int) -> OwnRequest | None:
    """The newest wish of the shop to renew a lease, or None."""
    following = aliased(Contract)
    is_given_up = (
        sa.select(ContractEvent.id)
        .where(
            following.predecessor_id == RenewalRequest.contract_id,
            following.state.in_(GIVEN_UP),
            ContractEvent.contract_id == following.id,
            ContractEvent.to_state == following.state,
            ContractEvent.occurred_at >= RenewalRequest.answered_at,
        )
        .correlate(RenewalRequest)
        .exists()
    )
    row = session.execute(
        sa.select(
            RenewalRequest.id,
            RenewalRequest.state,
            RenewalRequest.months,
            RenewalRequest.comment,
            RenewalRequest.asked_at,
            RenewalRequest.answer,
            sa.and_(RenewalRequest.state == RenewalState.OFFERED, ~is_given_up),
        )
        .where(RenewalRequest.contract_id == contract_id)
        .order_by(RenewalRequest.id.desc())
        .limit(1)
    ).first()
    return None if row is None else OwnRequest(*row)


def find_neighbours(
    session: Session, *, contract_id: int
) -> tuple[NextLease | None, NextLease | None]:
    """The lease before and the lease after, as far as the shop sees them."""
    before = sa.select(Contract.predecessor_id).where(Contract.id == contract_id).scalar_subquery()

    def one(condition: sa.ColumnElement[bool]) -> NextLease | None:
        row = session.execute(
            sa.select(Contract.id, Contract.number, Contract.state)
            .where(condition, Contract.state.in_(SHOWN_TO_SHOP))
            .order_by(Contract.id.desc())
        ).first()
        return None if row is None else NextLease(*row)

    return one(Contract.id == before), one(Contract.predecessor_id == contract_id)


def _papers(
    session: Session, condition: sa.ColumnElement[bool], shop_ids: Set[int]
) -> tuple[LeasePaper, ...]:
    rows = session.execute(
        sa.select(ContractPaper, Contract.number, ContractChange)
        .join(Contract, Contract.id == ContractPaper.contract_id)
        .outerjoin(ContractChange, ContractChange.id == ContractPaper.change_id)
        .where(condition, ContractPaper.shop_id.in_(shop_ids))
        .order_by(ContractPaper.id.desc())
    ).all()
    signatures = _signatures(session, [paper.id for paper, _, _ in rows])
    return tuple(
        LeasePaper(
            id=paper.id,
            shop_id=paper.shop_id,
            contract_id=paper.contract_id,
            contract_number=number,
            version=paper.version,
            change_number=change.number if change else None,
            effective_date=change.effective_date if change else None,
            reason=change.reason if change else "",
            state=paper.state,
            pages=paper.pages,
            bytes=paper.signed_bytes or paper.bytes,
            sha256=paper.signed_sha256 or paper.sha256,
            verify_code=paper.verify_code,
            sealed_at=paper.sealed_at,
            signed_at=paper.signed_at,
            void_reason=paper.void_reason,
            signatures=signatures.get(paper.id, ()),
        )
        for paper, number, change in rows
    )


def _signatures(session: Session, paper_ids: list[int]) -> dict[int, tuple[PaperSignature, ...]]:
    found: dict[int, tuple[PaperSignature, ...]] = {}
    for row in session.scalars(
        sa.select(ContractSignature)
        .where(ContractSignature.paper_id.in_(paper_ids))
        .order_by(ContractSignature.id)
    ):
        one = PaperSignature(row.party, row.state, row.method, row.signer, row.signed_at)
        found[row.paper_id] = (*found.get(row.paper_id, ()), one)
    return found
