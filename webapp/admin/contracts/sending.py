"""An approved lease, or amendment, is drawn, sealed and sent to the shop for its signature.

Belongs here: these steps' pages. Not here: drawing and sealing (services.operations.papers).
"""

from typing import Any

from flask_admin import expose
from flask_babel import gettext as _

from domain.contract_changes import ChangeState
from domain.contracts import ContractState
from domain.permissions import Permission
from services.operations.papers import send_amendment, send_for_signature
from services.queries.contracts import get_contract_terms
from webapp.admin.contracts.desk import CHANGE, LEASE, LeaseDesk
from webapp.runtime import runtime


class SendingPages(LeaseDesk):
    @expose(f"{LEASE}/send", methods=("GET", "POST"))
    def send(self, contract_id: int) -> Any:
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        if contract.state is not ContractState.APPROVED:
            return self.page_of(contract_id)
        state = runtime()
        return self.deed(
            contract,
            lambda: send_for_signature(
                self.database(),
                state.store,
                settings=state.settings,
                contract_id=contract_id,
                **self.who(),
            ),
            title=_("Send for signature"),
            consequence=_(
                "The contract is drawn as a PDF in Chinese and English, sealed by the mall, and"
                " sent to the shop, who can sign or decline it in its portal."
            ),
            done=_("The sealed contract is with the shop."),
            terms=get_contract_terms(self.database(), contract_id),
        )

    @expose(f"{CHANGE}/send", methods=("GET", "POST"))
    def send_amendment(self, contract_id: int, change_id: int) -> Any:
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        change = self.change_of(contract, change_id)
        if change.state is not ChangeState.APPROVED:
            return self.page_of(contract_id)
        state = runtime()
        return self.deed(
            contract,
            lambda: send_amendment(
                self.database(),
                state.store,
                settings=state.settings,
                change_id=change_id,
                **self.who(),
            ),
            title=_("Send the amendment"),
            consequence=_(
                "The amendment is drawn as a PDF in Chinese and English, sealed by the mall, and"
                " sent to the shop. It is in force once the shop has signed."
            ),
            done=_("The sealed amendment is with the shop."),
        )
