"""A draft is handed in for review, and what was refused or sent is taken back to the desk.

Belongs here: these steps' pages. Not here: the decision (reviewing) and the shop (sending).
"""

from typing import Any

from flask_admin import expose
from flask_babel import gettext as _

from domain.contracts import ContractState
from domain.permissions import Permission
from services.operations.leasing import revise_contract, submit_contract
from services.queries.contracts import get_contract_terms
from webapp.admin.contracts.desk import LEASE, CommentForm, LeaseDesk, ReasonForm, posted
from webapp.admin.contracts.schedule import schedule_table


class HandingInPages(LeaseDesk):
    @expose(f"{LEASE}/submit", methods=("GET", "POST"))
    def submit(self, contract_id: int) -> Any:
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        if contract.state is not ContractState.DRAFT:
            return self.page_of(contract_id)
        terms = get_contract_terms(self.database(), contract_id)
        return self.deed(
            contract,
            lambda: submit_contract(self.database(), contract_id=contract_id, **self.who()),
            title=_("Hand in for review"),
            consequence=_(
                "Management is asked to approve it. From now on its units are kept from other"
                " contracts, and nothing in it can be changed until it is decided."
            ),
            done=_("It is handed in; management is told."),
            terms=terms,
            schedule=schedule_table(terms),
        )

    @expose(f"{LEASE}/revise", methods=("GET", "POST"))
    def revise(self, contract_id: int) -> Any:
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        is_sent = contract.state is ContractState.SENT
        if not is_sent and contract.state not in (ContractState.REJECTED, ContractState.DECLINED):
            return self.page_of(contract_id)
        form = ReasonForm(posted()) if is_sent else CommentForm(posted())
        consequence = (
            _(
                "The sealed paper becomes void and can no longer be signed; the shop is told why."
                " The contract is a draft again, with a new version, and its units are free."
            )
            if is_sent
            else _("The contract is a draft again and can be changed; its units are free.")
        )
        return self.deed(
            contract,
            lambda: revise_contract(
                self.database(),
                contract_id=contract_id,
                comment=form.comment.data or "",
                **self.who(),
            ),
            title=_("Take back") if is_sent else _("Take back to draft"),
            consequence=consequence,
            done=_("It is a draft again."),
            form=form,
            is_dangerous=is_sent,
        )
