"""What comes next in the life of a lease, for the person who looks at it.

Belongs here: which step the page offers first, and the sentence about whom it waits for. Not
here: the steps.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from domain.contract_changes import ChangeKind, ChangeState
from domain.contracts import ContractState
from domain.permissions import Permission
from storage.models import Contract, ContractChange, RenewalRequest
from webapp.auth.authorisation import may


@dataclass(frozen=True, slots=True)
class Step:
    label: str
    url: str
    is_dangerous: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """`sentence` says what the lease waits for; `primary` is what this person does about it, when
    it is theirs to do; `others` are what may be done beside it.
    """

    sentence: str
    primary: Step | None = None
    others: tuple[Step, ...] = ()


def next_of(
    contract: Contract,
    *,
    today: date,
    has_clauses: bool,
    change: ContractChange | None,
    request: RenewalRequest | None,
    successor: Contract | None,
) -> Next:
    """`change` is the one that is open, `request` the shop's wish that awaits an answer."""
    drafts, approves = may(Permission.CONTRACTS_DRAFT), may(Permission.CONTRACTS_APPROVE)

    def to(page: str, label: str, *, is_dangerous: bool = False, **names: Any) -> Step:
        url = url_for(f"contracts.{page}", contract_id=contract.id, **names)
        return Step(label, url, is_dangerous)

    match contract.state:
        case ContractState.DRAFT:
            return _of_draft(to, drafts, has_clauses)
        case ContractState.IN_REVIEW:
            step = to("review", _("Review")) if approves else None
            return Next(_("It waits for management to approve or reject it."), step)
        case ContractState.APPROVED:
            step = to("send", _("Send for signature")) if drafts else None
            return Next(_("It is approved; the officer sends it to the shop for signature."), step)
        case ContractState.REJECTED:
            step = to("revise", _("Take back to draft")) if drafts else None
            return Next(_("Management rejected it; the comment stands in the history."), step)
        case ContractState.DECLINED:
            step = to("revise", _("Take back to draft")) if drafts else None
            return Next(_("The shop declined to sign; its reason stands in the history."), step)
        case ContractState.SENT:
            back = to("revise", _("Take back"), is_dangerous=True)
            return Next(_("It waits for the shop's signature."), None, (back,) if drafts else ())
        case ContractState.SIGNED | ContractState.ACTIVE:
            return _of_running(contract, to, today, drafts, approves, change, request, successor)
        case _:
            return Next(_("The contract is over."))


def _of_draft(to: Any, drafts: bool, has_clauses: bool) -> Next:
    if not drafts:
        return Next(_("The officer is still writing it."))
    edits = (to("facts_view", _("Edit the facts")), to("clauses", _("Edit the clauses")))
    if not has_clauses:
        return Next(
            _("The draft has no clause yet."), to("clauses", _("Write the clauses")), edits[:1]
        )
    return Next(
        _("When the draft is complete, hand it in: management reviews it."),
        to("submit", _("Hand in for review")),
        edits,
    )


def _of_running(
    contract: Contract,
    to: Any,
    today: date,
    drafts: bool,
    approves: bool,
    change: ContractChange | None,
    request: RenewalRequest | None,
    successor: Contract | None,
) -> Next:
    others: list[Step] = []
    if drafts and change is None:
        others += [
            to("amend", _("Amend")),
            to("end_early", _("End early"), is_dangerous=True),
        ]
    offer = to("offer_renewal", _("Draft the renewal"))
    if change is not None:
        found = _of_change(to, change, drafts, approves)
        if found is not None:
            return Next(found.sentence, found.primary, (*found.others, *others))
    if request is not None and drafts:
        refuse = to("refuse_renewal", _("Refuse the renewal"), renewal_id=request.id)
        return Next(
            ngettext(
                "The shop asks for a renewal of %(num)s month.",
                "The shop asks for a renewal of %(num)s months.",
                request.months,
            ),
            offer,
            (refuse, *others),
        )
    if successor is not None:
        sentence = _("It is followed by %(number)s.", number=successor.number)
    elif contract.state is ContractState.SIGNED and today < contract.start_date:
        sentence = _("It is signed and begins on %(day)s.", day=contract.start_date.isoformat())
    else:
        left = (contract.end_date - today).days + 1
        sentence = ngettext("%(num)s day left.", "%(num)s days left.", max(left, 0))
        if drafts:
            others.insert(0, offer)
    return Next(sentence, None, tuple(others))


def _of_change(to: Any, change: ContractChange, drafts: bool, approves: bool) -> Next | None:
    is_amendment = change.kind is ChangeKind.AMENDMENT
    withdraw = to("withdraw", _("Withdraw the change"), is_dangerous=True, change_id=change.id)
    others = (withdraw,) if drafts else ()
    if change.state is ChangeState.IN_REVIEW:
        step = to("change", _("Review the change"), change_id=change.id) if approves else None
        if is_amendment:
            return Next(_("An amendment waits for management."), step, others)
        return Next(_("An early end waits for management."), step, others)
    if change.state is ChangeState.APPROVED:
        send = to("send_amendment", _("Send the amendment"), change_id=change.id)
        return Next(
            _("The amendment is approved; the officer sends it to the shop for signature."),
            send if drafts else None,
            others,
        )
    return Next(_("An amendment waits for the shop's signature."), None, others)
