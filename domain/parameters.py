"""Reading parameters that were stored as JSON: decimals as strings, choices, lists of tiers.

Belongs here: what clauses and tariffs read alike, and the error that names a field.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any


class Problem(StrEnum):
    """What is wrong with a field; pages say it in the reader's language."""

    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    MISSING = "MISSING"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    NOT_IN_QUOTES = "NOT_IN_QUOTES"
    NOT_A_DECIMAL = "NOT_A_DECIMAL"
    TOO_SMALL = "TOO_SMALL"
    NOT_ABOVE = "NOT_ABOVE"
    TOO_GREAT = "TOO_GREAT"
    TOO_FINE = "TOO_FINE"
    NOT_A_TEXT = "NOT_A_TEXT"
    NOT_A_CHOICE = "NOT_A_CHOICE"
    EMPTY_LIST = "EMPTY_LIST"
    TIERS_NOT_CLOSED = "TIERS_NOT_CLOSED"
    TIERS_DO_NOT_RISE = "TIERS_DO_NOT_RISE"
    ONLY_RENT_IS_FREE = "ONLY_RENT_IS_FREE"
    NOT_OF_SALES = "NOT_OF_SALES"
    NOT_METERED = "NOT_METERED"
    RATE_OR_TIERS = "RATE_OR_TIERS"
    BREAKPOINT_AMOUNT = "BREAKPOINT_AMOUNT"
    MINIMUM_ABOVE_MAXIMUM = "MINIMUM_ABOVE_MAXIMUM"
    FLOOR_ABOVE_CAP = "FLOOR_ABOVE_CAP"
    NOT_BY_THE_INDEX = "NOT_BY_THE_INDEX"
    HOURS_NOT_COVERED = "HOURS_NOT_COVERED"
    NOT_A_WHOLE_HOUR = "NOT_A_WHOLE_HOUR"


_SENTENCES = {
    Problem.NOT_AN_OBJECT: "must be an object",
    Problem.MISSING: "is missing",
    Problem.UNKNOWN_FIELD: "is not a field of this kind",
    Problem.NOT_IN_QUOTES: 'must be a decimal in quotes, such as "0.05", not {value}',
    Problem.NOT_A_DECIMAL: "is not a decimal: {value!r}",
    Problem.TOO_SMALL: "must be at least {limit}, not {value}",
    Problem.NOT_ABOVE: "must be above {limit}, not {value}",
    Problem.TOO_GREAT: "must be at most {limit}, not {value}",
    Problem.TOO_FINE: "has more than {limit} decimals: {value}",
    Problem.NOT_A_TEXT: "is not a text: {value}",
    Problem.NOT_A_CHOICE: "must be one of {allowed}, not {value}",
    Problem.EMPTY_LIST: "must be a list with at least one entry",
    Problem.TIERS_NOT_CLOSED: "the last tier, and only it, must have up_to null",
    Problem.TIERS_DO_NOT_RISE: "the tiers must rise: each up_to above the one before",
    Problem.ONLY_RENT_IS_FREE: "only RENT can be free (factor 0)",
    Problem.NOT_OF_SALES: "a percentage of sales is TURNOVER_RENT",
    Problem.NOT_METERED: "{value} is not measured by a meter",
    Problem.RATE_OR_TIERS: "either a rate or tiers, one of the two",
    Problem.BREAKPOINT_AMOUNT: "is stated with an ARTIFICIAL breakpoint, only",
    Problem.MINIMUM_ABOVE_MAXIMUM: "{value} is above the maximum {limit}",
    Problem.FLOOR_ABOVE_CAP: "{value} is above the cap {limit}",
    Problem.NOT_BY_THE_INDEX: "the index makes it {expected}, not {value}",
    Problem.HOURS_NOT_COVERED: "must cover each hour of the day exactly once",
    Problem.NOT_A_WHOLE_HOUR: 'must be a whole hour such as "08:00", not {value}',
}

# What columns of money hold, and more decimals than any rate needs: a number beyond these is a
# slip, and arithmetic with it would not end well.
GREATEST = Decimal("999999999999.99")
MOST_DECIMALS = 10


def sentence(problem: Problem, details: Mapping[str, str]) -> str:
    """The problem in English, for logs and for whoever reads an exception."""
    return _SENTENCES[problem].format_map(details)


class ParameterError(ValueError):
    """A field is missing, unknown, or holds what is not allowed.

    `code` says what is wrong, `details` the values that its sentence names.
    """

    def __init__(self, field: str, code: Problem, **details: str) -> None:
        self.field = field
        self.code = code
        self.details = details
        super().__init__(f"{field}: {self.problem}")

    @property
    def problem(self) -> str:
        return sentence(self.code, self.details)


class Parameters:
    """Reads each field once and remembers which: `no_others` refuses the rest.

    `within` is the path to these parameters, such as `tiers[1]`.
    """

    def __init__(self, values: Mapping[str, Any], within: str = "") -> None:
        if not isinstance(values, Mapping):
            raise ParameterError(within or "parameters", Problem.NOT_AN_OBJECT)
        self._values = values
        self._within = within
        self._read: set[str] = set()

    def has(self, field: str) -> bool:
        return self._values.get(field) is not None

    def decimal(
        self,
        field: str,
        default: Decimal | None = None,
        *,
        minimum: Decimal | None = None,
        above: Decimal | None = None,
        maximum: Decimal | None = None,
    ) -> Decimal:
        """A decimal written as a string; a float has already lost what was meant."""
        self._read.add(field)
        value = self._values.get(field)
        if value is None:
            if default is None:
                raise self._error(field, Problem.MISSING)
            return default
        if not isinstance(value, str):
            raise self._error(field, Problem.NOT_IN_QUOTES, value=repr(value))
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise self._error(field, Problem.NOT_A_DECIMAL, value=value) from None
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int):  # NaN and infinities
            raise self._error(field, Problem.NOT_A_DECIMAL, value=value)
        if exponent < -MOST_DECIMALS:
            raise self._error(field, Problem.TOO_FINE, value=value, limit=str(MOST_DECIMALS))
        if minimum is not None and number < minimum:
            raise self._error(field, Problem.TOO_SMALL, value=value, limit=str(minimum))
        if above is not None and number <= above:
            raise self._error(field, Problem.NOT_ABOVE, value=value, limit=str(above))
        if number > (GREATEST if maximum is None else maximum):
            limit = GREATEST if maximum is None else maximum
            raise self._error(field, Problem.TOO_GREAT, value=value, limit=str(limit))
        if number < -GREATEST:
            raise self._error(field, Problem.TOO_SMALL, value=value, limit=str(-GREATEST))
        return number

    def optional(self, field: str, *, minimum: Decimal | None = None) -> Decimal | None:
        """A decimal, or None where the field is absent or null."""
        self._read.add(field)
        return self.decimal(field, minimum=minimum) if self.has(field) else None

    def text(self, field: str) -> str:
        self._read.add(field)
        value = self._values.get(field)
        if not isinstance(value, str) or not value:
            if value is None:
                raise self._error(field, Problem.MISSING)
            raise self._error(field, Problem.NOT_A_TEXT, value=repr(value))
        return value

    def choice(self, field: str, allowed: Sequence[str], default: str) -> str:
        self._read.add(field)
        value = self._values.get(field, default)
        if value not in allowed:
            raise self._error(
                field, Problem.NOT_A_CHOICE, allowed=", ".join(allowed), value=repr(value)
            )
        return str(value)

    def items(self, field: str, fields: tuple[str, ...]) -> Iterator["Parameters"]:
        """The objects of a list that is not empty; each may have `fields` and no others."""
        self._read.add(field)
        value = self._values.get(field)
        if not isinstance(value, list) or not value:
            raise self._error(field, Problem.EMPTY_LIST)
        for at, entry in enumerate(value):
            read = Parameters(entry, f"{self._path(field)}[{at}]")
            read._read.update(fields)
            read.no_others()
            yield read

    def object(self, field: str, fields: tuple[str, ...]) -> "Parameters | None":
        """The object of a field, which may have `fields` and no others; None where it is absent."""
        self._read.add(field)
        if not self.has(field):
            return None
        read = Parameters(self._values[field], self._path(field))
        read._read.update(fields)
        read.no_others()
        return read

    def ascending(self, field: str, bounds: Sequence[Decimal | None]) -> None:
        """Tiers' upper bounds must rise from above 0 and end with an open tier (null)."""
        known = [bound for bound in bounds[:-1] if bound is not None]
        if bounds[-1] is not None or len(known) != len(bounds) - 1:
            raise self._error(field, Problem.TIERS_NOT_CLOSED)
        if any(low >= high for low, high in zip([Decimal(0), *known], known, strict=False)):
            raise self._error(field, Problem.TIERS_DO_NOT_RISE)

    def no_others(self) -> None:
        unknown = self._values.keys() - self._read
        if unknown:
            raise self._error(sorted(unknown)[0], Problem.UNKNOWN_FIELD)

    def _path(self, field: str) -> str:
        return f"{self._within}.{field}" if self._within else field

    def _error(self, field: str, code: Problem, **details: str) -> ParameterError:
        return ParameterError(self._path(field), code, **details)
