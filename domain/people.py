"""Roles and accounts of the people who work with the mall."""

import re
from collections.abc import Iterable
from enum import StrEnum

# Digits of a telephone number: an extension has a few, ITU-T E.164 allows fifteen.
_PHONE = re.compile(r"\+?[0-9]{5,15}")
_BETWEEN_DIGITS = re.compile(r"[\s().-]")


class Role(StrEnum):
    SUPER_ADMIN = "SUPER_ADMIN"
    MANAGEMENT = "MANAGEMENT"
    OPERATION = "OPERATION"
    FINANCE = "FINANCE"
    SHOP = "SHOP"


class InvalidPhone(ValueError):
    """No telephone number."""


class AccountState(StrEnum):
    ACTIVE = "ACTIVE"
    INVITED = "INVITED"  # the person has not chosen a password yet
    LOCKED = "LOCKED"  # for a while, after too many wrong tries
    CLOSED = "CLOSED"


STAFF_ROLES = frozenset({Role.SUPER_ADMIN, Role.MANAGEMENT, Role.OPERATION, Role.FINANCE})

_STRONGEST_FIRST = (Role.SUPER_ADMIN, Role.MANAGEMENT, Role.FINANCE, Role.OPERATION, Role.SHOP)


def effective_role(names: Iterable[str]) -> Role | None:
    """The one role that an account acts in: an account made before accounts had one role may
    carry several, and acts in the strongest. None for an account without a role we know.
    """
    held = set(names)
    return next((role for role in _STRONGEST_FIRST if role in held), None)


def phone_number(text: str) -> str:
    """A telephone number as it is kept, `+8613800000000`: what people write between the digits is
    dropped. Empty for none. Raises InvalidPhone.
    """
    number = _BETWEEN_DIGITS.sub("", text)
    if number and not _PHONE.fullmatch(number):
        raise InvalidPhone(f"{text!r} is no telephone number")
    return number
