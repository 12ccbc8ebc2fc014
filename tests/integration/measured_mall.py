"""A mall with devices and readings for the tests of cleaning and of the marts."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from domain.devices import DeviceKind, FeedKind, Metric, Quality
from domain.malls import BusinessType, MallClock
from storage.database import ensure_month_partitions
from storage.models import Device, DeviceInstallation, Mall, Shop

CENTURY_BEGAN = date(2000, 1, 1)
NOW = datetime(2026, 4, 1, 0, 5, tzinfo=UTC)


class MeasuredMall:
    """Writes readings as landing does: newest value wins, its business date is touched."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        code: str = "M1",
        time_zone: str = "Asia/Shanghai",
        cutoff_hour: int = 0,
        opens_at: time = time(10),
        closes_at: time = time(22),
    ) -> None:
        self.engine = engine
        self.clock = MallClock(time_zone, cutoff_hour, opens_at, closes_at)
        mall = Mall(
            code=code,
            name=code,
            time_zone=time_zone,
            business_day_cutoff_hour=cutoff_hour,
            opens_at=opens_at,
            closes_at=closes_at,
        )
        self.id = self._add(mall)

    def shop(self, code: str, business_type: BusinessType = BusinessType.RETAIL) -> int:
        return self._add(Shop(mall_id=self.id, code=code, name=code, business_type=business_type))

    def device(
        self,
        code: str,
        kind: DeviceKind,
        feed_kind: FeedKind,
        *,
        shop_id: int | None = None,
        zone: str = "",
        installed: date = CENTURY_BEGAN,
        initial: str | None = None,
        interval: int = 60,
        modulus: str | None = None,
        maximum: str | None = None,
        ratio: str = "1",
    ) -> int:
        device_id = self._add(
            Device(
                mall_id=self.id,
                code=code,
                kind=kind,
                feed_kind=feed_kind,
                expected_interval_minutes=interval,
                modulus=None if modulus is None else Decimal(modulus),
                physical_maximum=None if maximum is None else Decimal(maximum),
                ratio=Decimal(ratio),
            )
        )
        self.install(device_id, installed, shop_id=shop_id, zone=zone, initial=initial)
        return device_id

    def install(
        self,
        device_id: int,
        installed: date,
        *,
        shop_id: int | None = None,
        zone: str = "",
        initial: str | None = None,
    ) -> int:
        return self._add(
            DeviceInstallation(
                device_id=device_id,
                shop_id=shop_id,
                zone=zone,
                installed_date=installed,
                initial_register=None if initial is None else Decimal(initial),
            )
        )

    def remove(self, device_id: int, removed: date, *, final: str | None = None) -> None:
        with Session(self.engine) as session, session.begin():
            row = session.scalars(
                sa.select(DeviceInstallation).where(
                    DeviceInstallation.device_id == device_id,
                    DeviceInstallation.removed_date.is_(None),
                )
            ).one()
            row.removed_date = removed
            row.final_register = None if final is None else Decimal(final)

    def till(self, code: str, shop_id: int, **given: object) -> int:
        """A till that sends a file a day."""
        return self.device(
            code, DeviceKind.POS, FeedKind.INTERVAL, shop_id=shop_id, interval=1440, **given
        )

    def counter(self, code: str, **given: object) -> int:
        return self.device(code, DeviceKind.FOOTFALL, FeedKind.INTERVAL, **given)

    def meter(self, code: str, shop_id: int, **given: object) -> int:
        return self.device(code, DeviceKind.METER, FeedKind.CUMULATIVE, shop_id=shop_id, **given)

    def read(
        self,
        device_id: int,
        metric: Metric,
        rows: Iterable[tuple[datetime, datetime, object]],
        *,
        quality: Quality = Quality.GOOD,
    ) -> None:
        """Land (interval start, interval end, value) of one device and metric."""
        rows = list(rows)
        touched = sorted({self.clock.business_date(start) for start, _, _ in rows})
        with psycopg.connect(
            self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        ) as connection:
            instants = [start.astimezone(UTC).date() for start, _, _ in rows]
            ensure_month_partitions(connection, min(instants), max(instants))
            connection.cursor().executemany(
                "INSERT INTO ingest.readings (device_id, metric, interval_start, interval_end, "
                "value, quality, received_at) VALUES (%s, %s, %s, %s, %s, %s, %s) "
                "ON CONFLICT (device_id, metric, interval_start) "
                "DO UPDATE SET value = excluded.value, quality = excluded.quality",
                [
                    (device_id, metric.value, start, end, Decimal(str(value)), quality.value, NOW)
                    for start, end, value in rows
                ],
            )
            connection.cursor().executemany(
                "INSERT INTO ingest.touched_dates (mall_id, business_date, touched_at) "
                "VALUES (%s, %s, %s) ON CONFLICT (mall_id, business_date) "
                "DO UPDATE SET touched_at = excluded.touched_at, cleaned_at = NULL",
                [(self.id, day, NOW) for day in touched],
            )

    def sell(self, till_id: int, day: date, sales: object, transactions: int = 10) -> None:
        """The day file of a till."""
        start, end = self.clock.business_day(day)
        self.read(till_id, Metric.SALES, [(start, end, sales)])
        self.read(till_id, Metric.TRANSACTIONS, [(start, end, transactions)])

    def count(self, counter_id: int, day: date, entered: object, *, hours: int = 24) -> None:
        """The same number of people in each of the first `hours` hours of a business day."""
        start, _ = self.clock.business_day(day)
        rows = [
            (start + timedelta(hours=hour), start + timedelta(hours=hour + 1), entered)
            for hour in range(hours)
        ]
        self.read(counter_id, Metric.FOOTFALL_IN, rows)
        self.read(counter_id, Metric.FOOTFALL_OUT, rows)

    def dial(
        self, meter_id: int, *points: tuple[datetime, object], metric: Metric = Metric.ELECTRICITY
    ) -> None:
        """Registers: (instant, value on the dial)."""
        self.read(meter_id, metric, [(at, at, value) for at, value in points])

    def at(self, day: date, hour: int = 0, minute: int = 0) -> datetime:
        """Local wall time of the mall as an instant."""
        return datetime.combine(day, time(hour, minute), self.clock.zone).astimezone(UTC)

    def _add(self, row: object) -> int:
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            session.add(row)
            session.flush()
            return row.id


def rows(engine: sa.Engine, statement: str, **parameters: object) -> list[tuple]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement), parameters)]
