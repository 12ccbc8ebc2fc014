"""`python -m cli.messenger`: messages leave within seconds of what causes them.

Belongs here: the process that waits, its threads, and how it lives through a database that is away
and ends when it is told to. Not here: who gets what (services.operations.message_addressing) and
how it is sent (services.operations.outbox).

Whoever writes to the outbox wakes it, by a NOTIFY of the database itself; and it looks every
second, for what was put off or told while it did not listen. Every channel has threads of its own,
so that a provider that hangs keeps nobody else waiting. When it is away, Dagster's
`delivered_notifications` does the work in runs, slower.
"""

import logging
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType

import psycopg
import sqlalchemy as sa

from domain.notifications import Channel, DeliveryState
from services.gateways.channels import open_gateways
from services.gateways.message import Gateway
from services.operations.message_addressing import address_messages
from services.operations.message_texts import check_templates
from services.operations.outbox import (
    Claimed,
    Outcome,
    cancel_needless,
    claim_deliveries,
    note_outcome,
    send_claimed,
)
from storage.database import create_engine, transaction
from storage.logins import Login, login_url
from storage.logs import configure_logs
from storage.postgres import PostgresError
from storage.roles import Group
from storage.settings import Clock, Settings, load_settings

NOTIFIED = "atrium_outbox"
# What the database says was written to.
MESSAGES, DELIVERIES = "outbox_messages", "notifications"
HEARTBEAT = "messenger.alive"
# A look at an empty outbox costs a millisecond.
LOOK_EVERY = 1.0
# While the database is away.
LONGEST_WAIT = 5.0
# What is being sent when it is told to end may finish so long; then it is sent again later.
GRACE = 8.0
SENDERS: Mapping[Channel, int] = {Channel.IN_APP: 2, Channel.SMS: 4, Channel.EMAIL: 4}

log = logging.getLogger("atrium.messenger")


class Messenger:
    """Threads that address, send and note until `stop` is called."""

    def __init__(
        self,
        *,
        url: str,
        gateways: Mapping[Channel, Gateway],
        settings: Settings,
        clock: Clock,
    ) -> None:
        self.url = url
        self.gateways = gateways
        self.settings = settings
        self.clock = clock
        count = 1 + sum(1 + SENDERS[channel] for channel in gateways)
        self.engine = create_engine(url, pool_size=count, role=Group.PIPELINES)
        self._stopping = threading.Event()
        # By what they wait for: the table that is written to.
        self._wakers: dict[str, list[threading.Event]] = {MESSAGES: [], DELIVERIES: []}

    def run(self) -> None:
        """Work until `stop`. What is being sent then may finish for a while."""
        threads = [self._thread("address", MESSAGES, self._address)]
        for channel, gateway in self.gateways.items():
            desk = _Desk(self, channel, gateway)
            threads.append(self._thread(channel.lower(), DELIVERIES, desk.hand_out, desk.waker))
            threads += desk.senders
        for thread in threads:
            thread.start()
        self._listen()
        self._wake()
        deadline = time.monotonic() + GRACE
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.engine.dispose()

    def stop(self) -> None:
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def pause(self, seconds: float) -> bool:
        """Wait; whether to stop."""
        return self._stopping.wait(seconds)

    def _listen(self) -> None:
        """Wake the threads whenever the outbox is written to, and every second."""
        while not self.is_stopping:
            try:
                with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {NOTIFIED}")
                    self._wake()
                    while not self.is_stopping:
                        self._live()
                        tables = {
                            told.payload
                            for told in connection.notifies(timeout=LOOK_EVERY, stop_after=1)
                        }
                        for table in tables or self._wakers:
                            self._wake(table)
            except psycopg.Error as error:
                log.warning("the database is away: %s", type(error).__name__)
                self.pause(LOOK_EVERY)

    def _live(self) -> None:
        """The file's time says when the messenger last was well."""
        with suppress(OSError):  # a full disk keeps no message back
            (self.settings.state_dir / HEARTBEAT).touch(mode=0o600)

    def _wake(self, table: str = "") -> None:
        """Those who wait for a table, or all."""
        for name in [table] if table in self._wakers else list(self._wakers):
            for waker in self._wakers[name]:
                waker.set()

    def _thread(
        self,
        name: str,
        table: str,
        work: Callable[[], bool],
        waker: threading.Event | None = None,
    ) -> threading.Thread:
        waker = waker or threading.Event()
        self._wakers[table].append(waker)
        return threading.Thread(
            target=self._repeat, args=(work, waker), name=f"messenger-{name}", daemon=True
        )

    def _repeat(self, work: Callable[[], bool], waker: threading.Event) -> None:
        """Do `work` as long as it finds something, else when woken."""
        wait = LOOK_EVERY
        while not self.is_stopping:
            waker.clear()
            try:
                is_busy = work()
                wait = LOOK_EVERY
            except Exception as error:
                if isinstance(error, sa.exc.OperationalError):
                    # Connections of a server that went are all dead.
                    self.engine.dispose()
                else:  # one thread must not end alone
                    log.error("the messenger failed: %s", type(error).__name__, exc_info=True)
                is_busy = False
                self.pause(wait)
                wait = min(2 * wait, LONGEST_WAIT)
            if not is_busy and not self.is_stopping:
                waker.wait(2 * LOOK_EVERY)

    def _address(self) -> bool:
        now = self.clock.now()
        cancel_needless(self.engine, now=now)
        result = address_messages(
            self.engine,
            site=self.settings.site,
            default_locale=self.settings.default_locale,
            now=now,
        )
        if result.addressed:
            log.info(
                "addressed",
                extra={
                    "messages": result.addressed,
                    "deliveries": result.deliveries,
                    "unaddressed": result.unaddressed,
                },
            )
        return False


class _Desk:
    """One channel: a thread takes what is due and hands it to senders that are free. With all of
    them held by a provider that hangs, nothing more is taken: other processes may have it.
    """

    def __init__(self, messenger: Messenger, channel: Channel, gateway: Gateway) -> None:
        self.messenger = messenger
        self.channel = channel
        self.gateway = gateway
        self.waker = threading.Event()
        self.senders = [
            # One that a provider holds must not hold the process.
            threading.Thread(
                target=self._send, name=f"messenger-{channel.lower()}-{number}", daemon=True
            )
            for number in range(SENDERS[channel])
        ]
        self._taken: queue.Queue[Claimed] = queue.Queue()
        self._taking = threading.Lock()
        self._free = threading.Semaphore(0)

    def hand_out(self) -> bool:
        """Take as much as there are free senders; whether there was something."""
        with self._taking:
            if self.messenger.is_stopping:
                return False
            return self._take()

    def _take(self) -> bool:
        free = 0
        while self._free.acquire(blocking=False):
            free += 1
        if not free:
            return False
        claimed: list[Claimed] = []
        try:
            claimed = claim_deliveries(
                self.messenger.engine,
                channel=self.channel,
                now=self.messenger.clock.now(),
                limit=free,
            )
        finally:
            for one in claimed:
                self._taken.put(one)
            for _ in range(free - len(claimed)):
                self._free.release()
        return bool(claimed)

    def _send(self) -> None:
        while not self.messenger.is_stopping:
            self._free.release()
            self.waker.set()
            try:
                claimed = self._next()
                if claimed is not None:
                    self._note(claimed, send_claimed(self.gateway, claimed))
            except Exception as error:  # one thread must not end alone
                log.error("the messenger failed: %s", type(error).__name__, exc_info=True)
                self.messenger.pause(LOOK_EVERY)

    def _next(self) -> Claimed | None:
        """The next one taken; None when the messenger stops and nothing taken is left."""
        while True:
            with suppress(queue.Empty):
                return self._taken.get(timeout=LOOK_EVERY)
            if self.messenger.is_stopping:
                with self._taking:  # what is being taken arrives first
                    if self._taken.empty():
                        return None

    def _note(self, claimed: Claimed, outcome: Outcome) -> None:
        """Keep what became of it, once the database is there: it would be sent twice else."""
        messenger = self.messenger
        while True:
            try:
                note_outcome(messenger.engine, claimed, outcome, now=messenger.clock.now())
                break
            except (sa.exc.OperationalError, sa.exc.TimeoutError):
                messenger.engine.dispose()
                if messenger.pause(LOOK_EVERY):
                    return
        say = log.warning if outcome.state is DeliveryState.FAILED else log.info
        say(
            "delivery",
            extra={
                "delivery_id": claimed.id,
                "channel": self.channel.value,
                "template": claimed.message.template,
                "state": outcome.state.value,
                "attempts": claimed.attempts,
            },
        )


def main() -> int:
    settings = load_settings()
    configure_logs(settings)
    try:
        url = login_url(settings, Login.PIPELINES)
    except PostgresError as error:
        log.error("the messenger cannot begin: %s", error)
        return 1
    messenger = Messenger(
        url=url,
        gateways=open_gateways(settings),
        settings=settings,
        clock=Clock(settings.clock),
    )

    def end(number: int, frame: FrameType | None) -> None:
        messenger.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        with transaction(messenger.engine) as session:
            for problem in check_templates(session):
                log.error("words of messages: %s", problem)
    except sa.exc.OperationalError:
        log.warning("the database is away; the malls' own words are not checked")
    log.info("the messenger waits")
    messenger.run()
    log.info("the messenger ends")
    return 0


if __name__ == "__main__":
    sys.exit(main())
