"""What formats of a report share: words, figures, escapes."""

import ast
from datetime import UTC, date, datetime
from decimal import Decimal as D
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from domain.charges import ChargeType
from services.documents.labels import CHARGE_NAMES
from services.language import TRANSLATIONS
from services.reports.catalogue import REPORTS
from services.reports.snapshot import Contents, Kind, Scope, Snapshot, totals_of
from services.reports.words import DASH, Words

SERVICES = TRANSLATIONS.parent
SCOPE = Scope(
    mall_id=1,
    mall_code="M01",
    mall_name="Mall",
    time_zone="Asia/Shanghai",
    currency="CNY",
    start=date(2026, 10, 1),
    end=date(2026, 10, 31),
    as_of=datetime(2026, 10, 31, 16, 5, tzinfo=UTC),
)
REPORT = REPORTS["rent_collection"]


def snapshot(*, completeness: str = "0.99999", as_of: datetime = SCOPE.as_of) -> Snapshot:
    row = ("B1", "S1", "Tea", SCOPE.start, SCOPE.end, SCOPE.end, "yes", D("100.10"), D("0.00"))
    rows = ((*row, D("100.10"), 3, D(0)),)
    contents = Contents(rows, totals_of(REPORT.columns, rows), (), (), D(completeness))
    scope = Scope(**{**SCOPE.__dict__, "as_of": as_of})
    return Snapshot(REPORT, scope, contents)


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (None, Kind.MONEY, DASH),
        (D("1234.5"), Kind.MONEY, "¥1,234.50"),
        (D("-0.5"), Kind.MONEY, "-¥0.50"),
        (D("0.98765"), Kind.SHARE, "98.8%"),
        (1234567, Kind.INTEGER, "1,234,567"),
        (D("120.5"), Kind.DECIMAL, "120.50"),
        (date(2026, 10, 1), Kind.DATE, "2026-10-01"),
        ("yes", Kind.WORD, "是"),
        ("=x", Kind.TEXT, "=x"),
    ],
)
def test_values_are_written_for_people(value: object, kind: Kind, shown: str) -> None:
    assert Words(snapshot(), "zh_CN").value(value, kind) == shown  # type: ignore[arg-type]


def test_what_is_not_whole_never_reads_a_hundred_percent() -> None:
    assert Words(snapshot(completeness="0.99999"), "en").completeness == "99.99%"
    assert Words(snapshot(completeness="1"), "en").completeness == "100.00%"


def test_as_of_is_on_the_clock_of_the_mall() -> None:
    assert Words(snapshot(), "en").as_of == "2026-11-01 00:05 (Asia/Shanghai)"


def test_totals_add_what_is_known_and_leave_the_rest_empty() -> None:
    rows = snapshot().contents.rows * 2
    holed = (*rows[0][:7], None, *rows[0][8:])
    totals = totals_of(REPORT.columns, (*rows, holed))
    assert totals[7] == D("200.20")
    assert totals[9] == D("300.30")
    assert totals[0] is None
    assert totals_of(REPORT.columns, (holed,))[7] is None
    assert totals_of(REPORT.columns, ())[7] == 0
    assert snapshot().control_total == D("100.10")


def test_digest_ignores_the_instant_and_nothing_else() -> None:
    later = snapshot(as_of=datetime(2026, 12, 1, tzinfo=UTC))
    assert later.digest == snapshot().digest
    assert snapshot(completeness="0.5").digest != snapshot().digest


def test_every_charge_has_a_name() -> None:
    assert set(CHARGE_NAMES) == set(ChargeType)


@pytest.mark.parametrize("domain", ["documents", "reports"])
def test_every_message_has_a_chinese_translation(domain: str) -> None:
    with (TRANSLATIONS / f"zh_CN/LC_MESSAGES/{domain}.po").open("rb") as file:
        catalogue = read_po(file, locale="zh_CN")
    known = {message.id for message in catalogue if message.id and message.string}
    used = {
        text
        for path in sorted((SERVICES / domain).glob("*.py"))
        for text in messages_of(path)
        if any(char.isascii() and char.isalpha() for char in text)
    }
    assert used - known == set()
    assert known - used == set()


def messages_of(path: Path) -> set[str]:
    """First arguments of `_()` and `marked()`."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("_", "marked")
        and isinstance(node.args[0], ast.Constant)
    }
