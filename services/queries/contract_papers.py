"""What a lease's papers say, read from the terms that were approved.

Belongs here: filling `services.documents.contract_paper`. Not here: drawing it, and the papers
that exist already (portal_papers).
"""

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.lease_terms import LeaseTerms, clause_from_json, in_reading_order
from domain.rent_schedule import rent_schedule
from services.documents.contract_paper import AmendmentPaper, ContractPaper, Parties, Verification
from services.queries.contracts import get_contract_terms, list_clause_records
from storage.models import Contract, ContractChange, ContractVersion, Mall, Shop


class TermsNotApproved(Exception):
    """The terms that stand are not those that were handed in and approved."""

    def __init__(self, number: str) -> None:
        super().__init__(f"the terms of {number} are not those that were approved")
        self.number = number


def get_contract_paper(
    session: Session, contract_id: int, *, verification: Verification, now: datetime
) -> ContractPaper:
    """The approved version of a lease. Raises TermsNotApproved when the terms that stand differ
    from it.
    """
    contract = session.get_one(Contract, contract_id)
    version = session.scalars(
        sa.select(ContractVersion)
        .where(ContractVersion.contract_id == contract_id)
        .order_by(ContractVersion.id.desc())
        .limit(1)
    ).first()
    stands = get_contract_terms(session, contract_id)
    if version is None or version.terms_sha256 != stands.terms_sha256:
        raise TermsNotApproved(contract.number)
    terms = LeaseTerms.from_json(version.terms)
    predecessor = session.scalar(
        sa.select(Contract.number).where(Contract.id == contract.predecessor_id)
    )
    return ContractPaper(
        parties=_parties(session, contract),
        terms=terms,
        schedule=rent_schedule(terms),
        version=contract.version,
        predecessor=predecessor or "",
        verification=verification,
        made_at=now,
    )


def get_amendment_paper(
    session: Session, change_id: int, *, verification: Verification, now: datetime
) -> AmendmentPaper:
    """What a change of a lease's terms ends, begins and comes to from its day on."""
    change = session.get_one(ContractChange, change_id)
    day = change.effective_date
    terms = get_contract_terms(session, change.contract_id)
    ended = {int(key) for key in change.terms["ends"]}
    records = list_clause_records(session, change.contract_id)
    kept = [one.clause for one in records if one.superseded_at is None and one.id not in ended]
    begun = [clause_from_json(one) for one in change.terms["begins"]]
    amended = replace(terms, clauses=in_reading_order([*kept, *begun]))
    return AmendmentPaper(
        parties=_parties(session, session.get_one(Contract, change.contract_id)),
        terms=terms,
        number=change.number,
        effective_date=day,
        reason=change.reason,
        ends=in_reading_order(one.clause for one in records if one.id in ended),
        # What a clause was before the day goes on being so: it is no news of the amendment.
        begins=in_reading_order(
            one for one in begun if one.valid_to is None or one.valid_to >= day
        ),
        schedule=tuple(month for month in rent_schedule(amended) if month.days.last >= day),
        verification=verification,
        made_at=now,
    )


def _parties(session: Session, contract: Contract) -> Parties:
    mall = session.get_one(Mall, contract.mall_id)
    shop = session.get_one(Shop, contract.shop_id)
    return Parties(
        mall_name=mall.name,
        mall_address=mall.address,
        time_zone=mall.time_zone,
        shop_name=shop.name,
        shop_code=shop.code,
        business_type=shop.business_type,
        contact_name=shop.contact_name,
        contact_phone=shop.contact_phone,
        contact_email=shop.contact_email,
    )
