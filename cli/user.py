"""`atrium user`: accounts of people."""

import json
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeVar

import click
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from cli.state import ready_database
from domain.notifications import Channel
from domain.people import Role
from domain.scopes import Actor, ActorKind
from services.gateways.channels import open_gateways
from services.operations.account_links import (
    NoSuchAccount,
    change_password,
    send_invitation,
    send_password_reset,
)
from services.operations.malls import NotRegistered
from services.operations.outbox import deliver_notifications
from services.operations.passwords import WeakPassword, hash_password
from services.operations.people import EmailTaken, InvalidAccount, create_user
from services.operations.second_factor import reset_second_factor
from services.operations.sign_in import unlock_user
from services.queries.accounts import find_account_id, list_accounts
from services.queries.malls import list_malls
from storage.database import create_engine, transaction
from storage.roles import Group
from storage.settings import Clock, Settings, load_settings, write_private

ADMINISTRATOR = "admin@example.org"
ADMINISTRATOR_PASSWORD = "administrator-password"
SHOP_PERSON = "shop@example.org"
SHOP_PASSWORD = "shop-password"
Function = TypeVar("Function", bound=Callable[..., Any])
COMMAND = Actor(ActorKind.SYSTEM, "atrium user")


@dataclass(frozen=True)
class People:
    """What every command of this noun works with. One transaction, and letters after it."""

    session: Session
    settings: Settings
    now: datetime

    def account(self, email: str) -> int:
        found = find_account_id(self.session, email=email)
        if found is None:
            raise click.ClickException(f"no account has the address {email}")
        return found


@contextmanager
def people(*, sends_letters: bool = False) -> Iterator[People]:
    settings = load_settings()
    clock = Clock(settings.clock)
    with ready_database(settings) as url:
        engine = create_engine(url, role=Group.OWNER)
        try:
            with transaction(engine) as session:
                yield People(session, settings, clock.now())
            if sends_letters:
                _deliver(engine, settings, clock)
        finally:
            engine.dispose()


def _deliver(engine: sa.Engine, settings: Settings, clock: Clock) -> None:
    """Letters leave with the command, whether or not the pipelines run."""
    gateway = open_gateways(settings)[Channel.EMAIL]
    result = deliver_notifications(
        engine, gateways={Channel.EMAIL: gateway}, clock=clock.now, is_letters_alone=True
    )
    if result.failed or result.postponed:
        click.echo("The mail server did not take the letter; it is tried again.", err=True)
    elif result.sent and not settings.email_server:
        click.echo(f"No mail server is set; the letter is in {settings.state_dir}/log/email.mbox.")


@click.group("user")
def command() -> None:
    """People's accounts."""


def _account_options(function: Function) -> Function:
    for option in reversed(
        (
            click.option("--email", required=True),
            click.option("--name", default=""),
            click.option("--role", required=True, type=click.Choice(list(Role))),
            click.option("--mall", "malls", multiple=True, help="Mall codes; default: all."),
            click.option("--shop", "shops", multiple=True, help="Shop codes, for the role SHOP."),
            click.option("--locale", type=click.Choice(["zh_CN", "en"]), default=None),
            click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        )
    ):
        function = option(function)
    return function


@command.command("create")
@_account_options
def create(email: str, as_json: bool, **facts: Any) -> None:
    """Create an account. The password is asked for, or read from standard input."""
    password = _new_password()
    with people() as state:
        user_id = _create(state, email, password, **facts)
    _say(as_json, user_id, email, f"{email} can sign in.")


@command.command("invite")
@_account_options
def invite(email: str, as_json: bool, **facts: Any) -> None:
    """Create an account whose person chooses the password by a link in a letter."""
    with people(sends_letters=True) as state:
        user_id = _create(state, email, None, **facts)
        send_invitation(
            state.session,
            user_id=user_id,
            site=state.settings.site,
            locale=state.settings.default_locale,
            now=state.now,
        )
    _say(as_json, user_id, email, f"{email} is invited; the link works for 72 hours.")


@command.command("reset-password")
@click.argument("email")
@click.option("--here", is_flag=True, help="Set it here, without a letter: asked for, or stdin.")
def reset_password(email: str, here: bool) -> None:
    """Send a letter with a link that sets a new password, or set it here."""
    password = _new_password() if here else ""
    with people(sends_letters=True) as state:
        user_id = state.account(email)
        if here:
            try:
                change_password(
                    state.session,
                    user_id=user_id,
                    password=password,
                    salt=state.settings.secret("password_salt"),
                    now=state.now,
                )
            except WeakPassword as weak:
                raise click.ClickException(str(weak)) from None
            unlock_user(state.session, user_id=user_id, now=state.now)
        elif not send_password_reset(
            state.session,
            email=email,
            site=state.settings.site,
            locale=state.settings.default_locale,
            actor=COMMAND,
            now=state.now,
        ):
            raise click.ClickException(
                f"no letter for {email}: it is closed, or had three within the hour"
            )
    done = "The password is set; sessions were ended." if here else "The link works for 30 minutes."
    click.echo(f"{email}: {done}")


@command.command("unlock")
@click.argument("email")
def unlock(email: str) -> None:
    """Let an account that was locked after wrong tries sign in at once."""
    with people() as state:
        was_locked = unlock_user(state.session, user_id=state.account(email), now=state.now)
    click.echo(f"{email} was {'locked; it is not any more' if was_locked else 'not locked'}.")


@command.command("reset-totp")
@click.argument("email")
def reset_totp(email: str) -> None:
    """Take the authenticator and the recovery codes of an account away."""
    with people(sends_letters=True) as state:
        had_one = reset_second_factor(state.session, user_id=state.account(email), now=state.now)
    click.echo(
        f"{email}: the authenticator is removed; sessions were ended."
        if had_one
        else f"{email} has no authenticator."
    )


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print the accounts as JSON.")
def list_(as_json: bool) -> None:
    """Every account, and what keeps its person out."""
    with people() as state:
        accounts = list_accounts(state.session, now=state.now)
    if as_json:
        click.echo(json.dumps([asdict(one) for one in accounts], ensure_ascii=False, default=str))
        return
    table = Table("E-mail", "Name", "Role", "Malls", "Second factor", "Last sign-in", "State")
    for one in accounts:
        table.add_row(
            one.email,
            one.name,
            one.role or "-",
            "all" if one.role is Role.SUPER_ADMIN else ", ".join(one.malls),
            "yes" if one.has_second_factor else "no",
            f"{one.last_sign_in_at:%Y-%m-%d %H:%M} UTC" if one.last_sign_in_at else "never",
            _state(one.is_active, one.has_password, one.locked_until),
        )
    Console().print(table)


def _state(is_active: bool, has_password: bool, locked_until: datetime | None) -> str:
    if not is_active:
        return "closed"
    if locked_until is not None:
        return f"locked until {locked_until:%Y-%m-%d %H:%M} UTC"
    return "active" if has_password else "invited"


def _new_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _create(
    state: People,
    email: str,
    password: str | None,
    *,
    name: str,
    role: str,
    malls: tuple[str, ...],
    shops: tuple[str, ...],
    locale: str | None,
) -> int:
    salt = state.settings.secret("password_salt")
    codes = malls or [mall.code for mall in list_malls(state.session)]
    try:
        password_hash = (
            None if password is None else hash_password(password, salt, about=(email, name))
        )
        return create_user(
            state.session,
            email=email,
            name=name,
            role=Role(role),
            mall_codes=codes,
            shop_codes=shops,
            password_hash=password_hash,
            locale=locale or "",
        )
    except (EmailTaken, InvalidAccount, NoSuchAccount, NotRegistered, WeakPassword) as error:
        raise click.ClickException(str(error)) from None


def _say(as_json: bool, user_id: int, email: str, text: str) -> None:
    click.echo(json.dumps({"id": user_id, "email": email}) if as_json else text)


def ensure_administrator(session: Session, settings: Settings, mall_code: str) -> bool:
    """The first administrator. Whether it was made now; an account that is there is left alone."""
    return _ensure(
        session,
        settings,
        ADMINISTRATOR_PASSWORD,
        email=ADMINISTRATOR,
        name="Administrator",
        role=Role.SUPER_ADMIN,
        mall_codes=[mall_code],
    )


def ensure_shop_person(
    session: Session, settings: Settings, mall_code: str, shop_code: str
) -> bool:
    """Somebody who works for one shop of the sample mall. Whether the account was made now."""
    return _ensure(
        session,
        settings,
        SHOP_PASSWORD,
        email=SHOP_PERSON,
        name="Shop keeper",
        role=Role.SHOP,
        mall_codes=[mall_code],
        shop_codes=[shop_code],
    )


def _ensure(session: Session, settings: Settings, password_file: str, **account: Any) -> bool:
    """An account whose password is drawn into a private file of the state folder."""
    path = settings.secrets_dir / password_file
    write_private(path, secrets.token_urlsafe(15))
    password = path.read_text().strip()
    hashed = hash_password(password, settings.secret("password_salt"))
    try:
        create_user(session, password_hash=hashed, **account)
    except EmailTaken:
        return False
    return True
