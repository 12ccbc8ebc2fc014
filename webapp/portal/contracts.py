"""A shop's contracts, with their terms in words."""

from typing import Any

from flask import abort

from domain.permissions import Permission
from services.queries.portal_contracts import (
    find_own_contract,
    list_own_clauses,
    list_own_contracts,
)
from webapp.portal import door
from webapp.words.terms import terms


@door.page("/contracts/", Permission.OWN_CONTRACTS_READ)
def contracts() -> str:
    found = list_own_contracts(door.database(), shop_ids=door.shown_shop_ids())
    return door.show("portal/contracts.html", contracts=found, today=door.today())


@door.page(f"/contracts/<{door.ID}:contract_id>", Permission.OWN_CONTRACTS_READ)
def contract(contract_id: int) -> str:
    shop_ids = door.own_shop_ids()
    found = find_own_contract(door.database(), shop_ids=shop_ids, contract_id=contract_id)
    if found is None:
        abort(404)
    currency = found.currency

    def clause_terms(clause: Any) -> tuple[str, ...]:
        return terms(clause.pricing_kind, clause.parameters, currency)

    return door.show(
        "portal/contract.html",
        contract=found,
        clauses=list_own_clauses(door.database(), shop_ids=shop_ids, contract_id=contract_id),
        clause_terms=clause_terms,
        today=door.today(),
    )
