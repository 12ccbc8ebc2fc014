"""Malls, units, shops, devices, people and requests on real Postgres."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from domain.charges import ChargeType, TariffKind
from domain.devices import DeviceKind, DeviceStatus, FeedKind
from domain.malls import BusinessType
from domain.people import Role
from domain.requests import RequestCategory, RequestKind, RequestPriority
from domain.tariffs import TariffError
from services.operations.device_traffic import mark_silent_devices
from services.operations.devices import (
    NotInMaintenance,
    NotInstalled,
    StillInstalled,
    begin_maintenance,
    end_maintenance,
    install_device,
    register_device,
    remove_device,
)
from services.operations.malls import (
    AlreadyRegistered,
    InvalidRegistration,
    NotRegistered,
    register_mall,
    register_shop,
    register_unit,
)
from services.operations.people import EmailTaken, InvalidAccount, create_user
from services.operations.service_requests import EmptyRequest, submit_request
from services.operations.tariffs import register_tariff
from services.queries.register import DeviceEntry, get_register
from storage.models import Device, DeviceInstallation, ServiceRequest, TouchedDate, User

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


@pytest.fixture
def mall_id(session: Session) -> int:
    return register_mall(session, code="TST", name="Test Mall", business_day_cutoff_hour=4)


@pytest.fixture
def shop_id(session: Session, mall_id: int) -> int:
    return register_shop(
        session, mall_id=mall_id, code="S01", name="Tea", business_type=BusinessType.CATERING
    )


@pytest.fixture
def meter_id(session: Session, mall_id: int) -> int:
    return register_device(
        session,
        mall_id=mall_id,
        code="MTR-1",
        kind=DeviceKind.METER,
        feed_kind=FeedKind.CUMULATIVE,
        modulus=Decimal(10_000),
    )


def test_mall_code_is_given_once(session: Session, mall_id: int) -> None:
    with pytest.raises(AlreadyRegistered, match="TST"):
        register_mall(session, code="TST", name="Another")


def test_mall_needs_a_time_zone_that_exists(session: Session) -> None:
    with pytest.raises(InvalidRegistration, match="Asia/Atlantis"):
        register_mall(session, code="ATL", name="Under water", time_zone="Asia/Atlantis")


def test_mall_refuses_a_cutoff_in_the_afternoon(session: Session) -> None:
    with pytest.raises(InvalidRegistration, match="13"):
        register_mall(session, code="LATE", name="Late", business_day_cutoff_hour=13)


def test_code_with_a_slash_is_refused(session: Session) -> None:
    """Codes become folders of the drop-box."""
    with pytest.raises(InvalidRegistration, match="A/B"):
        register_mall(session, code="A/B", name="Slash")


def test_unit_without_area_is_refused(session: Session, mall_id: int) -> None:
    with pytest.raises(InvalidRegistration, match="area"):
        register_unit(
            session,
            mall_id=mall_id,
            code="L1-01",
            floor="L1",
            area_m2=Decimal(0),
            opened_date=date(2020, 1, 1),
        )


def test_unit_of_unknown_mall_is_refused(session: Session) -> None:
    with pytest.raises(NotRegistered):
        register_unit(
            session,
            mall_id=-1,
            code="L1-01",
            floor="L1",
            area_m2=Decimal(1),
            opened_date=date(2020, 1, 1),
        )


def test_shop_code_is_given_once_per_mall(session: Session, mall_id: int, shop_id: int) -> None:
    with pytest.raises(AlreadyRegistered, match="S01"):
        register_shop(
            session, mall_id=mall_id, code="S01", name="x", business_type=BusinessType.OTHER
        )
    other = register_mall(session, code="TS2", name="Second")
    assert register_shop(
        session, mall_id=other, code="S01", name="x", business_type=BusinessType.OTHER
    )


def test_only_a_register_has_a_modulus(session: Session, mall_id: int) -> None:
    with pytest.raises(InvalidRegistration, match="INTERVAL"):
        register_device(
            session,
            mall_id=mall_id,
            code="CNT-1",
            kind=DeviceKind.FOOTFALL,
            feed_kind=FeedKind.INTERVAL,
            modulus=Decimal(10),
        )


def test_device_hangs_in_one_place_at_a_time(session: Session, meter_id: int, shop_id: int) -> None:
    install_device(
        session, device_id=meter_id, shop_id=shop_id, installed_date=date(2026, 1, 1), now=NOW
    )
    with pytest.raises(StillInstalled, match="2026-01-01"):
        install_device(
            session, device_id=meter_id, zone="PLANT", installed_date=date(2026, 2, 1), now=NOW
        )


def test_replaced_meter_keeps_its_last_register(
    session: Session, meter_id: int, shop_id: int
) -> None:
    install_device(
        session,
        device_id=meter_id,
        shop_id=shop_id,
        installed_date=date(2026, 1, 1),
        initial_register=Decimal("0.4"),
        now=NOW,
    )
    installation_id = remove_device(
        session,
        device_id=meter_id,
        removed_date=date(2026, 1, 31),
        final_register=Decimal("1204.7"),
        now=NOW,
    )
    installation = session.get(DeviceInstallation, installation_id)
    assert installation is not None
    assert (installation.initial_register, installation.final_register) == (
        Decimal("0.4"),
        Decimal("1204.7"),
    )
    install_device(
        session, device_id=meter_id, zone="PLANT", installed_date=date(2026, 2, 1), now=NOW
    )


def test_device_that_hangs_nowhere_cannot_be_removed(session: Session, meter_id: int) -> None:
    with pytest.raises(NotInstalled, match="MTR-1"):
        remove_device(session, device_id=meter_id, removed_date=date(2026, 1, 1), now=NOW)


def test_device_needs_exactly_one_place(session: Session, meter_id: int, shop_id: int) -> None:
    with pytest.raises(InvalidRegistration, match="shop or a zone"):
        install_device(session, device_id=meter_id, installed_date=date(2026, 1, 1), now=NOW)
    with pytest.raises(InvalidRegistration, match="shop or a zone"):
        install_device(
            session,
            device_id=meter_id,
            shop_id=shop_id,
            zone="PLANT",
            installed_date=date(2026, 1, 1),
            now=NOW,
        )


def test_place_of_past_days_has_known_dates_cleaned_again(
    session: Session, mall_id: int, meter_id: int, shop_id: int
) -> None:
    known = [date(2026, 2, day) for day in (1, 10, 20)]
    cleaned = NOW - timedelta(days=1)
    for day in known:
        session.add(
            TouchedDate(mall_id=mall_id, business_date=day, touched_at=cleaned, cleaned_at=cleaned)
        )
    session.flush()

    def waiting() -> list[date]:
        rows = session.query(TouchedDate).filter_by(mall_id=mall_id).populate_existing()
        found = sorted(row.business_date for row in rows if row.cleaned_at is None)
        for row in rows:
            row.cleaned_at = cleaned
        session.flush()
        return found

    install_device(
        session, device_id=meter_id, shop_id=shop_id, installed_date=date(2026, 2, 5), now=NOW
    )
    assert waiting() == [date(2026, 2, 10), date(2026, 2, 20)]
    remove_device(session, device_id=meter_id, removed_date=date(2026, 2, 15), now=NOW)
    assert waiting() == [date(2026, 2, 20)]
    assert session.query(TouchedDate).filter_by(mall_id=mall_id).count() == 3


def test_maintenance_needs_a_reason_and_ends_in_what_traffic_says(
    session: Session, meter_id: int
) -> None:
    with pytest.raises(InvalidRegistration, match="why"):
        begin_maintenance(session, device_id=meter_id, reason="  ")
    with pytest.raises(NotInMaintenance, match="MTR-1"):
        end_maintenance(session, device_id=meter_id, now=NOW)
    begin_maintenance(session, device_id=meter_id, reason=" new CT ")
    device = session.get_one(Device, meter_id)
    assert (device.status, device.maintenance_reason) == (DeviceStatus.MAINTENANCE, "new CT")
    assert end_maintenance(session, device_id=meter_id, now=NOW) is DeviceStatus.OFFLINE
    begin_maintenance(session, device_id=meter_id, reason="again")
    device.last_seen_at = NOW - timedelta(hours=2)
    assert end_maintenance(session, device_id=meter_id, now=NOW) is DeviceStatus.ONLINE
    assert device.maintenance_reason == ""


def test_end_of_maintenance_and_the_sweep_agree_on_silence(session: Session, meter_id: int) -> None:
    """Three expected intervals of an hour each: to the second."""
    device = session.get_one(Device, meter_id)
    for silence in (timedelta(hours=3), timedelta(hours=3, seconds=1)):
        device.last_seen_at, device.status = NOW - silence, DeviceStatus.ONLINE
        session.flush()
        connection = session.connection().connection.driver_connection
        mark_silent_devices(connection, now=NOW)
        session.refresh(device)
        swept = device.status
        begin_maintenance(session, device_id=meter_id, reason="x")
        assert end_maintenance(session, device_id=meter_id, now=NOW) is swept


def test_device_is_not_hung_at_a_shop_of_another_mall(session: Session, meter_id: int) -> None:
    other = register_mall(session, code="TS2", name="Second")
    foreign = register_shop(
        session, mall_id=other, code="S01", name="x", business_type=BusinessType.OTHER
    )
    with pytest.raises(NotRegistered):
        install_device(
            session, device_id=meter_id, shop_id=foreign, installed_date=date(2026, 1, 1), now=NOW
        )


def test_user_gets_role_and_malls(session: Session, mall_id: int) -> None:
    user_id = create_user(
        session,
        email=" Lin@Example.org ",
        name="Lin",
        role=Role.FINANCE,
        mall_codes=["TST"],
        password_hash="hash",
    )
    user = session.get(User, user_id)
    assert user is not None
    assert user.email == "lin@example.org"
    assert {role.name for role in user.roles} == {"FINANCE"}
    assert [mall.code for mall in user.malls] == ["TST"]
    assert len(user.fs_uniquifier) == 32


def test_email_opens_one_account_whatever_its_case(session: Session, mall_id: int) -> None:
    def create(email: str) -> None:
        create_user(
            session,
            email=email,
            name="",
            role=Role.OPERATION,
            mall_codes=["TST"],
            password_hash=None,
        )

    create("wu@example.org")
    with pytest.raises(EmailTaken):
        create("WU@example.org")


def test_shop_account_must_name_a_shop(session: Session, mall_id: int, shop_id: int) -> None:
    with pytest.raises(InvalidAccount, match="SHOP"):
        create_user(
            session,
            email="a@example.org",
            name="",
            role=Role.SHOP,
            mall_codes=["TST"],
            password_hash=None,
        )
    with pytest.raises(NotRegistered, match="S99"):
        create_user(
            session,
            email="a@example.org",
            name="",
            role=Role.SHOP,
            mall_codes=["TST"],
            shop_codes=["S01", "S99"],
            password_hash=None,
        )


def test_account_of_unknown_mall_is_refused(session: Session) -> None:
    with pytest.raises(NotRegistered, match="NOPE"):
        create_user(
            session,
            email="a@example.org",
            name="",
            role=Role.OPERATION,
            mall_codes=["NOPE"],
            password_hash=None,
        )


def test_requests_are_numbered_per_month(session: Session, mall_id: int, shop_id: int) -> None:
    def submit(now: datetime) -> str:
        return submit_request(
            session,
            mall_id=mall_id,
            shop_id=shop_id,
            kind=RequestKind.REPAIR,
            category=RequestCategory.UTILITY_FAULT,
            priority=RequestPriority.HIGH,
            title="No light",
            now=now,
        )

    # 17:00 UTC on 31 March is April already in Shanghai.
    numbers = [submit(NOW), submit(NOW), submit(datetime(2026, 3, 31, 17, tzinfo=UTC))]
    assert numbers == ["SR-202603-0001", "SR-202603-0002", "SR-202604-0001"]
    assert session.query(ServiceRequest).filter_by(state="SUBMITTED").count() == 3


def test_request_without_title_is_refused(session: Session, mall_id: int, shop_id: int) -> None:
    with pytest.raises(EmptyRequest):
        submit_request(
            session,
            mall_id=mall_id,
            shop_id=shop_id,
            kind=RequestKind.REPAIR,
            category=RequestCategory.OTHER,
            priority=RequestPriority.LOW,
            title="  ",
            now=NOW,
        )


def test_versions_of_a_tariff_do_not_overlap(session: Session, mall_id: int) -> None:
    def register(valid_from: date, valid_to: date | None, price: str = "0.92") -> int:
        return register_tariff(
            session,
            mall_id=mall_id,
            code="ELEC",
            charge_type=ChargeType.ELECTRICITY,
            kind=TariffKind.FLAT,
            parameters={"price": price},
            valid_from=valid_from,
            valid_to=valid_to,
        )

    register(date(2025, 1, 1), date(2025, 12, 31))
    with pytest.raises(AlreadyRegistered, match="2025-12-31"):
        register(date(2025, 12, 31), None)
    register(date(2026, 1, 1), None)
    with pytest.raises(TariffError, match="price"):
        register(date(2024, 1, 1), date(2024, 12, 31), price="cheap")


def test_register_knows_where_a_device_stopped(
    session: Session, mall_id: int, meter_id: int, shop_id: int
) -> None:
    install_device(
        session, device_id=meter_id, shop_id=shop_id, installed_date=date(2026, 1, 1), now=NOW
    )
    register = get_register(session, mall_id=mall_id)
    assert register.devices["MTR-1"] == DeviceEntry(meter_id, date(2026, 1, 1), None)
    assert register.shops == {"S01": shop_id}
    remove_device(session, device_id=meter_id, removed_date=date(2026, 1, 31), now=NOW)
    register = get_register(session, mall_id=mall_id)
    assert register.devices["MTR-1"].removed_date == date(2026, 1, 31)
