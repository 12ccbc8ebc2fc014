"""Management's desk: what waits, how it differs from what was before, and the decision.

Belongs here: the queue and the review of a lease. Not here: the review of a change (changing).
"""

from typing import Any

from flask import flash, redirect, request, url_for
from flask_admin import expose
from flask_babel import gettext as _

from domain.contracts import ContractState
from domain.lease_terms import LeaseTerms
from domain.permissions import Permission
from domain.term_differences import compare_terms
from services.operations.leasing import approve_contract, reject_contract
from services.queries.contracts import TermsVersion, get_contract_terms, list_versions
from services.queries.lease_reviews import list_waiting_reviews
from storage.models import Contract
from webapp.admin import access, formats
from webapp.admin.base import StaffView
from webapp.admin.contracts.desk import LEASE, CommentForm, LeaseDesk, posted
from webapp.admin.contracts.differences import differences_table
from webapp.admin.contracts.schedule import schedule_table
from webapp.auth.authorisation import principal


class ReviewQueue(StaffView):
    permission = Permission.CONTRACTS_APPROVE

    @expose("/")
    def index(self) -> Any:
        person = principal()
        return self.render(
            "admin/contracts/reviews.html",
            waiting=list_waiting_reviews(access.database()(), mall_id=access.current_mall_id()),
            me=person.email if person else "",
            now=self.now(),
        )


class ReviewPages(LeaseDesk):
    @expose(f"{LEASE}/review", methods=("GET", "POST"))
    def review(self, contract_id: int) -> Any:
        contract = self.lease(contract_id, Permission.CONTRACTS_APPROVE)
        if contract.state is not ContractState.IN_REVIEW:
            flash(_("This contract does not wait for a review."), "info")
            return self.page_of(contract_id)
        form = CommentForm(posted())
        refusals: list[str] = []
        deed = request.form.get("do", "")
        if self.validate_form(form) and deed in ("approve", "reject"):
            step = approve_contract if deed == "approve" else reject_contract
            with self.refusing(refusals):
                step(
                    self.database(),
                    contract_id=contract_id,
                    comment=form.comment.data or "",
                    version_id=request.form.get("version", type=int),
                    **self.who(),
                )
            if not refusals:
                done = (
                    _("Approved: the officer can send it to the shop.")
                    if deed == "approve"
                    else _("Rejected: the officer is told why.")
                )
                flash(f"{contract.number} · {done}", "success")
                return redirect(url_for("reviews.index"))
            contract = self.get_one(contract_id)
        versions = list_versions(self.database(), contract_id)
        after = get_contract_terms(self.database(), contract_id)
        before, named = self._before(contract, versions[1:])
        return self.render(
            "admin/contracts/review.html",
            model=contract,
            form=form,
            refusal=" ".join(refusals),
            handed_in=versions[0] if versions else None,
            before_name=named,
            table=differences_table(compare_terms(before, after), after.currency)
            if before
            else None,
            terms=after,
            schedule=schedule_table(after),
        )

    @expose(f"{LEASE}/versions")
    def versions(self, contract_id: int) -> Any:
        """`?before=&after=`: two of the versions that were handed in, side by side."""
        contract = self.lease(contract_id, Permission.CONTRACTS_READ)
        versions = list_versions(self.database(), contract_id)
        known = {str(one.id): one for one in versions}
        after = known.get(request.args.get("after", "")) or (versions[0] if versions else None)
        older = [one for one in versions if after is not None and one.id < after.id]
        before = known.get(request.args.get("before", "")) or (older[0] if older else None)
        return self.render(
            "admin/contracts/versions.html",
            model=contract,
            versions=versions,
            before=before,
            after=after,
            version_name=version_name,
            table=differences_table(compare_terms(before.terms, after.terms), after.terms.currency)
            if before is not None and after is not None
            else None,
        )

    def _before(
        self, contract: Contract, earlier: tuple[TermsVersion, ...]
    ) -> tuple[LeaseTerms | None, str]:
        """What the terms are compared with: what was handed in before, else the lease before."""
        if earlier:
            return earlier[0].terms, version_name(earlier[0])
        if contract.predecessor_id is not None:
            terms = get_contract_terms(self.database(), contract.predecessor_id)
            return terms, terms.number
        return None, ""


def version_name(version: TermsVersion) -> str:
    return _(
        "Version %(number)s of %(when)s",
        number=version.version,
        when=formats.instant(version.submitted_at),
    )
