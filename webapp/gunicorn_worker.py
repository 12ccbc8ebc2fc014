"""Threads of the web for those who speak, not for those who dawdle.

gunicorn's gthread hands a connection to a thread as soon as it is there, and the thread then
waits for the head and the body: a handful of slow lines stop the site. Here the main loop waits
instead, until a request has come whole (or READY_BYTES of it, for a large one); only then does it
take a thread. A thread that must wait for the rest of a large one does so at a least rate, and
only half of the threads may.

Belongs here: when a connection gets a thread and how long it may hold it by being slow. Not here:
the settings (gunicorn_conf), what is answered (webapp.api.bodies).
"""

import fcntl
import re
import socket
import struct
import termios
import threading
import time
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn import http, util
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

# Of a request, this much is awaited without a thread, in the kernel's buffer.
READY_BYTES = 256 * 1024
HEAD_BYTES = 16 * 1024
# No door takes a larger body: it is refused by its head, without waiting for more.
LARGEST_BODY = 64 * 1024 * 1024
# A request must be there, or that much of it, within:
READY_SECONDS = 20.0
# In a thread: the whole request within START_SECONDS and a second for every LEAST_RATE bytes that
# came, at most WHOLE_SECONDS, and without a pause of PAUSE_SECONDS.
START_SECONDS = 10.0
LEAST_RATE = 10_000
WHOLE_SECONDS = 120.0
PAUSE_SECONDS = 10.0
# Who has kept a thread waiting longer than this is slow.
SLOW_AFTER_SECONDS = 0.25

END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
EXPECT = re.compile(rb"\r\nexpect:", re.IGNORECASE)


class TooSlow(NoMoreData, TimeoutError):  # type: ignore[misc]
    """The rest of a request did not come in time."""

    def __str__(self) -> str:
        return "the rest of the request did not come in time"


def bytes_needed(seen: bytes) -> int:
    """How many bytes of a request must be there before a thread may have it, by its beginning (at
    most HEAD_BYTES of it).
    """
    end = seen.find(END_OF_HEAD)
    if end < 0:
        return min(len(seen) + 1, HEAD_BYTES)
    head, start = seen[: end + 2], end + len(END_OF_HEAD)
    found = LENGTH.search(head)
    length = int(found[1]) if found else 0
    if length > LARGEST_BODY or EXPECT.search(head):
        return start  # nobody wants it, or it comes only when it is asked for
    return min(start + length, READY_BYTES)


class PatientUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads a connection within a request's limits of time."""

    def __init__(self, sock: socket.socket, slow: threading.Semaphore) -> None:
        super().__init__(sock)
        self.slow = slow
        self.is_slow = False
        self.begin()

    def begin(self) -> None:
        self.began = time.monotonic()
        self.received = 0
        self.waited = 0.0

    def end(self) -> None:
        if self.is_slow:
            self.is_slow = False
            self.slow.release()

    def chunk(self, size_hint: int | None = None) -> bytes:
        size = min(max(size_hint or 0, self.mxchunk), self.max_body_chunk)
        outer = self.sock.gettimeout()
        try:
            while True:
                began = time.monotonic()
                self.sock.settimeout(self._patience(began, outer))
                try:
                    data: bytes = self.sock.recv(size)
                    self.received += len(data)
                    return data
                except TimeoutError:
                    if self.is_slow or outer is not None:
                        raise TooSlow from None
                finally:
                    self.waited += time.monotonic() - began
                if not self.slow.acquire(blocking=False):
                    raise TooSlow
                self.is_slow = True
        finally:
            self.sock.settimeout(outer)

    def _patience(self, now: float, outer: float | None) -> float:
        whole = min(START_SECONDS + self.received / LEAST_RATE, WHOLE_SECONDS)
        patience = min(self.began + whole - now, PAUSE_SECONDS)
        if outer is not None:
            patience = min(patience, outer)
        elif not self.is_slow:
            patience = min(patience, SLOW_AFTER_SECONDS - self.waited)
        # Not 0: that would mean not to wait even for what is there.
        return max(patience, 0.001)


class PatientThreads(ThreadWorker):  # type: ignore[misc]
    """gthread whose threads are given to requests that are there."""

    def init_process(self) -> None:
        self.slow = threading.BoundedSemaphore(max(1, self.cfg.threads // 2))
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """In the main loop: a thread for the connection, or a place to wait for its request."""
        if self.cfg.is_ssl:
            super().enqueue_req(conn)
        elif (missing := self._missing(conn)) == 0:
            self._set_low_water(conn, 1)
            conn.ready_by = None
            conn.data_ready = True
            if conn.parser is None:
                conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
                conn.parser.unreader = PatientUnreader(conn.sock, self.slow)
            super().enqueue_req(conn)
        else:
            self._set_low_water(conn, missing)
            if getattr(conn, "ready_by", None) is None:
                conn.ready_by = time.monotonic() + READY_SECONDS
            conn.timeout = conn.ready_by
            self.pending_conns.append(conn)
            self.poller.register(
                conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn)
            )

    def handle(self, conn: TConn) -> Any:
        """In a thread."""
        unreader = getattr(conn.parser, "unreader", None)
        if not isinstance(unreader, PatientUnreader):
            return super().handle(conn)
        unreader.begin()
        try:
            return super().handle(conn)
        finally:
            unreader.end()

    def murder_pending(self) -> None:
        """Hang up on those who had their time; their times are in no order."""
        now = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now]:
            self.pending_conns.remove(conn)
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            if getattr(conn, "low_water", 1) > 1:
                _say_too_slow(conn.sock)
            conn.close()

    def _missing(self, conn: TConn) -> int:
        """How many bytes must be there before the connection is looked at again; 0: it is ready."""
        if conn.parser is not None and conn.parser.unreader.buf.getvalue():
            return 0  # read ahead by the request before
        try:
            seen = conn.sock.recv(HEAD_BYTES, socket.MSG_PEEK)
            there = len(seen) if len(seen) < HEAD_BYTES else _waiting_bytes(conn.sock)
        except (BlockingIOError, InterruptedError):
            return 1
        except OSError:
            return 0  # the thread finds out what is wrong
        awaited = getattr(conn, "low_water", 1)
        needed = bytes_needed(seen)
        # Woken with less than was awaited: the line has ended.
        return 0 if there >= needed or there < awaited else needed

    @staticmethod
    def _set_low_water(conn: TConn, count: int) -> None:
        if getattr(conn, "low_water", 1) == count:
            return
        try:
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
        except OSError:
            return  # an end of the line, or a system without it: then it is looked at more often
        conn.low_water = count


def _say_too_slow(sock: socket.socket) -> None:
    try:
        # What came is taken off the line, or closing it would take the answer off too.
        sock.recv(READY_BYTES)
        util.write_error(sock, 408, "Request Timeout", "")
    except OSError:
        pass  # the other end has gone


def _waiting_bytes(sock: socket.socket) -> int:
    count: int = struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))[0]
    return count
