"""Text messages through a gateway of one's own that speaks as Kannel does (sendsms over HTTP)."""

import http.client
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from domain.notifications import Failure
from services.gateways.message import Message, PermanentError, Receipt, RetryableError
from services.gateways.sms.numbers import international

NAME = "http"
SECONDS = 10
# Kannel's bits: delivered to the phone, not delivered, refused by the network.
REPORTS = 1 + 2 + 16
# Kannel tells these apart: a wrong password is 403, what it cannot read 400.
FOR_GOOD = frozenset({400, 414})


class _StayHere(HTTPRedirectHandler):
    """Whoever an answer leads to is not given the password."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


class HttpSms:
    """`report_url` is where the gateway tells what became of a message, `{key}` in it the
    message; empty: nowhere.
    """

    def __init__(
        self, *, url: str, user: str, password: str, sender: str = "", report_url: str = ""
    ) -> None:
        self._url = url
        self._user = user
        self._password = password
        self._sender = sender
        self._report_url = report_url
        self._opener = build_opener(_StayHere)

    def send(self, message: Message) -> Receipt:
        # In headers and body, not in the address, which is logged: user, password and text.
        headers = {
            "X-Kannel-Username": self._user,
            "X-Kannel-Password": self._password,
            "X-Kannel-To": international(message.recipient),
            # UCS-2, so that Chinese arrives; given as UTF-8.
            "X-Kannel-Coding": "2",
            "Content-Type": "text/plain; charset=UTF-8",
        }
        if self._sender:
            headers["X-Kannel-From"] = self._sender
        if self._report_url and message.report_key:
            headers["X-Kannel-DLR-Mask"] = str(REPORTS)
            # %d is what became of it, put in by the gateway.
            url = self._report_url.format(key=message.report_key)
            headers["X-Kannel-DLR-Url"] = f"{url}&state=%d"
        request = Request(self._url, message.body.encode(), headers, method="POST")
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                status = answer.status
        except HTTPError as error:
            with error:
                kind = PermanentError if error.code in FOR_GOOD else RetryableError
                raise kind(Failure.ANSWER.told(f"{error.code} {error.reason}")) from None
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise RetryableError(Failure.UNREACHABLE.told(str(reason))) from None
        if status >= 300:
            raise RetryableError(Failure.ANSWER.told(str(status)))
        return Receipt(NAME, message.report_key)
