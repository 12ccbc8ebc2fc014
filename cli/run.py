"""`atrium run`: the sample mall, carried through one business month."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import click
import sqlalchemy as sa
from rich.console import Console
from sqlalchemy.orm import Session

from cli.processes import ChildFailed, Children, children
from cli.sites import dagster_environment, start_web
from cli.stages import Stages
from cli.state import ready_database
from cli.summary import print_summary
from cli.user import (
    ADMINISTRATOR,
    ADMINISTRATOR_PASSWORD,
    SHOP_PASSWORD,
    SHOP_PERSON,
    ensure_administrator,
    ensure_shop_person,
)
from sample_mall import (
    MALL_CODE,
    TIME_ZONE,
    PostFailed,
    PostResult,
    SampleDataMissing,
    SampleMall,
    build_sample_mall,
    drop_files,
    is_posted,
    lay_out_desk,
    pay_bills,
    post_batches,
)
from services.operations.device_keys import create_device_key, revoke_device_key
from services.queries.months import last_billed_month
from services.queries.register import get_register
from storage.database import create_engine
from storage.objects import open_object_store
from storage.roles import Group
from storage.settings import Clock, Settings, load_settings

# Everything a bill of the month leads to (reminders up to a day after its due date) has happened
# by then, so the sample is never ahead of the machine's clock.
SETTLED_DAYS = 16
ZONE = ZoneInfo(TIME_ZONE)


class RunFailed(click.ClickException):
    """A stage of the run failed."""


@click.command("run")
@click.option(
    "--month",
    "month_text",
    metavar="YYYY-MM",
    help="Business month; default: the one billed already, or the last settled.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(month_text: str | None, as_json: bool) -> None:
    """Bring the sample mall to life and carry it through one business month.

    The month is the one already billed, else the last whole month that ended at least
    sixteen days ago. A second run reuses what is there.
    """
    began = monotonic()
    settings = load_settings()
    console = Console(stderr=as_json)
    visible = console.is_terminal and not as_json
    with (
        Stages(console, visible=visible) as stages,
        children(settings.state_dir / "log") as group,
    ):
        stages.start("Database")
        with ready_database(settings) as url:
            stages.finish("Database")
            engine = create_engine(url, role=Group.OWNER)
            try:
                month = _month(month_text, engine, Clock(settings.clock).now())
                figures = _carry(engine, settings, month, group, stages, console)
            except (ChildFailed, PostFailed, SampleDataMissing) as error:
                raise RunFailed(str(error)) from None
            finally:
                engine.dispose()
    figures["seconds"] = round(monotonic() - began, 1)
    figures["stages"] = stages.seconds
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False, default=str))
    else:
        print_summary(console, figures)


def _month(text: str | None, engine: sa.Engine, now: datetime) -> date:
    if text:
        try:
            return date.fromisoformat(f"{text}-01")
        except ValueError:
            raise click.BadParameter(f"{text!r} is no month; write it as 2026-03") from None
    with Session(engine) as session:
        billed = last_billed_month(session, mall_code=MALL_CODE)
    return billed or default_month(now.date())


def default_month(today: date) -> date:
    """First day of the last whole month that ended at least SETTLED_DAYS before `today`."""
    settled = today - timedelta(days=SETTLED_DAYS)
    return (settled.replace(day=1) - timedelta(days=1)).replace(day=1)


def _carry(
    engine: sa.Engine,
    settings: Settings,
    month: date,
    group: Children,
    stages: Stages,
    console: Console,
) -> dict[str, Any]:
    """Run all stages; the figures of the summary."""
    pipeline = MonthPipeline(group, settings, month)  # its imports take long: begin with them
    with stages.stage("Sample mall"):
        mall = build_sample_mall(engine, month=month, now=_at(month, ZONE))
        with Session(engine) as session, session.begin():
            ensure_administrator(session, settings, mall.mall_code)
            first_shop = min(get_register(session, mall_id=mall.mall_id).shops)
            ensure_shop_person(session, settings, mall.mall_code, first_shop)
    with stages.stage("Files and batches"):
        dropped = drop_files(open_object_store(settings), mall=mall, month=month)
        posted = None
        if not is_posted(engine, mall=mall, month=month):
            posted = _post(engine, settings, group, mall, month, console)
    pipeline.proceed()
    for event in pipeline.events():
        stages.show(event)
        if event["event"] == "waiting":
            with stages.stage("Payments"):
                pay_bills(engine, mall=mall, month=month, now=_at(_following(month), ZONE))
            pipeline.proceed()
    with stages.stage("Leasing desk"):
        lay_out_desk(
            engine,
            open_object_store(settings),
            settings=settings,
            mall_id=mall.mall_id,
            now=Clock(settings.clock).now(),
        )
    return {
        "mall": mall.mall_code,
        "month": f"{month:%Y-%m}",
        "dropped": asdict(dropped),
        "posted": posted and asdict(posted),
        **pipeline.summary,
        "administrator": ADMINISTRATOR,
        "administrator_password_file": str(settings.secrets_dir / ADMINISTRATOR_PASSWORD),
        "shop_person": SHOP_PERSON,
        "shop_password_file": str(settings.secrets_dir / SHOP_PASSWORD),
    }


def _post(
    engine: sa.Engine,
    settings: Settings,
    group: Children,
    mall: SampleMall,
    month: date,
    console: Console,
) -> PostResult:
    """Post the tills' batches through the API, its clock standing just after the month."""
    with Session(engine) as session, session.begin():
        key = create_device_key(
            session,
            mall_id=mall.mall_id,
            device_id=None,
            name="sample gateway",
            now=Clock(settings.clock).now(),
        )
    address = start_web(
        group,
        settings,
        console=console,
        environment={
            # After the cut-off hour: the month's last business day is over.
            "ATRIUM_CLOCK": (_at(_following(month), ZONE) + timedelta(hours=6)).isoformat(),
            "ATRIUM_CLOCK_SKEW_BEHIND_DAYS": "45",
        },
    )
    try:
        return post_batches(address, key=key, mall=mall, month=month)
    finally:
        group.end("web")
        with Session(engine) as session, session.begin():
            revoke_device_key(
                session, public_id=key.partition("_")[0], now=Clock(settings.clock).now()
            )


def _at(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _following(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


class MonthPipeline:
    """The child process that runs Dagster's jobs of one month and tells of it line by line.

    It starts with its imports and waits for a line on its standard input before the first
    stage, and again where the world outside acts between two stages.
    """

    def __init__(self, group: Children, settings: Settings, month: date) -> None:
        self.summary: dict[str, Any] = {}
        self._group = group
        self._child = group.start(
            "pipelines",
            [
                sys.executable, "-m", "pipelines.month",
                "--month", f"{month:%Y-%m}", "--mall", MALL_CODE, "--stepwise",
            ],
            environment=dagster_environment(settings),
            piped=True,
        )  # fmt: skip

    def proceed(self) -> None:
        """Let the child go on. Raises ChildFailed when it is gone."""
        if self._child.stdin is None:
            raise RuntimeError("the child was started without pipes")
        try:
            self._child.stdin.write("\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            raise self._failure("it ended early") from None

    def events(self) -> Iterator[dict[str, Any]]:
        """Its events until it ends. Raises ChildFailed when a stage failed."""
        if self._child.stdout is None:
            raise RuntimeError("the child was started without pipes")
        failure = ""
        for line in self._child.stdout:
            event = json.loads(line)
            if event["event"] == "summary":
                self.summary = {key: value for key, value in event.items() if key != "event"}
            elif event["event"] == "failed":
                failure = f"{event['stage']}: {event['message']}"
            else:
                yield event
        if self._child.wait() != 0 or not self.summary:
            raise self._failure(failure or f"it ended with code {self._child.returncode}")

    def _failure(self, reason: str) -> ChildFailed:
        return ChildFailed(
            f"The month's pipelines failed: {reason}\n{self._group.tail('pipelines')}"
        )
