"""A draft is begun and its facts are changed; its clauses have an editor of their own.

Belongs here: the pages of a draft's facts. Not here: clauses (clause_editor), review.
"""

from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _

from domain.contracts import ContractState
from domain.permissions import Permission
from services.operations.leasing import DraftChanged, change_draft, draft_contract, facts_digest
from services.queries.drafting import list_unit_choices, suggest_number
from services.queries.people import list_officers
from storage.models import Contract
from webapp.admin import access, formats
from webapp.admin.contracts.desk import LEASE, LeaseDesk, posted, signed_in_as
from webapp.admin.contracts.lease_forms import LeaseForm
from webapp.auth.authorisation import require
from webapp.auth.door import door
from webapp.words.lease_refusals import held_sentence


class DraftPages(LeaseDesk):
    creatable = True

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        require(Permission.CONTRACTS_DRAFT)
        mall_id = access.current_mall_id()
        if not mall_id:
            abort(404)
        form = self._lease_form(
            number=suggest_number(self.database(), mall_id=mall_id),
            shop=request.args.get("shop", 0, type=int),
            deposit_amount=None,
            officer=signed_in_as(),
        )
        refusals: list[str] = []
        if self.validate_form(form):
            contract_id = 0
            with self.refusing(refusals):
                contract_id = draft_contract(
                    self.database(),
                    mall_id=mall_id,
                    clauses=(),
                    officer=form.officer.data,
                    **form.facts(),
                    **self.who(),
                )
            if not refusals:
                flash(_("The draft is kept. Write its clauses next."), "success")
                self._warn_of_holders(form)
                return redirect(url_for(".clauses", contract_id=contract_id))
        return self._lease_page(form, refusals, model=None)

    @expose(f"{LEASE}/facts", methods=("GET", "POST"))
    def facts_view(self, contract_id: int) -> Any:
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        if contract.state is not ContractState.DRAFT:
            flash(_("Only a draft can be changed; take the contract back first."), "error")
            return self.page_of(contract_id)
        form = self._lease_form(
            also=[held.unit_id for held in contract.contract_units],
            number=contract.number,
            shop=contract.shop_id,
            start_date=contract.start_date,
            end_date=contract.end_date,
            units=[held.unit_id for held in contract.contract_units],
            deposit_amount=contract.deposit_amount,
            proration=contract.proration,
            payment_term_days=contract.payment_term_days,
            officer=contract.officer,
        )
        refusals: list[str] = []
        seen = request.form.get("seen") or facts_digest(contract)
        is_stale = False
        if self.validate_form(form):
            with self.refusing(refusals):
                try:
                    change_draft(
                        self.database(),
                        contract_id=contract_id,
                        officer=form.officer.data,
                        seen=seen,
                        **form.facts(),
                        **self.who(),
                    )
                except DraftChanged:
                    is_stale = True
                    raise
            if not refusals:
                flash(_("The draft is saved."), "success")
                self._warn_of_holders(form)
                return self.page_of(contract_id)
            contract = self.get_one(contract_id)
        if is_stale:  # both are on the page now: saving again is meant
            seen = facts_digest(contract)
        standing = contract if is_stale else None
        return self._lease_page(form, refusals, model=contract, seen=seen, standing=standing)

    def _lease_form(self, *, also: Any = (), **values: Any) -> LeaseForm:
        mall_id = access.current_mall_id()
        officers = dict(list_officers(door()(), mall_id=mall_id))
        if values.get("officer"):
            officers.setdefault(values["officer"], "")
        return LeaseForm(
            posted(),
            data=values,
            choices=list_unit_choices(
                self.database(), mall_id=mall_id, day=formats.today(), also=also
            ),
            officers=sorted(officers.items()),
        )

    def _lease_page(
        self,
        form: LeaseForm,
        refusals: list[str],
        *,
        model: Contract | None,
        seen: str = "",
        standing: Contract | None = None,
    ) -> Any:
        """`standing`: the draft as somebody else left it, to be shown beside what was typed."""
        return self.render(
            "admin/contracts/facts.html",
            form=form,
            refusal=" ".join(refusals),
            model=model,
            seen=seen,
            standing=standing,
        )

    def _warn_of_holders(self, form: LeaseForm) -> None:
        """Say at once what would be refused when the draft is handed in."""
        for unit in form.chosen():
            holding = unit.held_in(form.start_date.data, form.end_date.data)
            if holding is not None:
                flash(
                    held_sentence(unit.code, holding.number, holding.first_day, holding.last_day),
                    "warning",
                )
