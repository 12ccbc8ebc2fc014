"""The tills that send every transaction post their month to the API.

Belongs here: making batches and sending them as a till's gateway would. Not here: the API.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sample_mall.build import SampleMall
from sample_mall.files import OFFSET, money
from sample_mall.shift import next_month
from sample_mall.tills import sales
from services.queries.batches import find_bodies

READINGS_PATH = "/api/v1/readings"
BATCH = 1000
TIME_OUT_SECONDS = 60
REPEATED = 25  # the last readings of the last batch are sent twice, as after a lost answer
UNKNOWN_DEVICE = "POS-404"
DAYS_AHEAD = 2  # a clock that runs ahead


class PostFailed(Exception):
    """The API did not take a batch; says what it answered."""


@dataclass(frozen=True, slots=True)
class PostResult:
    posted: int
    accepted: int
    duplicate: int
    revised: int
    refused: int
    requests: int


def post_batches(base_url: str, *, key: str, mall: SampleMall, month: date) -> PostResult:
    """Post the month's transactions, gzip NDJSON in batches of 1000, in order of time.

    `base_url` such as http://127.0.0.1:8080; `key` opens all devices of the mall. Among them:
    one reading from the future (uncertain), one of an unknown device (refused), some sent
    twice (duplicate). Raises PostFailed.
    """
    counts = dict.fromkeys(("accepted", "duplicate", "revised", "refused"), 0)
    lines = list(reading_lines(month.replace(day=1)))
    bodies = _bodies(lines)
    connection = _connect(base_url)
    try:
        for body in bodies:
            answer = _post(connection, key, body)
            for name in counts:
                counts[name] += int(answer[name])
    finally:
        connection.close()
    return PostResult(posted=len(lines), requests=len(bodies), **counts)


def is_posted(engine: sa.Engine, *, mall: SampleMall, month: date) -> bool:
    """Whether the API has taken all batches of the month: it keeps what came over the wire."""
    hashes = {
        hashlib.sha256(body).digest() for body in _bodies(list(reading_lines(month.replace(day=1))))
    }
    with Session(engine) as session:
        return find_bodies(session, mall_id=mall.mall_id, sha256s=hashes) == hashes


def _bodies(lines: list[str]) -> list[bytes]:
    """The batches as gzip NDJSON; the same lines give the same bytes."""
    texts = ("\n".join(lines[at : at + BATCH]) + "\n" for at in range(0, len(lines), BATCH))
    return [gzip.compress(text.encode(), mtime=0) for text in texts]


def reading_lines(month: date) -> Iterator[str]:
    """The readings as lines of NDJSON, each in the API's smallest form."""
    told = sales(month)
    for sale in (*told, *told[-REPEATED:]):
        yield _line(sale.shop.till, sale.at, sale.amount)
    last = told[-1]
    ahead = datetime.combine(next_month(month), time(12)) + timedelta(days=DAYS_AHEAD)
    yield _line(last.shop.till, ahead, last.amount)
    yield _line(UNKNOWN_DEVICE, last.at, last.amount)


def _line(till: str, at: datetime, fen: int) -> str:
    # Amounts are written by hand: a float could not say every fen.
    return (
        f'{{"device_id": "{till}", "data_type": "sales", "value": {money(fen)}, '
        f'"timestamp": "{at.isoformat()}{OFFSET}"}}'
    )


def _connect(base_url: str) -> HTTPConnection:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PostFailed(f"{base_url!r} is no address of a site, such as http://127.0.0.1:8080")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.hostname, parts.port, timeout=TIME_OUT_SECONDS)


def _post(connection: HTTPConnection, key: str, body: bytes) -> dict[str, Any]:
    """Send one batch; once more when the connection broke: the API counts nothing twice."""
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/x-ndjson",
        "Content-Encoding": "gzip",
    }
    for is_last in (False, True):
        try:
            connection.request("POST", READINGS_PATH, body, headers)
            response = connection.getresponse()
            text = response.read()
            break
        except (OSError, HTTPException) as error:
            connection.close()
            if is_last:
                raise PostFailed(f"the API does not answer: {error}") from error
    if response.status >= 300:
        raise PostFailed(
            f"the API answered {response.status}: {text[:500].decode(errors='replace')}"
        )
    answer: dict[str, Any] = json.loads(text)
    return answer
