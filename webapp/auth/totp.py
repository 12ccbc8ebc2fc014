"""Codes of authenticators (TOTP, RFC 6238): the keys they come from, and taking each code once.

Belongs here: the arithmetic of codes and the encryption of keys, on Flask-Security's class, whose
own default takes a code twice. Not here: who has to enrol (webapp.auth.second_step).
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, cast

import segno
from flask import Flask, current_app
from flask_security.totp import Totp
from passlib.exc import TokenError, UsedTokenError
from passlib.totp import TOTP, AppWallet, TotpMatch

from services.operations.second_factor import claim_counter, find_second_factor, replace_totp_key
from storage.settings import Clock, Settings
from webapp.auth.door import door

EXTENSION = "atrium_authenticator"
KEY = "totp_key"
# A clock may be half a minute off, either way.
WINDOW_SECONDS = 30


class Authenticator(Totp):
    """`keys` encrypt the people's keys at rest: the first is used, the others are still read."""

    def __init__(self, keys: Sequence[str], clock: Clock) -> None:
        named = {sha256(key.encode()).hexdigest()[:12]: key for key in keys}
        super().__init__(named, "Atrium")
        wallet = AppWallet(secrets=named, default_tag=next(iter(named)))
        self._totp = TOTP.using(issuer="Atrium", wallet=wallet, now=lambda: clock.now().timestamp())

    def get_last_counter(self, user: Any) -> int | None:
        factor = find_second_factor(door(), user_id=user.id)
        return factor.last_counter if factor else None

    def set_last_counter(self, user: Any, tmatch: TotpMatch) -> None:
        """Raises UsedTokenError when another request spent the code meanwhile."""
        if not claim_counter(door(), user_id=user.id, counter=tmatch.counter):
            raise UsedTokenError

    def is_right(self, code: str, user: Any) -> bool:
        """Whether `code` is the authenticator's code of now and was not used before; then it is
        used. `user` has an `id`.
        """
        factor = find_second_factor(door(), user_id=user.id)
        if factor is None:
            return False
        if not self.verify_totp(code, factor.totp_key, user, window=WINDOW_SECONDS):
            return False
        self._keep_under_newest_key(factor.totp_key, user)
        return True

    def first_counter(self, code: str, totp_key: str) -> int | None:
        """The time step of the first code of a new authenticator; None when it is wrong."""
        try:
            match = self._totp.verify(code, totp_key, window=WINDOW_SECONDS)
        except TokenError:
            return None
        return cast(int, match.counter)

    def generate_qrcode(self, username: str, totp: str) -> str:
        """The picture that an authenticator reads, as a data: address of an SVG."""
        code = segno.make(self.get_totp_uri(username, totp), error="m", micro=False)
        return str(code.svg_data_uri(scale=5, border=2))

    def _keep_under_newest_key(self, totp_key: str, user: Any) -> None:
        known = self._totp.from_source(totp_key)
        if known.changed:
            replace_totp_key(door(), user_id=user.id, totp_key=known.to_json(encrypt=True))


def encryption_keys(settings: Settings) -> list[str]:
    """The secret `totp_key`, and the one before it while `totp_key.previous` lies beside it."""
    previous = settings.secrets_dir / f"{KEY}.previous"
    older = [previous.read_text().strip()] if previous.exists() else []
    return [settings.secret(KEY), *older]


def install(app: Flask) -> None:
    state = app.extensions["atrium"]
    app.extensions[EXTENSION] = Authenticator(encryption_keys(state.settings), state.clock)


def authenticator() -> Authenticator:
    return cast(Authenticator, current_app.extensions[EXTENSION])
