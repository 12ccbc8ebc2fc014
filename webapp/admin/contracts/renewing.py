"""A lease is renewed: a new draft follows it, or the shop's wish is refused.

Belongs here: these pages. Not here: the draft's own (drafting, clause_pages).
"""

from typing import Any

from flask import abort, flash, redirect, url_for
from flask_admin import expose
from flask_babel import gettext as _

from domain.calendar import ONE_DAY, add_months
from domain.permissions import Permission
from domain.renewals import RenewalState
from services.operations.leasing import offer_renewal, refuse_renewal
from services.operations.leasing.change_steps import RUNNING
from services.queries.drafting import suggest_number
from storage.models import Contract, RenewalRequest
from webapp.admin.contracts.desk import LEASE, ROW, LeaseDesk, ReasonForm, posted
from webapp.admin.contracts.lease_forms import RenewalForm

USUAL_MONTHS = 12


class RenewalPages(LeaseDesk):
    @expose(f"{LEASE}/renew", methods=("GET", "POST"))
    def offer_renewal(self, contract_id: int) -> Any:
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        if contract.state not in RUNNING:
            flash(_("Only a signed or active contract can be renewed."), "error")
            return self.page_of(contract_id)
        request = self._open_request(contract)
        first = contract.end_date + ONE_DAY
        months = request.months if request is not None else USUAL_MONTHS
        form = RenewalForm(
            posted(),
            data={
                "number": suggest_number(self.database(), mall_id=contract.mall_id),
                "end_date": add_months(first, months) - ONE_DAY,
                "deposit_amount": contract.deposit_amount,
            },
            first_day=first,
        )
        refusals: list[str] = []
        if self.validate_form(form):
            drafted = 0
            with self.refusing(refusals):
                drafted = offer_renewal(
                    self.database(),
                    contract_id=contract_id,
                    number=form.number.data.strip(),
                    end_date=form.end_date.data,
                    deposit_amount=form.deposit_amount.data,
                    **self.who(),
                )
            if not refusals:
                flash(
                    _("The renewal is drafted with the clauses of the last day. Look at them now."),
                    "success",
                )
                return redirect(url_for(".clauses", contract_id=drafted))
            contract = self.get_one(contract_id)
        return self.render(
            "admin/contracts/renew.html",
            model=contract,
            form=form,
            first=first,
            wish=request,
            refusal=" ".join(refusals),
        )

    @expose(f"{LEASE}/renewals/<{ROW}:renewal_id>/refuse", methods=("GET", "POST"))
    def refuse_renewal(self, contract_id: int, renewal_id: int) -> Any:
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        found = self.database().get(RenewalRequest, renewal_id)
        if found is None or found.contract_id != contract.id:
            abort(404)
        if found.state is not RenewalState.OPEN:
            flash(_("This request was answered or withdrawn already."), "info")
            return self.page_of(contract_id)
        form = ReasonForm(posted())
        return self.deed(
            contract,
            lambda: refuse_renewal(
                self.database(),
                request_id=renewal_id,
                answer=form.comment.data or "",
                **self.who(),
            ),
            title=_("Refuse the renewal"),
            consequence=_(
                "The shop is told your reason. The contract ends on %(day)s.",
                day=contract.end_date.isoformat(),
            ),
            done=_("The renewal is refused; the shop is told."),
            form=form,
            is_dangerous=True,
        )

    def _open_request(self, contract: Contract) -> RenewalRequest | None:
        found: RenewalRequest | None = (
            self.database()
            .query(RenewalRequest)
            .filter(
                RenewalRequest.contract_id == contract.id,
                RenewalRequest.state == RenewalState.OPEN,
            )
            .one_or_none()
        )
        return found
