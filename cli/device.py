"""`atrium device`: keys with which devices post readings."""

import json

import click
from sqlalchemy.orm import Session

from cli.state import ready_database
from services.operations.device_keys import (
    DeviceKeyError,
    create_device_key,
    revoke_device_key,
)
from services.queries.malls import find_device_id, find_mall
from storage.database import create_engine
from storage.settings import Clock, load_settings


@click.group("device")
def command() -> None:
    """Devices and their keys."""


@command.command("key")
@click.option("--mall", "mall_code", required=True, help="Mall code.")
@click.option("--device", "device_code", help="Device code; left out: a gateway for all devices.")
@click.option("--name", default="", help="What the key is for.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def key(mall_code: str, device_code: str | None, name: str, as_json: bool) -> None:
    """Make a key and show it once."""
    settings = load_settings()
    with ready_database(settings) as url, Session(create_engine(url)) as session, session.begin():
        mall = find_mall(session, code=mall_code)
        if mall is None:
            raise click.ClickException(f"there is no mall {mall_code}")
        device_id = None
        if device_code:
            device_id = find_device_id(session, mall_id=mall.id, code=device_code)
            if device_id is None:
                raise click.ClickException(f"mall {mall_code} has no device {device_code}")
        made = create_device_key(
            session,
            mall_id=mall.id,
            device_id=device_id,
            name=name,
            now=Clock(settings.clock).now(),
        )
    if as_json:
        click.echo(json.dumps({"key": made}))
    else:
        click.echo(made)
        click.echo("This key is shown once: send it as `Authorization: Bearer <key>`.", err=True)


@command.command("revoke")
@click.argument("public_id")
def revoke(public_id: str) -> None:
    """Close a key at once; PUBLIC_ID is the part of the key before the underscore."""
    settings = load_settings()
    with ready_database(settings) as url, Session(create_engine(url)) as session, session.begin():
        try:
            revoke_device_key(session, public_id=public_id, now=Clock(settings.clock).now())
        except DeviceKeyError as error:
            raise click.ClickException(str(error)) from None
    click.echo(f"The key {public_id} opens nothing any more.")
