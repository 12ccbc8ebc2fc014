"""One transaction of a till, ready to be written: its till is known, its business date settled.

Belongs here: the shape between resolving and services/operations/till_sales. Not here: a make's
own words for a sale (decoded, and one module each).
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from domain.devices import Quality
from domain.sales import SaleKind


@dataclass(frozen=True, slots=True)
class SaleRow:
    """Key: (`device_id`, `business_date`, `number`). `occurred_at` is aware.

    Amounts are in the mall's currency with two decimals, positive whatever the kind, tax included
    in each; a RETURN's stand in `refunds`. `has_stated_date`: the till named the business date
    itself, else the mall's cut-off decided. `original_number` is the transaction that a RETURN or
    a VOID takes back, where the till names it.
    """

    device_id: int
    business_date: date
    number: str
    has_stated_date: bool
    occurred_at: datetime
    kind: SaleKind
    gross_sales: Decimal
    refunds: Decimal
    discounts: Decimal
    tax: Decimal
    original_number: str = ""
    quality: str = Quality.GOOD.value

    @property
    def net_sales(self) -> Decimal:
        return self.gross_sales - self.refunds - self.discounts
