"""What is wrong with the terms of a lease, in the reader's language.

Belongs here: sentences for the codes of clauses, terms and edits, and the words of their settings.
Not here: what a clause says (terms), refusals of steps (lease_refusals), and names of states
(webapp/admin/labels).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from domain.charges import ChargeType
from domain.clause_edits import EditRefused
from domain.clauses import Breakpoint, Settlement, TierKind
from domain.parameters import Problem
from domain.term_checks import TermFault, TermProblem
from domain.term_differences import TermField
from services.language import number
from webapp.admin import labels

# Fields of the editor whose numbers people read as percents.
_SHARES = frozenset({"loss", "tax_rate", "floor", "cap", "share", "tiers"})
SETTING_WORDS: dict[StrEnum, LazyString] = {
    Breakpoint.NONE: _l("None: every sale counts"),
    Breakpoint.NATURAL: _l("Natural (base rent ÷ share)"),
    Breakpoint.ARTIFICIAL: _l("Artificial, as stated"),
    Settlement.MONTH: _l("Month"),
    Settlement.QUARTER: _l("Quarter"),
    Settlement.LEASE_YEAR: _l("Lease year"),
    TierKind.MARGINAL: _l("Each band at its own share"),
    TierKind.WHOLE: _l("The band reached prices all sales"),
}
TERM_FIELDS: dict[TermField, LazyString] = {
    TermField.NUMBER: _l("Number"),
    TermField.SHOP: _l("Shop"),
    TermField.UNITS: _l("Units"),
    TermField.START: _l("First day"),
    TermField.END: _l("Last day"),
    TermField.DEPOSIT: _l("Deposit"),
    TermField.PRORATION: _l("Proration"),
    TermField.PAYMENT_TERM: _l("Days to pay"),
}


def parameter_fault(code: Problem, details: Mapping[str, str], shown_at: str) -> str:
    """What is wrong with a parameter, for the field of the editor that shows it."""
    return problem_sentence(code, details, is_share=shown_at in _SHARES)


def problem_sentence(code: Problem, details: Mapping[str, str], *, is_share: bool = False) -> str:
    """A code with its details as a sentence. Of a share, numbers are said as percents."""

    def said(name: str) -> str:
        text = details.get(name, "")
        try:
            value = Decimal(text)
        except InvalidOperation:
            return text.strip("'")
        if not value.is_finite():
            return text
        return f"{number(value * 100)}%" if is_share else number(value)

    match code:
        case Problem.MISSING | Problem.EMPTY_LIST:
            return _("Fill this in.")
        case Problem.NOT_A_DECIMAL | Problem.NOT_IN_QUOTES | Problem.NOT_A_TEXT:
            return _("“%(value)s” is not a number.", value=details.get("value", ""))
        case Problem.TOO_SMALL:
            return _("This must be at least %(limit)s.", limit=said("limit"))
        case Problem.NOT_ABOVE:
            return _("This must be above %(limit)s.", limit=said("limit"))
        case Problem.TOO_GREAT:
            return _("This must be at most %(limit)s.", limit=said("limit"))
        case Problem.TOO_FINE:
            return _("Write at most %(limit)s decimals.", limit=details.get("limit", ""))
        case Problem.TIERS_NOT_CLOSED:
            return _("Leave the upper bound of the last band empty, and of no other.")
        case Problem.TIERS_DO_NOT_RISE:
            return _("The bands must rise: each upper bound above the one before.")
        case Problem.ONLY_RENT_IS_FREE:
            return _("Only rent can be free; another charge needs a factor above 0.")
        case Problem.NOT_OF_SALES:
            return _("A percentage of sales is charged as turnover rent.")
        case Problem.NOT_METERED:
            word = labels.label_of_value(ChargeType, details.get("value", ""))
            return _("%(charge)s is not measured by a meter.", charge=word)
        case Problem.RATE_OR_TIERS:
            return _("State one share of all sales, or bands: one of the two.")
        case Problem.BREAKPOINT_AMOUNT:
            return _("State these sales with an artificial breakpoint, and only then.")
        case Problem.MINIMUM_ABOVE_MAXIMUM:
            return _("The minimum is above the maximum of %(limit)s.", limit=said("limit"))
        case Problem.FLOOR_ABOVE_CAP:
            return _("The least change is above the greatest, %(limit)s.", limit=said("limit"))
        case Problem.NOT_BY_THE_INDEX:
            return _(
                "By the index this is %(expected)s. Correct it, or clear the index values.",
                expected=said("expected"),
            )
        case _:
            return _("This is not allowed here.")


def term_sentence(problem: TermProblem, places: Sequence[int] | None = None) -> str:
    """What is wrong with terms. `places` are where the checked clauses stand on the page, from 0;
    without them the numbers of the checks are the page's.
    """
    details = problem.details
    match problem.fault:
        case TermFault.BAD_PARAMETER if problem.problem is not None:
            return problem_sentence(problem.problem, details)
        case TermFault.BAD_NUMBER:
            return _(
                "A number has 1 to %(limit)s characters, and no blanks around it.",
                limit=details["limit"],
            )
        case TermFault.NO_UNIT:
            return _("The contract needs at least one unit.")
        case TermFault.NO_CLAUSE:
            return _("The contract needs at least one clause.")
        case TermFault.ENDS_BEFORE_START:
            return _("The contract would end before it starts.")
        case TermFault.DATES_OUT_OF_REACH | TermFault.LEASE_TOO_LONG:
            return _(
                "No contract runs from %(start)s to %(end)s; look at its days again.", **details
            )
        case TermFault.UNIT_TWICE:
            return _("The unit %(unit)s stands twice.", **details)
        case TermFault.UNIT_NOT_THERE:
            return unit_not_there(details)
        case TermFault.NEGATIVE_DEPOSIT | TermFault.DEPOSIT_TOO_GREAT:
            return _("The deposit cannot be %(value)s.", **details)
        case TermFault.PAYMENT_TERM:
            return _("The days to pay must be 0 to %(limit)s.", limit=details["limit"])
        case TermFault.CLAUSE_ENDS_BEFORE_START:
            return _("The last day is before the first.")
        case TermFault.CLAUSE_OUTSIDE_LEASE:
            return _(
                "%(first)s to %(last)s is not inside the contract, %(start)s to %(end)s.",
                **details,
            )
        case TermFault.TWO_ON_ONE_DAY:
            other = int(details["other"])
            return _(
                "Clause %(other)s charges the days %(first)s to %(last)s already.",
                other=other if places is None else places[other - 1] + 1,
                first=details["first"],
                last=details["last"],
            )
        case TermFault.UNKNOWN_TARIFF:
            return _("This mall has no tariff %(tariff)s.", **details)
        case TermFault.TARIFF_OF_ANOTHER_CHARGE:
            return _(
                "The tariff %(tariff)s prices %(charge)s.",
                tariff=details["tariff"],
                charge=labels.label_of_value(ChargeType, details["charge"]),
            )
        case TermFault.PER_AREA_WITHOUT_UNITS:
            return _("A charge by area needs a unit.")
        case TermFault.NO_RENT:
            return _("Nothing is charged as rent.")
        case TermFault.RENT_GAP:
            return _("No rent is charged from %(first)s to %(last)s.", **details)
        case TermFault.BREAKPOINT_WITHOUT_RENT:
            return _("A natural breakpoint without a base rent is 0: every sale counts.")
        case TermFault.BEYOND_TWENTY_YEARS:
            return _(
                "By law a lease binds for twenty years: what lies after %(lawful)s is void.",
                **details,
            )
        case _:
            return _("This is not allowed here.")


def unit_not_there(details: Mapping[str, str]) -> str:
    """That a unit does not exist on all days of a lease: `unit`, `opened` and `closed`."""
    is_open = not details["closed"][:1].isdigit()
    return _(
        "The unit %(unit)s exists from %(opened)s to %(closed)s, not over the whole contract.",
        unit=details["unit"],
        opened=details["opened"],
        closed=_("open end") if is_open else details["closed"],
    )


def edit_refusal(error: EditRefused) -> str:
    """Why a guided edit of clauses makes no sense."""
    sentences = {
        EditRefused.NO_PRICE: _("Only a price per month, or per area, rises or follows an index."),
        EditRefused.NOT_ITS_DAY: _("The clause is not in force on that day."),
        EditRefused.ENDS_BEFORE_START: _("The last day is before the first."),
        EditRefused.NO_STEP: _("State after how many months, and a percent or an amount."),
        EditRefused.BELOW_NOTHING: _("The price would fall below 0."),
        EditRefused.TOO_GREAT: _("The price would rise beyond anything that can be billed."),
        EditRefused.BAD_INDEX: _(
            "Index values are above 0, and the least change is not above the greatest."
        ),
        EditRefused.NO_FREE_KIND: _("No rent by month or area is charged on those days."),
    }
    return sentences[error.reason]
