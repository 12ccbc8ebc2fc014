"""What stands on the paper of a lease, and on that of an amendment, as plain data.

Belongs here: the shape that the PDFs are drawn from. Filling it is
`services.queries.contract_papers`' work, drawing it `contract_pdf`'s.
"""

from dataclasses import dataclass
from datetime import date, datetime

from domain.lease_terms import ClauseDraft, LeaseTerms
from domain.malls import BusinessType
from domain.rent_schedule import ScheduleMonth


@dataclass(frozen=True)
class Parties:
    """The landlord, a mall, and the tenant, a shop, as they stand on the paper."""

    mall_name: str
    mall_address: str
    time_zone: str
    shop_name: str
    shop_code: str
    business_type: BusinessType
    contact_name: str
    contact_phone: str
    contact_email: str

    @property
    def text(self) -> str:
        """Everything that people have written: it may need rarer characters."""
        return "".join(
            (
                self.mall_name,
                self.mall_address,
                self.shop_name,
                self.shop_code,
                self.contact_name,
                self.contact_phone,
                self.contact_email,
            )
        )


@dataclass(frozen=True)
class Verification:
    """`code` in groups for the eye, `address` the page that knows it: what the QR code holds."""

    code: str
    address: str


@dataclass(frozen=True)
class ContractPaper:
    """A version of a lease as it is signed. `predecessor` is the number of the lease that it
    follows, empty for a first one.
    """

    parties: Parties
    terms: LeaseTerms
    schedule: tuple[ScheduleMonth, ...]
    version: int
    predecessor: str
    verification: Verification
    made_at: datetime


@dataclass(frozen=True)
class AmendmentPaper:
    """An amendment as it is signed: the clauses that end the day before `effective_date` or are
    dropped, those that begin, and what the lease comes to from then on.
    """

    parties: Parties
    terms: LeaseTerms
    number: int
    effective_date: date
    reason: str
    ends: tuple[ClauseDraft, ...]
    begins: tuple[ClauseDraft, ...]
    schedule: tuple[ScheduleMonth, ...]
    verification: Verification
    made_at: datetime
