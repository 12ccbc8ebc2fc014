"""Whether the terms of a lease can be, with the clause at fault named.

Belongs here: what is asked of terms before they are handed in, and what somebody should look at
again. Not here: a clause's own parameters (`domain.clauses`), other leases on the same units
(the database).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as field_of
from datetime import date
from enum import StrEnum

from domain.calendar import ONE_DAY, add_months
from domain.charges import ChargeType, PricingKind
from domain.clauses import Breakpoint, Clause, ClauseError, Metered, Percentage
from domain.lease_terms import ClauseDraft, LeaseTerms
from domain.parameters import GREATEST, Problem, sentence

FIRST_YEAR, LAST_YEAR = 1970, 2199
LONGEST_MONTHS = 12 * 50
# Civil Code of the PRC, article 705: a lease beyond twenty years is void for what exceeds them.
LAWFUL_MONTHS = 12 * 20
LONGEST_PAYMENT_TERM = 365
LONGEST_NUMBER = 40
PER_AREA = frozenset({PricingKind.PER_AREA_MONTH, PricingKind.PER_AREA_DAY})
# Of these a lease may have several at once: each is a thing of its own.
MANIFOLD = frozenset({ChargeType.OTHER, ChargeType.DEPOSIT})


class TermFault(StrEnum):
    """What is wrong with terms; pages say it in the reader's language."""

    BAD_NUMBER = "BAD_NUMBER"
    NO_UNIT = "NO_UNIT"
    NO_CLAUSE = "NO_CLAUSE"
    ENDS_BEFORE_START = "ENDS_BEFORE_START"
    DATES_OUT_OF_REACH = "DATES_OUT_OF_REACH"
    LEASE_TOO_LONG = "LEASE_TOO_LONG"
    UNIT_TWICE = "UNIT_TWICE"
    UNIT_NOT_THERE = "UNIT_NOT_THERE"  # on one of the lease's days
    NEGATIVE_DEPOSIT = "NEGATIVE_DEPOSIT"
    DEPOSIT_TOO_GREAT = "DEPOSIT_TOO_GREAT"
    PAYMENT_TERM = "PAYMENT_TERM"
    BAD_PARAMETER = "BAD_PARAMETER"
    CLAUSE_ENDS_BEFORE_START = "CLAUSE_ENDS_BEFORE_START"
    CLAUSE_OUTSIDE_LEASE = "CLAUSE_OUTSIDE_LEASE"
    TWO_ON_ONE_DAY = "TWO_ON_ONE_DAY"
    UNKNOWN_TARIFF = "UNKNOWN_TARIFF"
    TARIFF_OF_ANOTHER_CHARGE = "TARIFF_OF_ANOTHER_CHARGE"
    PER_AREA_WITHOUT_UNITS = "PER_AREA_WITHOUT_UNITS"
    # What may be meant, and is worth a second look.
    NO_RENT = "NO_RENT"
    RENT_GAP = "RENT_GAP"
    BREAKPOINT_WITHOUT_RENT = "BREAKPOINT_WITHOUT_RENT"
    BEYOND_TWENTY_YEARS = "BEYOND_TWENTY_YEARS"


WARNINGS = frozenset(
    {
        TermFault.NO_RENT,
        TermFault.RENT_GAP,
        TermFault.BREAKPOINT_WITHOUT_RENT,
        TermFault.BEYOND_TWENTY_YEARS,
    }
)
# What a draft may not have either: it could not be stored, or not be read again.
UNFIT_FOR_A_DRAFT = frozenset(
    {
        TermFault.BAD_NUMBER,
        TermFault.ENDS_BEFORE_START,
        TermFault.DATES_OUT_OF_REACH,
        TermFault.LEASE_TOO_LONG,
        TermFault.UNIT_TWICE,
        TermFault.UNIT_NOT_THERE,
        TermFault.NEGATIVE_DEPOSIT,
        TermFault.DEPOSIT_TOO_GREAT,
        TermFault.PAYMENT_TERM,
        TermFault.BAD_PARAMETER,
        TermFault.CLAUSE_ENDS_BEFORE_START,
        TermFault.CLAUSE_OUTSIDE_LEASE,
    }
)

_SENTENCES = {
    TermFault.BAD_NUMBER: (
        "a number has 1 to {limit} characters and no blanks around it, not {value}"
    ),
    TermFault.NO_UNIT: "a lease needs at least one unit",
    TermFault.NO_CLAUSE: "a lease needs at least one clause",
    TermFault.ENDS_BEFORE_START: "it would end ({end}) before it starts ({start})",
    TermFault.DATES_OUT_OF_REACH: "its days, {start} to {end}, are not of this age",
    TermFault.LEASE_TOO_LONG: "{start} to {end} is longer than any lease",
    TermFault.UNIT_TWICE: "it names the unit {unit} twice",
    TermFault.UNIT_NOT_THERE: (
        "the unit {unit} exists from {opened} to {closed}, not over the whole lease"
    ),
    TermFault.NEGATIVE_DEPOSIT: "a deposit cannot be below 0: {value}",
    TermFault.DEPOSIT_TOO_GREAT: "a deposit of {value} is more than can be written down",
    TermFault.PAYMENT_TERM: "the days to pay must be 0 to {limit}, not {value}",
    TermFault.CLAUSE_ENDS_BEFORE_START: "it would end ({last}) before it begins ({first})",
    TermFault.CLAUSE_OUTSIDE_LEASE: "{first} to {last} is not inside the lease, {start} to {end}",
    TermFault.TWO_ON_ONE_DAY: (
        "it charges the days {first} to {last}, which clause {other} charges too"
    ),
    TermFault.UNKNOWN_TARIFF: "there is no tariff {tariff}",
    TermFault.TARIFF_OF_ANOTHER_CHARGE: "the tariff {tariff} is for {charge}",
    TermFault.PER_AREA_WITHOUT_UNITS: "a charge by area needs a unit",
    TermFault.NO_RENT: "nothing is charged as rent",
    TermFault.RENT_GAP: "no rent is charged from {first} to {last}",
    TermFault.BREAKPOINT_WITHOUT_RENT: "a natural breakpoint without rent is 0",
    TermFault.BEYOND_TWENTY_YEARS: "by law a lease binds for twenty years, until {lawful}",
}


@dataclass(frozen=True, slots=True)
class TermProblem:
    """What is wrong, and where. `clause` is the number (from 1) of the clause at fault in the
    list that was checked, None for what is wrong with the lease itself. `field` and `problem`
    belong to BAD_PARAMETER; `details` are the values that the sentence names, dates as ISO text.
    """

    fault: TermFault
    clause: int | None = None
    charge_type: ChargeType | None = None
    pricing_kind: PricingKind | None = None
    field: str = ""
    problem: Problem | None = None
    details: Mapping[str, str] = field_of(default_factory=dict)

    @property
    def is_warning(self) -> bool:
        return self.fault in WARNINGS

    def __str__(self) -> str:
        if self.problem is not None:
            said = f"{self.field}: {sentence(self.problem, self.details)}"
        else:
            said = _SENTENCES[self.fault].format_map(self.details)
        if self.clause is None:
            return said
        return f"clause {self.clause} ({self.charge_type}, {self.pricing_kind}): {said}"


def check_terms(
    terms: LeaseTerms, *, tariffs: Mapping[str, ChargeType] | None = None
) -> tuple[TermProblem, ...]:
    """What is wrong with the terms: of the lease first, then clause by clause, then what may be
    meant. `tariffs` are the mall's codes with what each prices; None: they are not looked at.
    """
    problems = list(_of_lease(terms))
    if any(p.fault in _HOPELESS for p in problems):
        return tuple(problems)
    parsed: dict[int, Clause] = {}
    for number, clause in enumerate(terms.clauses, start=1):
        found = list(_of_clause(terms, number, clause, parsed, tariffs))
        problems += found
    problems += _double(terms, parsed)
    problems.sort(key=lambda problem: problem.clause or 0)
    problems += _second_looks(terms, parsed)
    return tuple(problems)


def without(terms: LeaseTerms, problems: tuple[TermProblem, ...]) -> LeaseTerms:
    """The terms without the clauses at fault: what of an unfinished draft can be priced."""
    faulty = {problem.clause for problem in problems if not problem.is_warning}
    return replace(
        terms,
        clauses=tuple(c for at, c in enumerate(terms.clauses, start=1) if at not in faulty),
    )


# With these there are no days on which clauses could be looked at.
_HOPELESS = frozenset(
    {TermFault.ENDS_BEFORE_START, TermFault.DATES_OUT_OF_REACH, TermFault.LEASE_TOO_LONG}
)


def _of_lease(terms: LeaseTerms) -> Iterator[TermProblem]:
    number = terms.number
    if (
        not number.isprintable()
        or number != number.strip()
        or not 0 < len(number) <= LONGEST_NUMBER
    ):
        yield TermProblem(
            TermFault.BAD_NUMBER, details={"value": repr(number), "limit": str(LONGEST_NUMBER)}
        )
    dates = {"start": terms.start.isoformat(), "end": terms.end.isoformat()}
    if terms.end < terms.start:
        yield TermProblem(TermFault.ENDS_BEFORE_START, details=dates)
    elif terms.start.year < FIRST_YEAR or terms.end.year > LAST_YEAR:
        yield TermProblem(TermFault.DATES_OUT_OF_REACH, details=dates)
    elif terms.end >= add_months(terms.start, LONGEST_MONTHS):
        yield TermProblem(TermFault.LEASE_TOO_LONG, details=dates)
    if not terms.units:
        yield TermProblem(TermFault.NO_UNIT)
    codes = [unit.code for unit in terms.units]
    for code in dict.fromkeys(code for code in codes if codes.count(code) > 1):
        yield TermProblem(TermFault.UNIT_TWICE, details={"unit": code})
    for unit in terms.units:
        if terms.start < unit.opened_date or terms.end > (unit.closed_date or date.max):
            closed = unit.closed_date.isoformat() if unit.closed_date else "open end"
            details = {"unit": unit.code, "opened": unit.opened_date.isoformat(), "closed": closed}
            yield TermProblem(TermFault.UNIT_NOT_THERE, details=details)
    if terms.deposit < 0:
        yield TermProblem(TermFault.NEGATIVE_DEPOSIT, details={"value": str(terms.deposit)})
    elif terms.deposit > GREATEST:
        yield TermProblem(TermFault.DEPOSIT_TOO_GREAT, details={"value": str(terms.deposit)})
    if not 0 <= terms.payment_term_days <= LONGEST_PAYMENT_TERM:
        yield TermProblem(
            TermFault.PAYMENT_TERM,
            details={"value": str(terms.payment_term_days), "limit": str(LONGEST_PAYMENT_TERM)},
        )
    if not terms.clauses:
        yield TermProblem(TermFault.NO_CLAUSE)


def _of_clause(
    terms: LeaseTerms,
    number: int,
    clause: ClauseDraft,
    parsed: dict[int, Clause],
    tariffs: Mapping[str, ChargeType] | None,
) -> Iterator[TermProblem]:
    def wrong(fault: TermFault, **details: str) -> TermProblem:
        return TermProblem(fault, number, clause.charge_type, clause.pricing_kind, details=details)

    last = clause.valid_to or terms.end
    first_text, last_text = clause.valid_from.isoformat(), last.isoformat()
    if clause.valid_to is not None and clause.valid_to < clause.valid_from:
        yield wrong(TermFault.CLAUSE_ENDS_BEFORE_START, first=first_text, last=last_text)
        return
    if not terms.start <= clause.valid_from <= last <= terms.end:
        yield wrong(
            TermFault.CLAUSE_OUTSIDE_LEASE,
            first=first_text,
            last=last_text,
            start=terms.start.isoformat(),
            end=terms.end.isoformat(),
        )
    if clause.pricing_kind in PER_AREA and not terms.units:
        yield wrong(TermFault.PER_AREA_WITHOUT_UNITS)
    try:
        read = clause.parsed(number)
    except ClauseError as error:
        yield TermProblem(
            TermFault.BAD_PARAMETER,
            number,
            clause.charge_type,
            clause.pricing_kind,
            error.field,
            error.code,
            error.details,
        )
        return
    parsed[number] = read
    if isinstance(read.pricing, Metered) and tariffs is not None:
        tariff = read.pricing.tariff
        if tariff not in tariffs:
            yield wrong(TermFault.UNKNOWN_TARIFF, tariff=tariff)
        elif tariffs[tariff] is not clause.charge_type:
            yield wrong(
                TermFault.TARIFF_OF_ANOTHER_CHARGE, tariff=tariff, charge=tariffs[tariff].value
            )


def _double(terms: LeaseTerms, parsed: Mapping[int, Clause]) -> Iterator[TermProblem]:
    """Clauses that charge a day for what a clause before them charges already."""
    for number, clause in parsed.items():
        if not _is_alone(clause):
            continue
        for other_number, other in parsed.items():
            if other_number >= number:
                break
            if not _is_alone(other) or other.charge_type is not clause.charge_type:
                continue
            first = max(clause.valid_from, other.valid_from)
            last = min(clause.valid_to or terms.end, other.valid_to or terms.end)
            if first <= last:
                yield TermProblem(
                    TermFault.TWO_ON_ONE_DAY,
                    number,
                    clause.charge_type,
                    clause.pricing_kind,
                    details={
                        "other": str(other_number),
                        "first": first.isoformat(),
                        "last": last.isoformat(),
                    },
                )
                break


def _is_alone(clause: Clause) -> bool:
    return clause.charge_type not in MANIFOLD and clause.pricing_kind is not PricingKind.ONE_OFF


def _second_looks(terms: LeaseTerms, parsed: Mapping[int, Clause]) -> Iterator[TermProblem]:
    lawful = add_months(terms.start, LAWFUL_MONTHS) - ONE_DAY
    if terms.end > lawful:
        yield TermProblem(TermFault.BEYOND_TWENTY_YEARS, details={"lawful": lawful.isoformat()})
    if len(parsed) < len(terms.clauses):
        return  # rent may be among those that cannot be read yet
    rent = [clause for clause in parsed.values() if clause.charge_type is ChargeType.RENT]
    turnover = {
        number: clause
        for number, clause in parsed.items()
        if isinstance(clause.pricing, Percentage)
    }
    if terms.clauses and not rent and not turnover:
        yield TermProblem(TermFault.NO_RENT)
    for number, clause in turnover.items():
        assert isinstance(clause.pricing, Percentage)
        if clause.pricing.breakpoint is Breakpoint.NATURAL and not rent:
            yield TermProblem(
                TermFault.BREAKPOINT_WITHOUT_RENT, number, clause.charge_type, clause.pricing_kind
            )
    if rent:
        yield from _gaps(terms, rent)


def _gaps(terms: LeaseTerms, rent: list[Clause]) -> Iterator[TermProblem]:
    following = terms.start
    for clause in sorted(rent, key=lambda one: one.valid_from):
        if clause.valid_from > following:
            yield _gap(following, min(clause.valid_from - ONE_DAY, terms.end))
        last = min(clause.valid_to or terms.end, terms.end)
        following = max(following, last + ONE_DAY)
    if following <= terms.end:
        yield _gap(following, terms.end)


def _gap(first: date, last: date) -> TermProblem:
    details = {"first": first.isoformat(), "last": last.isoformat()}
    return TermProblem(TermFault.RENT_GAP, details=details)
