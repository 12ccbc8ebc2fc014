"""The API's own format: the quick way through a batch and the careful one say the same."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.devices import DeviceKind, FeedKind
from domain.malls import MallClock
from services.adapters.arrival import Arrival
from services.adapters.directory import DeviceEntry, MallDevices, MallEntry
from services.adapters.readings_json import (
    ParsedBatch,
    Scope,
    UnreadableBody,
    _parse_one_by_one,
    parse,
)

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
ARRIVAL = Arrival(NOW, ahead=timedelta(minutes=15), behind=timedelta(days=7))
SCOPE = Scope(
    MallDevices(
        MallEntry(1, "M1", MallClock("Asia/Shanghai", 4)),
        {
            device.code: device
            for device in (
                DeviceEntry(1, "POS-1", DeviceKind.POS, FeedKind.EVENT),
                DeviceEntry(2, "POS-2", DeviceKind.POS, FeedKind.EVENT),
                DeviceEntry(3, "FC-1", DeviceKind.FOOTFALL, FeedKind.INTERVAL),
                DeviceEntry(4, "EM-1", DeviceKind.METER, FeedKind.CUMULATIVE),
            )
        },
    )
)


def parsed(body: bytes, *, is_lines: bool = False, most: int = 10_000) -> ParsedBatch:
    return parse(body, is_lines=is_lines, scope=SCOPE, arrival=ARRIVAL, max_readings=most)


def said(batch: ParsedBatch) -> tuple:
    columns = (
        batch.index,
        batch.device_id,
        batch.metric,
        batch.interval_start,
        batch.interval_end,
        batch.value,
        batch.quality,
    )
    refusals = [(r.row_number, r.reason_code) for r in batch.refusals]
    return (*map(list, columns), refusals, batch.total, batch.uncertain)


numbers = st.one_of(
    st.decimals(-(10**9), 10**9, places=2).map(str),
    st.sampled_from(["0", "-0.5", "1e3", "1E-7", "true", '"7.5"', "1e400", "99999999999999"]),
)
plain = st.tuples(
    st.sampled_from(["POS-1", "POS-2", "FC-1", "EM-1", "nobody"]),
    st.sampled_from(["sales", "transactions", "footfall_in", "electricity_register", "x"]),
    numbers,
    st.integers(-900_000, 3_000),
    st.sampled_from(["", ',"unit":"CNY"', ',"value":1', ',"interval_end":"2026-03-05T12:00:00Z"']),
).map(
    lambda r: (
        f'{{"device_id":"{r[0]}","data_type":"{r[1]}","value":{r[2]},'
        f'"timestamp":"{(NOW + timedelta(seconds=r[3])).isoformat()}"{r[4]}}}'
    )
)
good = st.tuples(st.sampled_from(["POS-1", "POS-2"]), st.integers(0, 10**6), st.integers(0, 9)).map(
    lambda r: (
        f'{{"device_id":"{r[0]}","data_type":"sales","value":{r[1] / 100},'
        f'"timestamp":"2026-03-05T11:00:0{r[2]}Z"}}'
    )
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.lists(plain, min_size=1, max_size=6), st.lists(good, min_size=1, max_size=6)))
def test_quick_way_and_careful_way_agree(readings: list[str]) -> None:
    body = f"[{','.join(readings)}]".encode()
    careful = _parse_one_by_one(body, False, SCOPE, ARRIVAL, 10_000)
    assert said(parsed(body)) == said(careful)
    lines = "\n".join(readings).encode()
    assert said(parsed(lines, is_lines=True)) == said(careful)


@given(st.binary(max_size=200), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_judged_without_breaking(body: bytes, is_lines: bool) -> None:
    try:
        batch = parsed(body, is_lines=is_lines)
    except UnreadableBody as refused:
        assert refused.problem.reason
    else:
        assert batch.total == len(batch.refusals)


def test_every_reading_is_taken_or_refused() -> None:
    one = {"device_id": "POS-1", "data_type": "sales", "value": 1, "timestamp": NOW.isoformat()}
    batch = parsed(json.dumps([one, {**one, "device_id": "?"}, 7, one]).encode())
    assert list(batch.index) == [0, 3]
    assert [refusal.row_number for refusal in batch.refusals] == [1, 2]


@pytest.mark.parametrize("text", ["1500.00", "0.1", "123456789012.123456", "-0.000001"])
def test_value_is_kept_to_the_last_digit(text: str) -> None:
    body = (
        f'{{"device_id":"POS-1","data_type":"sales","value":{text},'
        '"timestamp":"2026-03-05T12:00:00Z"}'
    )
    assert Decimal(parsed(body.encode()).value[0]) == Decimal(text)


def test_number_beyond_the_limit_of_readings_is_named() -> None:
    one = {"device_id": "POS-1", "data_type": "sales", "value": 1, "timestamp": NOW.isoformat()}
    with pytest.raises(UnreadableBody, match="holds 3 readings; the limit is 2"):
        parsed(json.dumps([one] * 3).encode(), most=2)
