"""Leases are drafted and carried through their life, one function per event.

Belongs here: every step of `domain.contracts`. Not here: what a clause costs (billing), the paper
that is signed (papers) and the words of messages (message_texts).
"""

from services.operations.leasing.drafting import ClauseDraft, draft_contract
from services.operations.leasing.errors import (
    CommentRequired,
    ContractNotFound,
    InvalidContract,
    MakerIsChecker,
    NotYetEnded,
    NotYetStarted,
    RoleMayNot,
    UnitAlreadyLet,
)
from services.operations.leasing.lifecycle import activate_contract, expire_contract
from services.operations.leasing.machine import DRAFTED
from services.operations.leasing.review import (
    approve_contract,
    reject_contract,
    revise_contract,
    submit_contract,
)
from services.operations.leasing.signing import decline_contract, send_contract, sign_contract

__all__ = [
    "DRAFTED",
    "ClauseDraft",
    "CommentRequired",
    "ContractNotFound",
    "InvalidContract",
    "MakerIsChecker",
    "NotYetEnded",
    "NotYetStarted",
    "RoleMayNot",
    "UnitAlreadyLet",
    "activate_contract",
    "approve_contract",
    "decline_contract",
    "draft_contract",
    "expire_contract",
    "reject_contract",
    "revise_contract",
    "send_contract",
    "sign_contract",
    "submit_contract",
]
