"""An authenticator that is being set up: its key waits, encrypted, in the cookie.

Belongs here: the key, its picture and its first code. Not here: keeping it (services).
"""

from dataclasses import dataclass

from flask import session

from webapp.auth.totp import authenticator

PENDING = "new_authenticator"


@dataclass(frozen=True)
class Enrolment:
    """`totp_key` is encrypted. A page that is reloaded shows the same key again."""

    totp_key: str
    email: str

    @classmethod
    def of(cls, email: str) -> "Enrolment":
        if PENDING not in session:
            session[PENDING] = authenticator().generate_totp_secret()
        return cls(session[PENDING], email)

    @staticmethod
    def forget() -> None:
        session.pop(PENDING, None)

    @property
    def picture(self) -> str:
        """The QR code, as a data: address."""
        return authenticator().generate_qrcode(self.email, self.totp_key)

    @property
    def text(self) -> str:
        """The key for typing, in groups of four."""
        return authenticator().get_totp_pretty_key(self.totp_key)

    def counter(self, code: str) -> int | None:
        """The time step of the first code; None when it is wrong."""
        return authenticator().first_counter(code, self.totp_key)
