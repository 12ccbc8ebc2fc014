"""Leases are drafted and carried through their life, one function per event.

Belongs here: every step of `domain.contracts` and `domain.contract_changes`, renewals and the
ledger of deposits. Not here: what a clause costs (billing), the paper that is signed (papers) and
the words of messages (message_texts).
"""

from domain.lease_terms import ClauseDraft
from services.operations.leasing.change_signing import decline_change, send_change, sign_change
from services.operations.leasing.changes import (
    approve_change,
    propose_amendment,
    propose_termination,
    reject_change,
    withdraw_change,
)
from services.operations.leasing.deposits import confirm_deposit, enter_deposit
from services.operations.leasing.drafting import (
    change_draft,
    draft_contract,
    facts_digest,
    put_clauses,
)
from services.operations.leasing.errors import (
    CommentRequired,
    ContractNotFound,
    DraftChanged,
    HandedInAgain,
    Holder,
    InvalidContract,
    MakerIsChecker,
    NotADraft,
    NotFollowing,
    NotYetEnded,
    NotYetStarted,
    RoleMayNot,
    UnitAlreadyLet,
)
from services.operations.leasing.lifecycle import (
    LeaseMoves,
    activate_contract,
    expire_contract,
    move_leases,
)
from services.operations.leasing.machine import DRAFTED
from services.operations.leasing.renewing import (
    ask_renewal,
    offer_renewal,
    refuse_renewal,
    withdraw_renewal_request,
)
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
    "DraftChanged",
    "HandedInAgain",
    "Holder",
    "InvalidContract",
    "LeaseMoves",
    "MakerIsChecker",
    "NotADraft",
    "NotFollowing",
    "NotYetEnded",
    "NotYetStarted",
    "RoleMayNot",
    "UnitAlreadyLet",
    "activate_contract",
    "approve_change",
    "approve_contract",
    "ask_renewal",
    "change_draft",
    "confirm_deposit",
    "decline_change",
    "decline_contract",
    "draft_contract",
    "enter_deposit",
    "expire_contract",
    "facts_digest",
    "move_leases",
    "offer_renewal",
    "propose_amendment",
    "propose_termination",
    "put_clauses",
    "refuse_renewal",
    "reject_change",
    "reject_contract",
    "revise_contract",
    "send_change",
    "send_contract",
    "sign_change",
    "sign_contract",
    "submit_contract",
    "withdraw_change",
    "withdraw_renewal_request",
]
