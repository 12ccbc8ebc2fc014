"""Which sensor, till and meter of the public data hangs where, and by which factor it counts.

Belongs here: the mapping that docs/sample-mall.md explains. Not here: reading the sources and
writing files.
"""

from dataclasses import dataclass
from datetime import time
from decimal import Decimal

from domain.malls import BusinessType
from sample_mall.plan_shops import SHOPS, ShopPlan

# Tills. One household's receipt stands for ten of a day's, at 5 CNY for a dollar; a till that
# sends single transactions sends one for each receipt, with the whole amount.
RECEIPTS_PER_BASKET = 10
CNY_PER_DOLLAR = 50
EVENT_SHOPS = frozenset(
    {"S01", "S02", "S04", "S05", "S07", "S08", "S11", "S12", "S13", "S14", "S19", "S20"}
)
TAX_RATE = {
    BusinessType.RETAIL: Decimal("0.13"),
    BusinessType.CATERING: Decimal("0.06"),
    BusinessType.ENTERTAINMENT: Decimal("0.06"),
    BusinessType.SERVICE: Decimal("0.06"),
    BusinessType.OTHER: Decimal("0.06"),
}

# Counters. A street sensor sees who passes; the share of those who walk in falls over the day.
HALL_FACTOR = Decimal("0.60")
DOOR_FACTOR = Decimal("0.15")
# These two have no value in the window: counters that hang there and never send a file.
SILENT_SENSORS = frozenset(
    {"188 Quay Street Lower Albert (EW)", "188 Quay Street Lower Albert (NS)"}
)
COUNTER_MAXIMUM = Decimal(6000)  # persons an hour and direction


@dataclass(frozen=True, slots=True)
class CounterPlan:
    """`shop` at a shop's door, else `zone`; zones ENTRANCE… count the mall's visitors."""

    code: str
    sensor: str
    zone: str
    shop: str
    factor: Decimal


COUNTERS: tuple[CounterPlan, ...] = tuple(
    CounterPlan(
        f"CNT-{at:02}",
        sensor,
        "" if place.startswith("S") else place,
        place if place.startswith("S") else "",
        DOOR_FACTOR if place.startswith("S") else HALL_FACTOR,
    )
    for at, (sensor, place) in enumerate(
        (
            ("30 Queen Street", "ENTRANCE-NORTH"),
            ("210 Queen Street", "ENTRANCE-EAST"),
            ("261 Queen Street", "ENTRANCE-WEST"),
            ("45 Queen Street", "ENTRANCE-PARKING"),
            ("205 Queen Street", "ENTRANCE-METRO"),
            ("297 Queen Street", "L1-ATRIUM"),
            ("59 High Street", "L1-EAST"),
            ("7 Custom Street East", "L2-ATRIUM"),
            ("183 K Road", "L2-WEST"),
            ("8 Darby Street EW", "L3-ATRIUM"),
            ("188 Quay Street Lower Albert (NS)", "L3-EAST"),
            ("19 Shortland Street", "L4-ATRIUM"),
            ("188 Quay Street Lower Albert (EW)", "L4-WEST"),
            ("8 Darby Street NS", "S01"),
            ("150 K Road", "S32"),
            ("61 Federal Street", "S03"),
            ("Te Ara Tahuhu Walkway", "S31"),
            ("Commerce Street West", "S06"),
            ("2 High Street", "S15"),
            ("107 Quay Street", "S22"),
            ("1 Courthouse Lane", "S33"),
        ),
        start=1,
    )
)

# Meters. A dial shows hundredths of a kWh or thousandths of a m³.
ELECTRICITY_MODULUS = Decimal(1_000_000)
SMALL_MODULUS = Decimal(10_000)
WATER_MODULUS = Decimal(100_000)
SWAPPED_METER, NEW_METER = "EM-L2-09", "EM-L2-09B"
SWAP_DAY, SWAP_TIME = 17, time(10)
NEW_METER_REGISTER = Decimal("0.40")
CT_METER, CT_RATIO = "EM-L4-01", Decimal(40)


@dataclass(frozen=True, slots=True)
class MeterPlan:
    """Register = `start_register` + `factor` × the home's kWh ÷ `ratio`, over `modulus`.

    `start_register` is what the dial shows at the opening reading of the first month told.
    The home is read `weeks_on` weeks later for this meter. For water, `factor` is m³ for each
    kWh of kitchen and laundry.
    """

    code: str
    is_water: bool
    shop: str
    zone: str
    factor: Decimal
    start_register: Decimal
    modulus: Decimal
    ratio: Decimal = Decimal(1)
    weeks_on: int = 0

    @property
    def dial(self) -> Decimal:
        return Decimal("0.001") if self.is_water else Decimal("0.01")


_KWH_FACTOR = {
    BusinessType.RETAIL: Decimal("0.030"),
    BusinessType.CATERING: Decimal("0.070"),
    BusinessType.ENTERTAINMENT: Decimal("0.045"),
    BusinessType.SERVICE: Decimal("0.020"),
    BusinessType.OTHER: Decimal("0.018"),
}
# Dials near their end: they roll over within the first month told.
_START = {
    "EM-L1-04": (Decimal("9150.25"), SMALL_MODULUS),
    "EM-L3-10": (Decimal("9400.10"), SMALL_MODULUS),
    "EM-L4-05": (Decimal("997500.00"), ELECTRICITY_MODULUS),
    "WM-L4-02": (Decimal("9880.500"), SMALL_MODULUS),
}
_WATER = {
    **{shop.units[0]: Decimal("2.4") for shop in SHOPS if shop.business_type is
       BusinessType.CATERING},
    "L4-02": Decimal("5.5"),
    "L3-04": Decimal("1.6"),
    "L3-07": Decimal("3.2"),
    "L2-12": Decimal("0.5"),
    "L1-01": Decimal("1.8"),
}  # fmt: skip
_PUBLIC = (
    ("EM-PUB-L1", "L1-ATRIUM", "22"),
    ("EM-PUB-L2", "L2-ATRIUM", "18"),
    ("EM-PUB-L3", "L3-ATRIUM", "18"),
    ("EM-PUB-L4", "L4-ATRIUM", "16"),
    ("EM-PUB-LIFTS", "LIFTS", "12"),
    ("EM-PUB-CHILLER", "PLANT", "140"),
    ("WM-PUB-EAST", "WASHROOM-EAST", "4"),
    ("WM-PUB-WEST", "WASHROOM-WEST", "4"),
)


def _electricity(shop: ShopPlan, at: int, area: Decimal) -> MeterPlan:
    code = f"EM-{shop.units[0]}"
    start, modulus = _START.get(
        code, (Decimal(12_000 + 3_777 * at) + Decimal("0.35"), ELECTRICITY_MODULUS)
    )
    return MeterPlan(
        code,
        False,
        shop.code,
        "",
        (area * _KWH_FACTOR[shop.business_type]).quantize(Decimal("0.01")),
        start,
        modulus,
        CT_RATIO if code == CT_METER else Decimal(1),
        at % 6,
    )


def _water(shop: ShopPlan, at: int) -> MeterPlan:
    code = f"WM-{shop.units[0]}"
    start, modulus = _START.get(code, (Decimal(800 + 213 * at) + Decimal("0.125"), WATER_MODULUS))
    return MeterPlan(
        code, True, shop.code, "", _WATER[shop.units[0]], start, modulus, weeks_on=at % 6
    )


def meters(area_of_unit: dict[str, Decimal]) -> tuple[MeterPlan, ...]:
    """All meters of the first day: shops' electricity, shops' water, the house's own."""
    plans = [
        _electricity(shop, at, sum((area_of_unit[unit] for unit in shop.units), Decimal(0)))
        for at, shop in enumerate(SHOPS)
    ]
    plans += [_water(shop, at) for at, shop in enumerate(SHOPS) if shop.units[0] in _WATER]
    plans += [
        MeterPlan(
            code,
            code.startswith("WM"),
            "",
            zone,
            Decimal(factor),
            Decimal(12_000 + 9_100 * at) + Decimal("0.5"),
            WATER_MODULUS if code.startswith("WM") else ELECTRICITY_MODULUS,
            weeks_on=at % 6,
        )
        for at, (code, zone, factor) in enumerate(_PUBLIC)
    ]
    return tuple(plans)
