"""What stands on a bill's paper, as plain data.

Belongs here: the shape that the PDF is drawn from. Filling it is `services.queries.bill_papers`'
work, drawing it `bill_pdf`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from domain.charges import ChargeType


@dataclass(frozen=True)
class PaperLine:
    """One charge. `derivation` as stored with the bill line, see `domain.derivations`."""

    line_number: int
    charge_type: ChargeType
    period_start: date
    period_end: date
    quantity: Decimal
    unit: str
    net_amount: Decimal
    tax_rate: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    derivation: Mapping[str, Any]


@dataclass(frozen=True)
class PaperMeter:
    """A meter's month. Registers are dial units; `consumption` is dial units times `ratio`."""

    code: str
    charge_type: ChargeType
    unit: str
    opening_register: Decimal | None
    opening_at: datetime | None
    closing_register: Decimal | None
    closing_at: datetime | None
    ratio: Decimal
    consumption: Decimal
    rollovers: int


@dataclass(frozen=True)
class BillPaper:
    """A bill as printed. `as_of` is the instant the amounts were computed."""

    mall_code: str
    mall_name: str
    mall_address: str
    time_zone: str
    currency: str
    number: str
    shop_code: str
    shop_name: str
    contract_number: str
    unit_codes: tuple[str, ...]
    area_m2: Decimal
    period_start: date
    period_end: date
    issued_at: datetime
    due_date: date
    net_amount: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    lines: tuple[PaperLine, ...]
    as_of: datetime

    @property
    def uri(self) -> str:
        """What the QR code holds: names the mall and the bill, and nothing about money."""
        return f"atrium:bill:{self.mall_code}:{self.number}"

    @property
    def meters(self) -> tuple[PaperMeter, ...]:
        """Every meter of the lines once, in their order.

        A meter that two lines share (a tariff that changed within the month) shows the sum.
        """
        found: dict[str, PaperMeter] = {}
        for line in self.lines:
            sources = line.derivation.get("sources", {}).get("meters", ())
            for used, source in zip(
                line.derivation["operands"].get("meters", ()), sources, strict=True
            ):
                meter = _meter(line.charge_type, used, source)
                if meter.code in found:
                    consumption = found[meter.code].consumption + meter.consumption
                    meter = replace(meter, consumption=consumption)
                found[meter.code] = meter
        return tuple(found.values())

    @property
    def completeness(self) -> Decimal | None:
        """Received ÷ expected of the least complete source of any line, 0 to 1.

        None when no line depends on device data.
        """
        shares = []
        for line in self.lines:
            sources = line.derivation.get("sources", {})
            for meter in sources.get("meters", ()):
                shares.append(_share(meter["hours_received"], meter["hours_expected"]))
            if "sales" in sources:
                sales = sources["sales"]
                shares.append(_share(sales["days"], sales["days_expected"]))
        return min(shares, default=None)


def _share(received: int, expected: int) -> Decimal:
    return Decimal(1) if not expected else min(Decimal(1), Decimal(received) / expected)


def _meter(
    charge_type: ChargeType, used: Mapping[str, Any], source: Mapping[str, Any]
) -> PaperMeter:
    opening, closing = source["opening"], source["closing"]
    ratio = Decimal(used["ratio"])
    return PaperMeter(
        code=source["device"],
        charge_type=charge_type,
        unit=used["consumption"]["unit"],
        opening_register=Decimal(opening["register"]) if opening else None,
        opening_at=_instant(opening),
        closing_register=Decimal(closing["register"]) if closing else None,
        closing_at=_instant(closing),
        ratio=ratio,
        consumption=Decimal(used["consumption"]["value"]) * ratio,
        rollovers=source["rollovers"],
    )


def _instant(reading: Mapping[str, str] | None) -> datetime | None:
    return datetime.fromisoformat(reading["at"]) if reading and reading["at"] else None
