"""One business month of a small mall, from device files to a proven backup, and once more."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pypdf import PdfReader
from sqlalchemy.orm import Session

from domain.payments import PaymentMethod
from services.operations.payments import confirm_payment, record_payment
from storage.dagster_database import prepare_dagster_database
from storage.logins import prepare_logins
from storage.models import Bill, Document, Quarantined, Reading, ReportFile
from storage.objects import FolderStore
from storage.settings import REPOSITORY, Clock, Settings
from tests.journeys import small_mall
from tests.journeys.small_mall import BASE_TOTAL, CAFE_TOTAL, SPA_TOTAL, ZONE
from webapp import create_app

NOW = datetime(2026, 4, 14, 12, tzinfo=ZONE)
TOTAL = BASE_TOTAL + CAFE_TOTAL + SPA_TOTAL


@pytest.fixture
def settings(database_url: str, state_dir: Path) -> Settings:
    path = state_dir / "journey"
    path.mkdir(mode=0o755, exist_ok=True)
    settings = Settings(
        state_dir=path,
        database_url=database_url,
        clock=NOW,
        clock_skew_behind_days=62,
        _env_file=None,
    )
    prepare_logins(settings)
    prepare_dagster_database(settings, database_url)
    return settings


def run_month(settings: Settings) -> dict[str, Any]:
    environment = {
        **os.environ,
        "ATRIUM_STATE_DIR": str(settings.state_dir),
        "ATRIUM_DATABASE_URL": settings.database_url,
        "ATRIUM_CLOCK": NOW.isoformat(),
    }
    environment.pop("DAGSTER_HOME", None)
    result = subprocess.run(
        [sys.executable, "-m", "pipelines.month", "--month", "2026-03", "--mall", "TST"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 0, f"{events[-1:]}\n{result.stderr[-3000:]}"
    assert events[-1]["event"] == "summary"
    return events[-1]


def test_month_from_device_files_to_proven_backup(engine: sa.Engine, settings: Settings) -> None:
    mall = small_mall.build_small_mall(engine)
    store = FolderStore(settings.state_dir / "objects")
    small_mall.drop_month(store)
    web = create_app(settings, Clock(NOW)).test_client()
    batch, headers = small_mall.api_batch(), {"Authorization": f"Bearer {mall.key}"}
    first = web.post("/api/v1/readings", json=batch, headers=headers).get_json()
    again = web.post("/api/v1/readings", json=batch, headers=headers).get_json()
    assert (first["accepted"], again["duplicate"]) == (93, 93)

    summary = run_month(settings)

    assert summary["bills"] == {"count": 3, "total": str(TOTAL), "held": 0}
    with Session(engine) as session:
        bills = {bill.shop.code: bill for bill in session.scalars(sa.select(Bill))}
        totals = {code: bill.total_amount for code, bill in bills.items()}
        assert totals == {"BASE": BASE_TOTAL, "CAFE": CAFE_TOTAL, "SPA": SPA_TOTAL}
        assert session.scalar(sa.select(sa.func.count()).select_from(Reading)) == (
            31 * 6 + 745 + 93
        )
        refused = session.scalars(sa.select(Quarantined)).one()
        assert "POS-NONE" in refused.reason
        documents = session.scalars(sa.select(Document)).all()
        assert len(documents) == 6
        for document in documents:
            text = "".join(
                page.extract_text() for page in PdfReader(store.path(document.object_key)).pages
            )
            bill = next(bill for bill in bills.values() if bill.id == document.bill_id)
            assert f"{bill.total_amount:,.2f}" in text
            assert ("账单" in text) == (document.locale == "zh_CN")
        files = session.scalars(sa.select(ReportFile)).all()
        assert {file.format for file in files} == {"xlsx", "csv", "pdf"}
        assert all(store.stat(file.object_key).bytes == file.bytes for file in files)
    assert summary["backup"]["is_equal"] is True
    assert not [info.key for info in store.list("inbox/")]

    with Session(engine) as session, session.begin():
        payment = record_payment(
            session,
            shop_id=mall.shops["CAFE"],
            method=PaymentMethod.BANK_TRANSFER,
            channel_transaction="T-1",
            amount=CAFE_TOTAL,
            received_at=NOW,
            entered_by="clerk",
        )
        confirm_payment(session, payment_id=payment, confirmed_by="supervisor", now=NOW)

    repeated = run_month(settings)

    assert repeated["bills"] == summary["bills"]
    assert repeated["documents"] == summary["documents"]
    assert repeated["landed"] == summary["landed"]
    with Session(engine) as session:
        states = dict(session.execute(sa.select(Bill.total_amount, Bill.state)).all())
        assert states[CAFE_TOTAL] == "PAID"
        assert session.scalar(sa.select(sa.func.count()).select_from(Bill)) == 3
