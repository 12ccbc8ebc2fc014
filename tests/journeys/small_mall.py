"""A mall of three shops whose month can be computed by hand, for the journeys.

BASE 基础: fixed rent, moved in on the 10th. CAFE: rent, 5 % over the natural breakpoint, and a
meter that rolls over. SPA: rent per square metre and day, its till posting through the API.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.charges import ChargeType, PricingKind, TariffKind
from domain.devices import DeviceKind, FeedKind
from domain.malls import BusinessType
from services.operations import leasing
from services.operations.device_keys import create_device_key
from services.operations.devices import install_device, register_device
from services.operations.leasing import ClauseDraft
from services.operations.malls import register_mall, register_shop, register_unit
from services.operations.tariffs import register_tariff
from storage.objects import ObjectStore

ZONE = ZoneInfo("Asia/Shanghai")
MONTH = date(2026, 3, 1)
START, END = date(2026, 1, 1), date(2027, 12, 31)
MOVE_IN = date(2026, 3, 10)
SALES_OF_A_DAY = Decimal("10000.00")

# 10,000 × 22/31, plus 9 %.
BASE_TOTAL = Decimal("7735.48")
# 10,000 and 5 % of (310,000 − 200,000), plus 9 %; 24.75 kWh at 1.00, plus 13 %.
CAFE_TOTAL = Decimal("16922.97")
# 6.5 × 120.5 m² × 31 days, plus 9 %.
SPA_TOTAL = Decimal("26466.02")


@dataclass(frozen=True)
class SmallMall:
    mall_id: int
    shops: dict[str, int]
    key: str


def build_small_mall(engine: sa.Engine) -> SmallMall:
    now = datetime(2026, 1, 1, tzinfo=ZONE)
    with Session(engine) as session, session.begin():
        mall_id = register_mall(session, code="TST", name="小商场 Small Mall")
        register_tariff(
            session,
            mall_id=mall_id,
            code="POWER",
            charge_type=ChargeType.ELECTRICITY,
            kind=TariffKind.FLAT,
            parameters={"price": "1.00"},
            valid_from=START,
        )
        shops = {
            "BASE": _shop(
                session,
                now,
                mall_id,
                "BASE",
                BusinessType.RETAIL,
                MOVE_IN,
                [_rent(PricingKind.FIXED_MONTHLY, {"amount": "10000.00"}, MOVE_IN)],
            ),
            "CAFE": _shop(
                session,
                now,
                mall_id,
                "CAFE",
                BusinessType.CATERING,
                START,
                [
                    _rent(PricingKind.FIXED_MONTHLY, {"amount": "10000.00"}, START),
                    ClauseDraft(
                        ChargeType.TURNOVER_RENT,
                        PricingKind.PERCENTAGE,
                        {"rate": "0.05", "breakpoint": "NATURAL", "settlement": "MONTH"},
                        START,
                    ),
                    ClauseDraft(
                        ChargeType.ELECTRICITY, PricingKind.METERED, {"tariff": "POWER"}, START
                    ),
                ],
            ),
            "SPA": _shop(
                session,
                now,
                mall_id,
                "SPA",
                BusinessType.SERVICE,
                START,
                [_rent(PricingKind.PER_AREA_DAY, {"rate": "6.5"}, START)],
            ),
        }
        _devices(session, mall_id, shops, now)
        key = create_device_key(session, mall_id=mall_id, device_id=None, name="gateway", now=now)
    return SmallMall(mall_id, shops, key)


def _rent(kind: PricingKind, parameters: dict[str, str], start: date) -> ClauseDraft:
    return ClauseDraft(ChargeType.RENT, kind, parameters, start)


def _shop(
    session: Session,
    now: datetime,
    mall_id: int,
    code: str,
    business_type: BusinessType,
    start: date,
    clauses: list[ClauseDraft],
) -> int:
    shop_id = register_shop(
        session,
        mall_id=mall_id,
        code=code,
        name=f"{code} 店",
        business_type=business_type,
        contact_phone="+86 000 0000 0000",
    )
    unit_id = register_unit(
        session,
        mall_id=mall_id,
        code=f"L1-{code}",
        floor="L1",
        area_m2=Decimal("120.5"),
        opened_date=START,
    )
    contract_id = leasing.draft_contract(
        session,
        mall_id=mall_id,
        shop_id=shop_id,
        number=f"C-{code}",
        unit_ids=[unit_id],
        start_date=start,
        end_date=END,
        clauses=clauses,
        actor="officer",
        now=now,
    )
    leasing.submit_contract(session, contract_id=contract_id, actor="officer", now=now)
    leasing.approve_contract(session, contract_id=contract_id, actor="manager", now=now)
    leasing.send_contract(session, contract_id=contract_id, actor="officer", now=now)
    leasing.sign_contract(session, contract_id=contract_id, actor=code, now=now)
    leasing.activate_contract(
        session,
        contract_id=contract_id,
        actor="system",
        now=datetime(start.year, start.month, start.day, 1, tzinfo=ZONE),
    )
    return shop_id


def _devices(session: Session, mall_id: int, shops: dict[str, int], now: datetime) -> None:
    def hang(code: str, kind: DeviceKind, feed: FeedKind, shop: str, **given: object) -> None:
        device_id = register_device(
            session, mall_id=mall_id, code=code, kind=kind, feed_kind=feed, **given
        )
        install_device(
            session, device_id=device_id, installed_date=START, shop_id=shops[shop], now=now
        )

    hang("POS-CAFE", DeviceKind.POS, FeedKind.INTERVAL, "CAFE", expected_interval_minutes=1440)
    hang("POS-SPA", DeviceKind.POS, FeedKind.EVENT, "SPA")
    hang("M-CAFE", DeviceKind.METER, FeedKind.CUMULATIVE, "CAFE", modulus=Decimal(10) ** 6)


def days() -> Iterator[date]:
    for number in range(31):
        yield MONTH + timedelta(days=number)


def drop_month(store: ObjectStore) -> None:
    """A sales file, a register file whose dial rolls over, and a file with a broken row."""
    header = (
        "mall_code,shop_code,business_date,till_id,txn_count,gross_sales,refunds,discounts,"
        "tax,net_sales,currency,file_seq\n"
    )
    rows = [
        f"TST,CAFE,{day},POS-CAFE,80,{SALES_OF_A_DAY},0.00,0.00,566.04,{SALES_OF_A_DAY},CNY,1\n"
        for day in days()
    ]
    store.put("inbox/TST/pos_days/march.csv", (header + "".join(rows)).encode())
    broken = header + "TST,CAFE,2026-03-05,POS-NONE,1,1.00,0.00,0.00,0.00,1.00,CNY,2\n"
    store.put("inbox/TST/pos_days/broken.csv", broken.encode("gbk"))
    store.put("inbox/TST/meter_registers/march.csv", _registers().encode("utf-8-sig"))


def _registers() -> str:
    start = datetime(2026, 2, 28, 23, tzinfo=ZONE)
    step = Decimal("24.75") / 744
    lines = ["meter_no,obis,reading_ts,value,unit,quality,ct_ratio,source"]
    for hour in range(745):
        value = (Decimal("999987.50") + step * hour).quantize(Decimal("0.001")) % 10**6
        at = (start + timedelta(hours=hour)).isoformat()
        lines.append(f"M-CAFE,1-0:1.8.0,{at},{value},kWh,A,1,gateway")
    return "\n".join(lines) + "\n"


def api_batch() -> list[dict[str, object]]:
    """Three sales a day of the spa's till, in the smallest documented form."""
    return [
        {
            "device_id": "POS-SPA",
            "data_type": "sales",
            "value": 1500.00 + number,
            "timestamp": f"{day}T{10 + number}:30:00+08:00",
        }
        for day in days()
        for number in range(3)
    ]
