"""What happened in the staff mall of the tests: bills, requests, files, papers, a backup.

Rows are written as their makers write them; see staff_mall.
"""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.gates import Gate
from domain.requests import RequestCategory, RequestKind, RequestPriority
from services.operations.service_requests import submit_request
from storage.database import ensure_month_partitions
from storage.models import (
    Allocation,
    Backup,
    Bill,
    BillEvent,
    BillingGate,
    BillLine,
    Document,
    InboxFile,
    Payment,
    Quarantined,
    Reading,
    ReportFile,
    UnknownDevice,
)
from storage.objects import open_object_store
from storage.settings import Settings

NOW = datetime(2026, 4, 14, 3, 30, tzinfo=UTC)


def write_bills(
    session: Session,
    mall_id: int,
    shops: list[int],
    contracts: list[int],
    premises: list[tuple[str, str]],
) -> list[int]:
    """Bills of March 2026; `premises` are (unit code, area) of each shop."""
    found = []
    for at, (shop_id, contract_id) in enumerate(zip(shops, contracts, strict=True)):
        area = Decimal(premises[at][1])
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
        units = {"units": [{"code": premises[at][0], "area_m2": str(area)}]}
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


def write_requests(session: Session, mall_id: int, shops: list[int]) -> int:
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


def write_landing(session: Session, mall_id: int) -> tuple[int, int]:
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
    session.add(
        UnknownDevice(
            mall_id=mall_id,
            adapter="xovis",
            serial="80:1F:12:D5:00:41",
            channel="7",
            labels=["bw", "fw"],
            first_seen_at=NOW - timedelta(hours=5),
            last_seen_at=NOW - timedelta(minutes=4),
            messages=20,
        )
    )
    session.flush()
    return first, row.id


def write_readings(session: Session, device_id: int, file_id: int) -> None:
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


def write_papers(
    session: Session, mall_id: int, bill_id: int, settings: Settings
) -> tuple[int, int]:
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


def write_backup(session: Session) -> int:
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


def write_held_bill(session: Session, mall_id: int, shop_id: int) -> int:
    gate = BillingGate(
        mall_id=mall_id,
        shop_id=shop_id,
        month=date(2026, 3, 1),
        gate=Gate.POS_DAYS,
        is_passed=False,
        detail={"periods": ["2026-03-11 – 2026-03-12"]},
        checked_at=NOW,
    )
    session.add(gate)
    session.flush()
    return gate.id
