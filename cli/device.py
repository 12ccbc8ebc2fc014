"""`atrium device`: keys with which devices post readings."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from cli.state import ready_database
from domain.scopes import Actor, ActorKind
from services.operations.device_keys import (
    DeviceKeyError,
    create_device_key,
    reseal_signing_keys,
    revoke_device_key,
    rotate_device_key,
)
from services.operations.signing_vault import (
    NEXT_SECRET_NAME,
    SECRET_NAME,
    SigningVault,
    open_vault,
)
from services.queries.device_keys import list_device_keys
from services.queries.malls import MallView, find_device_id, find_mall
from storage.database import create_engine
from storage.roles import Group
from storage.settings import Clock, Settings, load_settings

COMMAND = Actor(ActorKind.SYSTEM, "atrium device")


@dataclass(frozen=True)
class Keys:
    """What every command of this noun works with, in one transaction."""

    session: Session
    settings: Settings
    now: datetime

    def mall(self, code: str) -> MallView:
        found = find_mall(self.session, code=code)
        if found is None:
            raise click.ClickException(f"there is no mall {code}")
        return found


@contextmanager
def opened() -> Iterator[Keys]:
    settings = load_settings()
    with ready_database(settings) as url:
        engine = create_engine(url, role=Group.OWNER)
        try:
            with Session(engine) as session, session.begin():
                yield Keys(session, settings, Clock(settings.clock).now())
        except DeviceKeyError as error:
            raise click.ClickException(str(error)) from None
        finally:
            engine.dispose()


@click.group("device")
def command() -> None:
    """Devices and their keys."""


@command.command("key")
@click.option("--mall", "mall_code", required=True, help="Mall code.")
@click.option("--device", "device_code", help="Device code; left out: a gateway for all devices.")
@click.option("--name", default="", help="What the key is for.")
@click.option("--requires-signature", is_flag=True, help="Its calls must be signed.")
@click.option("--days", type=click.IntRange(1, 3660), help="Days until it expires.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def key(
    mall_code: str,
    device_code: str | None,
    name: str,
    requires_signature: bool,
    days: int | None,
    as_json: bool,
) -> None:
    """Make a key and show it once."""
    with opened() as keys:
        mall = keys.mall(mall_code)
        device_id = None
        if device_code:
            device_id = find_device_id(keys.session, mall_id=mall.id, code=device_code)
            if device_id is None:
                raise click.ClickException(f"mall {mall_code} has no device {device_code}")
        made = create_device_key(
            keys.session,
            mall_id=mall.id,
            device_id=device_id,
            name=name,
            now=keys.now,
            vault=open_vault(keys.settings),
            requires_signature=requires_signature,
            expires_at=keys.now + timedelta(days=days) if days else None,
            actor=COMMAND,
        )
    _show(made, as_json, requires_signature)


@command.command("rotate")
@click.argument("public_id")
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, 720),
    default=24,
    show_default=True,
    help="How long both keys open.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def rotate(public_id: str, overlap_hours: int, as_json: bool) -> None:
    """Replace a key and show the new one once; PUBLIC_ID is the part before the underscore."""
    with opened() as keys:
        made = rotate_device_key(
            keys.session,
            public_id=public_id,
            overlap=timedelta(hours=overlap_hours),
            now=keys.now,
            vault=open_vault(keys.settings),
            actor=COMMAND,
        )
    _show(made, as_json, False)
    click.echo(f"The key {public_id} closes in {overlap_hours} hours.", err=True)


@command.command("revoke")
@click.argument("public_id")
def revoke(public_id: str) -> None:
    """Close a key at once; PUBLIC_ID is the part of the key before the underscore."""
    with opened() as keys:
        revoke_device_key(keys.session, public_id=public_id, now=keys.now, actor=COMMAND)
    click.echo(f"The key {public_id} opens nothing any more.")


@command.command("list")
@click.option("--mall", "mall_code", required=True, help="Mall code.")
@click.option("--stale", is_flag=True, help="Only open keys that nobody used for 30 days.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_(mall_code: str, stale: bool, as_json: bool) -> None:
    """List the keys of a mall, the newest first."""
    with opened() as keys:
        mall = keys.mall(mall_code)
        found = list_device_keys(keys.session, mall_id=mall.id, now=keys.now)
    found = [one for one in found if one.is_stale or not stale]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], default=str))
        return
    table = Table(box=None)
    table.add_column("key", no_wrap=True)
    for title in ("name", "device", "state", "made", "last used", "expires"):
        table.add_column(title)
    for one in found:
        table.add_row(
            one.public_id,
            one.name,
            one.device_code or "(gateway)",
            "unused" if one.is_stale else one.state.lower(),
            *(f"{at:%Y-%m-%d %H:%M}" if at else "—"
              for at in (one.created_at, one.last_used_at, one.expires_at)),
        )  # fmt: skip
    Console().print(table)


@command.command("reseal")
def reseal() -> None:
    """Replace the secret that seals the devices' signing keys. No device notices.

    May be run again after it was interrupted, and while the site is up.
    """
    with opened() as keys:
        old = keys.settings.secret(SECRET_NAME)
        # From here on the site seals with the new secret, and opens with either.
        new = keys.settings.secret(NEXT_SECRET_NAME)
        count = reseal_signing_keys(keys.session, vault=SigningVault(new, old))
    _put_in_place(keys.settings.secrets_dir)
    with opened() as keys:
        # Keys that were made just before the new secret was there.
        reseal_signing_keys(keys.session, vault=SigningVault(new, old))
    click.echo(f"{count} signing keys are sealed with a new secret; the old one is gone.")


def _put_in_place(secrets_dir: Path) -> None:
    (secrets_dir / NEXT_SECRET_NAME).replace(secrets_dir / SECRET_NAME)


def _show(made: str, as_json: bool, requires_signature: bool) -> None:
    if as_json:
        click.echo(json.dumps({"key": made}))
        return
    click.echo(made)
    how = "sign its calls (/api/docs#signing)" if requires_signature else (
        "send it as `Authorization: Bearer <key>`"
    )  # fmt: skip
    click.echo(f"This key is shown once: {how}.", err=True)
