"""Telephone numbers as providers want them."""

import re

from domain.notifications import Failure
from services.gateways.message import PermanentError

CHINA = "+86"
_SEPARATORS = re.compile(r"[\s().\-/]")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_INTERNATIONAL = re.compile(r"\+[1-9]\d{6,14}")


def international(number: str) -> str:
    """`+8613800000001`: a number as people write it, with its country (E.164). A mobile number
    without one is Chinese.

    Raises PermanentError when no text message can go to it.
    """
    bare = _SEPARATORS.sub("", number)
    if bare.startswith("00"):
        bare = f"+{bare[2:]}"
    elif re.fullmatch(f"86{_MOBILE.pattern}", bare):
        bare = f"+{bare}"
    elif _MOBILE.fullmatch(bare):
        bare = f"{CHINA}{bare}"
    if not _INTERNATIONAL.fullmatch(bare):
        raise PermanentError(Failure.NO_NUMBER.told())
    return bare
