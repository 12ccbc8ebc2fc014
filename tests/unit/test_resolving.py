"""What a message says is put down to the device that is registered for it, or refused."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.devices import Adapter, DeviceKind, FeedKind, Metric, Quality
from domain.malls import MallClock
from domain.sales import SaleKind
from services.adapters.arrival import Arrival
from services.adapters.decoded import Decoded, Measurement, Sale
from services.adapters.directory import DeviceEntry, MallDevices, MallEntry
from services.adapters.refusals import Reason, Refusal
from services.adapters.resolving import Resolved, UnknownAddress, resolve, source_for

NOW = datetime(2026, 4, 2, 12, tzinfo=UTC)
ARRIVAL = Arrival(NOW, ahead=timedelta(minutes=15), behind=timedelta(days=7))
HOUR = timedelta(hours=1)
AT = datetime(2026, 4, 2, 10, tzinfo=UTC)

GATE = DeviceEntry(
    1,
    "FC-1",
    DeviceKind.FOOTFALL,
    FeedKind.INTERVAL,
    adapter=Adapter.XOVIS,
    serial="AA",
    channel="1",
)
BACK = replace(GATE, device_id=2, code="FC-2", channel="2")
LONE = replace(GATE, device_id=3, code="FC-3", serial="BB", channel="")
TILL = DeviceEntry(
    4, "POS-1", DeviceKind.POS, FeedKind.EVENT, adapter=Adapter.XOVIS, serial="S1", channel="01"
)
METER = DeviceEntry(
    5, "EM-1", DeviceKind.METER, FeedKind.CUMULATIVE, adapter=Adapter.XOVIS, serial="M"
)


def mall(*devices: DeviceEntry) -> MallDevices:
    return MallDevices(
        MallEntry(1, "M1", MallClock("Asia/Shanghai", 4)),
        {device.code: device for device in devices},
        by_address={(d.adapter, d.serial, d.channel): d for d in devices},
        zones={(d.adapter, d.serial): ZoneInfo(d.time_zone) for d in devices if d.time_zone},
    )


def counted(serial: str, channel: str, **given: object) -> Measurement:
    one = Measurement(
        0, serial, channel, "fw", Metric.FOOTFALL_IN, AT, AT + HOUR, Decimal(7), text="{}"
    )
    return replace(one, **given)


def sold(**given: object) -> Sale:
    zero = Decimal(0)
    one = Sale(
        0, "S1", "01", "T1", None, AT, SaleKind.SALE, Decimal("59.80"), zero, zero, zero, text="<t>"
    )
    return replace(one, **given)


def said(
    *pieces: Measurement | Sale,
    devices: tuple[DeviceEntry, ...] = (GATE, BACK, LONE, TILL, METER),
    only: int | None = None,
    **given: object,
) -> Resolved:
    numbered = [replace(piece, place=place) for place, piece in enumerate(pieces)]
    decoded = Decoded(
        total=len(pieces),
        measurements=[piece for piece in numbered if isinstance(piece, Measurement)],
        sales=[piece for piece in numbered if isinstance(piece, Sale)],
        **given,
    )
    return resolve(
        decoded,
        adapter=Adapter.XOVIS,
        where=mall(*devices),
        arrival=ARRIVAL,
        only_device_id=only,
    )


def taken(resolved: Resolved) -> list[tuple[int, str, str]]:
    rows = resolved.readings
    return list(zip(rows.device_id, rows.metric, rows.value, strict=True))


def refused(resolved: Resolved) -> list[tuple[int, Reason]]:
    return [(refusal.row_number, refusal.reason_code) for refusal in resolved.refusals]


def test_lines_of_one_sensor_are_devices_of_their_own() -> None:
    resolved = said(counted("AA", "1"), counted("AA", "2", value=Decimal(9)))
    assert taken(resolved) == [(1, "footfall_in", "7"), (2, "footfall_in", "9")]
    assert resolved.heard_device_ids == {1, 2}
    assert (resolved.total, resolved.refusals, resolved.unknown) == (2, [], [])


def test_device_without_a_channel_stands_for_the_one_channel_that_comes() -> None:
    assert taken(said(counted("BB", "line-9"))) == [(3, "footfall_in", "7")]


def test_device_without_a_channel_stands_for_no_one_of_several() -> None:
    resolved = said(counted("BB", "1"), counted("BB", "2"))
    assert taken(resolved) == []
    assert refused(resolved) == [(0, Reason.UNKNOWN_DEVICE), (1, Reason.UNKNOWN_DEVICE)]


def test_device_without_a_channel_stands_for_no_sibling() -> None:
    whole = replace(GATE, device_id=9, code="FC-9", channel="")
    resolved = said(counted("AA", "3"), devices=(GATE, whole))
    assert refused(resolved) == [(0, Reason.UNKNOWN_DEVICE)]
    assert taken(said(counted("AA", ""), devices=(GATE, whole))) == [(9, "footfall_in", "7")]


def test_unknown_address_is_named_once_and_refused_piece_by_piece() -> None:
    resolved = said(
        counted("ZZ", "1"),
        counted("ZZ", "1", label="bw", metric=Metric.FOOTFALL_OUT),
        counted("AA", "1"),
    )
    assert resolved.unknown == [UnknownAddress("ZZ", "1", ("bw", "fw"))]
    assert refused(resolved) == [(0, Reason.UNKNOWN_DEVICE), (1, Reason.UNKNOWN_DEVICE)]
    assert resolved.refusals[0].row == "{}"
    assert len(taken(resolved)) == 1
    assert resolved.total == 3


@pytest.mark.parametrize("serial", ["Z\x00", "Z\ud800", "Z" * 201])
def test_serial_that_nobody_could_register_is_no_new_device(serial: str) -> None:
    resolved = said(counted(serial, "1", text="\ud800\x00"))
    assert refused(resolved) == [(0, Reason.BAD_TEXT)]
    assert resolved.unknown == []
    assert resolved.refusals[0].row == "?�"


def test_device_of_another_make_with_the_serial_is_unknown() -> None:
    other = replace(GATE, adapter=Adapter.AXIS)
    assert refused(said(counted("AA", "1"), devices=(other,))) == [(0, Reason.UNKNOWN_DEVICE)]


def test_key_of_one_device_takes_no_other_devices_word() -> None:
    resolved = said(counted("AA", "1"), counted("AA", "2"), only=1, heard=frozenset({"AA", "BB"}))
    assert taken(resolved) == [(1, "footfall_in", "7")]
    assert refused(resolved) == [(1, Reason.FOREIGN_DEVICE)]
    assert resolved.heard_device_ids == {1}
    assert resolved.unknown == []


def test_message_without_a_serial_is_of_the_device_of_its_key() -> None:
    assert taken(said(counted("", "whatever"), only=3)) == [(3, "footfall_in", "7")]
    assert taken(said(counted("", "1"), only=1)) == [(1, "footfall_in", "7")]


@pytest.mark.parametrize(
    ("channels", "only", "reason"),
    [
        (("",), None, Reason.UNKNOWN_DEVICE),
        (("2",), 1, Reason.UNKNOWN_DEVICE),
        (("1", "2"), 3, Reason.UNKNOWN_DEVICE),
        (("",), 8, Reason.WRONG_FEED),
    ],
)
def test_message_without_a_serial_is_of_nobody_else(
    channels: tuple[str, ...], only: int | None, reason: Reason
) -> None:
    ours = DeviceEntry(8, "FC-8", DeviceKind.FOOTFALL, FeedKind.INTERVAL)
    resolved = said(*(counted("", c) for c in channels), only=only, devices=(GATE, LONE, ours))
    assert [code for _, code in refused(resolved)] == [reason] * len(channels)
    assert resolved.unknown == []  # nobody could register it


def test_direction_map_turns_the_sensor_around_and_leaves_out() -> None:
    turned = replace(GATE, direction_map={"fw": "footfall_out", "staff": ""})
    resolved = said(counted("AA", "1"), counted("AA", "1", label="staff"), devices=(turned,))
    assert taken(resolved) == [(1, "footfall_out", "7")]
    assert (resolved.skipped, resolved.total, resolved.refusals) == (1, 2, [])


def test_direction_map_with_an_unknown_metric_is_said() -> None:
    wrong = replace(GATE, direction_map={"fw": "visitors"})
    assert refused(said(counted("AA", "1"), devices=(wrong,))) == [(0, Reason.UNKNOWN_METRIC)]


def test_device_of_another_kind_measures_nothing_of_it() -> None:
    assert refused(said(counted("M", ""))) == [(0, Reason.WRONG_KIND)]
    assert refused(said(sold(serial="AA", channel="1"))) == [(0, Reason.WRONG_KIND)]


def test_only_the_declared_kind_of_feed_counts() -> None:
    moment = counted("AA", "1", end=AT)
    assert refused(said(moment)) == [(0, Reason.WRONG_FEED)]
    used = counted("M", "", metric=Metric.ELECTRICITY_USED)
    assert refused(said(used)) == [(0, Reason.WRONG_FEED)]
    sends_both = replace(METER, metric_kinds={"electricity_used": "INTERVAL"})
    assert taken(said(used, devices=(sends_both,))) == [(5, "electricity_used", "7")]
    dial = counted("M", "", metric=Metric.ELECTRICITY, end=AT, value=Decimal("999987.50"))
    assert taken(said(dial)) == [(5, "electricity_register", "999987.5")]


def test_day_summary_beside_transactions_is_declared_and_not_added() -> None:
    day = {"start": AT - timedelta(hours=20), "end": AT + timedelta(hours=4)}
    summary = [
        counted("S1", "01", label=label, metric=metric, value=Decimal(value), **day)
        for label, metric, value in (
            ("SaleMoney", Metric.SALES, "50102.00"),
            ("SaleNum", Metric.TRANSACTIONS, "120"),
            ("SaleDiscountMoney", Metric.DISCOUNTS, "1201"),
        )
    ]
    resolved = said(*summary)
    assert taken(resolved) == [(4, "declared_sales", "50102"), (4, "declared_transactions", "120")]
    assert resolved.skipped == 1
    by_days = replace(TILL, feed_kind=FeedKind.INTERVAL)
    assert [metric for _, metric, _ in taken(said(*summary, devices=(by_days,)))] == [
        "sales",
        "transactions",
        "discounts",
    ]
    assert refused(said(sold(), devices=(by_days,))) == [(0, Reason.WRONG_FEED)]


def test_summary_that_calls_itself_declared_is_one_in_either_case() -> None:
    declared = counted("S1", "01", metric=Metric.DECLARED_SALES)
    for till in (TILL, replace(TILL, feed_kind=FeedKind.INTERVAL)):
        assert taken(said(declared, devices=(till,))) == [(4, "declared_sales", "7")]
    assert refused(said(replace(declared, end=AT))) == [(0, Reason.WRONG_FEED)]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"value": Decimal("NaN")}, Reason.BAD_NUMBER),
        ({"value": Decimal("Infinity")}, Reason.BAD_NUMBER),
        ({"value": Decimal("1E12")}, Reason.BAD_NUMBER),
        ({"value": Decimal("1E+999999")}, Reason.BAD_NUMBER),
        ({"value": Decimal("7.5")}, Reason.BAD_NUMBER),
        ({"end": AT - HOUR}, Reason.BAD_INTERVAL),
        ({"end": AT + timedelta(days=2)}, Reason.BAD_INTERVAL),
        ({"start": datetime(1999, 1, 1, tzinfo=UTC), "end": datetime(1999, 1, 1, 1, tzinfo=UTC)},
         Reason.IMPOSSIBLE_TIME),
        ({"start": datetime(2036, 1, 1, tzinfo=UTC), "end": datetime(2036, 1, 1, 1, tzinfo=UTC)},
         Reason.IMPOSSIBLE_TIME),
    ],
)  # fmt: skip
def test_impossible_measurement_is_refused(given: dict, reason: Reason) -> None:
    resolved = said(counted("AA", "1", **given))
    assert (refused(resolved), taken(resolved)) == ([(0, reason)], [])


def test_float_of_a_gateway_is_rounded_half_up_to_six_decimals() -> None:
    for came, kept in (("10234.560000000001", "10234.56"), ("0.0000005", "0.000001")):
        dial = counted("M", "", metric=Metric.ELECTRICITY, end=AT, value=Decimal(came))
        assert taken(said(dial)) == [(5, "electricity_register", kept)]
    over = counted(
        "M", "", metric=Metric.ELECTRICITY, end=AT, value=Decimal("999999999999.9999999")
    )
    assert refused(said(over)) == [(0, Reason.BAD_NUMBER)]


def test_times_are_written_in_utc() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    local = datetime(2026, 4, 2, 18, tzinfo=shanghai)
    rows = said(counted("AA", "1", start=local, end=local + HOUR)).readings
    assert rows.interval_start[0].isoformat() == "2026-04-02T10:00:00+00:00"
    assert rows.interval_end[0].isoformat() == "2026-04-02T11:00:00+00:00"


def test_time_far_from_ours_is_uncertain_and_kept() -> None:
    old = AT - timedelta(days=8)
    resolved = said(counted("AA", "1", start=old, end=old + HOUR), sold(at=old))
    assert resolved.readings.quality == ("UNCERTAIN",)
    assert resolved.sales[0].quality == "UNCERTAIN"
    assert (resolved.uncertain, resolved.refusals) == (2, [])


def test_estimate_stays_one() -> None:
    assert said(counted("AA", "1", quality=Quality.ESTIMATED)).readings.quality == ("ESTIMATED",)


@pytest.mark.parametrize(
    ("seconds", "quality"),
    [(900.0, "GOOD"), (-900.0, "GOOD"), (901.0, "UNCERTAIN"), (-901.0, "UNCERTAIN"),
     (float("nan"), "UNCERTAIN")],
)  # fmt: skip
def test_clock_that_is_wrong_by_its_own_word_makes_its_measurements_uncertain(
    seconds: float, quality: str
) -> None:
    resolved = said(counted("AA", "1"), counted("BB", ""), clock_offset_seconds={"AA": seconds})
    assert resolved.readings.quality == (quality, "GOOD")


def test_sale_belongs_to_the_tills_own_date_else_to_the_cut_off() -> None:
    night = datetime(2026, 4, 1, 19, 30, tzinfo=UTC)  # 03:30 in Shanghai, before the cut-off of 4
    stated, derived = said(sold(at=night, business_date=date(2026, 4, 2)), sold(at=night)).sales
    assert (stated.business_date, stated.has_stated_date) == (date(2026, 4, 2), True)
    assert (derived.business_date, derived.has_stated_date) == (date(2026, 4, 1), False)
    assert (derived.device_id, derived.gross_sales) == (4, Decimal("59.80"))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"number": ""}, Reason.MISSING_FIELD),
        ({"number": "T\x001"}, Reason.BAD_TEXT),
        ({"original_number": "9" * 201}, Reason.BAD_TEXT),
        ({"gross": Decimal("59.805")}, Reason.BAD_NUMBER),
        ({"tax": Decimal("NaN")}, Reason.BAD_NUMBER),
        ({"discounts": Decimal("1E12")}, Reason.BAD_NUMBER),
        ({"gross": Decimal("-6E11"), "refunds": Decimal("6E11")}, Reason.BAD_NUMBER),
        ({"at": datetime(1999, 1, 1, tzinfo=UTC)}, Reason.IMPOSSIBLE_TIME),
        ({"business_date": date(1999, 1, 1)}, Reason.IMPOSSIBLE_TIME),
        ({"channel": "02"}, Reason.UNKNOWN_DEVICE),
    ],
)  # fmt: skip
def test_sale_that_cannot_be_is_refused(given: dict, reason: Reason) -> None:
    resolved = said(sold(**given))
    assert (refused(resolved), resolved.sales) == ([(0, reason)], [])


def test_amount_with_more_zeros_is_the_same_amount() -> None:
    assert said(sold(gross=Decimal("12.5000"))).sales[0].gross_sales == Decimal("12.5")


def test_refusals_of_the_adapter_stand_beside_ours() -> None:
    theirs = Refusal(1, "x", Reason.BAD_TIME, "no time")
    resolved = said(counted("ZZ", ""), refusals=(theirs,), skipped=2)
    assert refused(resolved) == [(1, Reason.BAD_TIME), (0, Reason.UNKNOWN_DEVICE)]
    assert (resolved.total, resolved.skipped) == (4, 2)


def test_piece_that_says_two_things_of_an_unknown_device_is_refused_once() -> None:
    decoded = Decoded(
        total=1,
        measurements=[counted("ZZ", "", label=label) for label in ("enter", "exit")],
    )
    resolved = resolve(decoded, adapter=Adapter.XOVIS, where=mall(), arrival=ARRIVAL)
    assert len(resolved.refusals) == 1
    assert resolved.unknown == [UnknownAddress("ZZ", "", ("enter", "exit"))]


def test_silent_siblings_of_a_heartbeat_are_heard() -> None:
    resolved = said(heard=frozenset({"AA", "nobody", ""}), skipped=1)
    assert resolved.heard_device_ids == {1, 2}
    assert (resolved.total, resolved.unknown) == (1, [])


def test_adapter_is_told_the_zone_of_the_device_else_the_malls() -> None:
    there = replace(GATE, time_zone="Europe/Berlin")
    source = source_for(mall(there, LONE), adapter=Adapter.XOVIS, received_at=NOW)
    assert source.zone_for("AA") == ZoneInfo("Europe/Berlin")
    assert source.zone_for("BB") == source.zone_for("") == ZoneInfo("Asia/Shanghai")
    assert (source.currency, source.cutoff_hour) == ("CNY", 4)
    own = source_for(mall(there), adapter=Adapter.XOVIS, received_at=NOW, only_device_id=1)
    assert own.zone_for("") == ZoneInfo("Europe/Berlin")


serials = st.sampled_from(["AA", "BB", "S1", "M", "ZZ", ""])
pieces = st.one_of(
    st.builds(
        counted,
        serials,
        st.sampled_from(["", "1", "2", "01"]),
        metric=st.sampled_from(Metric),
        value=st.decimals(),
        end=st.datetimes(timezones=st.just(UTC)),
    ),
    st.builds(
        sold, serial=serials, gross=st.decimals(), number=st.text(), tax=st.decimals(places=2)
    ),
)


@given(st.lists(pieces, max_size=8), st.sampled_from([None, 1, 4, 77]), st.integers(0, 3))
def test_every_piece_is_taken_or_refused_and_only_what_fits_is_taken(
    said_pieces: list[Measurement | Sale], only: int | None, skipped: int
) -> None:
    resolved = said(*said_pieces, only=only, skipped=skipped)
    places = {*resolved.readings.index, *resolved.sale_places, *(p for p, _ in refused(resolved))}
    left_out = len(said_pieces) - len(places)
    assert left_out == resolved.skipped - skipped
    assert resolved.total == len(said_pieces) + skipped
    for device, _, value in taken(resolved):
        assert only in (None, device)
        assert abs(Decimal(value)) < 10**12
        assert Decimal(value) == round(Decimal(value), 6)
    assert {sale.device_id for sale in resolved.sales} <= {4}
