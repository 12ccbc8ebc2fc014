"""The small things that makes of devices have in common: JSON, numbers, times, names; and the
one account of what came of a message.

Belongs here: reading one piece safely, whatever the bytes. Not here: a vendor's format (one
module each), XML (xml_tree), the register (resolving).
"""

import codecs
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from domain.devices import Metric, Quality
from services.adapters.decoded import MOST_ITEMS, Decoded, Measurement, Sale, Unreadable
from services.adapters.refusals import Reason, Refusal, kept_row, shown

# A message of MOST_ITEMS values has no more parts than this; each costs memory when read.
MOST_PARTS = 2_000_000
LONGEST_NAME = 200
LONGEST_TEXT = 400
WHOLE_DIGITS = 12
T = TypeVar("T")


class Unfit(Exception):
    """One piece says nothing that can be taken; the rest of the message may."""

    def __init__(self, code: Reason, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def read_json(body: bytes, shape: msgspec.json.Decoder[T], expected: str) -> T:
    """A body as `shape`; fields it does not name are let be.

    Raises Unreadable for a body that is empty, broken, too deep or of another shape; `expected`
    ends its sentence ("a push of …").
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip(b" \t\r\n"):
        raise Unreadable(Reason.EMPTY_FILE, f"the body is empty; expected {expected}")
    if body.count(b",") > MOST_PARTS:
        raise Unreadable(
            Reason.TOO_LARGE, f"the body has more than {MOST_PARTS:,} parts; send it in several"
        )
    try:
        return shape.decode(body)
    except RecursionError:
        raise Unreadable(
            Reason.TOO_DEEP, f"the JSON is nested too deeply; expected {expected}"
        ) from None
    except UnicodeDecodeError as error:
        raise Unreadable(Reason.BAD_TEXT, f"byte {error.start} is no UTF-8") from None
    except msgspec.ValidationError as error:
        raise Unreadable(Reason.UNKNOWN_FORMAT, f"{error}; expected {expected}") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise Unreadable(Reason.NOT_JSON, f"{error}; expected {expected}") from None


def read_piece(raw: msgspec.Raw | bytes, shape: msgspec.json.Decoder[T], where: str) -> T:
    """One piece of a JSON body as `shape`; `where` is its place ("items[3]"). Raises Unfit."""
    try:
        return shape.decode(raw)
    except RecursionError:
        raise Unfit(Reason.TOO_DEEP, f"{where} is nested too deeply") from None
    except UnicodeDecodeError:
        raise Unfit(Reason.BAD_TEXT, f"{where} is no UTF-8") from None
    except msgspec.ValidationError as error:
        raise Unfit(_code_of(str(error)), f"{where}: {error}") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise Unfit(Reason.NOT_JSON, f"{where}: {error}") from None


_TEXT = msgspec.json.Decoder(str)
_NUMBER = msgspec.json.Decoder(Decimal)


def value_of(raw: msgspec.Raw, where: str) -> Decimal | str | None:
    """A number, a text, or None for null and for what does not stand there. Raises Unfit."""
    data = bytes(raw).strip(b" \t\r\n")
    if data in (b"", b"null"):
        return None
    if data.startswith(b'"'):
        return read_piece(data, _TEXT, where)
    return read_piece(data, _NUMBER, where)


def _code_of(message: str) -> Reason:
    if "missing required field" in message:
        return Reason.MISSING_FIELD
    if message.startswith(("Expected `decimal`", "Expected `int`", "Invalid decimal", "Integer")):
        return Reason.BAD_NUMBER
    return Reason.NOT_AN_OBJECT


def text_of(raw: Any) -> str:
    """A piece as quarantine shows it, short; a big one is cut."""
    data = bytes(memoryview(raw)[:LONGEST_TEXT])
    return data.decode("utf-8", "ignore")


def number(value: Decimal | str | None, name: str, expected: str = "a number") -> Decimal:
    """A finite number of at most 12 digits before the point. Raises Unfit."""
    found = value
    if isinstance(found, str):
        found = Decimal(found.strip()) if _DECIMAL.fullmatch(found.strip()) else None
    if found is None or not found.is_finite() or found.adjusted() >= WHOLE_DIGITS:
        quoted = "missing" if value is None else shown(value)
        raise Unfit(
            Reason.BAD_NUMBER,
            f"{name} is {quoted}; expected {expected} of at most {WHOLE_DIGITS} digits",
        )
    return Decimal(0) if found.adjusted() < -WHOLE_DIGITS else found


def count(value: Decimal | str | None, name: str) -> Decimal:
    """A whole number. A negative one is let through: the cleaning flags what cannot be."""
    found = number(value, name, "a whole number")
    if found != found.to_integral_value():
        raise Unfit(Reason.BAD_NUMBER, f"{name} is {shown(found)}; expected a whole number")
    return found


_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,300}(?:\.[0-9]{0,300})?|\.[0-9]{1,300})")
_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)"
    r"(?:[.,](?P<fraction>[0-9]{1,40}))? ?(?P<offset>Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)


def instant(text: str | None, name: str, zone: ZoneInfo | None = None) -> datetime:
    """An ISO 8601 time in UTC; one without an offset is local in `zone` (None: refused).

    Of a local time that a clock change makes twice, the first is meant; one that it leaves out
    is refused. Raises Unfit.
    """
    found = _TIME.fullmatch(text.strip()) if text and len(text) <= LONGEST_NAME else None
    expected = "expected a time such as 2026-03-05T16:15:00+08:00"
    if found is None:
        quoted = shown(text) if text else "missing"
        raise Unfit(Reason.BAD_TIME, f"{name} is {quoted}; {expected}")
    fraction = f".{found['fraction'][:6]:0<6}" if found["fraction"] else ""
    offset = (found["offset"] or "").upper()
    if not offset and zone is None:
        raise Unfit(Reason.BAD_TIME, f"{name} is {shown(text)}, without an offset; {expected}")
    seconds = found["time"] if len(found["time"]) == len("00:00:00") else found["time"] + ":00"
    try:
        moment = datetime.fromisoformat(f"{found['date']}T{seconds}{fraction}{offset}")
        if moment.tzinfo is None:
            return local_instant(moment, name, zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unfit(Reason.BAD_TIME, f"{name} is {shown(text)}; {expected}") from None


def local_instant(local: datetime, name: str, zone: ZoneInfo | None) -> datetime:
    """A naive local time of `zone` in UTC; raises Unfit for one that the clocks leave out. The
    first of those is the moment of the change itself: an hour before it ends there.
    """
    try:
        moment = local.replace(tzinfo=zone).astimezone(UTC)
        is_real = moment.astimezone(zone).replace(tzinfo=None) == local
        if not is_real:
            before = (moment - timedelta(microseconds=1)).astimezone(zone)
            is_real = before.replace(tzinfo=None) + timedelta(microseconds=1) == local
    except (ValueError, OverflowError):
        is_real = False
    if not is_real:
        raise Unfit(
            Reason.BAD_TIME,
            f"{name} is {local.isoformat()}, a time that the clocks of {zone} leave out",
        )
    return moment


_DAY = re.compile(r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})(?:[T Z+-].{0,40})?")
FIRST_YEAR, LAST_YEAR = 2000, 2100


def day(text: str, name: str) -> date:
    """YYYY-MM-DD or YYYYMMDD of this century; a time of day behind it is let be. Raises Unfit."""
    found = _DAY.fullmatch(text.strip())
    try:
        if found and FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
            return date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        pass
    quoted = shown(text) if text else "missing"
    raise Unfit(Reason.BAD_TIME, f"{name} is {quoted}; expected a date such as 2026-03-05")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def epoch_instant(milliseconds: Decimal | int | None, name: str) -> datetime:
    """Milliseconds since 1970 in UTC. Raises Unfit."""
    try:
        if milliseconds is None:
            raise ValueError
        whole = Decimal(milliseconds)
        if not whole.is_finite() or whole.adjusted() > 14:
            raise ValueError
        return _EPOCH + timedelta(milliseconds=int(whole))
    except (ValueError, OverflowError):
        quoted = "missing" if milliseconds is None else shown(milliseconds)
        raise Unfit(
            Reason.BAD_TIME,
            f"{name} is {quoted}; expected milliseconds since 1970 such as 1772698800000",
        ) from None


def interval(start: datetime, end: datetime, where: str) -> tuple[datetime, datetime]:
    """Both as they are; raises Unfit unless the end is after the start."""
    if end <= start:
        raise Unfit(
            Reason.BAD_INTERVAL,
            f"{where} runs from {start.isoformat()} to {end.isoformat()}; expected an end after "
            "the start",
        )
    return start, end


def name_of(text: object, name: str) -> str:
    """A serial, a channel, a label: one short printable line. Raises Unfit."""
    found = str(text).strip() if isinstance(text, str | int) else ""
    if not found:
        raise Unfit(Reason.MISSING_FIELD, f"{name} is missing; expected a name")
    if len(found) > LONGEST_NAME or not found.isprintable():
        raise Unfit(
            Reason.BAD_TEXT,
            f"{name} is {shown(found)}; expected at most {LONGEST_NAME} printable characters",
        )
    return found


_HEX_PAIRS = re.compile(r"[0-9a-fA-F]{2}([:-]?)(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}")


def serial_of(text: object, name: str) -> str:
    """A serial as it is registered; a MAC in any spelling becomes 12 lower-case digits."""
    found = name_of(text, name)
    if _HEX_PAIRS.fullmatch(found):
        return re.sub("[:-]", "", found).lower()
    return found


_GAS = re.compile(r"(?:^|[^a-z])gas(?:[^a-z]|$)")


def speaks_of_gas(name: str) -> bool:
    """Whether a name has the word gas: m3 are of water else."""
    return _GAS.search(name.casefold()) is not None


@dataclass(slots=True)
class Gathering:
    """What came of a message, piece by piece: each has one place and one fate.

    Raises Unreadable (TOO_LARGE) past MOST_ITEMS pieces, skipped ones included.
    """

    total: int = 0
    measurements: list[Measurement] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    skipped: int = 0
    heard: set[str] = field(default_factory=set)
    clock_offset_seconds: dict[str, float] = field(default_factory=dict)

    def next_place(self) -> int:
        self._add(1)
        return self.total - 1

    def _add(self, pieces: int) -> None:
        self.total += pieces
        if self.total > MOST_ITEMS:
            raise Unreadable(
                Reason.TOO_LARGE,
                f"the message has more than {MOST_ITEMS:,} pieces; send it in several",
            )

    def skip(self, pieces: int = 1) -> None:
        """They are no measurement at all."""
        self._add(pieces)
        self.skipped += pieces

    def refuse(self, why: Unfit, text: str) -> None:
        place = self.next_place()
        self.refusals.append(Refusal(place, kept_row(text), why.code, why.reason))

    def take(
        self,
        *,
        serial: str,
        channel: str,
        label: str,
        metric: Metric | None,
        start: datetime,
        end: datetime | None = None,
        value: Decimal,
        quality: Quality = Quality.GOOD,
        text: str = "",
    ) -> None:
        """One value; without `end` it is of a moment."""
        self.heard.add(serial)
        self.measurements.append(
            Measurement(
                place=self.next_place(),
                serial=serial,
                channel=channel,
                label=label,
                metric=metric,
                start=start,
                end=start if end is None else end,
                value=value,
                quality=quality,
                text=text,
            )
        )

    def take_count(
        self,
        value: Decimal | str | None,
        where: str,
        *,
        serial: str,
        channel: str = "",
        label: str,
        metric: Metric | None,
        start: datetime,
        end: datetime,
        text: str,
    ) -> None:
        """People or things in an interval; None is missing, not 0, and no measurement."""
        if value is None:
            self.skip()
            return
        try:
            number = count(value, where)
        except Unfit as why:
            self.refuse(why, text)
            return
        self.take(
            serial=serial,
            channel=channel,
            label=label,
            metric=metric,
            start=start,
            end=end,
            value=number,
            text=text,
        )

    def decoded(self) -> Decoded:
        return Decoded(
            total=self.total,
            measurements=self.measurements,
            sales=self.sales,
            refusals=self.refusals,
            skipped=self.skipped,
            heard=frozenset(self.heard),
            clock_offset_seconds=self.clock_offset_seconds,
        )
