"""The page of one lease: what is agreed, what it comes to, its papers, and what comes next.

Belongs here: what the page shows. Not here: the steps it leads to (their own modules).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from flask import Response, abort
from flask_admin import expose
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session, selectinload

from domain.contract_changes import OPEN
from domain.contracts import ContractState
from domain.lease_terms import LeaseTerms
from domain.permissions import Permission
from domain.renewals import RenewalState
from domain.signing import PaperState
from domain.term_checks import check_terms
from services.operations.papers import shown_code
from services.queries.contracts import (
    StoredClause,
    TermsVersion,
    get_contract_terms,
    list_clauses,
    list_versions,
    tariff_charges,
)
from services.queries.deposits import deposit_balance
from services.queries.files import StoredFile
from storage.models import Bill, Contract, ContractChange, ContractPaper, RenewalRequest
from webapp.admin import formats
from webapp.admin.contracts.desk import LEASE, ROW, LeaseDesk
from webapp.admin.contracts.next_steps import Next, next_of
from webapp.admin.contracts.schedule import ScheduleTable, schedule_table
from webapp.auth.authorisation import may
from webapp.downloads import stored_download
from webapp.words.lease_refusals import event_word
from webapp.words.leasing import term_sentence
from webapp.words.terms import terms as clause_terms

BILLS_SHOWN = 12


@dataclass
class LeasePage:
    """What the page shows of a lease beside its own row; each thing is read when it is shown."""

    contract: Contract
    session: Session
    today: Any

    @cached_property
    def terms(self) -> LeaseTerms:
        return get_contract_terms(self.session, self.contract.id)

    @cached_property
    def clauses(self) -> tuple[StoredClause, ...]:
        return list_clauses(self.session, self.contract.id)

    @cached_property
    def schedule(self) -> ScheduleTable:
        return schedule_table(self.terms)

    @cached_property
    def versions(self) -> tuple[TermsVersion, ...]:
        return list_versions(self.session, self.contract.id)

    @cached_property
    def problems(self) -> list[tuple[bool, str]]:
        """(is only a hint, sentence) of what stands in the way of handing in a draft."""
        if self.contract.state is not ContractState.DRAFT:
            return []
        tariffs = tariff_charges(self.session, mall_id=self.contract.mall_id)
        found = check_terms(self.terms, tariffs=tariffs)
        return [
            (
                problem.is_warning,
                f"{problem.clause}. {term_sentence(problem)}"
                if problem.clause is not None
                else term_sentence(problem),
            )
            for problem in found
        ]

    @cached_property
    def changes(self) -> list[ContractChange]:
        """The newest first."""
        return list(
            self.session.scalars(
                sa.select(ContractChange)
                .where(ContractChange.contract_id == self.contract.id)
                .order_by(ContractChange.number.desc())
            )
        )

    def change_number(self, change_id: int) -> int:
        return next(one.number for one in self.changes if one.id == change_id)

    def shown_code(self, paper: ContractPaper) -> str:
        return shown_code(paper.verify_code)

    @cached_property
    def papers(self) -> list[ContractPaper]:
        """The newest first, each with its signatures."""
        return list(
            self.session.scalars(
                sa.select(ContractPaper)
                .where(ContractPaper.contract_id == self.contract.id)
                .options(selectinload(ContractPaper.signatures))
                .order_by(ContractPaper.id.desc())
            )
        )

    @cached_property
    def renewals(self) -> list[RenewalRequest]:
        return list(
            self.session.scalars(
                sa.select(RenewalRequest)
                .where(RenewalRequest.contract_id == self.contract.id)
                .order_by(RenewalRequest.id.desc())
            )
        )

    @cached_property
    def predecessor(self) -> Contract | None:
        if self.contract.predecessor_id is None:
            return None
        return self.session.get(Contract, self.contract.predecessor_id)

    @cached_property
    def successor(self) -> Contract | None:
        return self.session.scalars(
            sa.select(Contract)
            .where(Contract.predecessor_id == self.contract.id)
            .order_by(Contract.id.desc())
            .limit(1)
        ).first()

    @property
    def deposit(self) -> Any:
        return deposit_balance(self.session, contract_id=self.contract.id)

    @property
    def next(self) -> Next:
        return next_of(
            self.contract,
            today=self.today,
            has_clauses=bool(self.clauses),
            change=next((one for one in self.changes if one.state in OPEN), None),
            request=next((one for one in self.renewals if one.state is RenewalState.OPEN), None),
            successor=self.successor,
        )

    @property
    def bills(self) -> list[Bill]:
        if not may(Permission.BILLS_READ):
            return []
        return list(
            self.session.scalars(
                sa.select(Bill)
                .where(Bill.contract_id == self.contract.id)
                .order_by(Bill.period_start.desc())
                .limit(BILLS_SHOWN)
            )
        )


class LeasePages(LeaseDesk):
    details_template = "admin/contracts/contract.html"
    singular = _l("contract")
    column_details_list = (
        "shop",
        "start_date",
        "end_date",
        "deposit_amount",
        "proration",
        "payment_term_days",
        "officer",
        "version",
    )
    column_labels = {
        "shop": _l("Shop"),
        "version": _l("Version"),
        "start_date": _l("First day"),
        "end_date": _l("Last day"),
        "deposit_amount": _l("Deposit agreed"),
        "proration": _l("Proration"),
        "payment_term_days": _l("Days to pay"),
        "officer": _l("Officer in charge"),
    }
    column_formatters = {
        "shop": lambda view, context, model, name: formats.record("shops", model.shop),
        "officer": lambda view, context, model, name: model.officer or _l("The operation desk"),
    }
    money_columns = frozenset({"deposit_amount"})
    numeric_columns = frozenset({"version", "payment_term_days"})

    def lease_page(self, contract: Contract) -> LeasePage:
        return LeasePage(contract, self.database(), formats.today())

    def event_label(self, event: str) -> Any:
        return event_word(event)

    def render(self, template: str, **kwargs: Any) -> Any:
        return super().render(template, clause_terms=terms_of, **kwargs)

    @expose(f"{LEASE}/papers/<{ROW}:paper_id>")
    def paper(self, contract_id: int, paper_id: int) -> Response:
        """The newest bytes of a paper: with both signatures once the shop has signed."""
        contract = self.lease(contract_id, Permission.CONTRACTS_READ)
        found = self.database().get(ContractPaper, paper_id)
        if found is None or found.contract_id != contract.id:
            abort(404)
        is_signed = found.state is PaperState.SIGNED and found.signed_object_key is not None
        change = "" if found.change_id is None else f"-{found.change_id}"
        return stored_download(
            StoredFile(
                table="contract_papers",
                id=found.id,
                mall_id=found.mall_id,
                object_key=(found.signed_object_key or "") if is_signed else found.object_key,
                name=f"{contract.number}-v{found.version}{change}.pdf",
                bytes=(found.signed_bytes or 0) if is_signed else found.bytes,
                format="pdf",
                report="",
            )
        )


def terms_of(clause: Any, currency: str) -> tuple[str, ...]:
    """What a clause charges, each part a sentence."""
    return clause_terms(clause.pricing_kind, clause.parameters, currency)
