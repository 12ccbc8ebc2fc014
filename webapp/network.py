"""Who speaks to the site, and under which name they called it, before anything else is asked.

Belongs here: believing a reverse proxy and nobody else, and refusing unknown host names. Not
here: who a person is (webapp.auth).
"""

import logging
import secrets
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from storage.settings import Settings, comma_separated
from webapp.headers import FIXED_HEADERS

log = logging.getLogger(__name__)

# What only a proxy may say. A header that nobody reads is taken away all the same.
SAID_BY_PROXIES = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
    "HTTP_X_REQUEST_ID",
)
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# Balancers ask for these by address; their answers hold no link.
ASKED_BY_ADDRESS = ("/healthz", "/readyz")
LONGEST_CHAIN = 20

_Environ = dict[str, Any]
_Application = Callable[[_Environ, Any], Iterable[bytes]]


class Network:
    """WSGI: the client's address and scheme as far as they can be known, under a known name."""

    def __init__(self, application: _Application, settings: Settings) -> None:
        self.application = application
        self.hosts = known_hosts(settings)
        self.proxies = tuple(ip_network(one) for one in comma_separated(settings.trusted_proxies))

    def __call__(self, environ: _Environ, start_response: Any) -> Iterable[bytes]:
        self._ask_the_proxy(environ)
        host = environ.get("HTTP_HOST")
        named = host is None or _name(host) in self.hosts
        if not named and environ.get("PATH_INFO") not in ASKED_BY_ADDRESS:
            return _refuse("This site does not answer under that name.", environ, start_response)
        if not _is_utf8(environ.get("QUERY_STRING", "")):
            return _refuse("The address is no text.", environ, start_response)
        return self.application(environ, start_response)

    def _ask_the_proxy(self, environ: _Environ) -> None:
        """Take address and scheme from the proxy that speaks to us, if it is one of ours."""
        said = {name: environ.pop(name) for name in SAID_BY_PROXIES if name in environ}
        if not self._is_proxy(environ.get("REMOTE_ADDR", "")):
            return
        # Each proxy appends who spoke to it: the last that is none of ours is the client.
        for hop in reversed(said.get("HTTP_X_FORWARDED_FOR", "").split(",")[-LONGEST_CHAIN:]):
            address = _address(hop)
            if address is None:
                break
            environ["REMOTE_ADDR"] = str(address)
            if not self._is_proxy(str(address)):
                break
        scheme = said.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip().lower()
        if scheme in ("http", "https"):
            environ["wsgi.url_scheme"] = scheme
        if "HTTP_X_REQUEST_ID" in said:
            environ["HTTP_X_REQUEST_ID"] = said["HTTP_X_REQUEST_ID"]

    def _is_proxy(self, address: str) -> bool:
        found = _address(address)
        return found is not None and any(_holds(network, found) for network in self.proxies)


def known_hosts(settings: Settings) -> frozenset[str]:
    """The names under which the site answers, in lower case and without port."""
    public = urlsplit(settings.public_url).hostname or ""
    own = f"[{settings.host}]" if ":" in settings.host else settings.host
    names = (*LOOPBACK, own, public, *comma_separated(settings.trusted_hosts))
    return frozenset(name.lower().rstrip(".") for name in names if name)


def _name(host: str) -> str:
    """`Host` without its port."""
    if host.startswith("["):
        name, _, rest = host.partition("]")
        return f"{name}]".lower() if not rest or rest[:1] == ":" else ""
    name, _, port = host.partition(":")
    return name.lower().rstrip(".") if not port or port.isdecimal() else ""


def _address(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _holds(network: IPv4Network | IPv6Network, address: IPv4Address | IPv6Address) -> bool:
    return network.version == address.version and address in network


def _is_utf8(wsgi_text: str) -> bool:
    """Whether bytes that WSGI carries in a string are UTF-8, as all that reads them expects."""
    try:
        wsgi_text.encode("latin-1").decode()
    except UnicodeError:
        return False
    return True


def _refuse(reason: str, environ: _Environ, start_response: Any) -> Iterable[bytes]:
    number = secrets.token_hex(8)
    log.warning("refused a request: %s", reason, extra={"request_id": number})
    answer = Response(
        f"{reason}\nRequest number {number}\n",
        status=400,
        mimetype="text/plain",
        headers={**FIXED_HEADERS, "X-Request-ID": number, "Cache-Control": "no-store"},
    )
    return answer(environ, start_response)
