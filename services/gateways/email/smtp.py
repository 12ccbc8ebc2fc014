"""Letters through a mail server."""

import smtplib
import ssl
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from domain.notifications import Failure
from services.gateways.email.letter import compose
from services.gateways.message import Message, PermanentError, Receipt, RetryableError

SECONDS = 20
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class SmtpEmail:
    """One connection per letter; a password never crosses a network in the clear."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        sender: str,
        user: str = "",
        password: str = "",
        is_tls: bool = False,
    ) -> None:
        self.host = host
        self.port = port
        self.sender = sender
        self.user = user
        self.password = password
        self.is_tls = is_tls

    @classmethod
    def from_url(cls, url: str, *, sender: str) -> "SmtpEmail":
        """From smtp://user:password@host:port (port 587, STARTTLS when offered) or smtps://…
        (port 465).
        """
        parts = urlsplit(url)
        is_tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname or "",
            port=parts.port or (465 if is_tls else 587),
            sender=sender,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            is_tls=is_tls,
        )

    def send(self, message: Message) -> Receipt:
        """Raises PermanentError when the server refuses this letter for good, RetryableError for
        everything that another try or another setting may cure.
        """
        letter = compose(message, sender=self.sender)
        try:
            server = self._connected()
            try:
                server.send_message(letter)
            finally:
                _leave(server)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, reason),) = error.recipients.values()
            raise _refusal(code, reason) from None
        except smtplib.SMTPDataError as error:
            raise _refusal(error.smtp_code, error.smtp_error) from None
        except smtplib.SMTPAuthenticationError:
            raise RetryableError(Failure.SIGN_IN.told(self.host)) from None
        except smtplib.SMTPResponseException as error:
            # Its greeting, TLS or our sender: not this letter's fault.
            raise RetryableError(_said(error.smtp_code, error.smtp_error)) from None
        except (smtplib.SMTPException, OSError) as error:
            raise RetryableError(
                Failure.UNREACHABLE.told(f"{self.host}:{self.port}: {error}")
            ) from None
        return Receipt("smtp", letter["Message-ID"])

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.is_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        try:
            server.ehlo_or_helo_if_needed()
            if not self.is_tls and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif not self.is_tls and self.user and self.host not in LOOPBACK:
                raise RetryableError(Failure.NO_TLS.told(self.host))
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye. What the server took it keeps, whether or not it answers to that."""
    with suppress(smtplib.SMTPException, OSError):
        server.quit()
    server.close()


def _refusal(code: int, reason: bytes | str) -> RetryableError | PermanentError:
    """Of this letter, or of its recipient."""
    kind = PermanentError if 500 <= code < 600 else RetryableError
    return kind(_said(code, reason))


def _said(code: int, reason: bytes | str) -> str:
    text = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
    return f"{code} {text}"
