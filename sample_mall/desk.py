"""What lies on the desks of the sample's leasing people, on the day of the run.

Belongs here: leases that are not in force yet, one in each state before, and a change that waits.
The sample shop S01 has one to sign. Not here: the leases of the month that is told (plan_leases).
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind
from domain.lease_terms import ClauseDraft
from sample_mall.plan_shops import LEASING_OFFICER, MALL_CODE, MANAGER
from sample_mall.shift import add_months
from services.operations import leasing
from services.operations.leasing.changes import propose_amendment
from services.operations.leasing.renewing import offer_renewal
from services.operations.papers import send_for_signature
from services.queries.contracts import get_contract_terms
from services.queries.register import MallRegister, get_register
from storage.database import transaction
from storage.objects import ObjectStore
from storage.settings import Settings

YEARS = 3
RENEWED, AMENDED = "S16", "S04"
REJECTION = (
    "物业费低于本层标准，请按 30 元/㎡·月 重拟。Property fee below the floor's rate: 30 per m²."
)
REASON = "双方商定下调租金 Both sides agreed on a lower rent"


def lay_out_desk(
    engine: sa.Engine,
    store: ObjectStore,
    *,
    settings: Settings,
    mall_id: int,
    now: datetime,
) -> int:
    """Draft, hand in, approve, reject and send leases of units that stand empty; how many now.

    The second time it finds them. One transaction.
    """
    with transaction(engine) as session:
        known = get_register(session, mall_id=mall_id)
        if _number(1) in known.contracts:
            return 0
        desk = _Desk(session, mall_id, known, now)
        desk.draft(1, "S02", "L3-09", _steps)
        desk.hand_in(desk.draft(2, "S06", "L2-07", _share_of_sales))
        rejected = desk.hand_in(desk.draft(3, "S15", "L4-10", _plain))
        desk.step(leasing.reject_contract, rejected, MANAGER, comment=REJECTION)
        to_sign = desk.hand_in(desk.draft(4, "S01", "L1-12", _plain))
        desk.step(leasing.approve_contract, to_sign, MANAGER)
        send_for_signature(
            session,
            store,
            settings=settings,
            contract_id=to_sign,
            actor=LEASING_OFFICER,
            now=now,
        )
        desk.renew(5, RENEWED)
        desk.amend(AMENDED)
        return 6


def _number(at: int) -> str:
    return f"{MALL_CODE}-NEW-{at:02}"


Term = tuple[ChargeType, PricingKind, dict[str, Any], date, date | None]
# What a lease charges besides property fee and electricity, given its first day.
Terms = Callable[[date], list[Term]]


def _plain(start: date) -> list[Term]:
    return [(ChargeType.RENT, PricingKind.PER_AREA_DAY, {"rate": "8.6"}, start, None)]


def _share_of_sales(start: date) -> list[Term]:
    return [
        (ChargeType.RENT, PricingKind.FIXED_MONTHLY, {"amount": "18000.00"}, start, None),
        (
            ChargeType.TURNOVER_RENT,
            PricingKind.PERCENTAGE,
            {"rate": "0.08", "breakpoint": "NATURAL", "settlement": "QUARTER"},
            start,
            None,
        ),
    ]


def _steps(start: date) -> list[Term]:
    """Two months free, then a step every year."""
    free, second, third = (add_months(start, months) for months in (2, 12, 24))
    kind = PricingKind.PER_AREA_MONTH
    rent = ChargeType.RENT
    return [
        (rent, kind, {"rate": "210", "factor": "0"}, start, _before(free)),
        (rent, kind, {"rate": "210"}, free, _before(second)),
        (rent, kind, {"rate": "220.5"}, second, _before(third)),
        (rent, kind, {"rate": "231.53"}, third, None),
    ]


def _before(day: date) -> date:
    return day - timedelta(days=1)


class _Desk:
    """The officer's and the manager's hands, on one day."""

    def __init__(self, session: Session, mall_id: int, known: MallRegister, now: datetime) -> None:
        self.session = session
        self.mall_id = mall_id
        self.known = known
        self.now = now
        self.start = add_months(now.date().replace(day=1), 2)

    def draft(self, at: int, shop: str, unit: str, terms: Terms) -> int:
        drafts = [
            *terms(self.start),
            (
                ChargeType.PROPERTY_FEE,
                PricingKind.PER_AREA_MONTH,
                {"rate": "30"},
                self.start,
                None,
            ),
            (
                ChargeType.ELECTRICITY,
                PricingKind.METERED,
                {"tariff": "ELEC-FLAT"},
                self.start,
                None,
            ),
        ]
        return leasing.draft_contract(
            self.session,
            mall_id=self.mall_id,
            shop_id=self.known.shops[shop],
            number=_number(at),
            unit_ids=[self.known.units[unit]],
            start_date=self.start,
            end_date=_before(add_months(self.start, 12 * YEARS)),
            clauses=[ClauseDraft(*draft) for draft in drafts],
            deposit_amount=Decimal("36000.00"),
            actor=LEASING_OFFICER,
            now=self.now,
        )

    def step(self, take: Any, contract_id: int, actor: str, **said: str) -> None:
        take(self.session, contract_id=contract_id, actor=actor, now=self.now, **said)

    def hand_in(self, contract_id: int) -> int:
        self.step(leasing.submit_contract, contract_id, LEASING_OFFICER)
        return contract_id

    def renew(self, at: int, shop: str) -> None:
        """A lease that runs on is offered for longer, and waits for the manager."""
        contract_id = self._running(shop)
        end = get_contract_terms(self.session, contract_id).end
        self.hand_in(
            offer_renewal(
                self.session,
                contract_id=contract_id,
                number=_number(at),
                end_date=_before(add_months(end, 12 * YEARS)),
                actor=LEASING_OFFICER,
                now=self.now,
            )
        )

    def amend(self, shop: str) -> None:
        contract_id = self._running(shop)
        terms = get_contract_terms(self.session, contract_id)
        first = add_months(self.now.date().replace(day=1), 1)
        lower = {"rate": "350"}
        clauses = [
            ClauseDraft(
                one.charge_type,
                one.pricing_kind,
                lower if one.charge_type is ChargeType.RENT else dict(one.parameters),
                max(one.valid_from, first),
                one.valid_to,
            )
            for one in terms.clauses
        ]
        propose_amendment(
            self.session,
            contract_id=contract_id,
            effective_date=first,
            clauses=clauses,
            reason=REASON,
            actor=LEASING_OFFICER,
            now=self.now,
        )

    def _running(self, shop: str) -> int:
        return next(
            entry.id
            for number, entry in self.known.contracts.items()
            if number.endswith(f"-{shop[1:]}") and not number.startswith(f"{MALL_CODE}-NEW")
        )
