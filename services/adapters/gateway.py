"""Gateways that speak for meters (Modbus, DL/T 645): Neuron's JSON, one group of a node a message.

Both ways of writing it: `values` and `errors` by tag, or `tags` with `value` or `error` each.
Address: serial = `node/group` (`node` where there is no group); channel = the tag. Label = the
tag's last part (`M-1001.fwd_kwh` gives `fwd_kwh`); its ending says what it is:

- `kwh`, and the DL/T 645 identifier 00010000: electricity, what the dial shows;
- `m3`: gas where the tag has the word gas, else water;
- `temperature`, `temp`, `celsius`; `humidity`, `rh`; `co2`, `carbon_dioxide`.

An ending stands alone or behind `_` or `-`. `rev`, `reverse` or `export` before it is energy given
back, and that, like any other tag, is what the device's direction map says. All values are of
the moment `timestamp` (milliseconds).

A value that is a text is a number, or the frame of DL/T 645-2007 that the meter answered, in
hex (dlt645). An error other than 0 is a refusal. null is missing and skipped.

The states of its nodes (`states`), which it sends besides, are skipped.

Pieces: each tag. A tag that stands twice in `values` counts once, the last.
"""

import re
from datetime import datetime
from decimal import Decimal

import msgspec

from domain.devices import Metric
from services.adapters import dlt645
from services.adapters.decoded import Decoded, Source, Unreadable
from services.adapters.pieces import (
    Gathering,
    Unfit,
    epoch_instant,
    name_of,
    number,
    read_json,
    read_piece,
    speaks_of_gas,
    text_of,
    value_of,
)
from services.adapters.refusals import Reason, shown

EXPECTED = "a message of a gateway: timestamp, node, group and values or tags"
ENDINGS: dict[str, Metric] = {
    "kwh": Metric.ELECTRICITY,
    "m3": Metric.WATER,
    "temperature": Metric.TEMPERATURE,
    "temp": Metric.TEMPERATURE,
    "celsius": Metric.TEMPERATURE,
    "humidity": Metric.HUMIDITY,
    "rh": Metric.HUMIDITY,
    "co2": Metric.CARBON_DIOXIDE,
    "carbon_dioxide": Metric.CARBON_DIOXIDE,
}
_GIVEN_BACK = re.compile(r"(?:^|[_-])(?:rev|reverse|export|exp)(?:[_-]|$)")
_ENDING = re.compile(rf"(?:^|[_-])({'|'.join(ENDINGS)})$")
_LAST_PART = re.compile(r"[^./:]*$")


class _Body(msgspec.Struct):
    timestamp: Decimal
    node: str | None = None
    group: str | None = None
    values: dict[str, msgspec.Raw] | None = None
    errors: dict[str, msgspec.Raw] | None = None
    tags: list[msgspec.Raw] | None = None
    states: list[msgspec.Raw] | None = None


class _Tag(msgspec.Struct):
    name: str
    value: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


_BODY = msgspec.json.Decoder(_Body)
_TAG = msgspec.json.Decoder(_Tag)


def decode(body: bytes, source: Source) -> Decoded:
    """What meters show at a moment. Raises Unreadable for what is no message of a gateway."""
    message = read_json(body, _BODY, EXPECTED)
    gathering = Gathering()
    if message.states is not None:
        gathering.skip(max(1, len(message.states)))
        return gathering.decoded()
    try:
        at = epoch_instant(message.timestamp, "timestamp")
        serial = name_of(message.node, "node")
        if message.group:
            serial = f"{serial}/{name_of(message.group, 'group')}"
    except Unfit as why:
        raise Unreadable(why.code, why.reason) from None
    if message.values is None and message.errors is None and message.tags is None:
        raise Unreadable(Reason.UNKNOWN_FORMAT, f"there are no values; expected {EXPECTED}")
    gathering.heard.add(serial)
    for tag, raw in (message.values or {}).items():
        _take(tag, raw, msgspec.Raw(), f'"{tag}":{text_of(raw)}', serial, at, gathering)
    for tag, raw in (message.errors or {}).items():
        text = f'"{tag}":{text_of(raw)}'
        _take(tag, msgspec.Raw(b"null"), raw, text, serial, at, gathering)
    for place, raw in enumerate(message.tags or []):
        try:
            one = read_piece(raw, _TAG, f"tags[{place}]")
        except Unfit as why:
            gathering.refuse(why, text_of(raw))
            continue
        _take(one.name, one.value, one.error, text_of(raw), serial, at, gathering)
    return gathering.decoded()


def _take(
    tag: str,
    value_raw: msgspec.Raw,
    error_raw: msgspec.Raw,
    text: str,
    serial: str,
    at: datetime,
    gathering: Gathering,
) -> None:
    try:
        channel = name_of(tag, "the tag's name")
        _refuse_error(error_raw, channel)
        if not bytes(value_raw) and not bytes(error_raw):
            raise Unfit(Reason.MISSING_FIELD, f"{channel} has no value; expected a number")
        value = value_of(value_raw, channel)
        if value is None:
            gathering.skip()
            return
        label = _last_part(channel)
        metric = metric_of(channel)
        if isinstance(value, str) and dlt645.is_frame(value):
            answer = dlt645.read_frame(value)
            metric, found = answer.metric, answer.value
        else:
            found = number(value, channel)
    except Unfit as why:
        gathering.refuse(why, text)
        return
    gathering.take(
        serial=serial,
        channel=channel,
        label=label,
        metric=metric,
        start=at,
        value=found,
        text=text,
    )


def _refuse_error(raw: msgspec.Raw, channel: str) -> None:
    error = value_of(raw, f"the error of {channel}")
    if error in (None, 0, "0", ""):
        return
    raise Unfit(
        Reason.DEVICE_ERROR,
        f"the gateway has no value of {channel}, but the error {shown(error)}; expected a value",
    )


def _last_part(tag: str) -> str:
    found = _LAST_PART.search(tag)
    return (found[0] if found else "") or tag


def metric_of(tag: str) -> Metric | None:
    """What a tag measures by its ending; None where the ending does not tell."""
    label = _last_part(tag).casefold()
    if re.sub("[^0-9a-f]", "", label) == dlt645.FORWARD_ACTIVE:
        return Metric.ELECTRICITY
    ending = _ENDING.search(label)
    if ending is None or _GIVEN_BACK.search(label):
        return None
    if ending[1] == "m3" and speaks_of_gas(tag):
        return Metric.GAS
    return ENDINGS[ending[1]]
