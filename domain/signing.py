"""Signatures under a lease: who signs, how it was confirmed, what a paper has come to.

Belongs here: the words for it, and the rules of one-time codes. Not here: what a signature is
made of (services.documents, services.operations).
"""

from datetime import timedelta
from enum import StrEnum


class Party(StrEnum):
    LANDLORD = "LANDLORD"
    TENANT = "TENANT"


class SigningMethod(StrEnum):
    SEAL = "SEAL"  # the mall's own key
    PASSWORD_AND_CODE = "PASSWORD_AND_CODE"  # a person, by password and a one-time code


class SignatureState(StrEnum):
    PENDING = "PENDING"
    SIGNED = "SIGNED"
    VOID = "VOID"  # the clauses changed, or the shop declined


class PaperState(StrEnum):
    SEALED = "SEALED"  # by the mall; the shop's signature is awaited
    SIGNED = "SIGNED"  # by both
    VOID = "VOID"


# A one-time code for a person without an authenticator.
CODE_DIGITS = 6
CODE_LIFE = timedelta(minutes=10)
CODE_TRIES = 5
CODE_WAIT = timedelta(seconds=60)  # until another may be sent
