"""The sample's leases and tariffs: between them every way of charging occurs.

Belongs here: terms, relative to the first month told. Not here: writing them down (build).
docs/sample-mall.md lists which shop shows what.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from domain.charges import ChargeType, PricingKind, Proration, TariffKind
from domain.malls import BusinessType
from sample_mall.plan_devices import meters
from sample_mall.plan_shops import AREA_OF_UNIT, MALL_CODE, SHOPS, ShopPlan
from sample_mall.shift import add_months
from services.operations.leasing import ClauseDraft

MOVE_IN_SHOP, MOVE_IN_DAY = "S30", 12

TARIFFS: tuple[tuple[str, ChargeType, TariffKind, dict[str, Any]], ...] = (
    ("ELEC-FLAT", ChargeType.ELECTRICITY, TariffKind.FLAT, {"price": "0.92"}),
    (
        "ELEC-TOU",
        ChargeType.ELECTRICITY,
        TariffKind.TIME_OF_USE,
        {
            "bands": [
                {"name": "谷 valley 22–08", "from": "22:00", "to": "08:00", "price": "0.41"},
                {"name": "平 flat 08–10", "from": "08:00", "to": "10:00", "price": "0.83"},
                {"name": "峰 peak 10–15", "from": "10:00", "to": "15:00", "price": "1.32"},
                {"name": "平 flat 15–18", "from": "15:00", "to": "18:00", "price": "0.83"},
                {"name": "峰 peak 18–22", "from": "18:00", "to": "22:00", "price": "1.32"},
            ]
        },
    ),
    (
        "ELEC-TIER",
        ChargeType.ELECTRICITY,
        TariffKind.TIERED,
        {
            "tiers": [
                {"up_to": "2000", "price": "0.78"},
                {"up_to": "5000", "price": "0.88"},
                {"up_to": None, "price": "1.05"},
            ]
        },
    ),
    ("WATER-FLAT", ChargeType.WATER, TariffKind.FLAT, {"price": "5.85"}),
    (
        "WATER-TIER",
        ChargeType.WATER,
        TariffKind.TIERED,
        {
            "tiers": [
                {"up_to": "150", "price": "5.20"},
                {"up_to": "300", "price": "6.40"},
                {"up_to": None, "price": "8.10"},
            ]
        },
    ),
)
TIME_OF_USE_SHOPS = frozenset({"S01", "S24", "S28", "S31", "S38", "S39"})
TIERED_SHOPS = frozenset({"S15", "S21", "S26", "S29", "S32", "S33", "S34", "S37"})
LINE_LOSS = {"S31": "0.02", "S36": "0.015"}


@dataclass(frozen=True, slots=True)
class LeasePlan:
    shop: ShopPlan
    number: str
    start: date
    end: date
    deposit: Decimal
    proration: Proration
    payment_term_days: int
    clauses: tuple[ClauseDraft, ...]


Term = tuple[ChargeType, PricingKind, dict[str, Any], date, date | None]
# What a shop pays beside property fee and usage, given the first day of the month told and the
# first day of its lease.
Terms = Callable[[date, date], list[Term]]


def _fixed(amount: str) -> Terms:
    return lambda first, start: [
        (ChargeType.RENT, PricingKind.FIXED_MONTHLY, {"amount": amount}, start, None)
    ]


def _per_month(rate: str, **more: str) -> Terms:
    return lambda first, start: [
        (ChargeType.RENT, PricingKind.PER_AREA_MONTH, {"rate": rate, **more}, start, None)
    ]


def _per_day(rate: str) -> Terms:
    return lambda first, start: [
        (ChargeType.RENT, PricingKind.PER_AREA_DAY, {"rate": rate}, start, None)
    ]


def _step(before: str, after: str, day: int) -> Terms:
    """Rent rises on a day of the month told."""

    def terms(first: date, start: date) -> list[Term]:
        on = first + timedelta(days=day - 1)
        kind = PricingKind.FIXED_MONTHLY
        return [
            (ChargeType.RENT, kind, {"amount": before}, start, on - timedelta(days=1)),
            (ChargeType.RENT, kind, {"amount": after}, on, None),
        ]

    return terms


def _free(kind: PricingKind, price: dict[str, str], day: int | None) -> Terms:
    """Rent is free up to a day of the month told (its last free day), or two months beyond."""

    def terms(first: date, start: date) -> list[Term]:
        last = first + timedelta(days=day - 1) if day else add_months(first, 3) - timedelta(days=1)
        return [
            (ChargeType.RENT, kind, {**price, "factor": "0"}, start, last),
            (ChargeType.RENT, kind, price, last + timedelta(days=1), None),
        ]

    return terms


def _turnover(base: Terms, *, from_month: bool = False, **parameters: Any) -> Terms:
    """Base rent and a share of sales; `from_month`: agreed for the month told and after it."""

    def terms(first: date, start: date) -> list[Term]:
        begin = first if from_month else start
        return [
            *base(first, start),
            (ChargeType.TURNOVER_RENT, PricingKind.PERCENTAGE, parameters, begin, None),
        ]

    return terms


def _none(first: date, start: date) -> list[Term]:
    return []


def _one_off(base: Terms, amount: str, day: int) -> Terms:
    """An amount once, on a day of the month told."""
    return lambda first, start: [
        *base(first, start),
        (
            ChargeType.OTHER,
            PricingKind.ONE_OFF,
            {"amount": amount},
            first + timedelta(days=day - 1),
            first + timedelta(days=day - 1),
        ),
    ]


MARGINAL = [
    {"up_to": "150000", "rate": "0.10"},
    {"up_to": "250000", "rate": "0.08"},
    {"up_to": None, "rate": "0.06"},
]
WHOLE = [
    {"up_to": "150000", "rate": "0.07"},
    {"up_to": "300000", "rate": "0.09"},
    {"up_to": None, "rate": "0.11"},
]
AREA = PricingKind.PER_AREA_MONTH

# shop: months from the lease's start to the month told, months of the lease, terms
LEASES: dict[str, tuple[int, int, Terms]] = {
    "S01": (31, 120, _turnover(_per_month("110"), rate="0.12", breakpoint="NATURAL")),
    "S02": (
        13, 36,
        _turnover(
            _per_month("400"), rate="0.08", breakpoint="ARTIFICIAL", breakpoint_amount="400000"
        ),
    ),
    "S03": (7, 36, _step("32000.00", "35000.00", 15)),
    "S04": (19, 36, _per_month("380")),
    "S05": (4, 36, _per_month("360")),
    "S06": (10, 36, _turnover(_none, tiers=MARGINAL, minimum="20000")),
    "S07": (16, 36, _per_month("380", tax="INCLUSIVE")),
    "S08": (8, 24, _per_day("13.8")),
    "S09": (2, 36, _free(PricingKind.FIXED_MONTHLY, {"amount": "25800.00"}, None)),
    # Ends with the month told: its quarter is settled then.
    "S10": (
        11, 12,
        _turnover(
            _fixed("15000.00"), from_month=True, rate="0.10", breakpoint="NATURAL",
            settlement="QUARTER",
        ),
    ),
    "S11": (14, 36, _turnover(_per_month("240"), rate="0.14", breakpoint="NATURAL")),
    "S12": (22, 36, _per_month("220")),
    "S13": (5, 36, _turnover(_none, tiers=WHOLE, tier_kind="WHOLE", maximum="30000")),
    "S14": (9, 36, _per_month("235")),
    "S15": (12, 36, _step("14200.00", "14900.00", 11)),
    "S16": (20, 36, _fixed("17000.00")),
    "S17": (6, 36, _free(AREA, {"rate": "230"}, 20)),
    "S18": (3, 36, _per_month("130")),
    "S19": (15, 36, _per_day("7.5")),
    "S20": (18, 36, _turnover(_per_month("230"), rate="0.09", breakpoint="NATURAL")),
    "S21": (34, 36, _fixed("16500.00")),
    "S22": (11, 36, _per_day("5.0")),
    "S23": (1, 36, _one_off(_per_month("120"), "8000.00", 10)),
    "S24": (17, 36, _turnover(_none, tiers=WHOLE, tier_kind="WHOLE", minimum="18000")),
    "S25": (23, 36, _per_month("145")),
    # Its lease year ends with the month told; the share of sales was agreed for this month on.
    "S26": (
        11, 36,
        _turnover(
            _per_month("140"), from_month=True, rate="0.06", breakpoint="ARTIFICIAL",
            breakpoint_amount="2000000", settlement="LEASE_YEAR",
        ),
    ),
    "S27": (21, 36, _per_month("165")),
    "S28": (27, 60, _per_month("90")),
    "S29": (5, 24, _fixed("15800.00")),
    "S30": (0, 24, _one_off(_per_month("140"), "3000.00", MOVE_IN_DAY)),
    "S31": (40, 180, _turnover(_per_month("58"), rate="0.15", breakpoint="NATURAL")),
    "S32": (25, 60, _turnover(_per_month("125"), rate="0.13", breakpoint="NATURAL",
                              maximum="60000")),
    "S33": (10, 36, _per_month("150")),
    "S34": (13, 36, _turnover(_none, tiers=MARGINAL, minimum="18000", maximum="45000")),
    "S35": (7, 36, _turnover(_per_month("140"), rate="0.11", breakpoint="NATURAL")),
    "S36": (16, 36, _per_month("155")),
    "S37": (8, 36, _per_day("6.5")),
    "S38": (14, 60, _per_month("120")),
    "S39": (4, 36, _one_off(_per_month("160"), "12000.00", 5)),
    "S40": (6, 36, _fixed("15000.00")),
}  # fmt: skip
PRORATIONS = {"S03": Proration.THIRTY_360, "S15": Proration.DAYS_365}
LONGER_TERMS = {"S01": 15, "S31": 15, "S40": 7}
PROPERTY_RATE = {"L1": "38", "L2": "34", "L3": "30", "L4": "28"}


def leases(first_month: date) -> tuple[LeasePlan, ...]:
    """One lease for each shop, as of the first month told."""
    watered = {meter.shop for meter in meters(AREA_OF_UNIT) if meter.is_water}
    return tuple(_lease(shop, first_month, shop.code in watered) for shop in SHOPS)


def _lease(shop: ShopPlan, first: date, has_water: bool) -> LeasePlan:
    ago, months, terms = LEASES[shop.code]
    start = add_months(first, -ago)
    end = add_months(start, months) - timedelta(days=1)
    if shop.code == MOVE_IN_SHOP:
        start = first + timedelta(days=MOVE_IN_DAY - 1)
    area = sum((AREA_OF_UNIT[unit] for unit in shop.units), Decimal(0))
    drafts = [*terms(first, start), _property_fee(shop, start), *_usage(shop, start, has_water)]
    return LeasePlan(
        shop=shop,
        number=f"{MALL_CODE}-{start:%Y%m}-{shop.code[1:]}",
        start=start,
        end=end,
        deposit=(area * 400).quantize(Decimal("0.01")),
        proration=PRORATIONS.get(shop.code, Proration.ACTUAL),
        payment_term_days=LONGER_TERMS.get(shop.code, 10),
        clauses=tuple(ClauseDraft(*draft) for draft in drafts),
    )


def _property_fee(shop: ShopPlan, start: date) -> Term:
    charge = ChargeType.PROPERTY_FEE
    if shop.code == "S22":
        return charge, PricingKind.PER_AREA_DAY, {"rate": "1.1"}, start, None
    if shop.business_type is BusinessType.OTHER:
        return charge, PricingKind.FIXED_MONTHLY, {"amount": "2600.00"}, start, None
    rate = PROPERTY_RATE[shop.units[0][:2]]
    return charge, PricingKind.PER_AREA_MONTH, {"rate": rate}, start, None


def _usage(shop: ShopPlan, start: date, has_water: bool) -> list[Term]:
    if shop.code in TIME_OF_USE_SHOPS:
        tariff = "ELEC-TOU"
    else:
        tariff = "ELEC-TIER" if shop.code in TIERED_SHOPS else "ELEC-FLAT"
    electricity = {"tariff": tariff}
    if shop.code in LINE_LOSS:
        electricity["loss"] = LINE_LOSS[shop.code]
    terms: list[Term] = [(ChargeType.ELECTRICITY, PricingKind.METERED, electricity, start, None)]
    if has_water:
        water = "WATER-TIER" if shop.business_type is BusinessType.CATERING else "WATER-FLAT"
        terms.append((ChargeType.WATER, PricingKind.METERED, {"tariff": water}, start, None))
    return terms
