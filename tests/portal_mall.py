"""What the staff's mall of the tests needs besides for the portal: people of shops, days, messages.

Two shops belong to one person; another mall stands beside, with a shop of the same code.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session
from staff_mall import NOW, PASSWORD, StaffMall

from domain.charges import ChargeType, PricingKind
from domain.malls import BusinessType
from domain.notifications import Channel, DeliveryState, Template
from domain.people import Role
from services.operations.leasing import ClauseDraft, draft_contract
from services.operations.malls import register_mall, register_shop, register_unit
from services.operations.passwords import hash_password
from services.operations.people import create_user
from storage.database import transaction
from storage.models import Bill, Document, Notification
from storage.objects import open_object_store
from storage.settings import Settings

BOOKS, BOTH, COFFEE, STRANGER, NOBODY, NEWCOMER = (
    "books@example.org",  # S-001
    "chain@example.org",  # S-001 and S-002
    "coffee@example.org",  # S-002
    "stranger@example.org",  # a shop of the other mall
    "nobody@example.org",  # S-001, until it is taken away
    "newcomer@example.org",  # a shop of the other mall that has nothing yet
)
MARCH_REMINDER = "【南湖天街】云上书店：2026年3月账单将于4月20日到期，待缴 ¥92,000.00。"
FEBRUARY_REMINDER = "【南湖天街】云上书店：2026年2月账单已于3月13日到期，尚欠 ¥19,620.00。"
SHOP_DAYS = """
CREATE TABLE marts.shop_days (mall_id bigint, shop_id bigint, business_date date,
    net_sales numeric(14,2), transactions bigint, footfall_in bigint, footfall_out bigint,
    electricity_kwh numeric, water_m3 numeric, gas_m3 numeric, sales_expected int,
    sales_received int, footfall_expected int, footfall_received int, is_sales_complete boolean);
SELECT app.protect_mart('marts.shop_days');
"""


@dataclass(frozen=True)
class PortalMall:
    """Ids: `bills`, `contracts` and `documents` of S-001 (own) and S-002 (the neighbour's), of the
    other mall's shop (`strange_bill`), and what S-001 must not see.
    """

    own_shop: int
    other_shop: int
    own_bill: int
    other_bill: int
    strange_bill: int
    draft_bill: int
    dropped_bill: int
    void_bill: int
    own_contract: int
    other_contract: int
    draft_contract: int
    own_document: int
    other_document: int
    strange_shop: int
    newcomer_shop: int


def build_portal_mall(engine: sa.Engine, settings: Settings, mall: StaffMall) -> PortalMall:
    with transaction(engine) as session:
        found = {
            code: (shop_id, contract_id)
            for code, shop_id, contract_id in session.execute(
                sa.text(
                    "SELECT s.code, s.id, c.id FROM app.shops s"
                    " JOIN app.contracts c ON c.shop_id = s.id WHERE s.mall_id = :mall"
                ),
                {"mall": mall.mall_id},
            )
        }
        (own, own_contract), (other, other_contract) = found["S-001"], found["S-002"]
        strange_mall, strange_shop, strange_contract, newcomer = _other_mall(session)
        _people(session, settings)
        session.connection().exec_driver_sql(SHOP_DAYS)
        for shop_id, factor in ((own, 1), (other, 7)):
            _days(session, mall.mall_id, shop_id, factor)
        session.execute(
            sa.text(
                "UPDATE marts.shop_months m SET (net_sales, footfall_in, trading_days,"
                " complete_days, sales_completeness, footfall_completeness) = (SELECT"
                " sum(net_sales), sum(footfall_in), count(*),"
                " count(*) FILTER (WHERE is_sales_complete),"
                " sum(sales_received)::numeric / sum(sales_expected),"
                " sum(footfall_received)::numeric / sum(footfall_expected)"
                " FROM marts.shop_days d WHERE d.shop_id = m.shop_id)"
                " WHERE month = '2026-03-01' AND shop_id IN (:own, :other)"
            ),
            {"own": own, "other": other},
        )
        other_bill = session.scalars(
            sa.select(Bill.id).where(Bill.shop_id == other, Bill.contract_id == other_contract)
        ).one()
        bills = [
            _bill(session, mall.mall_id, own, own_contract, number, state, month, issued)
            for number, state, month, issued in (
                ("M01-202602-0001", "ISSUED", date(2026, 2, 1), True),
                ("M01-202601-0001", "VOID", date(2026, 1, 1), True),
                ("M01-202604-0901", "DRAFT", date(2026, 4, 1), False),
                ("M01-202605-0902", "IN_REVIEW", date(2026, 5, 1), False),
                ("M01-202606-0903", "VOID", date(2026, 6, 1), False),
            )
        ]
        strange_bill = _bill(
            session, strange_mall, strange_shop, strange_contract, "M02-202603-0001", "ISSUED",
            date(2026, 3, 1), True,
        )  # fmt: skip
        _messages(session, mall.mall_id, own, other, mall.bill_id)
        session.execute(sa.text("UPDATE app.documents SET shop_id = :s"), {"s": own})
        return PortalMall(
            own_shop=own,
            other_shop=other,
            own_bill=mall.bill_id,
            other_bill=other_bill,
            strange_bill=strange_bill,
            draft_bill=bills[2],
            dropped_bill=bills[4],
            void_bill=bills[1],
            own_contract=own_contract,
            other_contract=other_contract,
            draft_contract=_draft(session, mall.mall_id, own),
            own_document=mall.document_id,
            other_document=_paper(session, settings, mall.mall_id, other, other_bill),
            strange_shop=strange_shop,
            newcomer_shop=newcomer,
        )


def _people(session: Session, settings: Settings) -> None:
    hashed = hash_password(PASSWORD, settings.secret("password_salt"))
    for email, mall_code, shop_codes in (
        (BOOKS, "M01", ["S-001"]),
        (BOTH, "M01", ["S-001", "S-002"]),
        (COFFEE, "M01", ["S-002"]),
        (STRANGER, "M02", ["S-001"]),
        (NOBODY, "M01", ["S-001"]),
        (NEWCOMER, "M02", ["S-002"]),
    ):
        create_user(
            session,
            email=email,
            name="",
            role=Role.SHOP,
            mall_codes=[mall_code],
            shop_codes=shop_codes,
            password_hash=hashed,
        )


def _other_mall(session: Session) -> tuple[int, int, int, int]:
    """The mall, a shop with its contract in force, and one whose contract is a draft."""
    mall_id = register_mall(session, code="M02", name="北岸广场")
    tea, newcomer = (
        register_shop(
            session, mall_id=mall_id, code=code, name=name, business_type=BusinessType.CATERING
        )
        for code, name in (("S-001", "北岸茶馆"), ("S-002", "新来小店"))
    )
    contract_id = _draft(session, mall_id, tea, "HT-2025-001", "9-901")
    session.execute(
        sa.text(
            "UPDATE app.contracts SET state = 'ACTIVE', start_date = '2025-01-01' WHERE id = :c"
        ),
        {"c": contract_id},
    )
    _draft(session, mall_id, newcomer, "HT-2028-901", "9-902")
    return mall_id, tea, contract_id, newcomer


def _draft(
    session: Session,
    mall_id: int,
    shop_id: int,
    number: str = "HT-2028-900",
    unit_code: str = "9-901",
) -> int:
    unit = register_unit(
        session,
        mall_id=mall_id,
        code=unit_code,
        floor="9F",
        zone="",
        area_m2=Decimal(50),
        opened_date=date(2020, 1, 1),
    )
    start = date(2028, 1, 1)
    return draft_contract(
        session,
        mall_id=mall_id,
        shop_id=shop_id,
        number=number,
        unit_ids=[unit],
        start_date=start,
        end_date=date(2028, 12, 31),
        clauses=[
            ClauseDraft(ChargeType.RENT, PricingKind.FIXED_MONTHLY, {"amount": "9000"}, start)
        ],
        actor="operation@example.org",
        now=NOW,
    )


def _bill(
    session: Session,
    mall_id: int,
    shop_id: int,
    contract_id: int,
    number: str,
    state: str,
    month: date,
    is_issued: bool,
) -> int:
    bill = Bill(
        mall_id=mall_id,
        shop_id=shop_id,
        contract_id=contract_id,
        number=number,
        state=state,
        period_start=month,
        period_end=month + timedelta(days=27),
        due_date=month + timedelta(days=40),
        currency="CNY",
        net_amount=Decimal("18000.00"),
        tax_amount=Decimal("1620.00"),
        total_amount=Decimal("19620.00"),
        issued_at=datetime(month.year, month.month, 28, tzinfo=UTC) if is_issued else None,
    )
    session.add(bill)
    session.flush()
    return bill.id


def _days(session: Session, mall_id: int, shop_id: int, factor: int) -> None:
    """March 2026: the 12th is incomplete, on the 20th nothing came, from the 30th on no row yet."""
    for at in range(1, 30):
        day = date(2026, 3, at)
        came = {12: 1, 20: 0}.get(at, 2)
        weekend = 1.5 if day.weekday() >= 5 else 1
        session.execute(
            sa.text(
                "INSERT INTO marts.shop_days VALUES (:m, :s, :d, :sales, :t, :f, :f, 100, 1, 0,"
                " 2, :came, 12, :counts, :complete)"
            ),
            {
                "m": mall_id,
                "s": shop_id,
                "d": day,
                "sales": None if came == 0 else Decimal(round(8000 * weekend * factor + 31.5 * at)),
                "t": None if came == 0 else 90 + at,
                "f": None if came == 0 else int(410 * weekend) + at,
                "came": came,
                "counts": 6 * came,
                "complete": came == 2,
            },
        )


def _messages(session: Session, mall_id: int, own: int, other: int, bill_id: int) -> None:
    def message(shop_id: int, key: str, body: str, **facts: object) -> Notification:
        known = {
            "channel": Channel.IN_APP,
            "state": DeliveryState.SENT,
            "sent_at": NOW - timedelta(days=1),
            "bill_id": None,
        }
        return Notification(
            mall_id=mall_id,
            shop_id=shop_id,
            recipient="",
            locale="zh_CN",
            template=Template.PAYMENT_REMINDER,
            body=body,
            dedupe_key=key,
            send_after=NOW,
            **{**known, **facts},
        )

    session.add_all(
        [
            message(own, "a", MARCH_REMINDER, bill_id=bill_id),
            message(own, "b", FEBRUARY_REMINDER, sent_at=NOW - timedelta(days=9)),
            message(own, "c", "PENDING-MESSAGE", state=DeliveryState.PENDING, sent_at=None),
            message(own, "d", "SMS-MESSAGE", channel=Channel.SMS),
            message(other, "e", "NEIGHBOUR-MESSAGE"),
        ]
    )
    session.flush()


def _paper(session: Session, settings: Settings, mall_id: int, shop_id: int, bill_id: int) -> int:
    content, key = b"%PDF-1.4 of the neighbour", f"documents/bills/{bill_id}-zh_CN.pdf"
    open_object_store(settings).put(key, content)
    document = Document(
        mall_id=mall_id,
        shop_id=shop_id,
        bill_id=bill_id,
        kind="BILL",
        locale="zh_CN",
        name="neighbour-zh_CN.pdf",
        object_key=key,
        sha256="3" * 64,
        bytes=len(content),
        created_at=NOW,
    )
    session.add(document)
    session.flush()
    return document.id
