"""How often one address may knock.

Belongs here: the limiter that routes are decorated with. Not here: the lockout of an account,
which counts in the database and is exact (services.operations.sign_in).

Counts are kept in the memory of each worker process, so an address gets at most the stated number
times `web_workers`, and a restart forgets them. They keep a flood from the expensive doors; no
promise rests on their being exact.
"""

from flask import Flask, request
from flask_limiter import Limiter


def address() -> str:
    """The address that asks, as the proxy setting lets us believe it."""
    return request.remote_addr or ""


limiter = Limiter(
    address, storage_uri="memory://", headers_enabled=True, retry_after="delta-seconds"
)

# A whole office may stand behind one address.
SIGN_IN_LIMIT = "30 per minute; 300 per hour"
LETTER_LIMIT = "5 per minute; 30 per hour"


def install(app: Flask) -> None:
    limiter.init_app(app)
