"""Cameras that read a meter's dial (AI-on-the-edge-device): its JSON over MQTT or HTTP.

`{"value", "raw", "pre", "error", "rate", "timestamp"}`, all texts. `value` is the last good one
when `error` is not "no error": such a message is refused, for the dial was not read.

The message does not name its device. A bridge may: `{"device": "b1-water", "data": {…}}`, or with
the topic, `{"topic": "water/b1/main/json", "data": {…}}`, which gives the serial `water/b1` and
the channel `main`; `payload` says the same as `data`, and may be the JSON as a text. The camera's
own page answers by number, `{"main": {…}, "second": {…}}`: the numbers are channels. With no name
at all the serial is empty, and the key of one device names it.

Label: `value`, m3 of water, or of gas where serial or channel have that word; a camera at
another dial has a direction map (`{"value": "electricity_register"}`). A timestamp may have an
offset without a colon, `+0800`; one with none is local to the device.

Pieces: each number that was read.
"""

import msgspec

from domain.devices import Metric
from services.adapters.decoded import Decoded, Source, Unreadable
from services.adapters.pieces import (
    Gathering,
    Unfit,
    instant,
    name_of,
    number,
    read_json,
    read_piece,
    speaks_of_gas,
    text_of,
    value_of,
)
from services.adapters.refusals import Reason, shown

LABEL = "value"
NO_ERROR = "no error"
EXPECTED = "a message with value, error and timestamp"


class _Reading(msgspec.Struct):
    value: msgspec.Raw
    error: str
    timestamp: str


class _Body(msgspec.Struct):
    value: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    timestamp: msgspec.Raw = msgspec.Raw()
    device: str | None = None
    topic: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    payload: msgspec.Raw = msgspec.Raw()


_BODY = msgspec.json.Decoder(_Body)
_READING = msgspec.json.Decoder(_Reading)
_NUMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)


def decode(body: bytes, source: Source) -> Decoded:
    """What a dial shows at a moment. Raises Unreadable for what is no message of a camera."""
    message = read_json(body, _BODY, EXPECTED)
    inner = bytes(message.data) or bytes(message.payload)
    gathering = Gathering()
    if not inner:
        _take_all(body, message, "", "", source, gathering)
        return gathering.decoded()
    try:
        serial, channel = _address(message)
    except Unfit as why:
        raise Unreadable(why.code, why.reason) from None
    if inner.lstrip().startswith(b'"'):
        inner = read_json(inner, _TEXT, EXPECTED).encode()
    _take_all(inner, read_json(inner, _BODY, EXPECTED), serial, channel, source, gathering)
    return gathering.decoded()


def _address(message: _Body) -> tuple[str, str]:
    """Serial and channel from what a bridge adds."""
    if message.device:
        return name_of(message.device, "device"), ""
    if not message.topic:
        return "", ""
    topic = name_of(message.topic, "topic").removesuffix("/json")
    serial, _, channel = topic.rpartition("/")
    return (serial, channel) if serial else (channel, "")


def _take_all(
    body: bytes,
    message: _Body,
    serial: str,
    channel: str,
    source: Source,
    gathering: Gathering,
) -> None:
    gathering.heard.add(serial)
    if bytes(message.value) or bytes(message.error) or bytes(message.timestamp):
        _take(body, serial, channel, source, gathering)
        return
    numbers: dict[str, msgspec.Raw] = read_json(body, _NUMBERS, EXPECTED)
    numbers = {name: raw for name, raw in numbers.items() if bytes(raw).lstrip().startswith(b"{")}
    if not numbers:
        raise Unreadable(Reason.UNKNOWN_FORMAT, f"there is no value; expected {EXPECTED}")
    for name, raw in numbers.items():
        _take(bytes(raw), serial, name, source, gathering)


def _take(body: bytes, serial: str, channel: str, source: Source, gathering: Gathering) -> None:
    text = text_of(body)
    try:
        reading = read_piece(body, _READING, "the message")
        channel = name_of(channel, "the number's name") if channel else ""
        if reading.error.strip().casefold() != NO_ERROR:
            raise Unfit(
                Reason.DEVICE_ERROR,
                f"the camera could not read the dial: {shown(reading.error)}; its value is the "
                f'last good one; expected "{NO_ERROR}"',
            )
        at = instant(reading.timestamp, "timestamp", source.zone_for(serial))
        value = number(value_of(reading.value, "value"), "value")
    except Unfit as why:
        gathering.refuse(why, text)
        return
    gathering.take(
        serial=serial,
        channel=channel,
        label=LABEL,
        metric=Metric.GAS if speaks_of_gas(f"{serial} {channel}") else Metric.WATER,
        start=at,
        value=value,
        text=text,
    )
