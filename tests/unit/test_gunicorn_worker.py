"""When a connection gets a thread, and how long it may keep it waiting."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from webapp import gunicorn_worker
from webapp.gunicorn_worker import (
    HEAD_BYTES,
    READY_BYTES,
    PatientUnreader,
    TooSlow,
    bytes_needed,
)

HEAD = b"POST /api/v1/readings HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("seen", "needed"),
    [
        (b"", 1),
        (b"P", 2),
        (HEAD, len(HEAD) + 1),
        (b"x" * HEAD_BYTES, HEAD_BYTES),
        (HEAD + b"\r\n", len(HEAD) + 2),
        (HEAD + b"Content-Length: 10\r\n\r\n", len(HEAD) + 22 + 10),
        (HEAD + b"content-length:10\r\n\r\n12345", len(HEAD) + 21 + 10),
        (HEAD + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n", len(HEAD) + 44),
        (HEAD + b"Content-Length: 1000000\r\n\r\n", READY_BYTES),
        (HEAD + b"Content-Length: 10737418240\r\n\r\n", len(HEAD) + 31),
        (HEAD + b"Content-Length: nonsense\r\n\r\n", len(HEAD) + 28),
        (HEAD + b"X: Content-Length: 10\r\n\r\n", len(HEAD) + 25),
        # What looks like a length in the body is no length.
        (HEAD + b"\r\n\r\nContent-Length: 10\r\n\r\n", len(HEAD) + 2),
    ],
)
def test_thread_is_given_when_head_and_body_are_there(seen: bytes, needed: int) -> None:
    assert bytes_needed(seen) == needed


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn_worker, "PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(gunicorn_worker, "SLOW_AFTER_SECONDS", 0.05)


def test_what_is_there_is_read_at_once_and_no_place_is_taken(line) -> None:
    ours, theirs = line
    slow = threading.BoundedSemaphore(1)
    unreader = PatientUnreader(ours, slow)
    theirs.sendall(b"[1,")
    assert unreader.read(3) == b"[1,"
    assert not unreader.is_slow
    assert ours.gettimeout() is None


def test_pause_ends_the_reading_and_gives_the_place_back(line) -> None:
    ours, theirs = line
    slow = threading.BoundedSemaphore(1)
    unreader = PatientUnreader(ours, slow)
    theirs.sendall(b"[1,")
    began = time.monotonic()
    with pytest.raises(TooSlow):
        unreader.read(1000)
    assert 0.2 < time.monotonic() - began < 5
    assert unreader.is_slow
    assert not slow.acquire(blocking=False)
    unreader.end()
    assert slow.acquire(blocking=False)
    assert ours.gettimeout() is None


def test_nobody_waits_when_as_many_as_may_wait_already(line) -> None:
    ours, _theirs = line
    unreader = PatientUnreader(ours, threading.Semaphore(0))
    began = time.monotonic()
    with pytest.raises(TooSlow):
        unreader.read(1)
    assert time.monotonic() - began < 0.25
    unreader.end()


def test_drip_below_the_least_rate_is_ended(line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn_worker, "START_SECONDS", 0.5)
    ours, theirs = line
    unreader = PatientUnreader(ours, threading.Semaphore(1))
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.02):
            theirs.sendall(b" ")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        began = time.monotonic()
        with pytest.raises(TooSlow):
            unreader.read(1_000_000)
        assert 0.4 < time.monotonic() - began < 5
    finally:
        stop.set()
        thread.join()


def test_too_slow_is_what_gunicorn_and_the_pages_expect() -> None:
    """A line that ended, for gunicorn; a time-out, for who answers."""
    assert isinstance(TooSlow(), TimeoutError)
    assert isinstance(TooSlow(), gunicorn_worker.NoMoreData)
    assert isinstance(TooSlow(), OSError)
