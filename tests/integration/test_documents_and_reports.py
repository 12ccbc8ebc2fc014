"""Papers and reports of a billed month, from real rows to bytes that other programs read."""

import csv
import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal as D
from io import BytesIO, StringIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from billed_month import allocate, make_billed_month
from openpyxl import load_workbook
from paper_samples import ISSUED, OCTOBER, bill_paper
from pypdf import PdfReader
from sqlalchemy.orm import Session

from domain.money import round_cents
from services.operations.documents import render_missing_bill_documents
from services.operations.report_files import write_report_files
from services.reports.catalogue import build_snapshot
from storage.database import transaction
from storage.models import Bill, Document, ReportFile
from storage.objects import FolderStore
from storage.settings import Settings

FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
NOW = ISSUED + timedelta(minutes=25)


class RefusingStore(FolderStore):
    """A store that goes away after `left` objects."""

    def __init__(self, root: Path, left: int) -> None:
        super().__init__(root)
        self.left = left

    def put(self, key: str, data: bytes) -> None:
        if self.left == 0:
            raise OSError("no space left on device")
        self.left -= 1
        super().put(key, data)


@pytest.fixture
def paper_settings(settings: Settings, font_state_dir: Path) -> Settings:
    return settings.model_copy(update={"state_dir": font_state_dir})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderStore]:
    yield FolderStore(tmp_path / "objects")


@pytest.fixture
def mall_id(engine: sa.Engine) -> int:
    with transaction(engine) as session:
        return make_billed_month(session)


def text_of(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages)


def draw(engine, store, settings, mall_id, **given):
    return render_missing_bill_documents(
        engine, store, settings=settings, mall_id=mall_id, month=FIRST, now=NOW, **given
    )


def write(engine, store, settings, mall_id, now=NOW):
    return write_report_files(
        engine, store, settings=settings, mall_id=mall_id, start=FIRST, end=LAST, now=now
    )


def test_every_issued_bill_gets_a_paper_in_both_languages(
    engine, store, paper_settings, mall_id
) -> None:
    result = draw(engine, store, paper_settings, mall_id)
    assert (result.written, result.existing) == (4, 0)
    with Session(engine) as session:
        documents = session.scalars(sa.select(Document)).all()
        assert {(row.bill_id, row.locale) for row in documents} == {
            (bill.id, locale)
            for bill in session.scalars(sa.select(Bill))
            for locale in ("zh_CN", "en")
        }
        assert sum(row.bytes for row in documents) == result.bytes
        for row in documents:
            data = store.get(row.object_key)
            assert hashlib.sha256(data).hexdigest() == row.sha256
            text = text_of(data)
            assert "B202610-000" in text
            assert ("应付金额" if row.locale == "zh_CN" else "Amount due") in text
            assert f"¥{bill_paper().total_amount:,}" in text
            assert "1F-0" in text


def test_second_call_draws_nothing_and_keeps_the_bytes(
    engine, store, paper_settings, mall_id
) -> None:
    draw(engine, store, paper_settings, mall_id)
    before = {entry.key: entry.modified_at for entry in store.list("documents/")}
    result = draw(engine, store, paper_settings, mall_id)
    assert (result.written, result.existing, result.bytes) == (0, 4, 0)
    assert {entry.key: entry.modified_at for entry in store.list("documents/")} == before


def test_missing_language_alone_is_drawn(engine, store, paper_settings, mall_id) -> None:
    draw(engine, store, paper_settings, mall_id, locales=("en",))
    result = draw(engine, store, paper_settings, mall_id)
    assert (result.written, result.existing) == (2, 2)


def test_bill_that_is_not_issued_gets_no_paper(engine, store, paper_settings, mall_id) -> None:
    with transaction(engine) as session:
        session.execute(sa.update(Bill).values(state="DRAFT", issued_at=None))
    assert draw(engine, store, paper_settings, mall_id).written == 0


def test_interrupted_drawing_is_finished_by_the_next_call(
    engine, tmp_path, paper_settings, mall_id
) -> None:
    failing = RefusingStore(tmp_path / "objects", left=3)
    with pytest.raises(OSError, match="no space left"):
        draw(engine, failing, paper_settings, mall_id)
    store = FolderStore(tmp_path / "objects")
    first = {entry.key: store.get(entry.key) for entry in store.list("documents/")}
    assert draw(engine, store, paper_settings, mall_id).written == 4
    assert {key: store.get(key) for key in first} == first


def test_formats_of_a_report_show_the_same_figures(engine, store, paper_settings, mall_id) -> None:
    written = write(engine, store, paper_settings, mall_id)
    assert len(written) == 12
    for report, total, rows in (
        ("shop_operation", D("1000.10") * 31 + D("2000.20") * 29, 4),
        ("rent_collection", 2 * (bill_paper().total_amount - D("1234.50")), 2),
    ):
        files = [each for each in written if each.report == report]
        assert {each.control_total for each in files} == {total}
        assert {each.row_count for each in files} == {rows}
        for each in files:
            data = store.get(each.object_key)
            if each.format == "pdf":
                assert f"¥{total:,.2f}" in text_of(data)
            elif each.format == "csv":
                table = list(csv.reader(StringIO(data.decode("utf-8-sig"))))
                control = "控制合计" if each.locale == "zh_CN" else "Control total"
                assert [control, str(total)] in [row[:2] for row in table]
                assert table[rows + 1][0] in ("合计", "Total")
                assert str(total) in table[rows + 1]
            else:
                book = load_workbook(BytesIO(data))
                about, sheet = book.worksheets
                control = "控制合计" if each.locale == "zh_CN" else "Control total"
                stated = [row[2].value for row in about.iter_rows() if row[1].value == control]
                assert D(str(stated[-1])) == total
                assert sheet.freeze_panes == "C2"
                assert D(str(sheet.cell(rows + 3, 8).value)) == total
                column = [sheet.cell(at, 8).value for at in range(2, rows + 2)]
                assert sum(D(str(value)) for value in column if value != "—") == total


def test_second_call_with_the_same_contents_writes_nothing(
    engine, store, paper_settings, mall_id
) -> None:
    first = write(engine, store, paper_settings, mall_id)
    before = {entry.key: entry.modified_at for entry in store.list("reports/")}
    again = write(engine, store, paper_settings, mall_id, now=NOW + timedelta(hours=5))
    assert all(each.is_new for each in first)
    assert not any(each.is_new for each in again)
    assert [each.object_key for each in again] == [each.object_key for each in first]
    assert {entry.key: entry.modified_at for entry in store.list("reports/")} == before
    with Session(engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(ReportFile)) == 12


def test_changed_contents_are_written_beside_the_old_ones(
    engine, store, paper_settings, mall_id
) -> None:
    write(engine, store, paper_settings, mall_id)
    with transaction(engine) as session:
        allocate(session, "B202610-0001", D("1000.00"))
    later = NOW + timedelta(days=5)
    again = write(engine, store, paper_settings, mall_id, now=later)
    assert {(each.report, each.is_new) for each in again} == {
        ("shop_operation", False),
        ("rent_collection", True),
    }
    with Session(engine) as session:
        for row in session.scalars(sa.select(ReportFile)):
            data = store.get(row.object_key)
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (row.sha256, row.bytes)


def test_cells_that_begin_like_formulas_stay_text(engine, store, paper_settings, mall_id) -> None:
    for each in write(engine, store, paper_settings, mall_id):
        if each.report != "shop_operation" or each.locale != "en":
            continue
        data = store.get(each.object_key)
        if each.format == "csv":
            names = [
                row[2] for row in csv.reader(StringIO(data.decode("utf-8-sig"))) if len(row) > 2
            ]
            assert "'=cmd|' /C calc'!A0" in names
        if each.format == "xlsx":
            cells = [row[2] for row in load_workbook(BytesIO(data)).worksheets[1].iter_rows()]
            (cell,) = [cell for cell in cells if "=cmd" in str(cell.value)]
            assert (cell.data_type, cell.value) == ("s", "'=cmd|' /C calc'!A0")


def snapshot(session, report, mall_id, now=NOW):
    return build_snapshot(session, report=report, mall_id=mall_id, start=FIRST, end=LAST, now=now)


def test_shops_with_missing_days_are_listed_apart(session) -> None:
    mall_id = make_billed_month(session)
    contents = snapshot(session, "shop_operation", mall_id).contents
    by_shop = {row[1]: row for row in contents.rows}
    assert [row[0] for row in contents.rows] == [1, None, None, None]
    assert [row[1] for row in contents.rows] == ["S001", "S002", "S003", "S004"]
    assert by_shop["S002"][6] == 2
    # Nothing received is not nothing sold.
    assert by_shop["S003"][7] is None
    assert by_shop["S003"][11] is None
    (apart, silent, days) = contents.remarks
    assert apart.names[0].startswith("S002") and len(apart.names) == 2
    assert silent.names == ("S004 优护口腔",)
    assert days.names == ("2026-10-03", "2026-10-08 – 2026-10-10")
    assert contents.completeness == D(60) / D(93)


def test_shop_figures_follow_the_formulas(session) -> None:
    mall_id = make_billed_month(session)
    contents = snapshot(session, "shop_operation", mall_id).contents
    first = contents.rows[0]
    sales = D("31003.10")
    assert first[7:10] == (sales, 620, D("50.01"))
    assert first[11] == (sales / D("120.50")).quantize(D("0.01"))
    lines = bill_paper().lines
    cost = sum(
        line.total_amount
        for line in lines
        if line.charge_type in ("RENT", "TURNOVER_RENT", "PROPERTY_FEE")
        # What is adjusted belongs to the month it is of.
        and line.period_start >= OCTOBER.first
    )
    assert first[12] == cost / sales
    figures = {fact.label: fact.value for fact in contents.facts}
    selling = D("120.50") + D("80.00")
    assert figures["Sales per ㎡"] == round_cents((sales + D("2000.20") * 29) / selling)
    assert figures["Average footfall per day"] == 1000
    assert figures["Occupancy"] == D("280.50") / D("330.00")


def test_area_counts_for_the_days_it_was_let(session) -> None:
    mall_id = make_billed_month(session)
    session.execute(
        sa.text(
            "UPDATE app.contract_units SET period = daterange('2026-10-22', '2029-01-01')"
            " FROM app.contracts WHERE contracts.id = contract_id AND number = 'C2026-0001'"
        )
    )
    contents = snapshot(session, "shop_operation", mall_id).contents
    assert contents.rows[0][4] == (D("120.50") * 10 / 31).quantize(D("0.01"))


def test_money_counts_as_collected_until_the_cut_off_and_never_for_deposits(session) -> None:
    mall_id = make_billed_month(session)
    paper = bill_paper()
    before_deposit = sum(line.total_amount for line in paper.lines if line.line_number < 8)
    allocate(session, "B202610-0001", before_deposit + D("1000.00"))
    allocate(session, "B202610-0002", paper.total_amount)
    early = snapshot(session, "rent_collection", mall_id).contents
    assert early.totals[8] == 0
    late = snapshot(session, "rent_collection", mall_id, now=NOW + timedelta(days=40)).contents
    (first, second) = late.rows
    assert first[8] == before_deposit
    assert first[10] == 30
    assert second[8] == second[7] == paper.total_amount - D("1234.50")
    assert second[9:11] == (0, 0)
    assert late.totals[9] == late.totals[7] - late.totals[8]


def test_credit_beside_a_deposit_leaves_the_collection_rate_true(session) -> None:
    """A bill that gives something back for an earlier month, paid to the last cent."""
    mall_id = make_billed_month(session)
    credit = D("-1313.45")
    bill = session.scalars(sa.select(Bill).where(Bill.number == "B202610-0002")).one()
    line = bill.lines[-1]
    assert (line.period_start, line.total_amount) == (date(2026, 9, 1), -credit)
    line.net_amount, line.tax_amount, line.total_amount = D("-1205.00"), D("-108.45"), credit
    bill.net_amount += 2 * line.net_amount
    bill.tax_amount += 2 * line.tax_amount
    bill.total_amount += 2 * credit
    session.flush()
    allocate(session, bill.number, bill.total_amount)
    late = snapshot(session, "rent_collection", mall_id, now=NOW + timedelta(days=40)).contents
    row = late.rows[1]
    assert row[7] == row[8] == bill.total_amount - D("1234.50")


def test_collection_rate_is_of_bills_due_in_the_period(session) -> None:
    mall_id = make_billed_month(session)
    allocate(session, "B202610-0002", bill_paper().total_amount)
    october = snapshot(session, "rent_collection", mall_id).contents
    assert october.facts[0].value is None
    november = build_snapshot(
        session,
        report="rent_collection",
        mall_id=mall_id,
        start=date(2026, 11, 1),
        end=date(2026, 11, 30),
        now=NOW + timedelta(days=30),
    ).contents
    assert november.facts[0].value == D("0.5")


def test_shop_held_by_a_gate_is_named_and_lowers_completeness(session) -> None:
    mall_id = make_billed_month(session)
    session.execute(
        sa.text(
            "INSERT INTO app.billing_gates (mall_id, shop_id, month, gate, is_passed, checked_at)"
            " SELECT mall_id, id, '2026-10-01', 'POS_DAYS', false, now() FROM app.shops"
        )
    )
    contents = snapshot(session, "rent_collection", mall_id).contents
    assert contents.remarks[0].names == ("S003 清风茶铺", "S004 优护口腔")
    assert contents.completeness == D(2) / D(4)


def test_report_of_no_days_or_no_mall_is_refused(session) -> None:
    mall_id = make_billed_month(session)
    with pytest.raises(ValueError, match="cannot end"):
        build_snapshot(
            session, report="shop_operation", mall_id=mall_id, start=LAST, end=FIRST, now=NOW
        )
    with pytest.raises(ValueError, match="no mall"):
        snapshot(session, "shop_operation", 987654)
