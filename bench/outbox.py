"""The outbox: how long after the commit of its cause a text message is with its provider.

The messenger runs as it is served, with a mail server beside it that takes every connection and
says nothing. The limit is the same call to the provider made by whoever causes it.
"""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr

from bench.figures import Figure
from bench.web_server import database
from domain.contracts import ContractState
from domain.malls import BusinessType
from domain.notifications import Audience, Channel, Template
from services.gateways.channels import open_gateways
from services.gateways.message import Message
from services.operations.malls import register_mall, register_shop
from services.operations.messages import post_message
from storage.database import create_engine, transaction
from storage.logins import prepare_logins
from storage.models import Contract
from storage.settings import REPOSITORY, Settings

COUNT = 300
# As a busy office causes them: twenty a second, each in a transaction of its own.
PAUSE = 0.05
WAIT = 60.0


class Provider(ThreadingHTTPServer):
    """Takes text messages as Kannel does, and notes when each came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.came: dict[str, float] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/cgi-bin/sendsms"


class _Call(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        at = time.perf_counter()
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        found = re.search(r"C-\d+", text)
        if found:
            self.server.came.setdefault(found.group(), at)
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: this is a measurement."""


def outbox_seconds() -> Figure:
    """95th percentile, over 300 messages that each also go to a mail server that hangs."""
    with (
        database() as (url, folder),
        Provider() as provider,
        socket.create_server(("127.0.0.1", 0), backlog=1024) as hanging,
    ):
        threading.Thread(target=provider.serve_forever, daemon=True).start()
        settings = Settings(
            state_dir=folder,
            database_url=url,
            email_server=SecretStr(f"smtp://127.0.0.1:{hanging.getsockname()[1]}"),
            sms_provider="http",
            sms_endpoint=provider.url,
            sms_key_id="mall",
            sms_key_secret=SecretStr("mall"),
            _env_file=None,
        )
        prepare_logins(settings, url)
        engine = create_engine(url)
        leases = _leases(engine)
        with _messenger(settings):
            caused = {}
            for number, lease in leases.items():
                _post(engine, lease)
                caused[number] = time.perf_counter()
                time.sleep(PAUSE)
            deadline = time.monotonic() + WAIT
            while len(provider.came) < COUNT and time.monotonic() < deadline:
                time.sleep(0.05)
            if len(provider.came) < COUNT:
                raise RuntimeError(f"{len(provider.came)} of {COUNT} messages came")
            ours = _p95([provider.came[number] - at for number, at in caused.items()])
        engine.dispose()
        provider.came.clear()
        limit = _p95(list(_direct(settings, provider)))
        provider.shutdown()
    return Figure("outbox_seconds", "s", ours, limit)


def _direct(settings: Settings, provider: Provider) -> Iterator[float]:
    sms = open_gateways(settings)[Channel.SMS]
    for number in range(COUNT):
        began = time.perf_counter()
        sms.send(Message(f"direct/{number}", "13800000001", "", f"C-{number}"))
        yield provider.came[f"C-{number}"] - began


def _p95(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.95 * len(seconds))]


def _leases(engine: sa.Engine) -> dict[str, Contract]:
    with transaction(engine) as session:
        mall_id = register_mall(session, code="M01", name="South Lake")
        found = {}
        for number in range(COUNT):
            shop_id = register_shop(
                session,
                mall_id=mall_id,
                code=f"S{number:03}",
                name="Tea",
                business_type=BusinessType.CATERING,
                contact_phone="13800000001",
                contact_email="tea@example.org",
            )
            lease = Contract(
                mall_id=mall_id,
                shop_id=shop_id,
                number=f"C-{number}",
                state=ContractState.SENT,
                start_date=date(2026, 1, 1),
                end_date=date(2026, 12, 31),
            )
            session.add(lease)
            found[lease.number] = lease
        session.flush()
    return found


def _post(engine: sa.Engine, lease: Contract) -> None:
    with transaction(engine) as session:
        post_message(
            session,
            template=Template.CONTRACT_SENT,
            audience=Audience.SHOP,
            mall_id=lease.mall_id,
            shop_id=lease.shop_id,
            contract_id=lease.id,
            dedupe_key=f"sent/{lease.id}",
            cause="BENCH",
            actor="BENCH",
            now=datetime.now(UTC),
        )


@contextmanager
def _messenger(settings: Settings) -> Iterator[None]:
    log = settings.state_dir / "messenger.log"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("ATRIUM_")
    } | {
        "ATRIUM_STATE_DIR": str(settings.state_dir),
        "ATRIUM_DATABASE_URL": settings.database_url,
        "ATRIUM_EMAIL_SERVER": settings.email_server.get_secret_value(),
        "ATRIUM_SMS_PROVIDER": "http",
        "ATRIUM_SMS_ENDPOINT": settings.sms_endpoint,
        "ATRIUM_SMS_KEY_ID": settings.sms_key_id,
        "ATRIUM_SMS_KEY_SECRET": settings.sms_key_secret.get_secret_value(),
        "ATRIUM_LOG_LEVEL": "INFO",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.messenger"], cwd=REPOSITORY, env=environment, stderr=file
        )
    try:
        _await(log, "the messenger waits")
        yield
    finally:
        process.terminate()
        process.wait()


def _await(log: Path, line: str) -> None:
    deadline = time.monotonic() + WAIT
    while line not in log.read_text():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the messenger does not begin: {log.read_text()[-500:]}")
        time.sleep(0.1)


MEASURES: dict[str, Callable[[], Figure]] = {"outbox_seconds": outbox_seconds}
