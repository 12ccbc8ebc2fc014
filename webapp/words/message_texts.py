"""What the variables of messages stand for, and what is wrong with somebody's own words."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from domain.message_templates import (
    LONGEST_BODY,
    LONGEST_SUBJECT,
    Flaw,
    Part,
    TextProblem,
)

VARIABLES: dict[str, Any] = {
    "actor": _l("Who did it"),
    "bill_number": _l("Number of the bill"),
    "code": _l("The one-time code"),
    "comment": _l("What the shop wrote"),
    "contract": _l("Number of the contract"),
    "days": _l("Days until the end"),
    "due_date": _l("Day on which it is due"),
    "effective_date": _l("Day from which it applies"),
    "end_date": _l("Last day of the lease"),
    "hours": _l("Hours that the link works"),
    "last_day": _l("Last day after the early end"),
    "link": _l("The link"),
    "mall": _l("Name of the mall"),
    "minutes": _l("Minutes that it works"),
    "month": _l("Month of the bill"),
    "months": _l("Months asked for"),
    "name": _l("Name of the person"),
    "outstanding": _l("Amount still open"),
    "reason": _l("The reason given"),
    "shop": _l("Name of the shop"),
    "site": _l("Address of this site"),
    "start_date": _l("First day of the lease"),
}


def flaw(problem: TextProblem) -> str:
    """What is wrong with a subject or a body, for the field that holds it."""
    longest = LONGEST_SUBJECT if problem.part is Part.SUBJECT else LONGEST_BODY
    match problem.flaw:
        case Flaw.EMPTY:
            return _("Please fill this in.")
        case Flaw.TOO_LONG:
            return _("At most %(count)s characters fit.", count=longest)
        case Flaw.TWO_LINES:
            return _("A subject is one line.")
        case Flaw.UNKNOWN:
            return _("This message has no variable “%(name)s”.", name=problem.name)
        case Flaw.MISSING:
            return _(
                "Name %(name)s: without it nobody knows what is meant.", name=f"{{{problem.name}}}"
            )
        case Flaw.BRACE:
            return _("A brace “%(brace)s” belongs to no variable.", brace=problem.name)
        case Flaw.SECRET:
            return _("%(name)s is secret; a subject is kept.", name=f"{{{problem.name}}}")
