"""What every adapter of a make of device gives: measurements and sales in the sender's words.

Belongs here: the shapes between an adapter and the register of devices. Not here: which device
is meant (resolving), a vendor's format (one module each).

An adapter is `decode(body, source) -> Decoded`, pure; it raises Unreadable for a body that is
not of its kind, and no other exception for any bytes whatever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from domain.devices import Metric, Quality
from domain.malls import MallClock
from domain.sales import SaleKind
from services.adapters.refusals import Problem, Reason, Refusal

# A push or a file of a device never means to say more than this.
MOST_ITEMS = 200_000


class Unreadable(Exception):
    """The body as a whole is not what this adapter reads; `problem` says where it breaks."""

    def __init__(self, code: Reason, reason: str) -> None:
        super().__init__(reason)
        self.problem = Problem(code, reason)


@dataclass(frozen=True, slots=True)
class Source:
    """What a body does not say of itself. `zone` places times without an offset: the zone of
    the device where one is registered, else the mall's. `cutoff_hour` is the local hour at which
    the mall's business day begins.
    """

    received_at: datetime
    zone: ZoneInfo
    currency: str = "CNY"
    zone_of: Callable[[str], ZoneInfo | None] = lambda serial: None
    cutoff_hour: int = 0

    def zone_for(self, serial: str) -> ZoneInfo:
        return self.zone_of(serial) or self.zone

    def business_day(self, serial: str, day: date) -> tuple[datetime, datetime]:
        """First and one-past-last instant (UTC) of a business date, where `serial` stands."""
        clock = MallClock(self.zone_for(serial).key, self.cutoff_hour)
        return clock.business_day(day)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value. `place` counts the pieces of the message from 0; `text` is the piece, for
    quarantine.

    `serial` and `channel` (a line, zone, register, tag; empty where there is but one) are who
    measured; `label` is what was measured in the vendor's word (`fw`, `enter`, `1-0:1.8.0`) and
    `metric` what that means unless the device's direction map says otherwise; None where only
    that map can know. `start` and `end` are aware; both the same for a moment.
    """

    place: int
    serial: str
    channel: str
    label: str
    metric: Metric | None
    start: datetime
    end: datetime
    value: Decimal
    quality: Quality = Quality.GOOD
    text: str = ""


@dataclass(frozen=True, slots=True)
class Sale:
    """One transaction of a till, keyed (till, business date, number).

    `serial` is the store's code and `channel` the till's. `business_date` is the till's own, or
    None where it states none: then the mall's cut-off decides. Amounts are positive; a RETURN
    counts against sales. net = gross - refunds - discounts, tax included in each.
    """

    place: int
    serial: str
    channel: str
    number: str
    business_date: date | None
    at: datetime
    kind: SaleKind
    gross: Decimal
    refunds: Decimal
    discounts: Decimal
    tax: Decimal
    original_number: str = ""
    text: str = ""

    @property
    def net(self) -> Decimal:
        return self.gross - self.refunds - self.discounts


@dataclass(frozen=True, slots=True)
class Decoded:
    """`total` pieces came: those that say something, those refused, and `skipped` ones that are
    no measurement at all (a status frame, a running total beside its intervals, a heartbeat).

    The account: a piece is the smallest thing that can be taken or refused alone, mostly one
    value; what is refused or skipped as a whole is one piece. Each has a place of its own, from 0
    to `total` - 1, and one fate: it is measured (or sold), refused, or skipped. So `total` is the
    number of different places of `measurements` and `sales`, and of `refusals`, and `skipped`.

    `heard` are serials that spoke, whatever they said. `clock_offset_seconds` is how far a
    device says its clock stands from the true time, by serial.
    """

    total: int = 0
    measurements: Sequence[Measurement] = ()
    sales: Sequence[Sale] = ()
    refusals: Sequence[Refusal] = ()
    skipped: int = 0
    heard: frozenset[str] = frozenset()
    clock_offset_seconds: dict[str, float] = field(default_factory=dict)


Decode = Callable[[bytes, Source], Decoded]
