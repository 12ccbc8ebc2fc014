"""One sale at a till, as the till tells it.

Belongs here: what kinds there are and which of them are sales. Not here: how a make of till
writes them (services/adapters).
"""

from enum import StrEnum


class SaleKind(StrEnum):
    """SALE and RETURN change sales; the others are kept and never counted.

    A VOID takes back the transaction it names. A CONTROL is no sale (drawer opened, sign-on).
    """

    SALE = "SALE"
    RETURN = "RETURN"
    VOID = "VOID"
    CANCELLED = "CANCELLED"
    TRAINING = "TRAINING"
    CONTROL = "CONTROL"


COUNTED = frozenset({SaleKind.SALE, SaleKind.RETURN})
