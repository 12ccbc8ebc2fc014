"""NEM12 and NEM13: the interval and accumulation files of Australia's electricity market.

Belongs here: these files' records, each read by nemreader. Not here: which device a NMI is.

serial = NMI, channel = NMI suffix (E1, 11), label = the suffix too. NEM12 intervals are
`electricity_used`; NEM13 reads, the previous and the current one, are moments of the register.
Values are taken from the file's own digits, never from a float, and scaled to kWh. The quality
method of a 300 record, or of the 400 records that follow it: A is GOOD; E, F and S are ESTIMATED
(a forward estimate, a final and a passing substitute); N, no data, is refused; V without a 400
record for an interval says nothing of it, hence UNCERTAIN. A day that stands twice in a file
supersedes: the later record wins.

Files are written in market time, without daylight saving: times are placed at the standard offset
of the meter's zone (`source.zone_for(NMI)`); Sydney, Melbourne, Hobart and Brisbane all mean
UTC+10.

Skipped: what is no energy (kVArh, kVA, V, A, pf), energy fed into the grid (suffix B, direction
I), 500 and 550 records.
"""

import csv
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from nemreader import nem_reader
from nemreader.nem_objects import EventRecord, NmiDetails

from domain.devices import Metric, Quality
from services.adapters.decoded import Decoded, Source, Unreadable
from services.adapters.encodings import UnknownEncoding
from services.adapters.encodings import decode as decode_text
from services.adapters.pieces import FIRST_YEAR, LAST_YEAR, Gathering, Unfit, name_of, number
from services.adapters.refusals import Reason, kept_row, shown

# It logs the content of rows that it cannot read; we refuse them with a reason instead.
logging.getLogger("nemreader").setLevel(logging.CRITICAL)

KWH_IN = {"kwh": Decimal(1), "wh": Decimal("0.001"), "mwh": Decimal(1000)}
# Reactive and apparent energy, power, voltage, current, power factor.
OTHER_UNITS = frozenset(
    {"varh", "kvarh", "mvarh", "vah", "kvah", "mvah", "w", "kw", "mw", "var", "kvar", "mvar"}
    | {"va", "kva", "mva", "v", "kv", "a", "ka", "pf"}
)
QUALITIES = {
    "A": Quality.GOOD,
    "E": Quality.ESTIMATED,
    "F": Quality.ESTIMATED,
    "S": Quality.ESTIMATED,
    "V": Quality.UNCERTAIN,
}
METHODS = QUALITIES.keys() | {"N"}
MINUTES_A_DAY = 1440
# What the library's record parsers raise for a record that is none.
_BROKEN = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError)


class _Skipped(Exception):
    """The record says nothing that we measure."""


@dataclass(slots=True)
class _Day:
    """A 300 record: its intervals wait for the 400 records that may follow."""

    text: str
    serial: str
    suffix: str
    scale: Decimal
    starts: Sequence[datetime]
    ends: Sequence[datetime]
    digits: Sequence[str]
    qualities: list[str]
    last_event: int = 0


@dataclass(slots=True)
class _File:
    source: Source
    gathering: Gathering = field(default_factory=Gathering)
    # Where the measurement of a suffix and time stands, so that a later record supersedes it.
    index: dict[tuple[str, str, Metric, datetime], int] = field(default_factory=dict)
    details: NmiDetails | None = None
    day: _Day | None = None

    def take(
        self,
        serial: str,
        suffix: str,
        metric: Metric,
        span: tuple[datetime, datetime],
        value: Decimal,
        quality: Quality,
        text: str,
    ) -> None:
        gathering = self.gathering
        gathering.take(
            serial=serial,
            channel=suffix,
            label=suffix,
            metric=metric,
            start=span[0],
            end=span[1],
            value=value,
            quality=quality,
            text=text,
        )
        last = len(gathering.measurements) - 1
        index = self.index.setdefault((serial, suffix, metric, span[0]), last)
        if index != last:
            gathering.measurements[index] = gathering.measurements.pop()
            gathering.skipped += 1


def decode(body: bytes, source: Source) -> Decoded:
    """One Measurement an interval or a read."""
    file = _File(source)
    is_first, has_end = True, False
    for row in _rows(body):
        text = kept_row(",".join(row))
        kind = row[0].strip()
        if is_first:
            _check_header(row)
        is_first = False
        if kind in ("200", "250", "300", "900"):
            _close_day(file)
        has_end = kind == "900"
        try:
            _record(file, kind, row, text)
        except _Skipped:
            file.gathering.skip()
        except Unfit as why:
            file.gathering.refuse(why, text)
    if is_first:
        raise Unreadable(Reason.EMPTY_FILE, "the file is empty; expected a 100 record first")
    _close_day(file)
    if not has_end:
        cut = "the file does not end with a 900 record: its end may be missing"
        file.gathering.refuse(Unfit(Reason.MISSING_FIELD, cut), "")
    return file.gathering.decoded()


def _rows(body: bytes) -> Iterator[list[str]]:
    try:
        text = decode_text(body)
    except UnknownEncoding as error:
        raise Unreadable(Reason.UNKNOWN_ENCODING, str(error)) from None
    try:
        for row in csv.reader(text.splitlines()):
            if row and (len(row) > 1 or row[0].strip()):
                yield row
    except csv.Error as error:
        raise Unreadable(Reason.NOT_CSV, f"{error}; expected the records of a NEM file") from None


def _check_header(row: list[str]) -> None:
    if row[0].strip() != "100" or len(row) < 2 or row[1].strip() not in ("NEM12", "NEM13"):
        raise Unreadable(
            Reason.WRONG_HEADER,
            f"the file begins with {shown(','.join(row[:2]))}; expected 100,NEM12 or 100,NEM13",
        )


def _record(file: _File, kind: str, row: list[str], text: str) -> None:
    match kind:
        case "100":  # several files may have been put behind one another
            _check_header(row)
            file.details = None
        case "900":
            file.details = None
        case "200":
            file.details = None
            file.details = _details(row)
            file.gathering.heard.add(file.details.nmi)
        case "300":
            file.day = _day(file, row, text)
        case "400":
            _apply_event(file, row)
        case "250":
            _take_reads(file, row, text)
        case "500" | "550":
            raise _Skipped
        case _:
            raise Unfit(
                Reason.WRONG_COLUMNS,
                f"the record begins with {shown(kind)}; expected 100, 200, 250, 300, 400, 500, "
                "550 or 900",
            )


def _details(row: list[str]) -> NmiDetails:
    try:
        details = nem_reader.parse_200_row([cell.strip() for cell in row])
    except _BROKEN as error:
        raise _broken("200", error) from None
    name_of(details.nmi, "the NMI")
    name_of(details.nmi_suffix, "the NMI suffix")
    if not 1 <= details.interval_length <= 60 or MINUTES_A_DAY % details.interval_length:
        raise Unfit(
            Reason.BAD_INTERVAL,
            f"the interval is {details.interval_length} minutes; expected 5, 15 or 30",
        )
    return details


def _scale(unit: str, suffix: str, direction: str = "") -> Decimal:
    word = unit.strip().lower()
    if word in OTHER_UNITS:
        raise _Skipped
    scale = KWH_IN.get(word)
    if scale is None:
        raise Unfit(Reason.WRONG_UNIT, f"the unit is {shown(unit)}; expected Wh, kWh or MWh")
    if suffix[:1].upper() == "B" or direction.strip().upper() == "I":
        raise _Skipped
    return scale


def _day(file: _File, row: list[str], text: str) -> _Day:
    details = file.details
    if details is None:
        raise Unfit(Reason.MISSING_FIELD, "no readable 200 record stands before this one")
    scale = _scale(details.uom, details.nmi_suffix)
    count = MINUTES_A_DAY // details.interval_length
    # Update times may be left out at the end; the library wants their commas.
    padded = [cell.strip() for cell in row]
    if len(row) >= count + 3:
        padded += [""] * (count + 6 - len(row))
    if len(row) < count + 3 or (padded[2 + count][:1].upper() or "0") not in METHODS:
        raise Unfit(
            Reason.WRONG_COLUMNS,
            f"the record has {len(row)} fields; expected a date, {count} values of "
            f"{details.interval_length} minutes and their quality, A, E, F, N, S or V",
        )
    zone = _standard_zone(file.source, details.nmi, nem_reader.parse_datetime(padded[1]))
    try:
        record = nem_reader.parse_300_row(
            padded, details.interval_length, details.uom, details.meter_serial_number
        )
    except _BROKEN as error:
        raise _broken("300", error) from None
    readings = record.interval_values
    return _Day(
        text,
        details.nmi,
        details.nmi_suffix,
        scale,
        [reading.t_start.replace(tzinfo=zone) for reading in readings],
        [reading.t_end.replace(tzinfo=zone) for reading in readings],
        padded[2 : 2 + count],
        [reading.quality_method or "" for reading in readings],
    )


def _apply_event(file: _File, row: list[str]) -> None:
    day = file.day
    if day is None:
        raise (
            _Skipped
            if file.details is not None
            else Unfit(Reason.MISSING_FIELD, "no readable 300 record stands before this one")
        )
    try:
        length = MINUTES_A_DAY // len(day.starts)
        cells = [cell.strip() for cell in row] + [""] * 3
        event = EventRecord(*nem_reader.parse_400_row(cells, length))
    except _BROKEN as error:
        raise _broken("400", error) from None
    # In order and apart, as the format has them; it also bounds the work a file can ask for.
    if event.start_interval <= day.last_event:
        raise Unfit(
            Reason.BAD_INTERVAL,
            f"the event begins at interval {event.start_interval}; expected one after "
            f"{day.last_event}, the end of the event before",
        )
    day.last_event = event.end_interval
    for index in range(event.start_interval - 1, event.end_interval):
        day.qualities[index] = event.quality_method


def _close_day(file: _File) -> None:
    day, file.day = file.day, None
    if day is None:
        return
    faults: dict[tuple[Reason, str], list[int]] = {}
    for index, digits in enumerate(day.digits):
        method = day.qualities[index]
        try:
            value, quality = _number(digits, method) * day.scale, _quality(method)
        except Unfit as why:
            faults.setdefault((why.code, why.reason), []).append(index + 1)
            continue
        span = (day.starts[index], day.ends[index])
        file.take(day.serial, day.suffix, Metric.ELECTRICITY_USED, span, value, quality, day.text)
    for (code, reason), intervals in faults.items():
        more = f" and {len(intervals) - 1} more" if len(intervals) > 1 else ""
        file.gathering.refuse(Unfit(code, f"interval {intervals[0]}{more}: {reason}"), day.text)


def _take_reads(file: _File, row: list[str], text: str) -> None:
    """The previous and the current read of a 250 record. A new meter has no previous one."""
    cells = [cell.strip() for cell in row] + [""] * (23 - len(row))
    try:
        # The quantity is the difference of the two; not needed, and some leave it out.
        data = nem_reader.parse_250_row(
            [*cells[:8], cells[8] or "0", *cells[9:18], cells[18] or "0", *cells[19:]]
        )
    except _BROKEN as error:
        raise _broken("250", error) from None
    name_of(data.nmi, "the NMI")
    name_of(data.nmi_suffix, "the NMI suffix")
    scale = _scale(data.uom, data.nmi_suffix, data.direction_indicator)
    stated = [(data.current_register_read_datetime, cells[13], data.current_quality_method)]
    if cells[8]:
        previous = (data.previous_register_read_datetime, cells[8], data.previous_quality_method)
        stated.insert(0, previous)
    for moment, digits, method in stated:
        try:
            at = _possible(moment).replace(tzinfo=_standard_zone(file.source, data.nmi, moment))
            value, quality = _number(digits, method) * scale, _quality(method)
        except Unfit as why:
            file.gathering.refuse(why, text)
            continue
        file.take(data.nmi, data.nmi_suffix, Metric.ELECTRICITY, (at, at), value, quality, text)


def _number(digits: str, quality: str) -> Decimal:
    if quality[:1].upper() == "N":
        raise Unfit(Reason.BAD_NUMBER, "the quality is N, no data")
    return number(digits, "the value")


def _quality(method: str) -> Quality:
    try:
        return QUALITIES[method[:1].upper()]
    except KeyError:
        raise Unfit(
            Reason.WRONG_QUALITY,
            f"the quality is {shown(method)}; expected A, E, F, N, S or V",
        ) from None


def _possible(moment: datetime | None) -> datetime:
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise Unfit(
            Reason.BAD_TIME,
            f"the date is missing or no date of the years {FIRST_YEAR} to {LAST_YEAR}; expected "
            "YYYYMMDD, with hhmmss behind it for a read",
        )
    return moment


def _standard_zone(source: Source, nmi: str, moment: datetime | None) -> timezone:
    local = _possible(moment).replace(tzinfo=source.zone_for(nmi))
    offset = (local.utcoffset() or timedelta(0)) - (local.dst() or timedelta(0))
    return timezone(offset)


def _broken(kind: str, error: Exception) -> Unfit:
    return Unfit(Reason.WRONG_COLUMNS, f"not a {kind} record: {error}"[:300])
