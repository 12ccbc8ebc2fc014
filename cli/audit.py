"""`atrium audit`: what was done, by whom, and whether the record of it is whole."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from cli.state import ready_database
from domain.audit import AuditAction
from domain.scopes import Actor, ActorKind
from services.operations.audit_verification import BackupError, Verification, verify_audit
from services.queries.audit import EventFilter, list_events
from storage.database import create_engine
from storage.objects import open_object_store
from storage.roles import Group
from storage.settings import Clock, load_settings

MANIFEST = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("audit")
def command() -> None:
    """The record of what people and programs did."""


@command.command("verify")
@click.option("--manifest", "manifests", multiple=True, type=MANIFEST,
              help="A backup's manifest.json kept elsewhere, its signature beside it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify(manifests: tuple[Path, ...], as_json: bool) -> None:
    """Compute every event's hash anew and compare the chain with every signed backup.

    Ends with code 1 when an event was changed, removed, swapped or inserted.
    """
    settings = load_settings()
    with ready_database(settings) as url:
        try:
            found = verify_audit(
                create_engine(url, role=Group.OWNER),
                settings=settings,
                store=open_object_store(settings),
                now=Clock(settings.clock).now(),
                manifests=manifests,
                actor=Actor(ActorKind.SYSTEM, "atrium audit verify"),
            )
        except (BackupError, OSError) as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(_as_record(found), ensure_ascii=False))
    else:
        _say(found)
    if not found.is_intact:
        sys.exit(1)


def _as_record(found: Verification) -> dict[str, object]:
    findings = [{**asdict(finding), "sentence": finding.sentence()} for finding in found.findings]
    return {**asdict(found), "is_intact": found.is_intact, "findings": findings}


def _say(found: Verification) -> None:
    for reason in found.unreadable:
        click.echo(f"Not compared: {reason}", err=True)
    compared = (
        f"compared with {found.witnesses} signed backups"
        if found.witnesses
        else "no signed backup to compare with: a cut end could not be seen"
    )
    if found.is_intact:
        click.echo(
            f"The audit is intact: {found.events:,} events up to {found.head.hash[:16]}…, "
            f"{compared}, in {found.seconds:.1f} s."
        )
        return
    click.echo(f"The audit is NOT intact ({found.events:,} events, {compared}):", err=True)
    for finding in found.findings:
        click.echo(f"- {finding.sentence()}", err=True)


@command.command("list")
@click.option("--since", type=click.DateTime(), help="From this moment on, in UTC.")
@click.option("--actor", default="", help="Part of an e-mail address, key or program's name.")
@click.option("--action", "actions", multiple=True, type=click.Choice(list(AuditAction)))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_(
    since: datetime | None, actor: str, actions: tuple[str, ...], limit: int, as_json: bool
) -> None:
    """List events, the newest first."""
    wanted = EventFilter(
        since=since.replace(tzinfo=UTC) if since else None, actor=actor, actions=actions
    )
    settings = load_settings()
    with ready_database(settings) as url, Session(create_engine(url, role=Group.OWNER)) as session:
        events = list_events(session, wanted, limit=limit)
    if as_json:
        click.echo(json.dumps([asdict(event) for event in events], default=str, ensure_ascii=False))
        return
    table = Table("No.", "When (UTC)", "Who", "From", "Did", "To what")
    for event in events:
        table.add_row(
            str(event.seq),
            f"{event.occurred_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            event.actor_name or event.actor_kind,
            event.address,
            event.action,
            " ".join(part for part in (event.subject_type, event.subject_id, event.part) if part),
        )
    Console().print(table if events else "There is no such event.")
