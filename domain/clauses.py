"""Terms of a lease: from the JSON a clause is stored as to values that can be priced.

Belongs here: the shape of `contract_clauses.parameters` for each pricing kind, and what is
allowed in it. How an amount comes of it belongs to `domain.pricing`.

Decimals stand in JSON as strings. Every clause may carry `"tax_rate"` (by default the rate of
its charge type) and `"tax"`: `"EXCLUSIVE"` (default: tax comes on top) or `"INCLUSIVE"`. An
amount or rate that follows an index carries `"indexation"`, from which it can be computed again:
`{"old", "reference_index", "current_index"}` and, where agreed, `"floor"` and `"cap"`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.charges import ChargeType, PricingKind
from domain.indexation import RATE_STEP, index_amount
from domain.money import CENT, ONE, ZERO
from domain.parameters import ParameterError, Parameters, Problem

TAX_RATES: dict[ChargeType, Decimal] = {
    ChargeType.RENT: Decimal("0.09"),
    ChargeType.TURNOVER_RENT: Decimal("0.09"),
    ChargeType.PROPERTY_FEE: Decimal("0.06"),
    ChargeType.ELECTRICITY: Decimal("0.13"),
    ChargeType.WATER: Decimal("0.09"),
    ChargeType.GAS: Decimal("0.13"),
    ChargeType.OTHER: Decimal("0.06"),
    # A liability and a compensation: neither is a supply.
    ChargeType.DEPOSIT: ZERO,
    ChargeType.LATE_FEE: ZERO,
}
METERED_CHARGES = frozenset({ChargeType.ELECTRICITY, ChargeType.WATER, ChargeType.GAS})
# An index is near 100, whatever its base year: what is far off is a slip.
LEAST_INDEX, MOST_INDEX = Decimal("0.0001"), Decimal(1000000)
GREATEST_FACTOR = Decimal(100)
INDEXATION_FIELDS = ("old", "reference_index", "current_index", "floor", "cap")


class ClauseError(ValueError):
    """A clause's parameters are not what its pricing kind needs; names the clause and field.

    `number` is what the clause was read under: its place in the contract, or its id once it is
    stored. `code` and `details` are those of the ParameterError.
    """

    def __init__(
        self, number: int, charge_type: ChargeType, pricing_kind: PricingKind, error: ParameterError
    ) -> None:
        super().__init__(f"clause {number} ({charge_type}, {pricing_kind}): {error}")
        self.number = number
        self.charge_type = charge_type
        self.pricing_kind = pricing_kind
        self.field = error.field
        self.code = error.code
        self.details = error.details


class Breakpoint(StrEnum):
    NATURAL = "NATURAL"  # base rent / rate
    ARTIFICIAL = "ARTIFICIAL"  # a stated number
    NONE = "NONE"  # every unit of sales counts


class TierKind(StrEnum):
    MARGINAL = "MARGINAL"  # each band at its own rate
    WHOLE = "WHOLE"  # the band reached prices all sales


class Settlement(StrEnum):
    MONTH = "MONTH"
    QUARTER = "QUARTER"  # calendar quarter
    LEASE_YEAR = "LEASE_YEAR"  # twelve months counted from the lease's start


TIER_KINDS = tuple(TierKind)
BREAKPOINTS = tuple(Breakpoint)
SETTLEMENTS = tuple(Settlement)


@dataclass(frozen=True, slots=True)
class FixedMonthly:
    """An amount a month. `factor` 0 makes a rent-free period."""

    amount: Decimal
    factor: Decimal = ONE


@dataclass(frozen=True, slots=True)
class PerAreaMonth:
    """`rate` per m2 and month."""

    rate: Decimal
    factor: Decimal = ONE


@dataclass(frozen=True, slots=True)
class PerAreaDay:
    """`rate` per m2 and day: no month denominator."""

    rate: Decimal
    factor: Decimal = ONE


@dataclass(frozen=True, slots=True)
class SalesTier:
    """`rate` of sales up to and including `up_to`; the last tier is open."""

    up_to: Decimal | None
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Percentage:
    """Turnover rent. One rate is one open tier. Amounts are those of a whole settlement period."""

    tiers: tuple[SalesTier, ...]
    tier_kind: TierKind = TierKind.MARGINAL
    breakpoint: Breakpoint = Breakpoint.NONE
    breakpoint_amount: Decimal | None = None
    settlement: Settlement = Settlement.MONTH
    minimum: Decimal | None = None
    maximum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Metered:
    """Usage priced by the tariff of this code; `loss` is added for lines and transformers."""

    tariff: str
    loss: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class OneOff:
    """An amount on the clause's first day."""

    amount: Decimal


Pricing = FixedMonthly | PerAreaMonth | PerAreaDay | Percentage | Metered | OneOff


@dataclass(frozen=True, slots=True)
class Clause:
    """A term in force from `valid_from` to `valid_to`, both included; open end when None."""

    clause_id: int
    charge_type: ChargeType
    pricing_kind: PricingKind
    pricing: Pricing
    tax_rate: Decimal
    is_tax_inclusive: bool
    valid_from: date
    valid_to: date | None


def parse_clause(
    *,
    clause_id: int,
    charge_type: ChargeType,
    pricing_kind: PricingKind,
    parameters: Mapping[str, Any],
    valid_from: date,
    valid_to: date | None,
) -> Clause:
    """Read and check a clause's parameters. Raises ClauseError naming the clause and field."""
    try:
        read = Parameters(parameters)
        pricing = _READERS[pricing_kind](read, charge_type)
        tax_rate = read.decimal("tax_rate", TAX_RATES[charge_type], minimum=ZERO, maximum=ONE)
        is_inclusive = read.choice("tax", ("EXCLUSIVE", "INCLUSIVE"), "EXCLUSIVE") == "INCLUSIVE"
        read.no_others()
    except ParameterError as error:
        raise ClauseError(clause_id, charge_type, pricing_kind, error) from None
    return Clause(
        clause_id,
        charge_type,
        pricing_kind,
        pricing,
        tax_rate,
        is_inclusive,
        valid_from,
        valid_to,
    )


def _factor(read: Parameters, charge_type: ChargeType) -> Decimal:
    factor = read.decimal("factor", ONE, minimum=ZERO, maximum=GREATEST_FACTOR)
    if factor == 0 and charge_type is not ChargeType.RENT:
        raise ParameterError("factor", Problem.ONLY_RENT_IS_FREE)
    return factor


def _indexed(read: Parameters, field: str, step: Decimal) -> Decimal:
    """The amount or rate of `field`, which must be what its indexation, if any, makes it."""
    value = read.decimal(field, minimum=ZERO)
    index = read.object("indexation", INDEXATION_FIELDS)
    if index is None:
        return value
    # The rent may fall with the index, but not below nothing.
    floor, cap = index.optional("floor", minimum=-ONE), index.optional("cap", minimum=-ONE)
    if floor is not None and cap is not None and floor > cap:
        raise ParameterError(
            "indexation.floor", Problem.FLOOR_ABOVE_CAP, value=str(floor), limit=str(cap)
        )
    expected = index_amount(
        index.decimal("old", minimum=ZERO),
        reference_index=index.decimal("reference_index", minimum=LEAST_INDEX, maximum=MOST_INDEX),
        current_index=index.decimal("current_index", minimum=LEAST_INDEX, maximum=MOST_INDEX),
        floor=floor,
        cap=cap,
        step=step,
    ).new
    if value != expected:
        raise ParameterError(
            field, Problem.NOT_BY_THE_INDEX, value=str(value), expected=str(expected)
        )
    return value


def _fixed_monthly(read: Parameters, charge_type: ChargeType) -> Pricing:
    return FixedMonthly(_indexed(read, "amount", CENT), _factor(read, charge_type))


def _per_area_month(read: Parameters, charge_type: ChargeType) -> Pricing:
    return PerAreaMonth(_indexed(read, "rate", RATE_STEP), _factor(read, charge_type))


def _per_area_day(read: Parameters, charge_type: ChargeType) -> Pricing:
    return PerAreaDay(_indexed(read, "rate", RATE_STEP), _factor(read, charge_type))


def _percentage(read: Parameters, charge_type: ChargeType) -> Pricing:
    if charge_type is not ChargeType.TURNOVER_RENT:
        raise ParameterError("charge_type", Problem.NOT_OF_SALES)
    if read.has("rate") == read.has("tiers"):
        raise ParameterError("rate", Problem.RATE_OR_TIERS)
    if read.has("rate"):
        tiers: tuple[SalesTier, ...] = (
            SalesTier(None, read.decimal("rate", above=ZERO, maximum=ONE)),
        )
    else:
        tiers = tuple(
            SalesTier(tier.optional("up_to"), tier.decimal("rate", minimum=ZERO, maximum=ONE))
            for tier in read.items("tiers", ("up_to", "rate"))
        )
        read.ascending("tiers", [tier.up_to for tier in tiers])
    kind = TierKind(read.choice("tier_kind", TIER_KINDS, TierKind.MARGINAL))
    breakpoint_kind = Breakpoint(read.choice("breakpoint", BREAKPOINTS, Breakpoint.NONE))
    amount = read.optional("breakpoint_amount", minimum=ZERO)
    if (amount is not None) != (breakpoint_kind is Breakpoint.ARTIFICIAL):
        raise ParameterError("breakpoint_amount", Problem.BREAKPOINT_AMOUNT)
    minimum = read.optional("minimum", minimum=ZERO)
    maximum = read.optional("maximum", minimum=ZERO)
    if minimum is not None and maximum is not None and minimum > maximum:
        raise ParameterError(
            "minimum", Problem.MINIMUM_ABOVE_MAXIMUM, value=str(minimum), limit=str(maximum)
        )
    return Percentage(
        tiers,
        kind,
        breakpoint_kind,
        amount,
        Settlement(read.choice("settlement", SETTLEMENTS, Settlement.MONTH)),
        minimum,
        maximum,
    )


def _metered(read: Parameters, charge_type: ChargeType) -> Pricing:
    if charge_type not in METERED_CHARGES:
        raise ParameterError("charge_type", Problem.NOT_METERED, value=charge_type)
    return Metered(read.text("tariff"), read.decimal("loss", ZERO, minimum=ZERO, maximum=ONE))


def _one_off(read: Parameters, charge_type: ChargeType) -> Pricing:
    return OneOff(read.decimal("amount"))


_READERS = {
    PricingKind.FIXED_MONTHLY: _fixed_monthly,
    PricingKind.PER_AREA_MONTH: _per_area_month,
    PricingKind.PER_AREA_DAY: _per_area_day,
    PricingKind.PERCENTAGE: _percentage,
    PricingKind.METERED: _metered,
    PricingKind.ONE_OFF: _one_off,
}
