"""The API's own format: one reading, an array of them, or one a line (NDJSON).

Smallest form: `{"device_id": "POS001", "data_type": "sales", "value": 1500.00,
"timestamp": "2026-01-16T14:30:00Z"}`; `interval_end` and `unit` may follow. Strict: an unknown or
a doubled field, NaN, Infinity and deep nesting are refused, reading by reading. A body that is no
JSON at all is refused whole.
"""

import codecs
import json
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from services.adapters.arrival import Arrival
from services.adapters.readings_judge import (
    EXPECTED,
    OPTIONAL,
    REQUIRED,
    JsonReading,
    Judge,
    ParsedBatch,
    Scope,
)
from services.adapters.refusals import Problem, Reason, Refusal, kept_row, shown

__all__ = ["JsonReading", "ParsedBatch", "Scope", "UnreadableBody", "parse"]

PLAIN_QUOTES = 14
_QUOTED = {name: f'"{name}"'.encode() for name in (*REQUIRED, *OPTIONAL)}


_ARRAY = msgspec.json.Decoder(list[JsonReading])
_ONE = msgspec.json.Decoder(JsonReading)
_RAW_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class UnreadableBody(Exception):
    """The body as a whole is no readings; `problem` says where it breaks."""

    def __init__(self, code: Reason, reason: str) -> None:
        super().__init__(reason)
        self.problem = Problem(code, reason)


def parse(
    body: bytes, *, is_lines: bool, scope: Scope, arrival: Arrival, max_readings: int
) -> ParsedBatch:
    """The readings and refusals of a body; row numbers are places in the batch, from 0.

    Raises UnreadableBody when the body is empty, no JSON, or holds more than `max_readings`.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.strip(b" \t\r\n"):
        raise UnreadableBody(Reason.EMPTY_FILE, "the body is empty; expected one reading or more")
    try:
        readings = _decode(body, is_lines)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        readings = None
    if readings is None or b"\\" in body:
        return _parse_one_by_one(body, is_lines, scope, arrival, max_readings)
    # Without escapes a quote ends or begins a text. A plain reading has seven texts: four names
    # and three values. So many quotes in all, and no reading can hold a name twice, or more.
    is_plain = body.count(b'"') == PLAIN_QUOTES * len(readings)
    if not is_plain and not _every_field_once(body, readings):
        return _parse_one_by_one(body, is_lines, scope, arrival, max_readings)
    _check_count(len(readings), max_readings)
    batch = ParsedBatch(total=len(readings))
    judge = Judge(scope, arrival)
    if is_plain and judge.take_all_plain(readings, batch):
        return batch
    for place, reading in enumerate(readings):
        refusal = judge.take(place, reading)
        if refusal is not None:
            raw = msgspec.json.encode(reading).decode()
            batch.refusals.append(Refusal(place, kept_row(raw), *refusal))
    judge.fill(batch)
    return batch


def _decode(body: bytes, is_lines: bool) -> list[JsonReading]:
    if is_lines:
        return _ONE.decode_lines(body)
    if body.lstrip(b" \t\r\n")[:1] == b"{":
        return [_ONE.decode(body)]
    return _ARRAY.decode(body)


def _every_field_once(body: bytes, readings: list[JsonReading]) -> bool:
    """Whether no object can hold a field twice (msgspec would keep the last).

    Each reading has each required field at least once, so as many names as readings means once
    each. The body has no escapes: they could hide a name.
    """
    for name in REQUIRED:
        if body.count(_QUOTED[name]) != len(readings):
            return False
    for name in OPTIONAL:
        given = body.count(_QUOTED[name])
        if given and given != sum(getattr(r, name) is not msgspec.UNSET for r in readings):
            return False
    return True


def _check_count(count: int, max_readings: int) -> None:
    if count > max_readings:
        raise UnreadableBody(
            Reason.TOO_LARGE,
            f"the batch holds {count:,} readings; the limit is {max_readings:,} a call",
        )
    if count == 0:
        raise UnreadableBody(Reason.EMPTY_FILE, "the batch is empty; expected one reading or more")


def _parse_one_by_one(
    body: bytes, is_lines: bool, scope: Scope, arrival: Arrival, max_readings: int
) -> ParsedBatch:
    """The slow way: each reading is decoded alone, so that one bad one spoils no other."""
    pieces = _pieces(body, is_lines)
    _check_count(len(pieces), max_readings)
    batch = ParsedBatch(total=len(pieces))
    judge = Judge(scope, arrival)
    for place, piece in enumerate(pieces):
        refusal = _read_alone(piece, partial(judge.take, place))
        if refusal is not None:
            text = kept_row(piece.decode("utf-8", "replace"))
            batch.refusals.append(Refusal(place, text, *refusal))
    judge.fill(batch)
    return batch


def _pieces(body: bytes, is_lines: bool) -> list[bytes]:
    if is_lines:
        return [line for line in body.split(b"\n") if line.strip(b" \t\r")]
    try:
        if body.lstrip(b" \t\r\n")[:1] == b"[":
            return [bytes(raw) for raw in _RAW_ARRAY.decode(body)]
        msgspec.json.decode(body, type=msgspec.Raw)
        return [body]
    except RecursionError:
        raise UnreadableBody(
            Reason.TOO_DEEP, "the JSON is nested too deeply; a reading is a flat object"
        ) from None
    except UnicodeDecodeError as error:
        raise UnreadableBody(Reason.BAD_TEXT, f"byte {error.start} is no UTF-8") from None
    except msgspec.DecodeError as error:
        hint = (
            "; for one reading a line send Content-Type: application/x-ndjson"
            if "trailing characters" in str(error)
            else ""
        )
        raise UnreadableBody(Reason.NOT_JSON, f"{error}{hint}") from None


def _read_alone(
    piece: bytes, take: Callable[[JsonReading], "tuple[Reason, str] | None"]
) -> tuple[Reason, str] | None:
    try:
        twice = _doubled_field(piece)
        if twice is not None:
            return Reason.DUPLICATE_FIELD, f"{shown(twice)} stands twice; expected once"
        return take(_ONE.decode(piece))
    except RecursionError:
        return Reason.TOO_DEEP, "it is nested too deeply; a reading is a flat object"
    except UnicodeDecodeError as error:
        return Reason.BAD_TEXT, f"byte {error.start} of the reading is no UTF-8"
    except msgspec.ValidationError as error:
        return _explain(str(error))
    except (msgspec.DecodeError, ValueError) as error:
        return Reason.NOT_JSON, str(error)


def _doubled_field(piece: bytes) -> str | None:
    twice: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        counts = Counter(name for name, _ in pairs)
        twice.extend(name for name, count in counts.items() if count > 1)

    # Numbers stay text: a number of a million digits costs nothing here.
    json.loads(piece, object_pairs_hook=look, parse_int=str, parse_float=str)
    return twice[0] if twice else None


_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<field>[^`]*)`)?$", re.DOTALL)


def _explain(message: str) -> tuple[Reason, str]:
    """A code and a sentence for msgspec's message about one reading."""
    found = _AT.match(message)
    what, place = (found["what"], found["field"]) if found else (message, None)
    name = re.search(r"field `([^`]*)`", what)
    if "missing required field" in what and name:
        return Reason.MISSING_FIELD, f"{name[1]} is missing; expected {EXPECTED[name[1]]}"
    if "unknown field" in what and name:
        known = ", ".join((*REQUIRED, *OPTIONAL))
        return Reason.UNKNOWN_FIELD, f"{shown(name[1])} is no field; the fields are {known}"
    if place in EXPECTED:
        code = {
            "value": Reason.BAD_NUMBER,
            "timestamp": Reason.BAD_TIME,
            "interval_end": Reason.BAD_TIME,
            "unit": Reason.WRONG_UNIT,
            "data_type": Reason.UNKNOWN_METRIC,
            "device_id": Reason.UNKNOWN_DEVICE,
        }[place]
        return code, f"{place}: {what}; expected {EXPECTED[place]}"
    return Reason.NOT_AN_OBJECT, f"{what}; expected an object with {', '.join(REQUIRED)}"
