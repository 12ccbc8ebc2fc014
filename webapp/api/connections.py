"""One database connection per thread, and the directory of devices, kept for seconds.

A connection shared by threads loses readings; a pool would hand them around under a lock for
nothing, since a worker has a fixed number of threads.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

import psycopg

from domain.scopes import Actor, Scope
from services.adapters.directory import MallDevices
from services.operations.device_directory import load_device_directory
from storage.context import context_key, set_context
from storage.roles import Group
from storage.settings import Settings

Result = TypeVar("Result")
DIRECTORY_SECONDS = 5.0
# An unknown device may have been registered a moment ago: then the directory is read again, but
# a device that nobody knows must not make us read it at every call.
RELOAD_SECONDS = 1.0
ATTEMPTS = 3
CONNECT_SECONDS = 5

_thread = threading.local()
_directories: dict[tuple[str, int], tuple[MallDevices, float]] = {}


def own_connection(url: str) -> psycopg.Connection:
    """This thread's connection, opened when there is none or it is broken."""
    connection: psycopg.Connection | None = getattr(_thread, "connection", None)
    if connection is None or connection.closed or _thread.url != url:
        if connection is not None:
            connection.close()
        connection = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            options=f"-c timezone=UTC -c role={Group.INGEST}",
            application_name="atrium api",
        )
        _thread.connection, _thread.url = connection, url
    return connection


def with_connection(url: str, work: Callable[[psycopg.Connection], Result]) -> Result:
    """Run `work`, which may be repeated, on this thread's connection.

    A connection that the server closed (a restart) is replaced and the work done again; so is
    work that lost a deadlock. Raises psycopg.Error when that does not help.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            connection = own_connection(url)
            return work(connection)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            if attempt == ATTEMPTS:
                raise
        except psycopg.OperationalError:
            broken = getattr(_thread, "connection", None)
            if attempt == ATTEMPTS or broken is None or not broken.closed:
                raise
    raise AssertionError("unreachable")


@contextmanager
def in_mall(
    connection: psycopg.Connection, settings: Settings, *, mall_id: int, actor: Actor
) -> Iterator[None]:
    """A transaction that reaches one mall, committed at the end of the block."""
    with connection.transaction():
        set_context(
            connection,
            key=context_key(settings),
            role=Group.INGEST,
            scope=Scope(mall_ids=frozenset({mall_id})),
            actor=actor,
            now=datetime.now(UTC),
        )
        yield


def known_devices(url: str, mall_id: int) -> MallDevices | None:
    """The devices of a mall as `devices_of` would give them without asking the database."""
    known = _directories.get((url, mall_id))
    if known is None or time.monotonic() - known[1] >= DIRECTORY_SECONDS:
        return None
    return known[0]


def devices_of(
    connection: psycopg.Connection, url: str, mall_id: int, *, max_age: float = DIRECTORY_SECONDS
) -> MallDevices:
    """The devices of a mall, at most `max_age` seconds old; read inside `in_mall`."""
    key = (url, mall_id)
    known = _directories.get(key)
    if known is not None and time.monotonic() - known[1] < max_age:
        return known[0]
    directory = load_device_directory(connection, mall_id=mall_id)
    (devices,) = directory.malls.values()
    _directories[key] = (devices, time.monotonic())
    return devices
