"""What stands on a bill's paper, as plain data.

Belongs here: the shape that the PDF is drawn from. Filling it is `services.operations.documents`'
work, drawing it `bill_pdf`'s.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from domain.charges import ChargeType


@dataclass(frozen=True)
class PaperLine:
    """One charge. `unit_price` and `explanation` are words in the paper's language."""

    line_number: int
    charge_type: ChargeType
    period_start: date
    period_end: date
    quantity: Decimal
    unit: str
    unit_price: str
    net_amount: Decimal
    tax_rate: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    explanation: tuple[str, ...] = ()


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
    consumption: Decimal | None
    rollovers: int = 0


@dataclass(frozen=True)
class BillPaper:
    """A bill as printed. `completeness` is received ÷ expected intervals of the data that its
    amounts come from, 0 to 1, or None when no line depends on data. `as_of` is the instant the
    amounts were computed.
    """

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
    meters: tuple[PaperMeter, ...]
    completeness: Decimal | None
    as_of: datetime

    @property
    def uri(self) -> str:
        """What the QR code holds: names the mall and the bill, and nothing about money."""
        return f"atrium:bill:{self.mall_code}:{self.number}"
