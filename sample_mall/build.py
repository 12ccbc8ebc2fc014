"""The sample mall is entered into the books, through the same use-cases that people use.

Belongs here: master data: mall, units, shops, tariffs, leases, devices, requests. Not here:
what devices send (files, batches) and payments.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.deposits import DepositKind
from domain.devices import DeviceKind, DeviceStatus, FeedKind
from sample_mall.plan_devices import (
    COUNTER_MAXIMUM,
    COUNTERS,
    EVENT_SHOPS,
    NEW_METER,
    NEW_METER_REGISTER,
    SILENT_SENSORS,
    SWAPPED_METER,
    MeterPlan,
    meters,
)
from sample_mall.plan_leases import MOVE_IN_DAY, MOVE_IN_SHOP, TARIFFS, LeasePlan, leases
from sample_mall.plan_shops import (
    AREA_OF_UNIT,
    CUTOFF_HOUR,
    FINANCE_CLERK,
    FINANCE_LEAD,
    LEASING_OFFICER,
    MALL_ADDRESS,
    MALL_CODE,
    MALL_NAME,
    MANAGER,
    REQUESTS,
    SHOPS,
    TIME_ZONE,
    UNITS,
    ShopPlan,
)
from sample_mall.registers import Dial, opening_of, swap_of
from sample_mall.shift import add_months
from sample_mall.sources import FILES, locate
from services.operations import leasing
from services.operations.devices import install_device, register_device, remove_device
from services.operations.leasing.deposits import confirm_deposit, enter_deposit
from services.operations.malls import register_mall, register_shop, register_unit
from services.operations.service_requests import submit_request
from services.operations.tariffs import register_tariff
from services.queries.malls import find_mall
from services.queries.register import MallRegister, get_register
from storage.database import transaction

ZONE = ZoneInfo(TIME_ZONE)
OPENED = date(2015, 5, 1)
SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class SampleMall:
    """`first_month` is the month the mall was built for: its story (a step, a move-in, a meter
    replaced) happens there. Later months go on from it.
    """

    mall_id: int
    mall_code: str
    first_month: date
    shops: int
    units: int
    contracts: int
    devices: int


def build_sample_mall(engine: sa.Engine, *, month: date, now: datetime) -> SampleMall:
    """Enter what is missing of the sample mall; what is there already is found by its code.

    `month`: any day of the first business month to be told; for a mall that stands already,
    its own first month counts. `now` is when the mall itself is entered; leases and requests
    bear the dates of their story. One transaction. Raises SampleDataMissing.
    """
    for package in FILES:
        locate(package)
    with transaction(engine) as session:
        found = find_mall(session, code=MALL_CODE)
        mall_id = found.id if found else _register_mall(session)
        books = _Books(session, mall_id, month.replace(day=1), now)
        books.enter()
        register = get_register(session, mall_id=mall_id)
    return SampleMall(
        mall_id=mall_id,
        mall_code=MALL_CODE,
        first_month=books.first_month,
        shops=len(register.shops),
        units=len(register.units),
        contracts=len(register.contracts),
        devices=len(register.devices),
    )


def _register_mall(session: Session) -> int:
    return register_mall(
        session,
        code=MALL_CODE,
        name=MALL_NAME,
        time_zone=TIME_ZONE,
        business_day_cutoff_hour=CUTOFF_HOUR,
        opens_at=time(10),
        closes_at=time(22),
        address=MALL_ADDRESS,
    )


class _Books:
    """Writes what the register lacks, in the order in which one thing needs another."""

    def __init__(self, session: Session, mall_id: int, month: date, now: datetime) -> None:
        self.session = session
        self.mall_id = mall_id
        self.now = now
        self.known: MallRegister = get_register(session, mall_id=mall_id)
        swapped = self.known.devices.get(SWAPPED_METER)
        day = swapped.removed_date if swapped else None
        self.first_month = day.replace(day=1) if day else month

    def enter(self) -> None:
        self._enter_units()
        self._enter_shops()
        self.known = get_register(self.session, mall_id=self.mall_id)
        self._enter_tariffs()
        for plan in leases(self.first_month):
            if plan.number not in self.known.contracts:
                self._enter_lease(plan)
        self._enter_counters()
        self._enter_tills()
        for meter in meters(AREA_OF_UNIT):
            if meter.code not in self.known.devices:
                self._enter_meter(meter)
        self._enter_requests()

    def _enter_units(self) -> None:
        for code, zone, _ in UNITS:
            if code not in self.known.units:
                register_unit(
                    self.session,
                    mall_id=self.mall_id,
                    code=code,
                    floor=code[:2],
                    zone=zone,
                    area_m2=AREA_OF_UNIT[code],
                    opened_date=OPENED,
                )

    def _enter_shops(self) -> None:
        starts = {plan.shop.code: plan.start for plan in leases(self.first_month)}
        for shop in SHOPS:
            if shop.code not in self.known.shops:
                register_shop(
                    self.session,
                    mall_id=self.mall_id,
                    code=shop.code,
                    name=shop.name,
                    business_type=shop.business_type,
                    contact_name=shop.contact,
                    contact_phone=shop.phone,
                    contact_email=shop.email,
                    move_in_date=starts[shop.code],
                )

    def _enter_tariffs(self) -> None:
        for code, charge_type, kind, parameters in TARIFFS:
            if code not in self.known.tariffs:
                register_tariff(
                    self.session,
                    mall_id=self.mall_id,
                    code=code,
                    charge_type=charge_type,
                    kind=kind,
                    parameters=parameters,
                    valid_from=add_months(self.first_month, -48),
                )

    def _enter_lease(self, plan: LeasePlan) -> None:
        """Draft a lease and lead it through its life up to its first day."""
        contract_id = leasing.draft_contract(
            self.session,
            mall_id=self.mall_id,
            shop_id=self.known.shops[plan.shop.code],
            number=plan.number,
            unit_ids=[self.known.units[code] for code in plan.shop.units],
            start_date=plan.start,
            end_date=plan.end,
            clauses=plan.clauses,
            deposit_amount=plan.deposit,
            proration=plan.proration,
            payment_term_days=plan.payment_term_days,
            actor=LEASING_OFFICER,
            now=_local(plan.start - timedelta(days=30), 10),
        )

        def take(step: Callable[..., object], actor: str, days: int, hour: int) -> None:
            step(
                self.session,
                contract_id=contract_id,
                actor=actor,
                now=_local(plan.start - timedelta(days=days), hour),
            )

        take(leasing.submit_contract, LEASING_OFFICER, 29, 11)
        take(leasing.approve_contract, MANAGER, 26, 16)
        take(leasing.send_contract, LEASING_OFFICER, 25, 9)
        take(leasing.sign_contract, plan.shop.contact, 21, 15)
        take(leasing.activate_contract, SYSTEM, 0, 0)
        self._receive_deposit(contract_id, plan)

    def _receive_deposit(self, contract_id: int, plan: LeasePlan) -> None:
        """Paid a week before the lease begins; entered by one, confirmed by another."""
        paid = plan.start - timedelta(days=7)
        entry_id = enter_deposit(
            self.session,
            contract_id=contract_id,
            kind=DepositKind.RECEIVED,
            amount=plan.deposit,
            entry_date=paid,
            reference=f"BANK-{plan.number}",
            actor=FINANCE_CLERK,
            now=_local(paid, 15),
        )
        confirm_deposit(
            self.session,
            entry_id=entry_id,
            actor=FINANCE_LEAD,
            now=_local(paid + timedelta(days=1), 10),
        )

    def _enter_counters(self) -> None:
        for counter in COUNTERS:
            if counter.code not in self.known.devices:
                device_id = register_device(
                    self.session,
                    mall_id=self.mall_id,
                    code=counter.code,
                    name=counter.sensor,
                    kind=DeviceKind.FOOTFALL,
                    feed_kind=FeedKind.INTERVAL,
                    status=(
                        DeviceStatus.OFFLINE
                        if counter.sensor in SILENT_SENSORS
                        else DeviceStatus.ONLINE
                    ),
                    serial=f"FC-{counter.code[-2:]}21",
                    physical_maximum=COUNTER_MAXIMUM,
                )
                self._hang(device_id, counter.shop, counter.zone)

    def _enter_tills(self) -> None:
        for shop in SHOPS:
            if shop.till not in self.known.devices:
                is_event = shop.code in EVENT_SHOPS
                device_id = register_device(
                    self.session,
                    mall_id=self.mall_id,
                    code=shop.till,
                    name=shop.name,
                    kind=DeviceKind.POS,
                    feed_kind=FeedKind.EVENT if is_event else FeedKind.INTERVAL,
                    expected_interval_minutes=60 if is_event else 1440,
                    status=DeviceStatus.ONLINE,
                    serial=f"TILL-{shop.code[1:]}07",
                )
                self._hang(device_id, shop.code)

    def _enter_meter(self, meter: MeterPlan) -> None:
        device_id = self._register_meter(meter, meter.code)
        dial = Dial(meter, self.first_month, self.first_month)
        at = opening_of(self.first_month)
        if meter.shop == MOVE_IN_SHOP:
            at += timedelta(days=MOVE_IN_DAY - 1)
        self._hang(device_id, meter.shop, meter.zone, dial.at(at))
        if meter.code == SWAPPED_METER:
            swap = swap_of(self.first_month)
            remove_device(
                self.session,
                device_id=device_id,
                removed_date=swap.date(),
                final_register=dial.at(swap),
                now=self.now,
            )
            install_device(
                self.session,
                device_id=self._register_meter(meter, NEW_METER),
                shop_id=self.known.shops[meter.shop],
                installed_date=swap.date(),
                initial_register=NEW_METER_REGISTER,
                now=self.now,
            )

    def _register_meter(self, meter: MeterPlan, code: str) -> int:
        return register_device(
            self.session,
            mall_id=self.mall_id,
            code=code,
            name="水表 Water meter" if meter.is_water else "电表 Electricity meter",
            kind=DeviceKind.METER,
            feed_kind=FeedKind.CUMULATIVE,
            status=DeviceStatus.ONLINE,
            serial=f"{code.replace('-', '')}-88",
            modulus=meter.modulus,
            ratio=meter.ratio,
        )

    def _hang(
        self, device_id: int, shop: str, zone: str = "", initial_register: Decimal | None = None
    ) -> None:
        """At its place since the year before the first month; at a new tenant's, since then."""
        day = add_months(self.first_month, -12)
        if initial_register is not None:
            # The opening reading, before the cut-off hour, belongs to the business day before.
            day = self.first_month - timedelta(days=1)
        if shop == MOVE_IN_SHOP:
            day = self.first_month + timedelta(days=MOVE_IN_DAY - 1)
        install_device(
            self.session,
            device_id=device_id,
            shop_id=self.known.shops[shop] if shop else None,
            zone=zone,
            installed_date=day,
            initial_register=initial_register,
            now=self.now,
        )

    def _enter_requests(self) -> None:
        if self.known.requests:
            return
        shops: dict[str, ShopPlan] = {shop.code: shop for shop in SHOPS}
        for plan in REQUESTS:
            submit_request(
                self.session,
                mall_id=self.mall_id,
                shop_id=self.known.shops[plan.shop],
                unit_id=self.known.units[shops[plan.shop].units[0]],
                kind=plan.kind,
                category=plan.category,
                priority=plan.priority,
                title=plan.title,
                description=plan.description,
                now=_local(self.first_month.replace(day=plan.day), plan.hour),
            )


def _local(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), ZONE)
