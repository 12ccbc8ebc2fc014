"""Papers that wait for a signature become void with what they say.

Belongs here: the rows of papers, as the steps of a lease change them. Not here: drawing, sealing
and signing (services.operations.papers).
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.signing import PaperState, SignatureState
from storage.models import ContractPaper


def void_papers(
    session: Session,
    *,
    contract_id: int,
    reason: str,
    now: datetime,
    change_id: int | None = None,
) -> int:
    """Void the papers of a lease, or of one of its changes, that the shop has not signed, and the
    signatures they wait for; how many. To be called under the lock of the lease or the change.
    """
    papers = session.scalars(
        sa.select(ContractPaper)
        .where(
            ContractPaper.contract_id == contract_id,
            ContractPaper.change_id.is_not_distinct_from(change_id),
            ContractPaper.state == PaperState.SEALED,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for paper in papers:
        for signature in paper.signatures:
            if signature.state is SignatureState.PENDING:
                signature.state = SignatureState.VOID
        paper.state = PaperState.VOID
        paper.voided_at = now
        paper.void_reason = reason.strip()
    session.flush()
    return len(papers)
