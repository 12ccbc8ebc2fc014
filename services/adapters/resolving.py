"""Which device is meant, and may it say this: what an adapter decoded becomes rows to write.

Belongs here: the register's word on each measurement and sale. Pure. Not here: a vendor's format
(one module each), which device an address is (addresses), writing (services/operations).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from zoneinfo import ZoneInfo

from domain.devices import (
    COUNT_METRICS,
    DECLARED_METRICS,
    METRICS_OF_KIND,
    SALES_METRICS,
    Adapter,
    FeedKind,
    Metric,
    Quality,
)
from services.adapters.addresses import Addresses, Fault, device_of
from services.adapters.arrival import EARLIEST, FURTHEST_AHEAD, Arrival
from services.adapters.decoded import Decoded, Measurement, Sale, Source
from services.adapters.directory import DeviceEntry, MallDevices
from services.adapters.readings_judge import LONGEST_INTERVAL, ParsedBatch
from services.adapters.refusals import Reason, Refusal, kept_row, shown
from services.adapters.sale_rows import SaleRow

LONGEST_NUMBER = 200
VALUE_STEP, MONEY_STEP = Decimal("0.000001"), Decimal("0.01")
# NUMERIC(18,6) and NUMERIC(14,2) hold as many digits before the point.
WHOLE_DIGITS = 12
# A till's own day summary stands beside its transactions, and is never added to them.
DECLARED = {
    Metric.SALES: Metric.DECLARED_SALES,
    Metric.TRANSACTIONS: Metric.DECLARED_TRANSACTIONS,
}
_DAY_FIGURES = SALES_METRICS - DECLARED.keys()


@dataclass(frozen=True, slots=True)
class UnknownAddress:
    """Who spoke and is not registered, with the vendor's words for what it measured."""

    serial: str
    channel: str
    labels: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a message comes to: readings + sales + refusals + `skipped` = `total`.

    `places` of `readings` (its `index`) and `sale_places` count the pieces of the message, from
    0; a piece that says several things stands there several times. `uncertain` are among the
    readings and sales.
    """

    total: int = 0
    readings: ParsedBatch = field(default_factory=ParsedBatch)
    sales: Sequence[SaleRow] = ()
    sale_places: Sequence[int] = ()
    refusals: Sequence[Refusal] = ()
    skipped: int = 0
    unknown: Sequence[UnknownAddress] = ()
    heard_device_ids: frozenset[int] = frozenset()
    uncertain: int = 0


def source_for(
    where: MallDevices,
    *,
    adapter: Adapter,
    received_at: datetime,
    only_device_id: int | None = None,
) -> Source:
    """What an adapter needs to know beside the body: zones of this mall's devices of its make."""
    mall = where.mall
    own = device_of(where, only_device_id)

    def zone_of(serial: str) -> ZoneInfo | None:
        return where.zone_of(adapter, serial)

    zone = where.zone_of(adapter, own.serial) if own is not None else None
    return Source(
        received_at=received_at,
        zone=zone or mall.clock.zone,
        currency=mall.currency,
        zone_of=zone_of,
        cutoff_hour=mall.clock.cutoff_hour,
    )


def resolve(
    decoded: Decoded,
    *,
    adapter: Adapter,
    where: MallDevices,
    arrival: Arrival,
    only_device_id: int | None = None,
) -> Resolved:
    """Rows for the devices of one mall, and a refusal for what is no row.

    `only_device_id`: the one device that a key opens. What an unregistered address says is
    refused UNKNOWN_DEVICE, piece by piece, and named in `unknown`: it waits in quarantine.
    """
    addresses = Addresses(decoded, adapter, where, only_device_id)
    judge = _Judge(addresses, decoded.clock_offset_seconds, arrival)
    for measurement in decoded.measurements:
        judge.take(measurement)
    for sale in decoded.sales:
        judge.take_sale(sale)
    heard = {device.device_id for device in addresses.heard(decoded.heard)}
    refusals = [*decoded.refusals, *judge.refusals.values()]
    skipped = decoded.skipped + judge.skipped
    return Resolved(
        total=len(judge.rows) + len(judge.sales) + len(refusals) + skipped,
        readings=judge.batch(),
        sales=judge.sales,
        sale_places=judge.sale_places,
        refusals=refusals,
        skipped=skipped,
        unknown=[
            UnknownAddress(serial, channel, tuple(sorted(labels)))
            for (serial, channel), labels in sorted(judge.unknown.items())
        ],
        heard_device_ids=frozenset(heard | judge.heard),
        uncertain=judge.uncertain,
    )


class _Judge:
    """Takes measurements and sales, or notes why not."""

    def __init__(
        self, addresses: Addresses, clock_offsets: Mapping[str, float], arrival: Arrival
    ) -> None:
        self.addresses = addresses
        self.arrival = arrival
        self.wrong_clocks = {
            serial
            for serial, seconds in clock_offsets.items()
            # Not a number of seconds: then nobody knows what the clock says.
            if not abs(seconds) <= arrival.ahead.total_seconds()
        }
        self.rows: list[tuple[int, int, str, datetime, datetime, str, str]] = []
        self.sales: list[SaleRow] = []
        self.sale_places: list[int] = []
        self.refusals: dict[tuple[int, Reason, str], Refusal] = {}
        self.unknown: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.heard: set[int] = set()
        self.skipped = 0
        self.uncertain = 0

    def take(self, piece: Measurement) -> None:
        device = self._device(piece, piece.label)
        if device is None:
            return
        metric = _metric_of(piece, device)
        if metric is None:
            self.skipped += 1
            return
        if isinstance(metric, tuple):
            self._refuse(piece, metric)
            return
        value = _value(piece.value, metric)
        fault = (
            _wrong_shape(piece, device, metric)
            or self._impossible(piece.start)
            or (value if isinstance(value, tuple) else None)
        )
        if fault is not None:
            self._refuse(piece, fault)
            return
        assert isinstance(value, str)
        start, end = piece.start.astimezone(UTC), piece.end.astimezone(UTC)
        quality = self._quality(piece, start, end, piece.quality)
        self.rows.append(
            (piece.place, device.device_id, metric.value, start, end, value, quality.value)
        )

    def take_sale(self, sale: Sale) -> None:
        device = self._device(sale, sale.kind.value)
        if device is None:
            return
        fault = _wrong_sale(sale, device) or self._impossible(sale.at)
        clock = self.addresses.where.mall.clock
        if fault is None and sale.business_date is not None:
            fault = self._impossible_date(sale)
        if fault is not None:
            self._refuse(sale, fault)
            return
        at = sale.at.astimezone(UTC)
        self.sales.append(
            SaleRow(
                device_id=device.device_id,
                business_date=sale.business_date or clock.business_date(at),
                number=sale.number,
                has_stated_date=sale.business_date is not None,
                occurred_at=at,
                kind=sale.kind,
                gross_sales=sale.gross,
                refunds=sale.refunds,
                discounts=sale.discounts,
                tax=sale.tax,
                original_number=sale.original_number,
                quality=self._quality(sale, at, at, Quality.GOOD).value,
            )
        )
        self.sale_places.append(sale.place)

    def batch(self) -> ParsedBatch:
        batch = ParsedBatch(total=len(self.rows))
        if self.rows:
            (
                batch.index,
                batch.device_id,
                batch.metric,
                batch.interval_start,
                batch.interval_end,
                batch.value,
                batch.quality,
            ) = zip(*self.rows, strict=True)
        batch.uncertain = sum(row[-1] == Quality.UNCERTAIN for row in self.rows)
        return batch

    def _device(self, piece: Measurement | Sale, label: str) -> DeviceEntry | None:
        device = self.addresses.device(piece.serial, piece.channel)
        if isinstance(device, tuple):
            self._refuse(piece, device)
            # Nobody could register what has no serial.
            if device[0] is Reason.UNKNOWN_DEVICE and piece.serial:
                self.unknown[piece.serial, piece.channel].add(label)
            return None
        self.heard.add(device.device_id)
        return device

    def _refuse(self, piece: Measurement | Sale, fault: Fault) -> None:
        # A piece that is refused twice for one reason is refused once.
        self.refusals.setdefault(
            (piece.place, *fault), Refusal(piece.place, kept_row(piece.text), *fault)
        )

    def _quality(
        self, piece: Measurement | Sale, start: datetime, end: datetime, stated: Quality
    ) -> Quality:
        quality = self.arrival.quality(start, end, stated)
        if piece.serial in self.wrong_clocks:
            quality = Quality.UNCERTAIN
        self.uncertain += quality is Quality.UNCERTAIN
        return quality

    def _impossible(self, start: datetime) -> Fault | None:
        if self.arrival.is_possible(start):
            return None
        return (
            Reason.IMPOSSIBLE_TIME,
            f"the time is {start.isoformat()}; expected one from 2000 on and at most a year after "
            f"{self.arrival.received_at:%Y-%m-%d}",
        )

    def _impossible_date(self, sale: Sale) -> Fault | None:
        latest = (self.arrival.received_at + FURTHEST_AHEAD).date()
        if sale.business_date is None or EARLIEST.date() <= sale.business_date <= latest:
            return None
        return (
            Reason.IMPOSSIBLE_TIME,
            f"the business date is {sale.business_date}; expected one from 2000 on and at most a "
            f"year after {self.arrival.received_at:%Y-%m-%d}",
        )


def _metric_of(piece: Measurement, device: DeviceEntry) -> Metric | Fault | None:
    """What the measurement is of this device; None: it does not count here."""
    word = device.direction_map.get(piece.label, piece.metric and piece.metric.value)
    if word is None:
        return (
            Reason.UNKNOWN_METRIC,
            f"what {shown(piece.label)} measures is not known; expected a word for it in the "
            f"direction map of {device.code}: one of {', '.join(Metric)}, or nothing",
        )
    if not word:
        return None
    try:
        metric = Metric(word)
    except ValueError:
        return (
            Reason.UNKNOWN_METRIC,
            f"the direction map of {device.code} makes {shown(piece.label)} {shown(word)}; "
            f"expected one of {', '.join(Metric)}, or nothing",
        )
    fitting = METRICS_OF_KIND[device.kind]
    if metric not in fitting:
        return (
            Reason.WRONG_KIND,
            f"{device.code} is a device of kind {device.kind}; it measures "
            f"{', '.join(sorted(fitting))}, not {metric}",
        )
    is_declared = (
        metric in SALES_METRICS
        and piece.end > piece.start
        and device.kind_of(Metric.SALES) is FeedKind.EVENT
    )
    if is_declared and metric in _DAY_FIGURES:
        return None
    return DECLARED[metric] if is_declared else metric


def _wrong_shape(piece: Measurement, device: DeviceEntry, metric: Metric) -> Fault | None:
    length = piece.end - piece.start
    if length < timedelta(0) or length > LONGEST_INTERVAL:
        return (
            Reason.BAD_INTERVAL,
            f"the interval runs from {piece.start.isoformat()} to {piece.end.isoformat()}; "
            "expected an end after the start and at most a day",
        )
    kind = FeedKind.INTERVAL if metric in DECLARED_METRICS else device.kind_of(metric)
    if (kind is FeedKind.INTERVAL) == bool(length):
        return None
    came = "an interval" if length else "a moment"
    return (
        Reason.WRONG_FEED,
        f"{device.code} counts {metric} as {kind}; what came is of {came}",
    )


def _value(value: Decimal, metric: Metric) -> str | Fault:
    """The value as it is written, at most 6 decimals: a vendor's float is rounded half up."""
    if value.is_finite() and value.adjusted() < WHOLE_DIGITS:
        with localcontext(prec=2 * WHOLE_DIGITS):
            exact = value.quantize(VALUE_STEP, ROUND_HALF_UP)
            is_whole = metric not in COUNT_METRICS or exact == exact.to_integral_value()
            if is_whole and exact.adjusted() < WHOLE_DIGITS:
                return f"{exact.normalize():f}"
    expected = (
        "a whole number of at most 12 digits"
        if metric in COUNT_METRICS
        else "a finite number of at most 12 digits before the point"
    )
    return Reason.BAD_NUMBER, f"{metric} is {shown(value)}; expected {expected}"


def _wrong_sale(sale: Sale, device: DeviceEntry) -> Fault | None:
    if Metric.SALES not in METRICS_OF_KIND[device.kind]:
        return (
            Reason.WRONG_KIND,
            f"{device.code} is a device of kind {device.kind}; it makes no sales",
        )
    kind = device.kind_of(Metric.SALES)
    if kind is not FeedKind.EVENT:
        return (
            Reason.WRONG_FEED,
            f"{device.code} counts sales as {kind}; what came is a transaction",
        )
    if not sale.number:
        return Reason.MISSING_FIELD, "the transaction has no number; expected the till's own"
    for text in (sale.number, sale.original_number):
        if len(text) > LONGEST_NUMBER or not text.isprintable():
            return (
                Reason.BAD_TEXT,
                f"the number is {shown(text)}; expected at most {LONGEST_NUMBER} printable "
                "characters",
            )
    for name in ("gross", "refunds", "discounts", "tax", "net"):
        if not _is_money(getattr(sale, name)):
            return (
                Reason.BAD_NUMBER,
                f"{name} is {shown(getattr(sale, name))}; expected an amount of at most 12 digits "
                "and 2 decimals",
            )
    return None


def _is_money(amount: Decimal) -> bool:
    """Whether NUMERIC(14,2) holds it exactly: money is never rounded in silence."""
    if not amount.is_finite() or amount.adjusted() >= WHOLE_DIGITS:
        return False
    with localcontext(prec=2 * WHOLE_DIGITS):
        return amount == amount.quantize(MONEY_STEP)
