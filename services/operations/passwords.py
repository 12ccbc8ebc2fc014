"""Passwords become hashes that the sign-in page can check.

Belongs here: hashing for callers without a web application (the command line, the sample mall).
Not here: checking a password, which Flask-Security does at sign-in.
"""

import hashlib
import hmac
import unicodedata
from base64 import b64encode

from argon2 import PasswordHasher

MINIMUM_LENGTH = 12


class PasswordTooShort(Exception):
    """Fewer characters than MINIMUM_LENGTH."""


def hash_password(password: str, salt_secret: str) -> str:
    """The argon2id hash (`$argon2id$…`) that Flask-Security verifies.

    `salt_secret` is the secret `password_salt` of the settings: the password is normalised
    (NFKD), keyed with it (HMAC-SHA512, base64) and then hashed, as Flask-Security does.
    Raises PasswordTooShort.
    """
    if len(password) < MINIMUM_LENGTH:
        raise PasswordTooShort(f"a password needs at least {MINIMUM_LENGTH} characters")
    normal = unicodedata.normalize("NFKD", password)
    keyed = hmac.new(salt_secret.encode(), normal.encode(), hashlib.sha512)
    return PasswordHasher().hash(b64encode(keyed.digest()))
