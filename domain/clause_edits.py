"""Edits of a lease's clauses: steps of rent, rent-free days, an index, an amendment, a renewal.

Belongs here: pure functions from clauses to clauses. Not here: whether what comes out can be
(`domain.term_checks`), and writing it down (services).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from domain.calendar import ONE_DAY, add_months
from domain.charges import ChargeType, PricingKind
from domain.clauses import LEAST_INDEX, MOST_INDEX
from domain.indexation import RATE_STEP, index_amount
from domain.lease_terms import ClauseDraft
from domain.money import CENT, ONE
from domain.parameters import GREATEST
from domain.pricing.priced import text
from domain.term_checks import LONGEST_MONTHS

# Where the price of a time or space stands in the parameters, and how finely it is rounded.
PRICE_OF: Mapping[PricingKind, tuple[str, Decimal]] = {
    PricingKind.FIXED_MONTHLY: ("amount", CENT),
    PricingKind.PER_AREA_MONTH: ("rate", RATE_STEP),
    PricingKind.PER_AREA_DAY: ("rate", RATE_STEP),
}


class EditRefused(ValueError):
    """The edit makes no sense for this clause or these days. `reason` is one of this class's."""

    NO_PRICE = "NO_PRICE"  # only a price of time or space rises in steps or follows an index
    NOT_ITS_DAY = "NOT_ITS_DAY"  # the clause is not in force on that day
    ENDS_BEFORE_START = "ENDS_BEFORE_START"
    NO_STEP = "NO_STEP"  # months below 1, or neither or both of percent and amount
    BELOW_NOTHING = "BELOW_NOTHING"  # the price would fall below 0
    TOO_GREAT = "TOO_GREAT"  # the price would rise above what can be written down
    BAD_INDEX = "BAD_INDEX"  # no index has such a value, or the floor is above the cap
    NO_FREE_KIND = "NO_FREE_KIND"  # no rent of time or space is in force on those days

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def rent_steps(
    clause: ClauseDraft,
    *,
    last_day: date,
    every_months: int,
    percent: Decimal | None = None,
    amount: Decimal | None = None,
) -> tuple[ClauseDraft, ...]:
    """Consecutive clauses in place of one: the price changes every so many months, by a share of
    the price before (`percent` 0.05 is 5 %) or by an `amount`, until the clause's end (or
    `last_day` of the lease where it has none).

    Each step is rounded, half up to 0.01 (rates to 0.0001), and the next is made of what was
    rounded: what the paper says is what is raised. Raises EditRefused.
    """
    field, step = _price_of(clause)
    if not 1 <= every_months <= LONGEST_MONTHS or (percent is None) == (amount is None):
        raise EditRefused(
            EditRefused.NO_STEP, "a step needs whole months and either a share or an amount"
        )
    end = min(clause.valid_to or last_day, last_day)
    if clause.valid_from > end:
        raise EditRefused(EditRefused.NOT_ITS_DAY, f"the clause begins after {end}")
    price = Decimal(clause.parameters[field])
    parameters = clause.parameters
    steps: list[ClauseDraft] = []
    first = clause.valid_from
    while True:
        following = add_months(clause.valid_from, every_months * (len(steps) + 1))
        last = min(following - ONE_DAY, end)
        is_last = last >= end
        steps.append(
            replace(
                clause,
                parameters=parameters,
                valid_from=first,
                valid_to=clause.valid_to if is_last else last,
            )
        )
        first = following
        price = price * (ONE + percent) if percent is not None else price + (amount or Decimal(0))
        if is_last:
            break
        if price < 0:
            raise EditRefused(EditRefused.BELOW_NOTHING, f"the price would be {price} on {first}")
        if price > GREATEST:
            raise EditRefused(EditRefused.TOO_GREAT, f"the price would be {price} on {first}")
        price = price.quantize(step, ROUND_HALF_UP)
        parameters = _without_index({**clause.parameters, field: _written(price, step)})
    return tuple(steps)


def rent_free(
    clauses: Sequence[ClauseDraft], first: date, last: date, *, last_day: date
) -> tuple[ClauseDraft, ...]:
    """The clauses with rent free (factor 0) on the days `first` to `last`, both included: each
    clause of RENT that is in force on them is split around them. `last_day` is the lease's.
    Raises EditRefused.
    """
    if last < first:
        raise EditRefused(EditRefused.ENDS_BEFORE_START, f"{last} is before {first}")
    last = min(last, last_day)
    edited: list[ClauseDraft] = []
    is_any = False
    for clause in clauses:
        if not _is_rent(clause) or not _meets(clause, first, last, last_day):
            edited.append(clause)
            continue
        is_any = True
        before, rest = split_clause(clause, first)
        free, after = split_clause(rest, last + ONE_DAY, last_day) if rest else (None, None)
        if free is not None:
            free = replace(free, parameters={**free.parameters, "factor": "0"})
        edited += [part for part in (before, free, after) if part is not None]
    if not is_any:
        raise EditRefused(EditRefused.NO_FREE_KIND, f"no rent is charged from {first} to {last}")
    return tuple(edited)


def index_clause(
    clause: ClauseDraft,
    *,
    from_day: date,
    reference_index: Decimal,
    current_index: Decimal,
    floor: Decimal | None = None,
    cap: Decimal | None = None,
    last_day: date,
) -> tuple[ClauseDraft, ...]:
    """The clause until the day before `from_day` and, from then on, at the indexed price with
    both index values beside it. `floor` and `cap` are changes: 0.03 is 3 %. Raises EditRefused.
    """
    field, step = _price_of(clause)
    if not _meets(clause, from_day, from_day, last_day):
        raise EditRefused(EditRefused.NOT_ITS_DAY, f"the clause is not in force on {from_day}")
    old = Decimal(clause.parameters[field])
    if not all(LEAST_INDEX <= one <= MOST_INDEX for one in (reference_index, current_index)):
        raise EditRefused(
            EditRefused.BAD_INDEX, f"{reference_index} to {current_index} are no index values"
        )
    try:
        indexed = index_amount(
            old,
            reference_index=reference_index,
            current_index=current_index,
            floor=floor,
            cap=cap,
            step=step,
        )
    except ValueError as error:
        raise EditRefused(EditRefused.BAD_INDEX, str(error)) from None
    if not 0 <= indexed.new <= GREATEST:
        reason = EditRefused.BELOW_NOTHING if indexed.new < 0 else EditRefused.TOO_GREAT
        raise EditRefused(reason, f"the price would be {indexed.new}")
    index = {
        "old": text(old),
        "reference_index": text(reference_index),
        "current_index": text(current_index),
    }
    if floor is not None:
        index["floor"] = text(floor)
    if cap is not None:
        index["cap"] = text(cap)
    before, after = split_clause(clause, from_day)
    assert after is not None
    after = replace(
        after,
        parameters={
            **clause.parameters, field: _written(indexed.new, step), "indexation": index
        },
    )  # fmt: skip
    return (after,) if before is None else (before, after)


def split_clause(
    clause: ClauseDraft, day: date, last_day: date | None = None
) -> tuple[ClauseDraft | None, ClauseDraft | None]:
    """The clause before `day` and from `day` on; None where nothing is left. With the `last_day`
    of the lease, an open clause has nothing left after it. What is charged once stays whole.
    """
    end = clause.valid_to or last_day
    if end is not None and end < day:
        return clause, None
    if clause.valid_from >= day:
        return None, clause
    if clause.pricing_kind is PricingKind.ONE_OFF:
        return clause, None
    return replace(clause, valid_to=day - ONE_DAY), replace(clause, valid_from=day)


def cut_at(
    clauses: Sequence[ClauseDraft], day: date
) -> tuple[tuple[ClauseDraft, ...], tuple[ClauseDraft, ...]]:
    """The clauses until the day before `day`, and those from it on: what an amendment of that
    day keeps, and what it starts from.
    """
    parts = [split_clause(clause, day) for clause in clauses]
    return (
        tuple(before for before, _ in parts if before is not None),
        tuple(after for _, after in parts if after is not None),
    )


@dataclass(frozen=True, slots=True)
class Amendment:
    """What an amendment does to a lease's stored clauses: those that end, by their key, and
    those that begin in their place.
    """

    ends: tuple[int, ...]
    begins: tuple[ClauseDraft, ...]


def amend(
    current: Mapping[int, ClauseDraft],
    following: Sequence[ClauseDraft],
    day: date,
    *,
    last_day: date,
) -> Amendment:
    """From the clauses in force (by their key) and the terms wanted from `day` on.

    A clause whose days from `day` on are among `following` as they are stays untouched. Any
    other that reaches `day` ends, and its days before it begin again as a clause of their own:
    nothing that was agreed for days before `day` is lost. `last_day` is the lease's.
    """
    wanted = list(following)
    ends: list[int] = []
    begins: list[ClauseDraft] = []
    for key, clause in current.items():
        before, after = split_clause(clause, day, last_day)
        if after is None:
            continue
        same = next((one for one in wanted if _is_same(one, after, last_day)), None)
        if same is not None:
            wanted.remove(same)
            continue
        ends.append(key)
        if before is not None:
            begins.append(before)
    return Amendment(tuple(ends), (*begins, *wanted))


def carried_over(
    clauses: Sequence[ClauseDraft], *, old_last_day: date, new_first_day: date
) -> tuple[ClauseDraft, ...]:
    """The terms of a renewal: what was in force on the old lease's last day, from the new one's
    first day to its end. What is charged once does not come again; a free last month does not
    make the new lease free; an index that made the price is the old lease's story.
    """
    return tuple(
        replace(
            clause,
            parameters=_without_free(_without_index(clause.parameters)),
            valid_from=new_first_day,
            valid_to=None,
        )
        for clause in clauses
        if clause.pricing_kind is not PricingKind.ONE_OFF
        and _meets(clause, old_last_day, old_last_day, old_last_day)
    )


def _price_of(clause: ClauseDraft) -> tuple[str, Decimal]:
    found = PRICE_OF.get(clause.pricing_kind)
    if found is None or found[0] not in clause.parameters:
        raise EditRefused(
            EditRefused.NO_PRICE, f"{clause.pricing_kind} has no price that rises or is indexed"
        )
    return found


def _is_rent(clause: ClauseDraft) -> bool:
    return clause.charge_type is ChargeType.RENT and clause.pricing_kind in PRICE_OF


def _meets(clause: ClauseDraft, first: date, last: date, last_day: date) -> bool:
    return clause.valid_from <= last and first <= (clause.valid_to or last_day)


def _is_same(one: ClauseDraft, other: ClauseDraft, last_day: date) -> bool:
    """Whether two clauses say the same for the days of the lease."""
    return replace(one, valid_to=one.valid_to or last_day) == replace(
        other, valid_to=other.valid_to or last_day
    )


def _without_index(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name != "indexation"}


def _without_free(parameters: Mapping[str, Any]) -> dict[str, Any]:
    is_free = Decimal(parameters.get("factor") or "1") == 0
    return {name: value for name, value in parameters.items() if not (is_free and name == "factor")}


def _written(price: Decimal, step: Decimal) -> str:
    """An amount with its cents; a rate without the zeros that only its rounding put behind."""
    if step == CENT:
        return text(price)
    return format(price.normalize(), "f")
