"""`atrium month`: months of device data are closed and opened again; what came late is decided."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from cli.state import ready_database
from domain.scopes import Actor, ActorKind
from services.operations.closed_months import (
    ClosedMonthError,
    apply_late,
    close_month,
    dismiss_late,
    reopen_month,
)
from services.queries.closed_months import list_closed_months, list_waiting
from services.queries.malls import MallView, find_mall
from storage.database import create_engine
from storage.roles import Group
from storage.settings import Clock, load_settings

COMMAND = Actor(ActorKind.SYSTEM, "atrium month")
MALL = click.option("--mall", "mall_code", required=True, help="Mall code.")


@dataclass(frozen=True)
class Months:
    """What every command of this noun works with, in one transaction."""

    session: Session
    now: datetime

    def mall(self, code: str) -> MallView:
        found = find_mall(self.session, code=code)
        if found is None:
            raise click.ClickException(f"there is no mall {code}")
        return found


@contextmanager
def opened() -> Iterator[Months]:
    settings = load_settings()
    with ready_database(settings) as url:
        engine = create_engine(url, role=Group.OWNER)
        try:
            with Session(engine) as session, session.begin():
                yield Months(session, Clock(settings.clock).now())
        except ClosedMonthError as error:
            raise click.ClickException(str(error)) from None
        finally:
            engine.dispose()


def _month(context: click.Context, parameter: click.Parameter, value: str) -> date:
    try:
        return date.fromisoformat(f"{value}-01")
    except ValueError:
        raise click.BadParameter(f"{value!r} is no month such as 2026-03") from None


MONTH = click.argument("month", callback=_month)


@click.group("month")
def command() -> None:
    """Months of device data: close, open again, decide about what came late."""


@command.command("close")
@MALL
@MONTH
def close(mall_code: str, month: date) -> None:
    """Close a month: what comes for it later waits."""
    with opened() as months:
        mall = months.mall(mall_code)
        close_month(months.session, mall_id=mall.id, month=month, actor=COMMAND, now=months.now)
    click.echo(f"{month:%Y-%m} of {mall_code} is closed.")


@command.command("reopen")
@MALL
@click.option("--reason", required=True, help="Why it is opened again.")
@MONTH
def reopen(mall_code: str, month: date, reason: str) -> None:
    """Open a closed month again."""
    with opened() as months:
        mall = months.mall(mall_code)
        waiting = reopen_month(
            months.session,
            mall_id=mall.id,
            month=month,
            reason=reason,
            actor=COMMAND,
            now=months.now,
        )
    click.echo(f"{month:%Y-%m} of {mall_code} is open; {waiting} late values wait for it.")


@command.command("list")
@MALL
def list_(mall_code: str) -> None:
    """Show closed months and the late values that wait."""
    with opened() as months:
        mall = months.mall(mall_code)
        closed = list_closed_months(months.session, mall_id=mall.id)
        waiting = list_waiting(months.session, mall_id=mall.id)
    console = Console()
    table = Table("month", "closed at", "by")
    for one in closed:
        table.add_row(f"{one.month:%Y-%m}", f"{one.closed_at:%Y-%m-%d %H:%M}", one.closed_by)
    console.print(table)
    table = Table("late value", "month", "device", "metric", "at", "value")
    for late in waiting:
        table.add_row(
            str(late.late_id),
            f"{late.month:%Y-%m}",
            late.device_code,
            late.metric,
            f"{late.interval_start:%Y-%m-%d %H:%M}",
            str(late.value),
        )
    console.print(table)


@command.command("apply")
@click.argument("late_id", type=int)
def apply(late_id: int) -> None:
    """Write a late value into its month, which is open again."""
    with opened() as months:
        outcome = apply_late(months.session, late_id=late_id, actor=COMMAND, now=months.now)
    click.echo(f"Late value {late_id}: {outcome}.")


@command.command("dismiss")
@click.option("--reason", required=True, help="Why it is left out.")
@click.argument("late_id", type=int)
def dismiss(late_id: int, reason: str) -> None:
    """Leave a late value out; it is kept with the reason."""
    with opened() as months:
        dismiss_late(months.session, late_id=late_id, reason=reason, actor=COMMAND, now=months.now)
    click.echo(f"Late value {late_id}: dismissed.")
