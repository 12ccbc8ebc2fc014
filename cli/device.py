"""`atrium device`: the register of devices, and the keys with which they post readings."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from cli.state import ready_database
from domain.devices import Adapter, DeviceKind, FeedKind
from domain.scopes import Actor, ActorKind
from services.operations.device_keys import (
    DeviceKeyError,
    create_device_key,
    reseal_signing_keys,
    revoke_device_key,
    rotate_device_key,
)
from services.operations.devices import (
    NotInstalled,
    StillInstalled,
    install_device,
    register_device,
)
from services.operations.malls import AlreadyRegistered, InvalidRegistration, NotRegistered
from services.operations.replacements import replace_meter
from services.operations.signing_vault import (
    NEXT_SECRET_NAME,
    SECRET_NAME,
    SigningVault,
    open_vault,
)
from services.queries.device_keys import list_device_keys
from services.queries.malls import MallView, find_device_id, find_mall, find_shop_id
from services.queries.unknown_devices import list_unknown_devices
from storage.database import create_engine
from storage.roles import Group
from storage.settings import Clock, Settings, load_settings

REFUSALS = (
    DeviceKeyError,
    AlreadyRegistered,
    InvalidRegistration,
    NotRegistered,
    NotInstalled,
    StillInstalled,
)
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

    def device(self, mall: MallView, code: str) -> int:
        device_id = find_device_id(self.session, mall_id=mall.id, code=code)
        if device_id is None:
            raise click.ClickException(f"mall {mall.code} has no device {code}")
        return device_id


@contextmanager
def opened() -> Iterator[Keys]:
    settings = load_settings()
    with ready_database(settings) as url:
        engine = create_engine(url, role=Group.OWNER)
        try:
            with Session(engine) as session, session.begin():
                yield Keys(session, settings, Clock(settings.clock).now())
        except REFUSALS as error:
            raise click.ClickException(str(error)) from None
        finally:
            engine.dispose()


class Number(click.ParamType[Decimal]):
    """A decimal number, exactly as it is written."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> Decimal:
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            self.fail(f"{value!r} is no number", param, ctx)
        return number


MALL = click.option("--mall", "mall_code", required=True, help="Mall code.")
DEVICE = click.option("--device", "device_code", required=True, help="Device code.")
DAY = click.DateTime(formats=("%Y-%m-%d",))


@click.group("device")
def command() -> None:
    """Devices and their keys."""


@command.command("register")
@MALL
@DEVICE
@click.option("--kind", type=click.Choice([each.value for each in DeviceKind]), required=True)
@click.option("--counts-by", type=click.Choice([each.value for each in FeedKind]), required=True)
@click.option(
    "--adapter",
    type=click.Choice([each.value for each in Adapter]),
    default=Adapter.ATRIUM.value,
    show_default=True,
    help="The language it speaks.",
)
@click.option("--serial", default="", help="How it names itself; needed but for atrium.")
@click.option("--channel", default="", help="Its line, zone, register or till.")
@click.option("--name", default="")
@click.option("--every", type=click.IntRange(1), default=60, help="Minutes between its messages.")
@click.option("--modulus", type=Number(), help="Where a register rolls over.")
@click.option("--ratio", type=Number(), default="1", show_default=True, help="CT/PT.")
def register(
    mall_code: str, device_code: str, kind: str, counts_by: str, every: int, **given: Any
) -> None:
    """Put a device into the register."""
    with opened() as keys:
        register_device(
            keys.session,
            mall_id=keys.mall(mall_code).id,
            code=device_code,
            kind=DeviceKind(kind),
            feed_kind=FeedKind(counts_by),
            expected_interval_minutes=every,
            **given,
        )
    click.echo(f"The device {device_code} is registered.")


@command.command("install")
@MALL
@DEVICE
@click.option("--shop", "shop_code", default="", help="Shop code.")
@click.option("--zone", default="", help="Or a zone; ENTRANCE… counts the mall's visitors.")
@click.option("--floor", default="", help="Floor of the zone.")
@click.option("--from", "first", type=DAY, required=True, help="First day.")
@click.option("--register", "initial", type=Number(), help="What its dial shows then.")
def install(
    mall_code: str,
    device_code: str,
    shop_code: str,
    zone: str,
    floor: str,
    first: datetime,
    initial: Decimal | None,
) -> None:
    """Hang a device at a shop or in a zone; days gone by are computed again."""
    with opened() as keys:
        mall = keys.mall(mall_code)
        shop_id = None
        if shop_code:
            shop_id = find_shop_id(keys.session, mall_id=mall.id, code=shop_code)
            if shop_id is None:
                raise click.ClickException(f"mall {mall_code} has no shop {shop_code}")
        install_device(
            keys.session,
            device_id=keys.device(mall, device_code),
            installed_date=first.date(),
            shop_id=shop_id,
            zone=zone,
            floor=floor,
            initial_register=initial,
            now=keys.now,
        )
    click.echo(f"The device {device_code} is installed from {first:%Y-%m-%d} on.")


@command.command("replace")
@MALL
@DEVICE
@click.option("--from", "first", type=DAY, required=True, help="First day of the new meter.")
@click.option("--final", type=Number(), help="Last register of the old meter.")
@click.option("--initial", type=Number(), help="First register of the new meter.")
@click.option("--serial", default="", help="Serial number of the new meter, where it changes.")
def replace(
    mall_code: str,
    device_code: str,
    first: datetime,
    final: Decimal | None,
    initial: Decimal | None,
    serial: str,
) -> None:
    """Put another meter in the place of the old one; days gone by are computed again."""
    with opened() as keys:
        replace_meter(
            keys.session,
            device_id=keys.device(keys.mall(mall_code), device_code),
            first_date=first.date(),
            final_register=final,
            initial_register=initial,
            serial=serial,
            actor=COMMAND.name,
            now=keys.now,
        )
    click.echo(f"The meter {device_code} is replaced from {first:%Y-%m-%d} on.")


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
            device_id = keys.device(mall, device_code)
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
@click.option("--unknown", is_flag=True, help="Not keys: who spoke and is not registered.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_(mall_code: str, stale: bool, unknown: bool, as_json: bool) -> None:
    """List the keys of a mall, the newest first; or with --unknown its new devices."""
    with opened() as keys:
        mall = keys.mall(mall_code)
        if unknown:
            senders = list_unknown_devices(keys.session, mall_id=mall.id)
            if as_json:
                click.echo(json.dumps([asdict(one) for one in senders], default=str))
            for sender in senders if not as_json else ():
                click.echo(
                    f"{sender.adapter} {sender.serial} {sender.channel or '—'} "
                    f"({', '.join(sender.labels)}): {sender.messages} messages, "
                    f"the last {sender.last_seen_at:%Y-%m-%d %H:%M} UTC"
                )
            return
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
