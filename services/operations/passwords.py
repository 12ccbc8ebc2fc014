"""Passwords: which are good enough, their hashes, and whether one is right.

Belongs here: the one judgement and the one hash for the site, the command line and invitations.
Not here: who asks, and how often (services.operations.sign_in).
"""

import hashlib
import hmac
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from domain.sign_in import PASSWORD_MAXIMUM, PASSWORD_MINIMUM, PASSWORD_SCORE, PasswordFault
from services.language import marked, translator

ADVICE: dict[PasswordFault, str] = {
    PasswordFault.TOO_SHORT: marked("Use at least {minimum} characters; a few words are fine."),
    PasswordFault.TOO_LONG: marked("Use at most {maximum} characters."),
    PasswordFault.COMMON: marked("It is, or contains, a password that many people use."),
    PasswordFault.ABOUT_YOU: marked(
        "Leave out your name, your e-mail address and the mall's name."
    ),
    PasswordFault.KEYBOARD: marked("Neighbouring keys are easy to guess."),
    PasswordFault.REPEAT: marked("Repeated words and characters are easy to guess."),
    PasswordFault.SEQUENCE: marked("Sequences such as abc or 6543 are easy to guess."),
    PasswordFault.DATE: marked("Dates and years are easy to guess."),
    PasswordFault.WORDS: marked("Common words and names are easy to guess."),
    PasswordFault.EASY: marked("Too easy to guess. Add another word or two, rare ones."),
}
# zxcvbn looks at this many characters; whoever guesses these has to guess the rest as well.
JUDGED_LENGTH = 72
# So many letters and digits must not be about the person.
LEFT_OVER = 8
ABOUT_ATRIUM = ("atrium", "商场", "mall")
_PATTERNS = {
    "spatial": PasswordFault.KEYBOARD,
    "repeat": PasswordFault.REPEAT,
    "sequence": PasswordFault.SEQUENCE,
    "date": PasswordFault.DATE,
    "regex": PasswordFault.DATE,
}
_DICTIONARIES = {"passwords": PasswordFault.COMMON, "user_inputs": PasswordFault.ABOUT_YOU}
_COMMON = frozenset(FREQUENCY_LISTS["passwords"])
_hasher = PasswordHasher()


class WeakPassword(Exception):
    """The password is refused; `faults` say why, the first one weighs most."""

    def __init__(self, faults: tuple[PasswordFault, ...]) -> None:
        self.faults = faults
        super().__init__(" ".join(advice(faults, "en")))


def advice(faults: Iterable[PasswordFault], locale: str) -> list[str]:
    """A sentence for each fault: what to change."""
    _ = translator(locale, "messages")
    return [
        _(ADVICE[fault]).format(minimum=PASSWORD_MINIMUM, maximum=PASSWORD_MAXIMUM)
        for fault in faults
    ]


def judge_password(password: str, *, about: Iterable[str] = ()) -> tuple[PasswordFault, ...]:
    """Why `password` is refused; empty when it is good enough.

    `about` is what others know of the person: name, e-mail address, the mall's name. Any
    character counts as one, Chinese and spaces too; nothing is asked of its composition.
    """
    if len(password) < PASSWORD_MINIMUM:
        return (PasswordFault.TOO_SHORT,)
    if len(password) > PASSWORD_MAXIMUM:
        return (PasswordFault.TOO_LONG,)
    plain = unicodedata.normalize("NFKC", password)
    if plain.lower() in _COMMON:
        return (PasswordFault.COMMON,)
    known = _words((*ABOUT_ATRIUM, *about))
    if _is_made_of(plain.lower(), known):
        return (PasswordFault.ABOUT_YOU,)
    found = zxcvbn(plain[:JUDGED_LENGTH], user_inputs=known)
    if found["score"] >= PASSWORD_SCORE:
        return ()
    longest_first = sorted(found["sequence"], key=lambda match: -len(match["token"]))
    faults = [fault for match in longest_first if (fault := _fault(match)) is not None]
    return (*dict.fromkeys(faults), PasswordFault.EASY)


def _words(about: Iterable[str]) -> list[str]:
    """Each text whole and in its parts, as zxcvbn looks them up."""
    words: list[str] = []
    for text in about:
        parts = "".join(c if c.isalnum() else " " for c in text).split()
        words += [text, *(part for part in parts if len(part) > 1)]
    return [word.lower() for word in words]


def _is_made_of(password: str, known: list[str]) -> bool:
    """Whether little is left of the password without what others know: zxcvbn counts each such
    word as cheap, but several in a row as good.
    """
    rest = password
    for word in sorted((word for word in known if len(word) > 1), key=len, reverse=True):
        rest = rest.replace(word, "")
    return rest != password and sum(c.isalnum() for c in rest) < LEFT_OVER


def _fault(match: dict[str, object]) -> PasswordFault | None:
    pattern = str(match["pattern"])
    if pattern == "dictionary":
        return _DICTIONARIES.get(str(match["dictionary_name"]), PasswordFault.WORDS)
    return _PATTERNS.get(pattern)


def hash_password(password: str, salt_secret: str, *, about: Iterable[str] = ()) -> str:
    """The argon2id hash (`$argon2id$…`) of a password that is good enough.

    `salt_secret` is the secret `password_salt` of the settings: the password is normalised
    (NFKD), keyed with it (HMAC-SHA512, base64) and then hashed, as Flask-Security does.
    Raises WeakPassword.
    """
    faults = judge_password(password, about=about)
    if faults:
        raise WeakPassword(faults)
    return _hasher.hash(_keyed(password, salt_secret))


def verify_password(password: str, password_hash: str | None, salt_secret: str) -> bool:
    """Whether the password is the one. Without a hash one is computed all the same, so that an
    unknown person costs as much as a known one.
    """
    try:
        right = _hasher.verify(
            password_hash or _nobodys_hash(salt_secret), _keyed(password, salt_secret)
        )
    except (VerificationError, InvalidHashError):
        return False
    return right and password_hash is not None


def _keyed(password: str, salt_secret: str) -> bytes:
    normal = unicodedata.normalize("NFKD", password)
    keyed = hmac.new(salt_secret.encode(), normal.encode(errors="replace"), hashlib.sha512)
    return b64encode(keyed.digest())


@lru_cache(maxsize=4)
def _nobodys_hash(salt_secret: str) -> str:
    return _hasher.hash(_keyed(secrets.token_urlsafe(32), salt_secret))
