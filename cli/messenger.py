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
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
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
HEARTBEAT = "messenger.alive"
# A look at an empty outbox costs a millisecond.
LOOK_EVERY = 1.0
# While the database is away.
LONGEST_WAIT = 5.0
# What is being sent when it is told to end may finish so long; then it is sent again later.
GRACE = 8.0
THREADS: Mapping[Channel, int] = {Channel.IN_APP: 1, Channel.SMS: 4, Channel.EMAIL: 4}

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
        count = 1 + sum(THREADS[channel] for channel in gateways)
        self.engine = create_engine(url, pool_size=count, role=Group.PIPELINES)
        self._stopping = threading.Event()
        self._wakers: list[threading.Event] = []

    def run(self) -> None:
        """Work until `stop`. What is being sent then may finish for a while."""
        threads = [self._thread("address", self._address)]
        for channel, gateway in self.gateways.items():
            threads += [
                self._thread(f"{channel.lower()}-{number}", self._sender(channel, gateway))
                for number in range(THREADS[channel])
            ]
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

    def _listen(self) -> None:
        """Wake the threads whenever the outbox is written to, and every second."""
        while not self._stopping.is_set():
            try:
                with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {NOTIFIED}")
                    while not self._stopping.is_set():
                        self._wake()
                        self._live()
                        for _ in connection.notifies(timeout=LOOK_EVERY, stop_after=1):
                            pass
            except psycopg.OperationalError as error:
                log.warning("the database is away: %s", type(error).__name__)
                self._wake()
                self._stopping.wait(LOOK_EVERY)

    def _live(self) -> None:
        """The file's time says when the messenger last was well."""
        path = self.settings.state_dir / HEARTBEAT
        path.touch(mode=0o600)

    def _wake(self) -> None:
        for waker in self._wakers:
            waker.set()

    def _thread(self, name: str, work: Callable[[], bool]) -> threading.Thread:
        waker = threading.Event()
        self._wakers.append(waker)
        # A thread that a provider holds must not hold the process.
        return threading.Thread(
            target=self._repeat, args=(work, waker), name=f"messenger-{name}", daemon=True
        )

    def _repeat(self, work: Callable[[], bool], waker: threading.Event) -> None:
        """Do `work` as long as it finds something, else when woken."""
        wait = LOOK_EVERY
        while not self._stopping.is_set():
            waker.clear()
            try:
                is_busy = work()
                wait = LOOK_EVERY
            except sa.exc.OperationalError:
                # Connections of a server that went are all dead.
                self.engine.dispose()
                is_busy = False
                self._stopping.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT)
            except Exception as error:  # one thread must not end alone
                log.error("a messenger's thread failed: %s", type(error).__name__, exc_info=True)
                is_busy = False
                self._stopping.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT)
            if not is_busy and not self._stopping.is_set():
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

    def _sender(self, channel: Channel, gateway: Gateway) -> Callable[[], bool]:
        def send() -> bool:
            # One at a time: what a slow provider has not been given is left to other threads.
            claimed = claim_deliveries(self.engine, channel=channel, now=self.clock.now(), limit=1)
            for one in claimed:
                self._note(one, send_claimed(gateway, one), channel)
            return bool(claimed)

        return send

    def _note(self, claimed: Claimed, outcome: Outcome, channel: Channel) -> None:
        """Keep what became of it, once the database is there: it would be sent twice else."""
        while True:
            try:
                note_outcome(self.engine, claimed, outcome, now=self.clock.now())
                break
            except sa.exc.OperationalError:
                self.engine.dispose()
                if self._stopping.wait(LOOK_EVERY):
                    return
        say = log.warning if outcome.state is DeliveryState.FAILED else log.info
        say(
            "delivery",
            extra={
                "delivery_id": claimed.id,
                "channel": channel.value,
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
