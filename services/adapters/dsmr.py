"""Telegrams of meters: DSMR P1 (2.2 to 5, read by dsmr-parser) and plain OBIS D0.

Belongs here: a telegram's lines. Not here: which device a serial is.

serial: of the meter itself 0-0:96.1.1 or 1-0:0.0.0, else the identification line; of an M-Bus
device its own 0-n:96.1.0. A serial in hex of ASCII becomes the text that is printed on the
meter. channel: empty; 0-n for an M-Bus device that names no serial (then under the meter's), 8-0
for water and 7-0 for gas in a D0 telegram. label: 1-0:1.8.0, 0-1:24.2.1, 8-0:1.0.0 …

The electricity register is 1.8.0; where a telegram has only tariffs, their sum 1.8.1 + 1.8.2 (+
1.8.3 + 1.8.4). Times are those of the telegram, M-Bus readings have their own; local ones are of
`source.zone_for(serial)`. A telegram without a time is placed at `source.received_at`. A CRC is
checked where the telegram carries one.

Skipped: export (2.8.x), power, voltage, heat (GJ) and all else that no metric of ours means; a
tariff beside its total.
"""

import codecs
import logging
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from dsmr_parser import obis_references as obis
from dsmr_parser.exceptions import InvalidChecksumError, ParseError
from dsmr_parser.parsers import CosemParser, MBusParser, TelegramParser, ValueParser

from domain.devices import Metric
from services.adapters.decoded import Decoded, Source, Unreadable
from services.adapters.pieces import Gathering, Unfit, local_instant, name_of, number
from services.adapters.refusals import Reason, kept_row, shown

# It logs the lines it cannot read; we refuse the telegram with a reason instead.
logging.getLogger("dsmr_parser").setLevel(logging.CRITICAL)

LONGEST_TELEGRAM = 16_384  # a P1 telegram is some 2 KB
# A register in the unit of our metric, by the unit in the telegram.
UNITS = {
    Metric.ELECTRICITY: {"kwh": Decimal(1), "wh": Decimal("0.001"), "mwh": Decimal(1000)},
    Metric.WATER: {"m3": Decimal(1), "dm3": Decimal("0.001"), "l": Decimal("0.001")},
    Metric.GAS: {"m3": Decimal(1), "dm3": Decimal("0.001")},
}
# EN 13757-3: what hangs on the M-Bus. Heat (4, 12) has no metric of ours.
MBUS_METRICS = {2: Metric.ELECTRICITY, 3: Metric.GAS, 6: Metric.WATER, 7: Metric.WATER}
TARIFFS = ("1.8.1", "1.8.2", "1.8.3", "1.8.4")


def _line(reference: str, name: str, *values: type) -> dict[str, object]:
    return {
        "obis_reference": reference,
        "value_name": name,
        "value_parser": CosemParser(*map(ValueParser, values)),
    }


# The lines that we measure by, in every version from 2.2 to 5 and its Belgian, Swedish and other
# kin. The library's own lists hold more, among it an event log whose parser grows with each
# telegram. Times stay text: the library takes every meter to be in Amsterdam.
_PARSER = TelegramParser(
    {
        "checksum_support": False,
        "objects": [
            _line(obis.P1_MESSAGE_TIMESTAMP, "TIME", str),
            _line(r"^0-0:96\.1\.1.+?\r\n", "SERIAL", str),
            _line(r"^0-0:96\.1\.0.+?\r\n", "OTHER_SERIAL", str),
            _line(obis.LUXEMBOURG_EQUIPMENT_IDENTIFIER, "LOGICAL_NAME", str),
            _line(obis.ELECTRICITY_IMPORTED_TOTAL, "1.8.0", Decimal),
            _line(obis.ELECTRICITY_USED_TARIFF_1, "1.8.1", Decimal),
            _line(obis.ELECTRICITY_USED_TARIFF_2, "1.8.2", Decimal),
            _line(obis.ELECTRICITY_USED_TARIFF_3, "1.8.3", Decimal),
            _line(obis.ELECTRICITY_USED_TARIFF_4, "1.8.4", Decimal),
            _line(obis.MBUS_DEVICE_TYPE, "MBUS_TYPE", int),
            _line(obis.MBUS_EQUIPMENT_IDENTIFIER, "MBUS_SERIAL", str),
            {
                "obis_reference": obis.MBUS_METER_READING,
                "value_name": "MBUS_READING",
                "value_parser": MBusParser(ValueParser(str), ValueParser(Decimal)),
            },
            {
                "obis_reference": obis.GAS_METER_READING,
                "value_name": "GAS_READING",
                "value_parser": MBusParser(*[ValueParser(str)] * 6, ValueParser(Decimal)),
            },
        ],
    }
)
# What the library's parsers raise for a line that is none.
_BROKEN = (ParseError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
_IS_P1 = re.compile(r"^(?:1-3:0\.2\.8|0-0:1\.0\.0|0-\d:96\.1\.[01]|0-\d:24\.1\.0)\(", re.M)
_D0_LINE = re.compile(
    r"(?:(?P<medium>\d{1,3})-(?P<channel>\d{1,3}):)?(?P<code>[0-9CFL]{1,3}\.[0-9]{1,3}"
    r"(?:\.[0-9]{1,3})?)(?:\*(?P<storage>\d{1,3}))?\((?P<value>[^()*]{0,80})(?:\*(?P<unit>[^()*]{1,10}))?\)"
)
_TIME = re.compile(r"(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})([SW]?)")
_HEX_TEXT = re.compile(r"(?:[2-7][0-9A-Fa-f]){6,}")


def decode(body: bytes, source: Source) -> Decoded:
    """A piece is a register of a telegram, a telegram that is refused, or one with nothing."""
    body = body.removeprefix(codecs.BOM_UTF8)
    text = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("latin-1")
    gathering = Gathering()
    for telegram in _telegrams(text):
        try:
            if len(telegram) > LONGEST_TELEGRAM:
                raise Unfit(
                    Reason.TOO_LARGE,
                    f"the telegram is longer than {LONGEST_TELEGRAM:,} bytes, or its end, a line "
                    "beginning with !, is missing",
                )
            _check_crc(telegram)
            taken = _p1(telegram, source) if _IS_P1.search(telegram) else _d0(telegram, source)
        except Unfit as why:
            gathering.refuse(why, telegram)
            continue
        for register in taken:
            gathering.take(**register, text=kept_row(telegram))
        if not taken:
            gathering.skip()
    if not gathering.total:
        raise Unreadable(
            Reason.UNKNOWN_FORMAT if body.strip() else Reason.EMPTY_FILE,
            "there is no telegram; expected lines from one that begins with / to one that begins "
            "with !",
        )
    return gathering.decoded()


def _telegrams(text: str) -> Iterator[str]:
    """From a line that begins with / to one that begins with !; also one that breaks off."""
    lines: list[str] | None = None
    # A D0 telegram over a serial line has control characters about it.
    for line in text.split("\n"):
        bare = line.strip("\x00\x01\x02\x03\x04\x06 \t")
        if bare.startswith("/"):
            if lines is not None:
                yield "\n".join(lines)
            lines = []
        if lines is None:
            continue
        lines.append(bare)
        if bare.startswith("!"):
            yield "\n".join(lines)
            lines = None
    if lines is not None:
        yield "\n".join(lines)


def _check_crc(telegram: str) -> None:
    """Raises Unfit for a telegram without an end, and for one with a CRC that it does not fit."""
    end = telegram.rfind("\n!")
    if end < 0:
        raise Unfit(
            Reason.MISSING_FIELD, "the telegram breaks off: its end, a line with !, is missing"
        )
    stated = telegram[end + 2 :].strip()
    if not re.fullmatch(r"[0-9A-Fa-f]{4}", stated):
        return
    # Sent with CR LF, whatever the file was stored with.
    sent = telegram[: end + 2].replace("\n", "\r\n") + stated.upper()
    try:
        TelegramParser.validate_checksum(sent)
    except InvalidChecksumError:
        raise Unfit(Reason.CHECKSUM, f"the telegram does not fit its CRC {stated}") from None
    except _BROKEN as error:
        raise Unfit(Reason.CHECKSUM, f"the CRC {stated} cannot be checked: {error}") from None


Register = dict[str, Any]


def _p1(telegram: str, source: Source) -> list[Register]:
    try:
        found: Any = _PARSER.parse(telegram.replace("\n", "\r\n") + "\r\n", throw_ex=True)
        lines = {name: line for name, line in found if name != "MBUS_DEVICES"}
        stated = {name: (line.value, line.unit) for name, line in lines.items()}
        devices = [dict(device) for device in getattr(found, "MBUS_DEVICES", ())]
        channels = [device.channel_id for device in getattr(found, "MBUS_DEVICES", ())]
    except _BROKEN as error:
        raise Unfit(Reason.WRONG_COLUMNS, f"not a P1 telegram: {error}"[:300]) from None
    serial = _serial(
        next((stated[n][0] for n in ("SERIAL", "OTHER_SERIAL", "LOGICAL_NAME") if n in stated), ""),
        telegram,
    )
    zone = source.zone_for(serial)
    at = _time(stated["TIME"][0], zone) if "TIME" in stated else source.received_at
    registers = _electricity(serial, at, {n: v for n, v in stated.items() if n in _ENERGY})
    for channel, device in zip(channels, devices, strict=True):
        register = _mbus(channel, device, serial, at, source)
        if register is not None:
            registers.append(register)
    return registers


_ENERGY = frozenset({"1.8.0", *TARIFFS})


def _electricity(
    serial: str, at: datetime, stated: dict[str, tuple[Decimal | str | None, str | None]]
) -> list[Register]:
    """The total register, else the sum of the tariffs; nothing where there is neither."""
    if "1.8.0" in stated:
        parts = {"1.8.0": stated["1.8.0"]}
    else:
        parts = {name: stated[name] for name in TARIFFS if name in stated}
    if not parts:
        return []
    values = [
        _value(value, unit, Metric.ELECTRICITY, f"1-0:{name}")
        for name, (value, unit) in parts.items()
    ]
    return [
        {
            "serial": serial,
            "channel": "",
            "label": "+".join(f"1-0:{name}" for name in parts),
            "metric": Metric.ELECTRICITY,
            "start": at,
            "value": sum(values, Decimal(0)),
        }
    ]


def _mbus(
    channel: int, device: dict[str, Any], serial: str, at: datetime, source: Source
) -> Register | None:
    """The register of a device on the M-Bus; None for one that has none, or of heat."""
    reading = device.get("MBUS_READING") or device.get("GAS_READING")
    if reading is None:
        return None
    is_old = "MBUS_READING" not in device
    kind = device["MBUS_TYPE"].value if "MBUS_TYPE" in device else None
    metric = Metric.GAS if is_old else MBUS_METRICS.get(kind or 0)
    if metric is None:
        return None
    values = reading.values
    value = values[-1]["value"]
    if value is None:  # between the device's start and its first reading
        return None
    unit = values[5]["value"] if is_old else values[-1]["unit"]
    own = device["MBUS_SERIAL"].value if "MBUS_SERIAL" in device else None
    label = f"0-{channel}:24.3.0" if is_old else f"0-{channel}:24.2.1"
    name = _serial(own, "") if own else serial
    moment = values[0]["value"]
    return {
        "serial": name,
        "channel": "" if own else f"0-{channel}",
        "label": label,
        "metric": metric,
        "start": _time(moment, source.zone_for(name)) if moment else at,
        "value": _value(value, unit, metric, label),
    }


def _d0(telegram: str, source: Source) -> list[Register]:
    stated: dict[str, tuple[str, str | None]] = {}
    for line in telegram.split("\n")[1:]:
        found = _D0_LINE.match(line)
        # *255 is now; any other number is what stood at the end of a past period.
        if found is not None and found["storage"] in (None, "255"):
            medium = found["medium"] or "1"
            stated.setdefault(f"{medium}|{found['code']}", (found["value"], found["unit"]))

    def text(*codes: str) -> str:
        return next((stated[c][0] for c in codes if c in stated and stated[c][0].strip()), "")

    serial = _serial(
        text("1|0.0.0", "0|0.0.0", "1|0.0", "0|96.1.0", "0|96.1.1", "1|96.1.0", "1|C.1.0"), telegram
    )
    zone = source.zone_for(serial)
    moment = text("0|1.0.0", "1|1.0.0") or text("1|0.9.2", "0|0.9.2") + text("1|0.9.1", "0|0.9.1")
    at = _time(moment, zone) if moment else source.received_at
    energy = {code: stated[f"1|{code}"] for code in _ENERGY if f"1|{code}" in stated}
    registers = _electricity(serial, at, dict(energy))
    # OBIS media: 7 gas, 8 cold and 9 hot water; 1.0.0 and 3.0.0 are their registers.
    for medium, code, metric in (
        ("8", "1.0.0", Metric.WATER),
        ("9", "1.0.0", Metric.WATER),
        ("7", "3.0.0", Metric.GAS),
    ):
        value, unit = stated.get(f"{medium}|{code}", ("", None))
        if value:
            label = f"{medium}-0:{code}"
            registers.append(
                {
                    "serial": serial,
                    "channel": f"{medium}-0",
                    "label": label,
                    "metric": metric,
                    "start": at,
                    "value": _value(value, unit, metric, label),
                }
            )
    return registers


def _value(value: Decimal | str | None, unit: str | None, metric: Metric, label: str) -> Decimal:
    scale = UNITS[metric].get((unit or "").strip().lower().replace("³", "3"))
    if scale is None:
        raise Unfit(
            Reason.WRONG_UNIT,
            f"{label} is in {shown(unit or '')}; expected {' or '.join(UNITS[metric])}",
        )
    return number(value, label) * scale


def _serial(stated: str | None, telegram: str) -> str:
    """The serial as printed; of a telegram without one, what its first line says."""
    found = (stated or "").strip()
    if not found and telegram:
        # /EXA5METER-0001: three letters of the maker, its speed, where it has one a mode (\2), and
        # from there its own words.
        found = re.sub(r"^\\.", "", telegram.split("\n", 1)[0][5:]).strip()
    if len(found) % 2 == 0 and _HEX_TEXT.fullmatch(found):
        found = bytes.fromhex(found).decode("ascii").strip("\x7f ") or found
    return name_of(found, "the serial")


def _time(text: str | None, zone: ZoneInfo) -> datetime:
    """YYMMDDhhmmss and S or W, summer or winter: the clock's hour that comes twice."""
    found = _TIME.fullmatch((text or "").strip())
    try:
        if found is None:
            raise ValueError
        year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
        local = datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001
    except ValueError:
        raise Unfit(
            Reason.BAD_TIME, f"the time is {shown(text)}; expected YYMMDDhhmmss and S or W"
        ) from None
    return local_instant(local.replace(fold=found[7] == "W"), "the time", zone)
