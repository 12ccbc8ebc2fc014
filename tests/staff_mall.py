"""A mall in the middle of April 2026 for tests of the staff pages: ten shops, one month of marts.

Registered by the operations; marts and bills are written as their makers write them, so that
pages are tested without dbt and without a bill run.
"""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session
from staff_records import (
    NOW,
    write_backup,
    write_bills,
    write_held_bill,
    write_landing,
    write_papers,
    write_readings,
    write_requests,
)

from domain.charges import ChargeType, PricingKind
from domain.devices import DeviceKind, FeedKind
from domain.malls import BusinessType
from domain.people import Role
from services.operations.devices import install_device, register_device
from services.operations.leasing import (
    ClauseDraft,
    activate_contract,
    approve_contract,
    draft_contract,
    send_contract,
    sign_contract,
    submit_contract,
)
from services.operations.malls import register_mall, register_shop, register_unit
from services.operations.passwords import hash_password
from services.operations.people import create_user
from storage.database import transaction
from storage.settings import Settings

__all__ = ["NOW", "PASSWORD", "PEOPLE", "StaffMall", "build_staff_mall"]

PASSWORD = "correct horse battery"
PEOPLE = {
    "admin@example.org": Role.SUPER_ADMIN,
    "management@example.org": Role.MANAGEMENT,
    "operation@example.org": Role.OPERATION,
    "finance@example.org": Role.FINANCE,
}
SHOPS = (
    ("S-001", "云上书店", BusinessType.RETAIL, "1-101", "1F", "420.50"),
    ("S-002", "海岸咖啡", BusinessType.CATERING, "1-102", "1F", "86.00"),
    ("S-003", "星光影城", BusinessType.ENTERTAINMENT, "4-401", "4F", "2450.00"),
    ("S-004", "山野户外", BusinessType.RETAIL, "2-203", "2F", "180.75"),
    ("S-005", "木槿美容", BusinessType.SERVICE, "3-305", "3F", "95.20"),
    ("S-006", "南湖面馆", BusinessType.CATERING, "3-310", "3F", "130.00"),
    ("S-007", "小象童装", BusinessType.RETAIL, "2-208", "2F", "110.40"),
    ("S-008", "四季花艺", BusinessType.OTHER, "1-110", "1F", "48.00"),
    ("S-009", "晨光眼镜", BusinessType.SERVICE, "2-211", "2F", "72.30"),
    ("S-010", "老街火锅", BusinessType.CATERING, "4-405", "4F", "310.00"),
)
MARTS = """
CREATE SCHEMA IF NOT EXISTS marts;
CREATE TABLE marts.mall_days (mall_id bigint, business_date date, net_sales numeric(14,2),
    transactions bigint, footfall_in bigint, footfall_out bigint, electricity_kwh numeric,
    water_m3 numeric, shops_expected int, shops_reporting int, sales_completeness numeric,
    footfall_completeness numeric);
CREATE TABLE marts.business_type_days (mall_id bigint, business_date date, business_type text,
    net_sales numeric(14,2), transactions bigint, shops int);
CREATE TABLE marts.shop_months (mall_id bigint, shop_id bigint, month date,
    net_sales numeric(14,2), transactions bigint, footfall_in bigint, footfall_out bigint,
    electricity_kwh numeric, water_m3 numeric, trading_days int, complete_days int,
    sales_completeness numeric, footfall_completeness numeric);
SELECT app.protect_mart(mart::regclass)
FROM unnest(ARRAY['marts.mall_days', 'marts.business_type_days', 'marts.shop_months']) AS mart;
"""


@dataclass(frozen=True)
class StaffMall:
    mall_id: int
    bill_id: int
    shop_id: int
    contract_id: int
    unit_id: int
    device_id: int
    request_id: int
    file_id: int
    quarantined_id: int
    backup_id: int
    report_file_id: int
    document_id: int
    gate_id: int


def build_staff_mall(engine: sa.Engine, settings: Settings) -> StaffMall:
    with transaction(engine) as session:
        mall_id = register_mall(
            session, code="M01", name="南湖天街", business_day_cutoff_hour=4, address="南湖路 1 号"
        )
        salt = settings.secret("password_salt")
        hashed = hash_password(PASSWORD, salt)
        for email, role in PEOPLE.items():
            create_user(
                session,
                email=email,
                name="",
                role=role,
                mall_codes=["M01"],
                password_hash=hashed,
            )
        shops, units, contracts = [], [], []
        for at, (code, name, kind, unit, floor, area) in enumerate(SHOPS):
            units.append(
                register_unit(
                    session,
                    mall_id=mall_id,
                    code=unit,
                    floor=floor,
                    zone="东区" if at % 2 else "西区",
                    area_m2=Decimal(area),
                    opened_date=date(2020, 1, 1),
                )
            )
            shops.append(
                register_shop(
                    session,
                    mall_id=mall_id,
                    code=code,
                    name=name,
                    business_type=kind,
                    contact_name="王敏",
                    contact_phone=f"1380000{at:04}",
                    contact_email=f"shop{at}@example.org",
                    move_in_date=date(2025, 1, 1),
                )
            )
            contracts.append(_lease(session, mall_id, shops[-1], units[-1], at))
        session.execute(sa.text("ANALYZE app.shops"))
        session.connection().exec_driver_sql(MARTS)
        _write_marts(session, mall_id, shops)
        devices = _devices(session, mall_id, shops)
        bills = write_bills(
            session, mall_id, shops, contracts, [(shop[3], shop[5]) for shop in SHOPS]
        )
        request = write_requests(session, mall_id, shops)
        file_id, quarantined = write_landing(session, mall_id)
        write_readings(session, devices[0], file_id)
        document, report = write_papers(session, mall_id, bills[0], settings)
        backup = write_backup(session)
        gate = write_held_bill(session, mall_id, shops[1])
        return StaffMall(
            mall_id,
            bills[0],
            shops[0],
            contracts[0],
            units[0],
            devices[0],
            request,
            file_id,
            quarantined,
            backup,
            report,
            document,
            gate,
        )


def _lease(session: Session, mall_id: int, shop_id: int, unit_id: int, at: int) -> int:
    start, end = date(2025, 1, 1), date(2027, 12, 31)
    clauses = [
        ClauseDraft(ChargeType.RENT, PricingKind.PER_AREA_DAY, {"rate": "6.5"}, start),
        ClauseDraft(ChargeType.PROPERTY_FEE, PricingKind.PER_AREA_MONTH, {"rate": "38"}, start),
        ClauseDraft(
            ChargeType.TURNOVER_RENT,
            PricingKind.PERCENTAGE,
            {
                "tiers": [{"up_to": "500000", "rate": "0.08"}, {"up_to": None, "rate": "0.06"}],
                "tier_kind": "MARGINAL",
                "breakpoint": "NATURAL",
                "settlement": "MONTH",
            },
            start,
        ),
    ]
    number = f"HT-2025-{at + 1:03}"
    contract_id = draft_contract(
        session,
        mall_id=mall_id,
        shop_id=shop_id,
        number=number,
        unit_ids=[unit_id],
        start_date=start,
        end_date=end,
        clauses=clauses,
        actor="operation@example.org",
        now=datetime(2024, 11, 2, 2, tzinfo=UTC),
        deposit_amount=Decimal("50000.00"),
    )
    for step, when in ((submit_contract, 3), (approve_contract, 4), (send_contract, 5)):
        step(
            session,
            contract_id=contract_id,
            actor="management@example.org" if step is approve_contract else "operation@example.org",
            now=datetime(2024, 11, when, 2, tzinfo=UTC),
        )
    sign_contract(
        session, contract_id=contract_id, actor="王敏", now=datetime(2024, 11, 9, 2, tzinfo=UTC)
    )
    activate_contract(
        session,
        contract_id=contract_id,
        actor="operation@example.org",
        now=datetime(2025, 1, 1, 1, tzinfo=UTC),
    )
    return contract_id


def _write_marts(session: Session, mall_id: int, shops: list[int]) -> None:
    dice = random.Random(7)
    weights = {
        BusinessType.RETAIL: 52_000,
        BusinessType.CATERING: 34_000,
        BusinessType.ENTERTAINMENT: 21_000,
        BusinessType.SERVICE: 9_000,
        BusinessType.OTHER: 2_600,
    }
    day, last = date(2026, 2, 1), date(2026, 3, 31)
    while day <= last:
        weekend = 1.45 if day.weekday() >= 5 else 1.0
        incomplete = day in (date(2026, 3, 12), date(2026, 3, 13))
        total = Decimal(0)
        for kind, weight in weights.items():
            part = 0.6 if incomplete else 1.0
            sales = Decimal(round(weight * weekend * part * dice.uniform(0.85, 1.15), 2)).quantize(
                Decimal("0.01")
            )
            total += sales
            session.execute(
                sa.text("INSERT INTO marts.business_type_days VALUES (:m, :d, :t, :s, 100, 2)"),
                {"m": mall_id, "d": day, "t": kind.value, "s": sales},
            )
        missing = day == date(2026, 3, 20)
        session.execute(
            sa.text(
                "INSERT INTO marts.mall_days VALUES"
                " (:m, :d, :s, 900, :f, :f, :e, :w, 10, 10, :c, :fc)"
            ),
            {
                "m": mall_id,
                "d": day,
                "s": total,
                "f": None if missing else int(6200 * weekend * dice.uniform(0.9, 1.1)),
                "e": Decimal(round(4100 * dice.uniform(0.95, 1.08), 1)),
                "w": Decimal(round(62 * dice.uniform(0.9, 1.1), 2)),
                "c": Decimal("0.7") if incomplete else Decimal(1),
                "fc": Decimal(0) if missing else Decimal("0.99"),
            },
        )
        day += timedelta(days=1)
    for month in (date(2026, 2, 1), date(2026, 3, 1)):
        for shop_id in shops:
            session.execute(
                sa.text(
                    "INSERT INTO marts.shop_months VALUES"
                    " (:m, :s, :d, :v, 2100, 8800, 8800, 3120.5, 22.4, 31, 30, 0.97, 0.99)"
                ),
                {"m": mall_id, "s": shop_id, "d": month, "v": dice.randint(90_000, 800_000)},
            )


def _devices(session: Session, mall_id: int, shops: list[int]) -> list[int]:
    found = []
    for at, shop_id in enumerate(shops, start=1):
        for kind, feed, code in (
            (DeviceKind.POS, FeedKind.INTERVAL, f"POS-{at:03}"),
            (DeviceKind.METER, FeedKind.CUMULATIVE, f"E-{at:03}"),
        ):
            device = register_device(
                session, mall_id=mall_id, code=code, kind=kind, feed_kind=feed, serial=f"SN{at:05}"
            )
            install_device(
                session,
                device_id=device,
                shop_id=shop_id,
                installed_date=date(2025, 1, 1),
                now=NOW,
            )
            found.append(device)
    session.execute(
        sa.text("UPDATE app.devices SET status = 'ONLINE', last_seen_at = :now WHERE id % 5 > 0"),
        {"now": NOW - timedelta(minutes=12)},
    )
    return found
