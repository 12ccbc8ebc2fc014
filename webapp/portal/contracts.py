"""A shop's contracts: their terms in words, papers and signatures, history and renewal."""

from collections.abc import Mapping
from typing import Any

from flask import abort, request
from flask_babel import lazy_gettext as _l

from domain.contract_changes import RecordedEvent
from domain.contracts import GIVEN_UP, ContractEvent
from domain.permissions import Permission
from domain.renewals import RenewalState
from services.operations.leasing.change_steps import RUNNING
from services.queries.portal_contracts import (
    find_own_contract,
    list_own_clauses,
    list_own_contracts,
)
from services.queries.portal_papers import (
    find_early_end,
    find_neighbours,
    find_own_request,
    list_lease_events,
    list_lease_papers,
    list_waiting_papers,
)
from webapp.portal import door
from webapp.words.terms import terms

EVENTS: Mapping[str, Any] = {
    ContractEvent.SEND: _l("The mall sealed the contract and sent it"),
    ContractEvent.SIGN: _l("The shop signed"),
    ContractEvent.DECLINE: _l("The shop declined"),
    ContractEvent.ACTIVATE: _l("The contract began"),
    ContractEvent.EXPIRE: _l("The contract ended"),
    ContractEvent.TERMINATE: _l("The contract ended early"),
    ContractEvent.RENEW: _l("The next contract took over"),
    RecordedEvent.AMENDMENT_SENT: _l("The mall sealed an amendment and sent it"),
    RecordedEvent.AMENDMENT_SIGNED: _l("The shop signed the amendment"),
    RecordedEvent.AMENDMENT_DECLINED: _l("The shop declined the amendment"),
    RecordedEvent.RENEWAL_ASKED: _l("The shop asked to renew"),
    RecordedEvent.RENEWAL_WITHDRAWN: _l("The shop took its wish to renew back"),
}


@door.page("/contracts/", Permission.OWN_CONTRACTS_READ)
def contracts() -> str:
    shown = door.shown_shop_ids()
    return door.show(
        "portal/contracts.html",
        contracts=list_own_contracts(door.database(), shop_ids=shown),
        waiting=list_waiting_papers(door.database(), shop_ids=shown),
        today=door.today(),
    )


@door.page(f"/contracts/<{door.ID}:contract_id>", Permission.OWN_CONTRACTS_READ)
def contract(contract_id: int) -> str:
    return show_contract(contract_id)


def show_contract(contract_id: int, *, renewal_error: str = "") -> str:
    """The page of a contract of the person's shops, or 404."""
    shop_ids = door.own_shop_ids()
    found = find_own_contract(door.database(), shop_ids=shop_ids, contract_id=contract_id)
    if found is None:
        abort(404)
    currency = found.currency

    def clause_terms(clause: Any) -> tuple[str, ...]:
        return terms(clause.pricing_kind, clause.parameters, currency)

    before, after = find_neighbours(door.database(), contract_id=contract_id)
    wish = find_own_request(door.database(), contract_id=contract_id)
    return door.show(
        "portal/contract.html",
        contract=found,
        clauses=list_own_clauses(door.database(), shop_ids=shop_ids, contract_id=contract_id),
        clause_terms=clause_terms,
        papers=list_lease_papers(door.database(), shop_ids=shop_ids, contract_id=contract_id),
        events=list_lease_events(door.database(), contract_id=contract_id),
        event_word=lambda event: EVENTS.get(event, event),
        early_end=find_early_end(door.database(), contract_id=contract_id),
        before=before,
        after=after,
        wish=wish,
        wish_is_open=wish is not None and wish.state is RenewalState.OPEN,
        # Once a next contract is there or on its way, there is nothing left to ask for.
        may_ask=found.state in RUNNING
        and (after is None or after.state in GIVEN_UP)
        and not (wish is not None and wish.has_offer),
        renewal_error=renewal_error,
        typed=request.form if request.method == "POST" else {},
        today=door.today(),
    )
