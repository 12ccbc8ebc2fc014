"""`atrium user`: accounts of people."""

import json
import secrets
import sys

import click
from sqlalchemy.orm import Session

from cli.state import ready_database
from domain.people import Role
from services.operations.malls import NotRegistered
from services.operations.passwords import WeakPassword, hash_password
from services.operations.people import EmailTaken, InvalidAccount, create_user
from services.queries.malls import list_malls
from storage.database import create_engine
from storage.settings import Settings, load_settings, write_private

ADMINISTRATOR = "admin@example.org"
ADMINISTRATOR_PASSWORD = "administrator-password"


@click.group("user")
def command() -> None:
    """People's accounts."""


@command.command("create")
@click.option("--email", required=True)
@click.option("--name", default="")
@click.option("--role", required=True, type=click.Choice(list(Role)))
@click.option("--mall", "malls", multiple=True, help="Mall codes; default: every mall.")
@click.option("--shop", "shops", multiple=True, help="Shop codes, for the role SHOP.")
@click.option("--locale", type=click.Choice(["zh_CN", "en"]), default=None)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def create(
    email: str,
    name: str,
    role: str,
    malls: tuple[str, ...],
    shops: tuple[str, ...],
    locale: str | None,
    as_json: bool,
) -> None:
    """Create an account. The password is asked for, or read from standard input."""
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    settings = load_settings()
    with ready_database(settings) as url, Session(create_engine(url)) as session, session.begin():
        try:
            user_id = create_user(
                session,
                email=email,
                name=name,
                role=Role(role),
                mall_codes=malls or [mall.code for mall in list_malls(session)],
                shop_codes=shops,
                password_hash=hash_password(password, settings.secret("password_salt")),
                locale=locale or "",
            )
        except (EmailTaken, InvalidAccount, NotRegistered, WeakPassword) as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps({"id": user_id, "email": email}))
    else:
        click.echo(f"{email} can sign in.")


def ensure_administrator(session: Session, settings: Settings, mall_code: str) -> bool:
    """The first administrator, its password in a private file of the state folder.

    Whether it was made now; an account that is there is left alone.
    """
    path = settings.secrets_dir / ADMINISTRATOR_PASSWORD
    write_private(path, secrets.token_urlsafe(15))
    password = path.read_text().strip()
    try:
        create_user(
            session,
            email=ADMINISTRATOR,
            name="Administrator",
            role=Role.SUPER_ADMIN,
            mall_codes=[mall_code],
            password_hash=hash_password(password, settings.secret("password_salt")),
        )
    except EmailTaken:
        return False
    return True
