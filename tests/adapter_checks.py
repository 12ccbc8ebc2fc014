"""What every adapter of a make must keep to, and short ways to say what it read."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from domain.devices import Adapter
from services.adapters.decoded import MOST_ITEMS, Decoded, Source, Unreadable
from services.adapters.makes import decoder_of
from services.adapters.refusals import LONGEST_ROW, TITLES

SHANGHAI = ZoneInfo("Asia/Shanghai")
RECEIVED = datetime(2026, 4, 2, 12, tzinfo=UTC)
SOURCE = Source(RECEIVED, SHANGHAI)
LONGEST_SENTENCE = 1_000


def read(adapter: Adapter, body: bytes | dict[str, Any], source: Source = SOURCE) -> Decoded:
    """What the adapter decodes, its account checked; a dict is sent as JSON."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    decoded = decoder_of(adapter)(data, source)
    check_account(decoded)
    return decoded


def check_any_bytes(adapter: Adapter, body: bytes) -> Decoded | None:
    """Decodes or is Unreadable, and says why; any other exception fails the test."""
    try:
        return read(adapter, body)
    except Unreadable as error:
        assert error.problem.code in TITLES
        assert 0 < len(error.problem.reason) < LONGEST_SENTENCE
        return None


def check_account(decoded: Decoded) -> None:
    """The account of decoded.Decoded: every piece has one place and one fate."""
    said = {m.place for m in decoded.measurements} | {s.place for s in decoded.sales}
    refused = [refusal.row_number for refusal in decoded.refusals]
    assert len(refused) == len(set(refused))
    assert not said & set(refused)
    assert len(said) + len(refused) + decoded.skipped == decoded.total <= MOST_ITEMS
    assert all(0 <= place < decoded.total for place in said.union(refused))
    for refusal in decoded.refusals:
        assert refusal.reason_code in TITLES
        assert 0 < len(refusal.reason) < LONGEST_SENTENCE
        assert len(refusal.row) <= LONGEST_ROW
        assert "\x00" not in refusal.row
    for measurement in decoded.measurements:
        assert measurement.start.utcoffset() is not None
        assert measurement.start <= measurement.end
        assert measurement.value.is_finite()
        assert measurement.serial in decoded.heard
        for name in (measurement.serial, measurement.channel, measurement.label):
            assert len(name) <= 1_000
            assert name.isprintable()
    for sale in decoded.sales:
        assert sale.at.utcoffset() is not None
        assert all(
            amount.is_finite() and amount >= 0
            for amount in (sale.gross, sale.refunds, sale.discounts)
        )


def figures(decoded: Decoded) -> list[tuple[str, str, str, str]]:
    """Channel, label, metric and value of each measurement."""
    return [
        (m.channel, m.label, m.metric.value if m.metric else "", _plain(m.value))
        for m in decoded.measurements
    ]


def reasons(decoded: Decoded) -> list[str]:
    return [refusal.reason_code for refusal in decoded.refusals]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _plain(value: Decimal) -> str:
    return f"{value:f}"
