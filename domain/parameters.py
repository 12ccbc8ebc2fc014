"""Reading parameters that were stored as JSON: decimals as strings, choices, lists of tiers.

Belongs here: what clauses and tariffs read alike, and the error that names a field.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any


class ParameterError(ValueError):
    """A field is missing, unknown, or holds what is not allowed."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class Parameters:
    """Reads each field once and remembers which: `no_others` refuses the rest.

    `within` is the path to these parameters, such as `tiers[1]`.
    """

    def __init__(self, values: Mapping[str, Any], within: str = "") -> None:
        if not isinstance(values, Mapping):
            raise ParameterError(within or "parameters", "must be an object")
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
                raise self._error(field, "is missing")
            return default
        if not isinstance(value, str):
            raise self._error(field, f'must be a decimal in quotes, such as "0.05", not {value!r}')
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise self._error(field, f"is not a decimal: {value!r}") from None
        if not number.is_finite():
            raise self._error(field, f"is not a decimal: {value!r}")
        if minimum is not None and number < minimum:
            raise self._error(field, f"must be at least {minimum}, not {value}")
        if above is not None and number <= above:
            raise self._error(field, f"must be above {above}, not {value}")
        if maximum is not None and number > maximum:
            raise self._error(field, f"must be at most {maximum}, not {value}")
        return number

    def optional(self, field: str, *, minimum: Decimal | None = None) -> Decimal | None:
        """A decimal, or None where the field is absent or null."""
        self._read.add(field)
        return self.decimal(field, minimum=minimum) if self.has(field) else None

    def text(self, field: str) -> str:
        self._read.add(field)
        value = self._values.get(field)
        if not isinstance(value, str) or not value:
            raise self._error(field, "is missing" if value is None else f"is not a text: {value!r}")
        return value

    def choice(self, field: str, allowed: Sequence[str], default: str) -> str:
        self._read.add(field)
        value = self._values.get(field, default)
        if value not in allowed:
            raise self._error(field, f"must be one of {', '.join(allowed)}, not {value!r}")
        return str(value)

    def items(self, field: str, fields: tuple[str, ...]) -> Iterator["Parameters"]:
        """The objects of a list that is not empty; each may have `fields` and no others."""
        self._read.add(field)
        value = self._values.get(field)
        if not isinstance(value, list) or not value:
            raise self._error(field, "must be a list with at least one entry")
        for at, entry in enumerate(value):
            read = Parameters(entry, f"{self._path(field)}[{at}]")
            read._read.update(fields)
            read.no_others()
            yield read

    def ascending(self, field: str, bounds: Sequence[Decimal | None]) -> None:
        """Tiers' upper bounds must rise from above 0 and end with an open tier (null)."""
        known = [bound for bound in bounds[:-1] if bound is not None]
        if bounds[-1] is not None or len(known) != len(bounds) - 1:
            raise self._error(field, "the last tier, and only it, must have up_to null")
        if any(low >= high for low, high in zip([Decimal(0), *known], known, strict=False)):
            raise self._error(field, "the tiers must rise: each up_to above the one before")

    def no_others(self) -> None:
        unknown = self._values.keys() - self._read
        if unknown:
            raise self._error(sorted(unknown)[0], "is not a field of this kind")

    def _path(self, field: str) -> str:
        return f"{self._within}.{field}" if self._within else field

    def _error(self, field: str, problem: str) -> ParameterError:
        return ParameterError(self._path(field), problem)
