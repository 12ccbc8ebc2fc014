"""`atrium check`: whether this installation is fit to be used, and with --deploy, by others.

Belongs here: looking. Nothing is changed, and every finding is one sentence with what to do.
"""

import json
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import click
import psycopg
import sqlalchemy as sa
from rich.console import Console
from sqlalchemy.orm import Session

from cli.messenger import HEARTBEAT
from cli.user import ADMINISTRATOR_PASSWORD, SHOP_PASSWORD, SHOP_PERSON
from domain.people import Role
from services.gateways.sms.choice import missing_settings
from services.gateways.sms.templates import read_templates
from services.operations.message_texts import check_templates
from services.queries.people import count_people_by_role
from storage.backup.keys import IDENTITY
from storage.database import create_engine, database_url, pending_migrations
from storage.logins import Login, login_url
from storage.postgres import PostgresError
from storage.settings import (
    REPOSITORY,
    Settings,
    SettingsError,
    comma_separated,
    load_settings,
)

MESSENGER_SECONDS = 60
DEBUG_SWITCHES = ("FLASK_DEBUG", "WERKZEUG_DEBUG_PIN", "PYTHONDEVMODE", "PYTHONASYNCIODEBUG")


class Weight(StrEnum):
    FAILURE = "failure"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    weight: Weight
    check: str
    sentence: str


Check = Callable[[Settings], Iterator[Finding]]


def _fail(check: str, sentence: str) -> Finding:
    return Finding(Weight.FAILURE, check, sentence)


def _warn(check: str, sentence: str) -> Finding:
    return Finding(Weight.WARNING, check, sentence)


# -- always -------------------------------------------------------------------------------------


def secrets_are_private(settings: Settings) -> Iterator[Finding]:
    folder = settings.secrets_dir
    env_file = REPOSITORY / ".env"
    for path in (folder, *sorted(folder.rglob("*")), *([env_file] if env_file.exists() else [])):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            allowed = "0700" if path.is_dir() else "0600 or 0400"
            yield _fail(
                "secrets", f"{path} has mode {mode:04o}: others may read it; set {allowed}."
            )


def database_is_ready(settings: Settings) -> Iterator[Finding]:
    try:
        engine = create_engine(database_url(settings))
        try:
            if pending_migrations(engine):
                yield _fail(
                    "database",
                    "The schema is not this version's: run `atrium database migrate`.",
                )
                return
            with Session(engine) as session:
                if not count_people_by_role(session).get(Role.SUPER_ADMIN):
                    yield _fail(
                        "people",
                        "Nobody can administer: run `atrium user create --role SUPER_ADMIN`.",
                    )
                for problem in check_templates(session):
                    yield _fail(
                        "words",
                        f"Words of a message do not fit it ({problem}): edit them; until then "
                        "ours are sent.",
                    )
        finally:
            engine.dispose()
    except (PostgresError, sa.exc.SQLAlchemyError) as error:
        reason = str(error).splitlines()[0]
        yield _fail(
            "database",
            f"The database does not answer ({reason}): start it and look again.",
        )


# -- before others use it -----------------------------------------------------------------------


def nothing_is_debugged(settings: Settings) -> Iterator[Finding]:
    for name in DEBUG_SWITCHES:
        if os.environ.get(name, "") not in ("", "0"):
            yield _fail("debug", f"{name} is set: unset it, it shows what is inside to anybody.")
    if settings.log_level == "DEBUG":
        yield _fail("debug", "ATRIUM_LOG_LEVEL is DEBUG: set INFO.")
    if settings.clock is not None:
        yield _fail("clock", "ATRIUM_CLOCK is set: unset it, or bills have another day's date.")


def address_is_safe(settings: Settings) -> Iterator[Finding]:
    parts = urlsplit(settings.public_url)
    if not settings.public_url:
        yield _fail(
            "address",
            "ATRIUM_PUBLIC_URL is empty: set the https:// address people use, or links in letters "
            "lead to this machine's loopback.",
        )
    elif parts.scheme != "https":
        yield _fail(
            "address",
            f"ATRIUM_PUBLIC_URL is {settings.public_url}: put TLS in front and set https://, or "
            "passwords travel in the clear.",
        )
    elif _is_loopback(parts.hostname or ""):
        yield _fail(
            "address",
            f"ATRIUM_PUBLIC_URL is {settings.public_url}: name the address people use, not the "
            "loopback.",
        )


def proxies_are_named(settings: Settings) -> Iterator[Finding]:
    proxies = [ip_network(one) for one in comma_separated(settings.trusted_proxies)]
    if not proxies and settings.public_url.startswith("https://"):
        yield _fail(
            "proxies",
            "ATRIUM_TRUSTED_PROXIES is empty although something in front ends TLS: name its "
            "address, or cookies are not Secure and every client has the proxy's address.",
        )
    for network in proxies:
        if network.prefixlen < (8 if network.version == 4 else 32):
            yield _fail(
                "proxies",
                f"ATRIUM_TRUSTED_PROXIES holds {network}: that is nearly everybody, who could "
                "then forge addresses; name the proxies alone.",
            )
    if not _is_loopback(settings.host) and not proxies:
        yield _fail(
            "proxies",
            f"ATRIUM_HOST is {settings.host}, reached without TLS: listen on 127.0.0.1 behind "
            "a proxy, or name the proxies and let nobody else reach the port.",
        )
    if not _is_loopback(settings.dagster_host):
        yield _fail(
            "dagster",
            f"ATRIUM_DAGSTER_HOST is {settings.dagster_host}, and Dagster's page has no sign-in: "
            "set 127.0.0.1, or close its port to all but a proxy that asks who comes.",
        )


def letters_leave(settings: Settings) -> Iterator[Finding]:
    server = settings.email_server.get_secret_value()
    if not server:
        yield _fail(
            "letters",
            "ATRIUM_EMAIL_SERVER is empty: invitations and resets stay in a file; set it.",
        )
    if settings.email_sender.endswith("@localhost"):
        yield _warn(
            "letters", f"ATRIUM_EMAIL_SENDER is {settings.email_sender}: set one that exists."
        )
    if not settings.security_contact:
        yield _warn(
            "contact",
            "ATRIUM_SECURITY_CONTACT is empty: set it, or finders of a weakness reach nobody.",
        )


def texts_leave(settings: Settings) -> Iterator[Finding]:
    provider = settings.sms_provider
    if not provider:
        yield _warn(
            "texts",
            "ATRIUM_SMS_PROVIDER is empty: text messages stay in a file; set it, or shops are "
            "reached in the portal and by mail alone.",
        )
        return
    missing = missing_settings(settings)
    for name in missing:
        yield _fail("texts", f"{name} is empty, and ATRIUM_SMS_PROVIDER={provider} needs it.")
    address = urlsplit(settings.sms_endpoint)
    if address.scheme == "http" and not _is_loopback(address.hostname or ""):
        yield _fail(
            "texts",
            f"ATRIUM_SMS_ENDPOINT is {settings.sms_endpoint}: use https://, or its password and "
            "every text travel in the clear.",
        )
    if provider == "http" or missing:
        return
    try:
        unnamed = read_templates(settings.sms_templates).unnamed()
    except SettingsError as error:
        yield _fail("texts", f"{error}.")
        return
    if unnamed:
        yield _warn(
            "texts",
            f"ATRIUM_SMS_TEMPLATES names no template for {', '.join(unnamed)}: they reach no "
            "telephone.",
        )


def messenger_lives(settings: Settings) -> Iterator[Finding]:
    """Nothing is said where none ever ran: it starts with the site."""
    path = settings.state_dir / HEARTBEAT
    if path.exists() and time.time() - path.stat().st_mtime > MESSENGER_SECONDS:
        yield _warn(
            "messenger",
            "The messenger has not been seen for a while: while `atrium serve` runs without it, "
            "messages wait for Dagster's sweep.",
        )


def backups_are_apart(settings: Settings) -> Iterator[Finding]:
    identity = settings.secrets_dir / IDENTITY
    if not comma_separated(settings.backup_recipients):
        yield _fail(
            "backup",
            "ATRIUM_BACKUP_RECIPIENTS is empty, so the key that opens backups lies beside the "
            "data: make a key pair elsewhere (age-keygen), set its public half, keep the other "
            "offline.",
        )
    elif identity.exists():
        yield _fail(
            "backup",
            f"{identity}, a key that opens backups, lies beside the data: move it offline.",
        )
    if not settings.object_store.startswith("s3://"):
        yield _warn(
            "backup",
            "Backups are kept on this machine: set ATRIUM_OBJECT_STORE to a bucket elsewhere.",
        )
    elif settings.object_store_endpoint.startswith("http://"):
        yield _fail(
            "backup",
            f"ATRIUM_OBJECT_STORE_ENDPOINT is {settings.object_store_endpoint}: use https://.",
        )


def first_password_is_gone(settings: Settings) -> Iterator[Finding]:
    path = settings.secrets_dir / ADMINISTRATOR_PASSWORD
    if path.exists():
        yield _fail(
            "administrator",
            f"The sample administrator's password lies in {path}: invite an administrator of your "
            "own, close admin@example.org, and delete the file.",
        )
    path = settings.secrets_dir / SHOP_PASSWORD
    if path.exists():
        yield _fail(
            "shop",
            f"The password of the sample's shop lies in {path}: close {SHOP_PERSON}, and delete "
            "the file.",
        )


def database_is_walled(settings: Settings) -> Iterator[Finding]:
    if not settings.database_url:
        yield _warn(
            "database",
            "The embedded server runs under the site's own system account, with its superuser's "
            "password beside it: set ATRIUM_DATABASE_URL to a server of its own.",
        )
    else:
        host = urlsplit(settings.database_url).hostname or ""
        if host and not _is_loopback(host) and "sslmode=verify" not in settings.database_url:
            yield _fail(
                "database",
                "ATRIUM_DATABASE_URL leads over a network without checking the server: append "
                "?sslmode=verify-full.",
            )
    if not _answers(settings):
        return  # said by database_is_ready
    for login in (Login.DOOR, Login.STAFF, Login.TENANT, Login.INGEST, Login.PIPELINES):
        try:
            with psycopg.connect(login_url(settings, login), connect_timeout=5) as connection:
                row = connection.execute(
                    "SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles "
                    "WHERE rolname = current_user"
                ).fetchone()
        except (PostgresError, psycopg.Error):
            yield _fail(
                "database",
                f"The login `{login}` does not enter the database: run `atrium database migrate`.",
            )
            continue
        if row is None or row[0]:
            yield _fail(
                "database",
                f"The login `{login}` is a superuser, ignores row security or makes roles: take "
                "that from it.",
            )


def _answers(settings: Settings) -> bool:
    try:
        psycopg.connect(database_url(settings), connect_timeout=5).close()
    except (PostgresError, psycopg.Error):
        return False
    return True


ALWAYS: tuple[Check, ...] = (secrets_are_private, database_is_ready)
BEFORE_OTHERS: tuple[Check, ...] = (
    nothing_is_debugged,
    address_is_safe,
    proxies_are_named,
    letters_leave,
    texts_leave,
    messenger_lives,
    backups_are_apart,
    first_password_is_gone,
    database_is_walled,
)


def findings(settings: Settings, *, deploy: bool) -> list[Finding]:
    """What is wrong, failures first."""
    checks = (*ALWAYS, *BEFORE_OTHERS) if deploy else ALWAYS
    found = [finding for check in checks for finding in check(settings)]
    return sorted(found, key=lambda finding: finding.weight is Weight.WARNING)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@click.command("check")
@click.option("--deploy", is_flag=True, help="Also what must be so before others use it.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(deploy: bool, as_json: bool) -> None:
    """Look for what is unsafe or unfinished; 1 when something must be done."""
    found = findings(load_settings(), deploy=deploy)
    failed = any(finding.weight is Weight.FAILURE for finding in found)
    if as_json:
        click.echo(json.dumps({"ok": not failed, "findings": [asdict(one) for one in found]}))
    else:
        console = Console()
        for finding in found:
            style = "red" if finding.weight is Weight.FAILURE else "yellow"
            console.print(f"[{style}]{finding.weight}[/] ", end="")
            console.print(f"{finding.check}: {finding.sentence}", markup=False, highlight=False)
        if not found:
            console.print("Nothing to do.")
    sys.exit(1 if failed else 0)
