"""Why a step of a lease is refused, and what its history says, in the reader's language.

Belongs here: a sentence for each refusal of the leasing operations. Not here: what is wrong with
terms and clauses (leasing).
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from domain.contract_changes import ChangeState, RecordedEvent
from domain.contracts import ContractEvent, ContractState
from domain.state_machines import IllegalTransition
from services.operations.leasing import DRAFTED
from services.operations.leasing import errors as drafts
from services.operations.leasing import running_errors as running
from services.operations.malls import AlreadyRegistered, NotRegistered
from services.queries.contract_papers import TermsNotApproved
from webapp.admin import labels
from webapp.words.leasing import term_sentence

RECORDED: dict[RecordedEvent, LazyString] = {
    RecordedEvent.DRAFT_EDITED: _l("Draft edited"),
    RecordedEvent.AMENDMENT_PROPOSED: _l("Amendment proposed"),
    RecordedEvent.AMENDMENT_APPROVED: _l("Amendment approved"),
    RecordedEvent.AMENDMENT_SENT: _l("Amendment sent to the shop"),
    RecordedEvent.AMENDMENT_SIGNED: _l("Amendment signed by the shop"),
    RecordedEvent.AMENDMENT_DECLINED: _l("Amendment declined by the shop"),
    RecordedEvent.TERMINATION_PROPOSED: _l("Early end proposed"),
    RecordedEvent.TERMINATION_APPROVED: _l("Early end approved"),
    RecordedEvent.CHANGE_REJECTED: _l("Change rejected"),
    RecordedEvent.CHANGE_WITHDRAWN: _l("Change withdrawn"),
    RecordedEvent.RENEWAL_ASKED: _l("The shop asked for a renewal"),
    RecordedEvent.RENEWAL_WITHDRAWN: _l("The shop withdrew its wish for a renewal"),
    RecordedEvent.RENEWAL_REFUSED: _l("Renewal refused"),
    RecordedEvent.RENEWAL_OFFERED: _l("Renewal drafted"),
}


def event_word(event: str) -> Any:
    """What a row of a lease's history says."""
    if event == DRAFTED:
        return _l("Drafted")
    if event in RecordedEvent.__members__:
        return RECORDED[RecordedEvent(event)]
    return labels.label_of_value(ContractEvent, event)


def held_sentence(unit: str, number: str, first: date, last: date) -> str:
    """Which contract keeps a unit from others, and when."""
    return _(
        "The unit %(unit)s is let by the contract %(number)s from %(first)s to %(last)s.",
        unit=unit,
        number=number,
        first=first.isoformat(),
        last=last.isoformat(),
    )


def refusal_sentence(error: Exception) -> str:
    """Why the step was refused."""
    for kind, said in _SENTENCES.items():
        if isinstance(error, kind):
            return said(error)
    raise error


def terms_sentence(problems: Any) -> str:
    """Everything that is wrong with terms, clause by clause."""
    said = []
    for problem in problems:
        sentence = term_sentence(problem)
        if problem.clause is not None:
            sentence = _("Clause %(number)s: %(said)s", number=problem.clause, said=sentence)
        said.append(sentence)
    return " ".join(said)


def _held(error: drafts.UnitAlreadyLet) -> str:
    holder = error.holder
    if holder is None:
        return _("Another contract held a unit on one of these days; try again.")
    return held_sentence(holder.unit, holder.number, holder.first, holder.last)


def _moved_on(error: IllegalTransition) -> str:
    kind = ChangeState if isinstance(error.state, ChangeState) else ContractState
    return _(
        "That step is no longer possible: meanwhile the state is “%(state)s”.",
        state=labels.label_of_value(kind, str(error.state)),
    )


def _not_a_draft(error: drafts.NotADraft) -> str:
    return _("Only a draft can be changed; this contract is “%(state)s”.", state=_state(error))


def _not_running(error: running.NotRunning) -> str:
    return _(
        "Only a signed or active contract is changed or renewed; this one is “%(state)s”.",
        state=_state(error),
    )


def _state(error: Any) -> Any:
    return labels.label_of_value(ContractState, str(error.state))


_SENTENCES: dict[type[Exception], Callable[[Any], str]] = {
    IllegalTransition: _moved_on,
    AlreadyRegistered: lambda error: _("This number is taken; choose another."),
    NotRegistered: lambda error: _("A shop or unit that was chosen is not in this mall."),
    drafts.InvalidContract: lambda error: terms_sentence(error.problems),
    drafts.NotADraft: _not_a_draft,
    drafts.NotFollowing: lambda error: _(
        "This contract renews %(predecessor)s: it stays with the shop %(shop)s and begins on "
        "%(first)s.",
        predecessor=error.predecessor,
        shop=error.shop,
        first=error.first.isoformat(),
    ),
    drafts.DraftChanged: lambda error: _(
        "%(who)s changed the draft while you were writing.", who=error.by or _("Somebody else")
    ),
    drafts.HandedInAgain: lambda error: _(
        "%(who)s handed in other terms while you were reading; this page shows them now.",
        who=error.by,
    ),
    drafts.UnitAlreadyLet: _held,
    drafts.MakerIsChecker: lambda error: _(
        "You drafted or handed in this contract; another person has to decide on it."
    ),
    drafts.RoleMayNot: lambda error: _("Your role may not take this step."),
    TermsNotApproved: lambda error: _(
        "The terms are no longer those that were approved; take the contract back."
    ),
    drafts.CommentRequired: lambda error: _("Say why."),
    running.ChangeWaiting: lambda error: _(
        "Change %(number)s of this contract has to be decided first.", number=error.change_number
    ),
    running.DayOutsideLease: lambda error: _(
        "Choose a day from %(first)s to %(last)s.",
        first=error.first.isoformat(),
        last=error.last.isoformat(),
    ),
    running.NothingChanged: lambda error: _("Nothing is different from what is agreed already."),
    running.NotRunning: _not_running,
    running.ReasonRequired: lambda error: _("Say why."),
    running.ProposerMayNotDecide: lambda error: _(
        "You proposed this change; another person has to decide on it."
    ),
    running.RequestClosed: lambda error: _("This request was answered or withdrawn already."),
    running.SuccessorExists: lambda error: _(
        "The contract %(number)s follows this one already.", number=error.successor
    ),
}
REFUSALS = tuple(_SENTENCES)
