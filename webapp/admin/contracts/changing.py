"""A running lease is amended or ended early: proposed, decided, withdrawn.

Belongs here: these pages. Not here: the editor of clauses (clause_editor), the way to the shop
(sending), and what a change does (services.operations.leasing).
"""

from dataclasses import replace
from datetime import date
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask_admin import expose
from flask_babel import gettext as _

from domain.calendar import ONE_DAY
from domain.clause_edits import cut_at
from domain.contract_changes import OPEN, ChangeKind, ChangeState
from domain.lease_terms import LeaseTerms, clause_from_json
from domain.permissions import Permission
from domain.term_differences import compare_terms
from services.operations.leasing import (
    approve_change,
    propose_amendment,
    propose_termination,
    reject_change,
    withdraw_change,
)
from services.operations.leasing.change_steps import RUNNING
from services.queries.contracts import get_contract_terms, list_clause_records, tariff_charges
from services.queries.deposits import deposit_balance
from services.queries.settlements import Settlement, final_settlement
from storage.models import Contract, ContractChange
from webapp.admin.contracts.clause_editor import Editing, EditorWords
from webapp.admin.contracts.clause_entries import read_day
from webapp.admin.contracts.clause_pages import PART
from webapp.admin.contracts.desk import CHANGE, LEASE, CommentForm, LeaseDesk, ReasonForm, posted
from webapp.admin.contracts.differences import differences_table
from webapp.admin.contracts.lease_forms import LONGEST_REASON, EarlyEndForm
from webapp.admin.contracts.schedule import ScheduleTable, schedule_table
from webapp.auth.authorisation import may, require


class ChangePages(LeaseDesk):
    # -- an amendment -----------------------------------------------------------------------

    @expose(f"{LEASE}/amend", methods=("GET", "POST"))
    def amend(self, contract_id: int) -> Any:
        """`?from=2026-07-01`: the editor of what holds from that day on; without it, which day."""
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        asked = request.args.get("from", "")
        day = read_day(asked)
        terms = get_contract_terms(self.database(), contract_id)
        if request.method == "POST":
            return self._propose_amendment(contract, terms, day)
        if contract.state not in RUNNING:
            flash(_("Only a signed or active contract can be amended."), "error")
            return self.page_of(contract_id)
        if day is None or not terms.start <= day <= terms.end:
            return self.render(
                "admin/contracts/amend_from.html",
                model=contract,
                asked=asked,
                is_wrong=bool(asked),
                terms=terms,
            )
        return self._amendment(contract, self._amending(contract, terms, day), day, "")

    def _propose_amendment(self, contract: Contract, terms: LeaseTerms, asked: date | None) -> Any:
        """What was posted is proposed or, whatever stands in the way, shown again as typed."""
        day = min(max(asked or terms.start, terms.start), terms.end)
        editing = self._amending(contract, terms, day, is_posted=True)
        reason = request.form.get("reason", "").strip()
        is_pressed = editing.press(request.form.get("do", ""))
        is_ready = editing.judge(is_strict=not is_pressed)
        if contract.state not in RUNNING:
            editing.said.append(_("Only a signed or active contract can be amended."))
        elif asked != day:
            editing.said.append(
                _("Choose a day from %(first)s to %(last)s.", first=terms.start, last=terms.end)
            )
        if is_pressed:
            return self._amendment(contract, editing, day, reason)
        if not reason:
            editing.said.append(_("Say why the contract is amended."))
        elif len(reason) > LONGEST_REASON:
            editing.said.append(
                _("Say why, in at most %(limit)s characters.", limit=LONGEST_REASON)
            )
        if is_ready and not editing.said:
            contract_id = contract.id
            with self.refusing(editing.said):
                propose_amendment(
                    self.database(),
                    contract_id=contract_id,
                    effective_date=day,
                    clauses=editing.clauses(),
                    reason=reason,
                    **self.who(),
                )
            if not editing.said:
                flash(_("The amendment is proposed; management is told."), "success")
                return self.page_of(contract_id)
            contract = self.get_one(contract_id)
        return self._amendment(contract, editing, day, reason)

    @expose(f"{LEASE}/amend/preview", methods=("POST",))
    def preview_amendment(self, contract_id: int) -> Any:
        """The schedule with what is typed from a day on, as a part of the page."""
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        terms = get_contract_terms(self.database(), contract_id)
        day = read_day(request.args.get("from", ""))
        if day is None or not terms.start <= day <= terms.end:
            abort(400)
        editing = self._amending(contract, terms, day, is_posted=True)
        return render_template("admin/contracts/_schedule.html", schedule=editing.schedule())

    def _amending(
        self, contract: Contract, terms: LeaseTerms, day: date, *, is_posted: bool = False
    ) -> Editing:
        before, after = cut_at(terms.clauses, day)
        tariffs = tariff_charges(self.database(), mall_id=contract.mall_id)
        from_day = replace(terms, start=day, clauses=after)
        editing = (
            Editing.posted(from_day, tariffs, request.form)
            if is_posted
            else Editing.of(from_day, tariffs)
        )
        editing.before = replace(terms, clauses=before)
        return editing

    def _amendment(self, contract: Contract, editing: Editing, day: date, reason: str) -> Any:
        shown = {
            "editing": editing,
            "words": EditorWords.of(editing),
            "base": "",
            "theirs": None,
            "save": _("Propose the amendment"),
            "reason": reason,
            "cancel_url": url_for(".details_view", id=contract.id),
        }
        if request.headers.get(PART) == "editor":
            return render_template("admin/contracts/_editor.html", **shown)
        asked = {"contract_id": contract.id, "from": day.isoformat()}
        return self.render(
            "admin/contracts/amend.html",
            model=contract,
            day=day,
            schedule=editing.schedule(),
            preview_url=url_for(".preview_amendment", **asked),
            **shown,
        )

    # -- an early end -----------------------------------------------------------------------

    @expose(f"{LEASE}/end-early", methods=("GET", "POST"))
    def end_early(self, contract_id: int) -> Any:
        """First what is owed and given back when the lease ends on the day; then the number of
        the contract is typed, and the early end is proposed for the day that was shown.
        """
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        if contract.state not in RUNNING:
            flash(_("Only a signed or active contract can be ended early."), "error")
            return self.page_of(contract_id)
        form = EarlyEndForm(posted())
        refusals: list[str] = []
        typed = request.form.get("typed", "").strip()
        shown_day, is_another_day = None, False
        if self.validate_form(form):
            day, reason = form.last_day.data, form.reason.data
            is_proposed = request.form.get("do") == "propose"
            is_another_day = is_proposed and request.form.get("shown") != day.isoformat()
            is_confirmed = is_proposed and not is_another_day and typed == contract.number
            if not contract.start_date <= day < contract.end_date:
                refusals.append(
                    _(
                        "Choose a day from %(first)s to the day before %(last)s.",
                        first=contract.start_date.isoformat(),
                        last=contract.end_date.isoformat(),
                    )
                )
            elif is_confirmed:
                with self.refusing(refusals):
                    propose_termination(
                        self.database(),
                        contract_id=contract_id,
                        last_day=day,
                        reason=reason,
                        **self.who(),
                    )
                if not refusals:
                    flash(_("The early end is proposed; management is told."), "success")
                    return self.page_of(contract_id)
                contract = self.get_one(contract_id)
            else:
                shown_day = day
        return self.render(
            "admin/contracts/end_early.html",
            model=contract,
            form=form,
            shown_day=shown_day,
            is_another_day=is_another_day,
            typed=typed,
            is_wrong=bool(typed) and typed != contract.number,
            refusal=" ".join(refusals),
            settlement=self._settlement(contract, shown_day) if shown_day else None,
            deposit=deposit_balance(self.database(), contract_id=contract_id),
            given_up=self._given_up(contract_id, shown_day) if shown_day else None,
        )

    def _settlement(self, contract: Contract, last_day: date) -> Settlement | None:
        """What the lease comes to when it ends on a day, for who may see bills."""
        if not may(Permission.BILLS_READ):
            return None
        return final_settlement(
            self.database(), contract_id=contract.id, as_of=last_day, now=self.now()
        )

    def _given_up(self, contract_id: int, last_day: date) -> ScheduleTable:
        """What the terms come to for the days after a day."""
        terms = get_contract_terms(self.database(), contract_id)
        _before, after = cut_at(terms.clauses, last_day + ONE_DAY)
        return schedule_table(replace(terms, start=last_day + ONE_DAY, clauses=after))

    # -- a change that was proposed ---------------------------------------------------------

    @expose(CHANGE, methods=("GET", "POST"))
    def change(self, contract_id: int, change_id: int) -> Any:
        """The change; management's decision on it is posted here."""
        contract = self.lease(contract_id, Permission.CONTRACTS_READ)
        change = self.change_of(contract, change_id)
        form = CommentForm(posted())
        refusals: list[str] = []
        if request.method == "POST":
            require(Permission.CONTRACTS_APPROVE)
            deed = request.form.get("do", "")
            if self.validate_form(form) and deed in ("approve", "reject"):
                step = approve_change if deed == "approve" else reject_change
                with self.refusing(refusals):
                    step(
                        self.database(),
                        change_id=change_id,
                        comment=form.comment.data or "",
                        **self.who(),
                    )
                if not refusals:
                    flash(
                        _("The change is approved.")
                        if deed == "approve"
                        else _("Rejected: the officer is told why."),
                        "success",
                    )
                    return redirect(url_for("reviews.index"))
                contract = self.get_one(contract_id)
                change = self.change_of(contract, change_id)
        is_amendment = change.kind is ChangeKind.AMENDMENT
        is_open = change.state is ChangeState.IN_REVIEW
        terms = get_contract_terms(self.database(), contract_id)
        return self.render(
            "admin/contracts/change.html",
            model=contract,
            change=change,
            form=form,
            refusal=" ".join(refusals),
            decides=is_open and may(Permission.CONTRACTS_APPROVE),
            table=self._touched(terms, change) if is_amendment else None,
            schedule=schedule_table(self._amended(terms, change))
            if is_amendment and change.state is not ChangeState.IN_FORCE
            else None,
            settlement=None if is_amendment else self._settlement(contract, change.effective_date),
        )

    @expose(f"{CHANGE}/withdraw", methods=("GET", "POST"))
    def withdraw(self, contract_id: int, change_id: int) -> Any:
        contract = self.lease(contract_id, Permission.CONTRACTS_DRAFT)
        change = self.change_of(contract, change_id)
        if change.state not in OPEN:
            return self.page_of(contract_id)
        is_sent = change.state is ChangeState.SENT
        form = ReasonForm(posted()) if is_sent else CommentForm(posted())
        return self.deed(
            contract,
            lambda: withdraw_change(
                self.database(),
                change_id=change_id,
                comment=form.comment.data or "",
                **self.who(),
            ),
            title=_("Withdraw the change"),
            consequence=_withdrawn(change.state),
            done=_("The change is withdrawn."),
            form=form,
            is_dangerous=True,
        )

    def _touched(self, terms: LeaseTerms, change: ContractChange) -> Any:
        """The clauses that the amendment ends beside those that it begins."""
        records = {
            one.id: one.clause for one in list_clause_records(self.database(), change.contract_id)
        }
        ends = tuple(records[key] for key in change.terms["ends"] if key in records)
        begins = tuple(clause_from_json(one) for one in change.terms["begins"])
        found = compare_terms(replace(terms, clauses=ends), replace(terms, clauses=begins))
        return differences_table(found, terms.currency)

    def _amended(self, terms: LeaseTerms, change: ContractChange) -> LeaseTerms:
        """The terms with the amendment in force."""
        ended = set(change.terms["ends"])
        kept = [
            one.clause
            for one in list_clause_records(self.database(), change.contract_id)
            if one.superseded_at is None and one.id not in ended
        ]
        begins = (clause_from_json(one) for one in change.terms["begins"])
        return replace(terms, clauses=(*kept, *begins))


def _withdrawn(state: ChangeState) -> str:
    """What follows when a change in this state is withdrawn."""
    if state is ChangeState.SENT:
        return _("The shop can no longer sign it, and is told why. The contract stays as it is.")
    if state is ChangeState.APPROVED:
        return _("It is not sent to the shop. The contract stays as it is.")
    return _("Management no longer has to decide on it. The contract stays as it is.")
