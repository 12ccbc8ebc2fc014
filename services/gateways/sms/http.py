"""Text messages through a gateway of one's own that speaks as Kannel does (sendsms over HTTP)."""

import http.client
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from services.gateways.message import Message, PermanentError, Receipt, RetryableError
from services.gateways.sms.numbers import international

NAME = "http"
SECONDS = 10
# Kannel's bits: delivered to the phone, not delivered, refused by the network.
REPORTS = 1 + 2 + 16
# Kannel tells these apart: a wrong password is 403, what it cannot read 400.
FOR_GOOD = frozenset({400, 414})


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

    def send(self, message: Message) -> Receipt:
        fields = {
            "username": self._user,
            "password": self._password,
            "to": international(message.recipient),
            "text": message.body,
            # UCS-2, so that Chinese arrives; given as UTF-8.
            "coding": "2",
            "charset": "UTF-8",
        }
        if self._sender:
            fields["from"] = self._sender
        if self._report_url and message.report_key:
            fields["dlr-mask"] = str(REPORTS)
            # %d is what became of it, put in by the gateway.
            fields["dlr-url"] = f"{self._report_url.format(key=message.report_key)}&state=%d"
        # Not in the address, which is logged: user, password and text.
        request = Request(self._url, urlencode(fields).encode(), method="POST")
        try:
            with urlopen(request, timeout=SECONDS) as answer:  # nosec B310  # http(s), by settings
                status = answer.status
        except HTTPError as error:
            with error:
                kind = PermanentError if error.code in FOR_GOOD else RetryableError
                raise kind(f"the gateway answered {error.code} {error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise RetryableError(f"the gateway cannot be reached: {reason}") from None
        if status >= 300:
            raise RetryableError(f"the gateway answered {status}")
        return Receipt(NAME, message.report_key)
