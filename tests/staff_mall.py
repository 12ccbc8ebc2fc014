"""A mall in the middle of April 2026 for tests of the staff pages: ten shops, one month of marts.

Registered by the operations; marts and bills are written as their makers write them, so that
pages are tested without dbt and without a bill run.
"""

import json
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind
from domain.devices import DeviceKind, FeedKind
from domain.malls import BusinessType
from domain.people import Role
from domain.requests import RequestCategory, RequestKind, RequestPriority
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
from services.operations.service_requests import submit_request
from storage.database import ensure_month_partitions, transaction
from storage.models import (
    Allocation,
    Backup,
    Bill,
    BillEvent,
    BillLine,
    Document,
    InboxFile,
    Payment,
    Quarantined,
    Reading,
    ReportFile,
)
from storage.objects import open_object_store
from storage.settings import Settings

NOW = datetime(2026, 4, 14, 3, 30, tzinfo=UTC)
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
                roles=[role],
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
        bills = _bills(session, mall_id, shops, contracts)
        request = _requests(session, mall_id, shops)
        file_id, quarantined = _landing(session, mall_id)
        _readings(session, devices[0], file_id)
        document, report = _papers(session, mall_id, bills[0], settings)
        backup = _backup(session)
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
                session, device_id=device, shop_id=shop_id, installed_date=date(2025, 1, 1)
            )
            found.append(device)
    session.execute(
        sa.text("UPDATE app.devices SET status = 'ONLINE', last_seen_at = :now WHERE id % 5 > 0"),
        {"now": NOW - timedelta(minutes=12)},
    )
    return found


def _bills(session: Session, mall_id: int, shops: list[int], contracts: list[int]) -> list[int]:
    found = []
    for at, (shop_id, contract_id) in enumerate(zip(shops, contracts, strict=True)):
        area = Decimal(SHOPS[at][5])
        state = ("PARTIALLY_PAID", "PAID", "ISSUED")[at % 3]
        bill = Bill(
            mall_id=mall_id,
            shop_id=shop_id,
            contract_id=contract_id,
            number=f"M01-202603-{at + 1:04}",
            state=state,
            period_start=date(2026, 3, 1),
            period_end=date(2026, 3, 31),
            due_date=date(2026, 4, 11) if at % 2 else date(2026, 4, 20),
            currency="CNY",
            net_amount=0,
            tax_amount=0,
            total_amount=0,
            issued_at=datetime(2026, 3, 31, 16, 5, tzinfo=UTC),
        )
        clauses = session.scalars(
            sa.text("SELECT id FROM app.contract_clauses WHERE contract_id = :c ORDER BY id"),
            {"c": contract_id},
        ).all()
        rent = (area * Decimal("6.5") * 31).quantize(Decimal("0.01"))
        fee = (area * 38).quantize(Decimal("0.01"))
        days = {
            "before": {"value": "0/1", "unit": "day"},
            "through": {"value": "31/1", "unit": "day"},
        }
        month = {
            "before": {"value": "0/31", "unit": "month"},
            "through": {"value": "31/31", "unit": "month"},
        }
        units = {"units": [{"code": SHOPS[at][3], "area_m2": str(area)}]}
        lines = [
            (
                "RENT",
                clauses[0],
                area * 31,
                "m2*day",
                rent,
                "0.09",
                "per_area_day",
                {
                    "rate": {"value": "6.5", "unit": "CNY/m2/day"},
                    "area": {"value": str(area), "unit": "m2"},
                    "factor": {"value": "1", "unit": "1"},
                    **days,
                },
                units,
            ),
            (
                "PROPERTY_FEE",
                clauses[1],
                area,
                "m2",
                fee,
                "0.06",
                "per_area_month",
                {
                    "rate": {"value": "38", "unit": "CNY/m2/month"},
                    "area": {"value": str(area), "unit": "m2"},
                    "factor": {"value": "1", "unit": "1"},
                    **month,
                },
                units,
            ),
            (
                "ELECTRICITY",
                None,
                Decimal("3120.5"),
                "kWh",
                Decimal("2652.43"),
                "0.13",
                "metered_flat",
                {
                    "meters": [
                        {
                            "device": f"E-{at + 1:03}",
                            "ratio": "1",
                            "consumption": {"value": "3120.5", "unit": "kWh"},
                        }
                    ],
                    "loss": {"value": "0", "unit": "1"},
                    "price": {"value": "0.85", "unit": "CNY/kWh"},
                },
                {
                    "meters": [
                        {
                            "device_id": 2 * at + 2,
                            "device": f"E-{at + 1:03}",
                            "opening": {
                                "register": "41250.25",
                                "at": "2026-02-28T20:00:00+00:00",
                            },
                            "closing": {
                                "register": "44370.75",
                                "at": "2026-03-31T20:00:00+00:00",
                            },
                            "rollovers": 0,
                            "hours_expected": 744,
                            "hours_received": 742,
                        }
                    ],
                    "tariff": {"id": 1, "code": "E-FLAT", "valid_from": "2025-01-01"},
                },
            ),
        ]
        for number, (
            charge,
            clause,
            quantity,
            unit,
            net,
            rate,
            formula,
            operands,
            sources,
        ) in enumerate(lines, start=1):
            tax = (net * Decimal(rate)).quantize(Decimal("0.01"))
            bill.lines.append(
                BillLine(
                    line_number=number,
                    charge_type=charge,
                    clause_id=clause,
                    period_start=bill.period_start,
                    period_end=bill.period_end,
                    quantity=quantity,
                    unit=unit,
                    net_amount=net,
                    tax_rate=Decimal(rate),
                    tax_amount=tax,
                    total_amount=net + tax,
                    derivation={
                        "formula": formula,
                        "operands": operands,
                        "clause_id": clause,
                        "tax": {"rate": rate, "is_inclusive": False},
                        "sources": sources,
                    },
                )
            )
        bill.net_amount = sum((line.net_amount for line in bill.lines), Decimal(0))
        bill.tax_amount = sum((line.tax_amount for line in bill.lines), Decimal(0))
        bill.total_amount = bill.net_amount + bill.tax_amount
        bill.events = [
            BillEvent(
                event="SUBMIT",
                from_state="DRAFT",
                to_state="IN_REVIEW",
                actor="atrium",
                occurred_at=datetime(2026, 3, 31, 16, 5, tzinfo=UTC),
            ),
            BillEvent(
                event="ISSUE",
                from_state="IN_REVIEW",
                to_state="ISSUED",
                actor="finance@example.org",
                occurred_at=datetime(2026, 3, 31, 16, 30, tzinfo=UTC),
            ),
        ]
        session.add(bill)
        session.flush()
        if state != "ISSUED":
            amount = bill.total_amount if state == "PAID" else Decimal("10000.00")
            payment = Payment(
                mall_id=mall_id,
                shop_id=shop_id,
                method="BANK_TRANSFER",
                state="CONFIRMED",
                channel_transaction=f"202604{at:010}",
                amount=amount,
                currency="CNY",
                entered_by="finance@example.org",
                confirmed_by="management@example.org",
                received_at=datetime(2026, 4, 8, 3, tzinfo=UTC),
                confirmed_at=datetime(2026, 4, 8, 6, tzinfo=UTC),
            )
            payment.allocations = [
                Allocation(
                    bill_id=bill.id, amount=amount, allocated_at=datetime(2026, 4, 8, 6, tzinfo=UTC)
                )
            ]
            session.add(payment)
        found.append(bill.id)
    session.flush()
    return found


def _requests(session: Session, mall_id: int, shops: list[int]) -> int:
    for at, (title, priority) in enumerate(
        (
            ("空调漏水", RequestPriority.URGENT),
            ("卷帘门异响", RequestPriority.MEDIUM),
            ("五一促销场地", RequestPriority.LOW),
        )
    ):
        submit_request(
            session,
            mall_id=mall_id,
            shop_id=shops[at],
            kind=RequestKind.EVENT if at == 2 else RequestKind.REPAIR,
            category=RequestCategory.OTHER if at == 2 else RequestCategory.EQUIPMENT,
            priority=priority,
            title=title,
            description="从昨晚开始，请尽快处理。",
            now=NOW - timedelta(hours=5 + at * 30),
        )
    return session.execute(sa.text("SELECT min(id) FROM app.service_requests")).scalar_one()


def _landing(session: Session, mall_id: int) -> tuple[int, int]:
    for at in range(3):
        file = InboxFile(
            mall_id=mall_id,
            feed="pos_days",
            inbox_key=f"inbox/M01/pos_days/2026-03-{at + 1:02}.csv",
            archive_key=f"archive/2026/03/{at:064x}.csv",
            sha256=f"{at:064x}",
            bytes=18_400,
            state=("LANDED", "DUPLICATE", "REFUSED")[at],
            reason="" if at == 0 else ("已收过同样的文件" if at == 1 else "第一行缺少列"),
            rows_total=320,
            rows_accepted=318 if at == 0 else 0,
            rows_duplicate=0 if at == 0 else 320,
            rows_refused=2 if at == 0 else 0,
            received_at=NOW - timedelta(days=at),
        )
        session.add(file)
    session.flush()
    first = session.execute(sa.text("SELECT min(id) FROM ingest.files")).scalar_one()
    row = Quarantined(
        mall_id=mall_id,
        file_id=first,
        row_number=17,
        row="M01,S-004,2026-03-01,POS-004,12,-500.00,0,0,0,-500.00,CNY,1",
        reason_code="negative_amount",
        reason="销售额为负",
        received_at=NOW,
    )
    session.add(row)
    session.flush()
    return first, row.id


def _readings(session: Session, device_id: int, file_id: int) -> None:
    driver = session.connection().connection.driver_connection
    ensure_month_partitions(driver, date(2025, 11, 1), date(2026, 3, 31))
    start = datetime(2025, 11, 1, 20, tzinfo=UTC)
    for at in range(140):
        session.add(
            Reading(
                device_id=device_id,
                metric="sales",
                interval_start=start + timedelta(days=at),
                interval_end=start + timedelta(days=at + 1),
                value=Decimal("1500.00") + at,
                received_at=start + timedelta(days=at + 1, hours=2),
                file_id=file_id,
            )
        )
    session.flush()


def _papers(session: Session, mall_id: int, bill_id: int, settings: Settings) -> tuple[int, int]:
    store = open_object_store(settings)
    content = b"%PDF-1.4 a bill of the test"
    documents = []
    for locale in ("zh_CN", "en"):
        key = f"documents/bills/{bill_id}-{locale}.pdf"
        store.put(key, content)
        documents.append(
            Document(
                mall_id=mall_id,
                bill_id=bill_id,
                kind="BILL",
                locale=locale,
                name=f"账单-M01-202603-0001-{locale}.pdf",
                object_key=key,
                sha256="0" * 64,
                bytes=len(content),
                created_at=NOW,
            )
        )
    reports = []
    for report in ("rent_collection", "shop_operation"):
        for form in ("pdf", "xlsx", "csv"):
            key = f"reports/{report}.{form}"
            store.put(key, b"report")
            reports.append(
                ReportFile(
                    mall_id=mall_id,
                    report=report,
                    period_start=date(2026, 3, 1),
                    period_end=date(2026, 3, 31),
                    format=form,
                    locale="zh_CN",
                    name=f"报表-{report}.{form}",
                    object_key=key,
                    sha256="1" * 64,
                    bytes=6,
                    row_count=10,
                    control_total=Decimal("812345.67"),
                    completeness=Decimal("0.985"),
                    as_of=NOW,
                    created_at=NOW,
                )
            )
    session.add_all([*documents, *reports])
    session.flush()
    return documents[0].id, reports[0].id


def _backup(session: Session) -> int:
    backup = Backup(
        kind="FULL",
        origin="AUTOMATIC",
        state="VERIFIED",
        sequence=1,
        object_key="backups/000001",
        manifest_sha256="2" * 64,
        plain_bytes=184_320_000,
        stored_bytes=21_504_000,
        tables=31,
        rows=182_340,
        proof=json.loads('{"tables": 31, "rows": 182340, "differences": [], "seconds": 8.2}'),
        started_at=NOW - timedelta(hours=9),
        finished_at=NOW - timedelta(hours=9),
        verified_at=NOW - timedelta(hours=8),
    )
    session.add(backup)
    session.flush()
    return backup.id
