"""The clauses of a draft: the editor's page, and the schedule that it shows while one types.

Belongs here: saving what the editor holds as a draft's clauses. Not here: what its buttons do
(clause_editor).
"""

from collections.abc import Sequence
from typing import Any

from flask import flash, render_template, request, url_for
from flask_admin import expose
from flask_babel import gettext as _

from domain.contracts import ContractState
from domain.permissions import Permission
from services.operations.leasing import DraftChanged, put_clauses
from services.queries.contracts import (
    StoredClause,
    get_contract_terms,
    list_clauses,
    tariff_charges,
)
from storage.models import Contract
from webapp.admin.contracts.clause_editor import Editing, EditorWords
from webapp.admin.contracts.desk import LEASE, LeaseDesk
from webapp.words.lease_refusals import REFUSALS, refusal_sentence

# The editor asks for a part of its page with this header; without it the whole page comes.
PART = "X-Part"


class ClausePages(LeaseDesk):
    @expose(f"{LEASE}/clauses", methods=("GET", "POST"))
    def clauses(self, contract_id: int) -> Any:
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        is_draft = contract.state is ContractState.DRAFT
        only_drafts = _("Only a draft can be changed; take the contract back first.")
        stored = list_clauses(self.database(), contract_id)
        if request.method == "GET":
            if not is_draft:
                flash(only_drafts, "error")
                return self.page_of(contract_id)
            editing = self._editing(contract)
            if not editing.entries:
                editing.press("add")
            return self._editor(contract, editing, stored)
        editing = self._editing(contract, is_posted=True)
        is_pressed = editing.press(request.form.get("do", ""))
        is_kept = editing.judge()
        if not is_draft:
            editing.said.append(only_drafts)
        if is_pressed or not is_kept or not is_draft:
            return self._editor(contract, editing, _shown(stored))
        is_open = editing.has_faults
        try:
            put_clauses(
                self.database(),
                contract_id=contract_id,
                clauses=editing.clauses(),
                base_ids=_shown(stored),
                **self.who(),
            )
            self.database().commit()
        except DraftChanged as error:
            self.database().rollback()
            editing.said.append(refusal_sentence(error))
            contract = self.get_one(contract_id)
            theirs = list_clauses(self.database(), contract_id)
            return self._editor(contract, editing, theirs, changed_by=error.by)
        except REFUSALS as error:
            self.database().rollback()
            editing.said.append(refusal_sentence(error))
            return self._editor(self.get_one(contract_id), editing, _shown(stored))
        flash(_("The clauses are saved."), "success")
        if is_open:
            flash(
                _("Something has to be corrected before the contract is handed in; see below."),
                "warning",
            )
        return self.page_of(contract_id)

    @expose(f"{LEASE}/clauses/preview", methods=("POST",))
    def preview_clauses(self, contract_id: int) -> Any:
        """The schedule of what is typed, as a part of the page."""
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        editing = self._editing(contract, is_posted=True)
        return render_template("admin/contracts/_schedule.html", schedule=editing.schedule())

    def _editing(self, contract: Contract, *, is_posted: bool = False) -> Editing:
        session = self.database()
        terms = get_contract_terms(session, contract.id)
        tariffs = tariff_charges(session, mall_id=contract.mall_id)
        if is_posted:
            return Editing.posted(terms, tariffs, request.form)
        return Editing.of(terms, tariffs)

    def _editor(
        self,
        contract: Contract,
        editing: Editing,
        base: Sequence[StoredClause] | Sequence[int],
        changed_by: str | None = None,
    ) -> Any:
        ids = [one.id if isinstance(one, StoredClause) else one for one in base]
        shown = {
            "editing": editing,
            "words": EditorWords.of(editing),
            "base": ",".join(map(str, ids)),
            "theirs": None if changed_by is None else base,
            "changed_by": changed_by,
            "save": _("Save mine over theirs") if changed_by is not None else _("Save"),
            "cancel_url": url_for(".details_view", id=contract.id),
        }
        if request.headers.get(PART) == "editor":
            return render_template("admin/contracts/_editor.html", **shown)
        return self.render(
            "admin/contracts/clauses.html",
            model=contract,
            schedule=editing.schedule(),
            preview_url=url_for(".preview_clauses", contract_id=contract.id),
            **shown,
        )


def _shown(stored: Sequence[StoredClause]) -> list[int]:
    """The clauses that the posted editor was made from; without a word of it, those of now."""
    text = request.form.get("base")
    if text is None:
        return [one.id for one in stored]
    return [int(part) for part in text.split(",") if part.isdecimal() and len(part) < 19]
