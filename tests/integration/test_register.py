"""The register of devices: what an entry must satisfy, meters replaced and ratios changed."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from measured_mall import MeasuredMall, rows
from sqlalchemy.orm import Session

from domain.devices import DeviceKind, FeedKind, Metric
from domain.malls import BusinessType
from services.operations.cleaning import clean_touched_dates
from services.operations.device_rules import DeviceDraft, Fault
from services.operations.devices import (
    InvalidDevice,
    NotInstalled,
    change_device,
    install_device,
    register_device,
    register_draft,
    remove_device,
)
from services.operations.malls import (
    AlreadyRegistered,
    InvalidRegistration,
    register_mall,
    register_shop,
)
from services.operations.replacements import (
    Recomputed,
    change_ratio,
    recomputed_dates,
    replace_meter,
)
from storage.models import CleaningDecision, Device, DeviceInstallation, TouchedDate

NOW = datetime(2026, 3, 20, 1, tzinfo=UTC)
DAY = date(2026, 3, 10)
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def mall_id(session: Session) -> int:
    return register_mall(session, code="REG", name="Register")


def draft(**given: object) -> DeviceDraft:
    fields = {
        "code": "D-1",
        "kind": DeviceKind.FOOTFALL,
        "feed_kind": FeedKind.INTERVAL,
        "adapter": "xovis",
        "serial": "AB-1",
        **given,
    }
    return DeviceDraft(**fields)  # type: ignore[arg-type]


WRONG: list[tuple[dict[str, object], str, Fault]] = [
    ({"code": " D-1"}, "code", Fault.NO_CODE),
    ({"adapter": "morse"}, "adapter", Fault.UNKNOWN_ADAPTER),
    ({"serial": "  "}, "serial", Fault.NO_SERIAL),
    ({"modulus": Decimal(10)}, "modulus", Fault.ONLY_REGISTERS_ROLL),
    ({"ratio": Decimal(0)}, "ratio", Fault.NOT_POSITIVE),
    ({"ratio": Decimal(10**6)}, "ratio", Fault.TOO_GREAT),
    ({"expected_interval_minutes": 0}, "expected_interval_minutes", Fault.NOT_POSITIVE),
    ({"physical_maximum": Decimal(-1)}, "physical_maximum", Fault.NOT_POSITIVE),
    ({"time_zone": "Asia/Atlantis"}, "time_zone", Fault.UNKNOWN_TIME_ZONE),
    ({"direction_map": {"fw": "sales"}}, "direction_map", Fault.NOT_MEASURED),
    ({"metric_kinds": {"sales": "EVENT"}}, "metric_kinds", Fault.NOT_MEASURED),
    (
        {"kind": DeviceKind.METER, "metric_kinds": {"water_used": "EVENT"}},
        "metric_kinds",
        Fault.IMPOSSIBLE_KIND,
    ),
    (
        {
            "kind": DeviceKind.METER,
            "feed_kind": FeedKind.CUMULATIVE,
            "metric_kinds": {"electricity_used": "INTERVAL"},
        },
        "metric_kinds",
        Fault.COUNTS_TWICE,
    ),
]


@pytest.mark.parametrize(("given", "field", "fault"), WRONG)
def test_entry_that_cannot_be_is_refused_at_its_field(
    session: Session, mall_id: int, given: dict[str, object], field: str, fault: Fault
) -> None:
    with pytest.raises(InvalidDevice) as refused:
        register_draft(session, draft(**given), mall_id=mall_id)
    assert {name: wrong.fault for name, wrong in refused.value.faults.items()} == {field: fault}
    assert session.query(Device).filter_by(mall_id=mall_id).count() == 0


def test_all_faults_of_an_entry_are_said_at_once(session: Session, mall_id: int) -> None:
    with pytest.raises(InvalidDevice) as refused:
        register_draft(
            session, draft(serial="", ratio=Decimal(0), time_zone="Mars/Base"), mall_id=mall_id
        )
    assert set(refused.value.faults) == {"serial", "ratio", "time_zone"}


def test_address_is_of_one_device_and_the_fault_says_whose(session: Session, mall_id: int) -> None:
    first = register_draft(session, draft(channel="1"), mall_id=mall_id)
    for other in ({"channel": "1"}, {"channel": " 1 "}):
        with pytest.raises(InvalidDevice) as refused:
            register_draft(session, draft(code="D-2", **other), mall_id=mall_id)
        wrong = refused.value.faults["channel"]
        assert (wrong.fault, wrong.value) == (Fault.ADDRESS_TAKEN, "D-1")
    with pytest.raises(AlreadyRegistered, match="D-1"):
        register_draft(session, draft(serial="AB-2"), mall_id=mall_id)
    register_draft(session, draft(code="D-2", channel="2"), mall_id=mall_id)
    # The entry itself does not stand in its own way, and our own format shares serials.
    assert not change_device(session, draft(channel="1"), device_id=first, now=NOW)
    for code in ("A-1", "A-2"):
        register_draft(session, draft(code=code, adapter="atrium"), mall_id=mall_id)
    elsewhere = register_mall(session, code="REG2", name="Second")
    register_draft(session, draft(channel="1"), mall_id=elsewhere)


def test_mac_is_kept_as_its_messages_name_it(session: Session, mall_id: int) -> None:
    device_id = register_draft(session, draft(serial="00:00:5E:00:53:A3"), mall_id=mall_id)
    assert session.get_one(Device, device_id).serial == "00005e0053a3"
    with pytest.raises(InvalidDevice):
        register_draft(session, draft(code="D-2", serial="00-00-5e-00-53-a3"), mall_id=mall_id)


def test_till_s_day_summary_counts_as_an_interval_unasked(session: Session, mall_id: int) -> None:
    device_id = register_draft(
        session, draft(kind=DeviceKind.POS, feed_kind=FeedKind.EVENT), mall_id=mall_id
    )
    assert session.get_one(Device, device_id).metric_kinds == {
        "declared_sales": "INTERVAL",
        "declared_transactions": "INTERVAL",
    }


def touched(session: Session, mall_id: int, *days: date) -> Callable[[], list[date]]:
    """Known dates, cleaned; the function tells which of them wait again."""
    then = NOW - timedelta(days=1)
    for day in days:
        session.add(
            TouchedDate(mall_id=mall_id, business_date=day, touched_at=then, cleaned_at=then)
        )
    session.flush()

    def waiting() -> list[date]:
        known = session.query(TouchedDate).filter_by(mall_id=mall_id).populate_existing()
        found = sorted(row.business_date for row in known if row.cleaned_at is None)
        for row in known:
            row.cleaned_at = then
        session.flush()
        return found

    return waiting


def test_only_a_change_of_meaning_has_dates_computed_again(session: Session, mall_id: int) -> None:
    device_id = register_draft(session, draft(), mall_id=mall_id)
    install_device(session, device_id=device_id, zone="GATE", installed_date=DAY, now=NOW)
    waiting = touched(session, mall_id, DAY - timedelta(days=1), DAY, NEXT)
    change_device(session, draft(name="East"), device_id=device_id, now=NOW)
    assert waiting() == []
    changed = change_device(
        session, draft(name="East", physical_maximum=Decimal(9000)), device_id=device_id, now=NOW
    )
    assert changed == {"physical_maximum"}
    assert waiting() == [DAY, NEXT]


@pytest.fixture
def meter_id(session: Session, mall_id: int) -> int:
    shop_id = register_shop(
        session, mall_id=mall_id, code="S01", name="Tea", business_type=BusinessType.CATERING
    )
    meter_id = register_device(
        session,
        mall_id=mall_id,
        code="M-1",
        kind=DeviceKind.METER,
        feed_kind=FeedKind.CUMULATIVE,
        adapter="gateway",
        serial="node",
        channel="kwh",
        modulus=Decimal(10_000),
    )
    install_device(
        session,
        device_id=meter_id,
        shop_id=shop_id,
        installed_date=date(2026, 1, 1),
        initial_register=Decimal(3),
        now=NOW,
    )
    return meter_id


def places(session: Session, device_id: int) -> list[tuple[object, ...]]:
    return [
        (row.installed_date, row.removed_date, row.initial_register, row.final_register, row.ratio)
        for row in session.query(DeviceInstallation)
        .filter_by(device_id=device_id)
        .order_by(DeviceInstallation.installed_date)
    ]


def replace(session: Session, device_id: int, **given: object) -> tuple[int, int]:
    asked: dict[str, object] = {
        "first_date": DAY,
        "final_register": Decimal("1204.7"),
        "initial_register": Decimal("0.4"),
        "actor": "li@example.org",
        "now": NOW,
        **given,
    }
    return replace_meter(session, device_id=device_id, **asked)  # type: ignore[arg-type]


def test_replacement_is_two_dated_installations_at_one_place(
    session: Session, mall_id: int, meter_id: int
) -> None:
    waiting = touched(session, mall_id, *(DAY + timedelta(days=n) for n in (-2, -1, 0, 5)))
    before = DAY - timedelta(days=1)
    assert recomputed_dates(session, mall_id=mall_id, first=DAY) == Recomputed(
        2, DAY, DAY + timedelta(days=5)
    )
    old_id, new_id = replace(session, meter_id, serial="node-2")
    assert places(session, meter_id) == [
        (date(2026, 1, 1), before, Decimal(3), Decimal("1204.7"), None),
        (DAY, None, Decimal("0.4"), None, None),
    ]
    old, new = (session.get_one(DeviceInstallation, one) for one in (old_id, new_id))
    assert (new.shop_id, new.zone) == (old.shop_id, "")
    assert session.get_one(Device, meter_id).serial == "node-2"
    assert waiting() == [before, DAY, DAY + timedelta(days=5)]


def test_replacement_of_days_gone_by_stands_between_others(session: Session, meter_id: int) -> None:
    remove_device(
        session,
        device_id=meter_id,
        removed_date=date(2026, 3, 15),
        final_register=Decimal(40),
        now=NOW,
    )
    replace(session, meter_id)
    assert places(session, meter_id)[1] == (
        DAY, date(2026, 3, 15), Decimal("0.4"), Decimal(40), None,
    )  # fmt: skip
    for nowhere in (date(2025, 12, 31), date(2026, 3, 16)):
        with pytest.raises(NotInstalled):
            replace(session, meter_id, first_date=nowhere)


REFUSED: list[dict[str, object]] = [
    {"final_register": None},
    {"initial_register": None},
    {"initial_register": Decimal(10_000)},
    {"final_register": Decimal(-1)},
    {"first_date": date(2026, 1, 1)},
]


@pytest.mark.parametrize("given", REFUSED)
def test_replacement_that_would_lose_or_invent_is_refused(
    session: Session, meter_id: int, given: dict[str, object]
) -> None:
    with pytest.raises(InvalidRegistration):
        replace(session, meter_id, **given)
    assert len(places(session, meter_id)) == 1


def test_replacement_s_serial_may_not_be_another_device_s(
    session: Session, mall_id: int, meter_id: int
) -> None:
    register_draft(
        session,
        draft(kind=DeviceKind.METER, adapter="gateway", serial="node-2", channel="kwh"),
        mall_id=mall_id,
    )
    with pytest.raises(InvalidDevice) as refused:
        replace(session, meter_id, serial="node-2")
    assert refused.value.faults["serial"].value == "D-1"


def test_hours_of_the_old_dial_on_the_first_day_are_left_out(
    session: Session, meter_id: int
) -> None:
    """14:20 in Shanghai: the fourteen whole hours before it, from midnight on."""
    replace(session, meter_id, changed_at=time(14, 20))
    left_out = session.query(CleaningDecision).filter_by(
        device_id=meter_id, metric=Metric.ELECTRICITY.value
    )
    hours = sorted(row.hour_start for row in left_out)
    assert len(hours) == 14
    assert hours[0] == datetime(2026, 3, 9, 16, tzinfo=UTC)
    assert hours[-1] == datetime(2026, 3, 10, 5, tzinfo=UTC)
    assert {row.verdict.value for row in left_out} == {"EXCLUDE"}


def test_ratio_changes_once_and_holds_from_its_day(session: Session, meter_id: int) -> None:
    asked = {"device_id": meter_id, "register": Decimal(50), "actor": "li", "now": NOW}
    change_ratio(session, first_date=DAY, ratio=Decimal(40), **asked)  # type: ignore[arg-type]
    assert [row[2:] for row in places(session, meter_id)] == [
        (Decimal(3), Decimal(50), None),
        (Decimal(50), None, Decimal(40)),
    ]
    for again in (Decimal(40), Decimal(0), Decimal(10**6)):
        with pytest.raises(InvalidRegistration):
            change_ratio(session, first_date=NEXT, ratio=again, **asked)  # type: ignore[arg-type]


def test_consumption_over_a_replacement_and_a_new_ratio_reaches_the_marts(
    engine: sa.Engine, dbt_build: Callable[..., None]
) -> None:
    """1187.2 to 1204.7 on the old dial, 0.4 to 33.1 on the new: 50.2. The other meter counts 4 by
    the ratio 1 and 3 by 40: 124.
    """
    mall = MeasuredMall(engine, code="SWAP")
    shop = mall.shop("S1")
    meter, cell = mall.meter("M-1", shop), mall.meter("M-2", shop)
    mall.dial(meter, (mall.at(DAY, 8), "1187.2"), (mall.at(DAY, 20), "1199"))
    # The old dial at noon, the new one in the evening.
    mall.dial(meter, (mall.at(NEXT, 12), "1203.9"), (mall.at(NEXT, 20), "33.1"))
    mall.dial(cell, (mall.at(DAY, 8), 10), (mall.at(NEXT, 20), 17))
    clean_touched_dates(engine, now=NOW)
    with Session(engine) as session, session.begin():
        replace(session, meter, first_date=NEXT, changed_at=time(14))
        change_ratio(
            session,
            device_id=cell,
            first_date=NEXT,
            ratio=Decimal(40),
            register=Decimal(14),
            actor="li@example.org",
            now=NOW,
        )
    assert clean_touched_dates(engine, now=NOW).dates == ((mall.id, DAY), (mall.id, NEXT))
    dbt_build()
    billed = rows(
        engine,
        "SELECT device_id, sum(billed_consumption) FROM marts.meter_usage_hours"
        " WHERE metric = 'electricity_register' GROUP BY device_id ORDER BY device_id",
    )
    assert billed == [(meter, Decimal("50.2")), (cell, Decimal(124))]
