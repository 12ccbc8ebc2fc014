"""A frame of DL/T 645-2007, as some gateways hand it on: a meter's answer to a read, in hex.

    FE FE FE FE 68 A0 A1 A2 A3 A4 A5 68 91 L DI0 DI1 DI2 DI3 data … CS 16

The FEs wake the line. A0 to A5 are the meter's number in BCD, lowest first. All of DI and data
were sent with 0x33 added. CS is the sum of the bytes from the first 68 to before it, mod 256.
Energies (DI3 = 00) are 4 bytes of BCD, lowest first, in 0.01 kWh: a dial of 1,000,000 kWh.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from domain.devices import Metric
from services.adapters.pieces import Unfit
from services.adapters.refusals import Reason

FORWARD_ACTIVE = "00010000"
ENERGY_STEP = Decimal("0.01")
ANSWER, REFUSED = 0x91, 0xD1
OFFSET = 0x33
# Two 68s with six bytes between, control, length; then at most 255 bytes, the sum and 16.
HEAD, TAIL, LONGEST = 10, 2, 300
_FRAME = re.compile(r"(?:FE)*68[0-9A-F]{12}68[0-9A-F]*", re.IGNORECASE)
_BLANKS = re.compile(r"[\s:-]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """`identifier` is DI3 to DI0 in hex; `metric` is None for another energy than the total that
    was drawn (a tariff, what was given back).
    """

    meter: str
    identifier: str
    value: Decimal
    metric: Metric | None


def is_frame(text: str) -> bool:
    return len(text) <= 3 * LONGEST and _FRAME.fullmatch(_BLANKS.sub("", text)) is not None


def read_frame(text: str) -> Answer:
    """The energy in a frame that `is_frame`. Raises Unfit for a damaged one, a meter's refusal,
    and what is no energy.
    """
    digits = _BLANKS.sub("", text)
    if len(digits) % 2:
        raise Unfit(Reason.BAD_FRAME, "the frame has half a byte; expected pairs of hex digits")
    frame = bytes.fromhex(digits).lstrip(b"\xfe")
    length = frame[9] if len(frame) >= HEAD else 0
    if len(frame) != HEAD + length + TAIL or frame[-1] != 0x16:
        raise Unfit(
            Reason.BAD_FRAME,
            f"the frame has {len(frame)} bytes; expected {HEAD + length + TAIL}, the last 16",
        )
    total = sum(frame[:-TAIL]) % 256
    if total != frame[-TAIL]:
        raise Unfit(
            Reason.BAD_FRAME,
            f"the frame's check sum is {frame[-TAIL]:02X}; expected {total:02X}",
        )
    control = frame[8]
    data = bytes((byte - OFFSET) % 256 for byte in frame[HEAD:-TAIL])
    if control == REFUSED:
        raise Unfit(Reason.DEVICE_ERROR, f"the meter answers the error {data.hex().upper()}")
    identifier = data[3::-1].hex() if len(data) >= 4 else ""
    if control != ANSWER or len(data) != 8 or not identifier.startswith("00"):
        raise Unfit(
            Reason.BAD_FRAME,
            f"the frame has control {control:02X} and {len(data)} bytes of data; expected the "
            "answer 91 with an energy of 4 bytes",
        )
    written = data[:3:-1].hex()
    if not written.isdecimal():
        raise Unfit(Reason.BAD_FRAME, f"the energy is {written.upper()}; expected decimal digits")
    return Answer(
        meter=frame[6:0:-1].hex(),
        identifier=identifier,
        value=int(written) * ENERGY_STEP,
        metric=Metric.ELECTRICITY if identifier == FORWARD_ACTIVE else None,
    )
