"""`atrium backup`: make a backup, list them, prove one by restoring it on a scratch server."""

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from cli.state import ready_database
from domain.backups import BackupOrigin
from services.operations.backups import BackupError, back_up, prove_backup
from services.queries.backups import list_backups
from storage.database import create_engine
from storage.logins import Login, login_url
from storage.objects import open_object_store
from storage.roles import Group
from storage.settings import Clock, load_settings


@click.group("backup")
def command() -> None:
    """Encrypted backups and their proof."""


@command.command("create")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def create(as_json: bool) -> None:
    """Back the database up into the object store."""
    settings = load_settings()
    with ready_database(settings) as url:
        try:
            made = back_up(
                create_engine(login_url(settings, Login.BACKUP, url=url)),
                settings=settings,
                store=open_object_store(settings),
                origin=BackupOrigin.MANUAL,
                now=Clock(settings.clock).now(),
            )
        except BackupError as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(asdict(made)))
        return
    click.echo(
        f"Backup {made.sequence}: {made.stored_bytes / 1e6:,.1f} MB encrypted, of "
        f"{made.plain_bytes / 1e6:,.1f} MB, in {made.seconds:.1f} s: {made.object_key}"
    )


@command.command("prove")
@click.argument("backup_id", type=int, required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def prove(backup_id: int | None, as_json: bool) -> None:
    """Restore a backup (default: the newest) on a scratch server and compare every table."""
    settings = load_settings()
    with ready_database(settings) as url:
        try:
            proof = prove_backup(
                create_engine(login_url(settings, Login.BACKUP, url=url)),
                settings=settings,
                store=open_object_store(settings),
                backup_id=backup_id,
                now=Clock(settings.clock).now(),
            )
        except BackupError as error:
            raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(asdict(proof)))
    elif proof.is_equal:
        click.echo(
            f"Backup {proof.sequence} restored: {proof.tables} tables and {proof.rows:,} rows "
            f"equal, in {proof.seconds:.1f} s."
        )
    if not proof.is_equal:
        raise click.ClickException("not equal:\n" + "\n".join(proof.differences))


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def list_(as_json: bool) -> None:
    """List the backups, the newest first."""
    settings = load_settings()
    with ready_database(settings) as url, Session(create_engine(url, role=Group.OWNER)) as session:
        backups = list_backups(session)
    if as_json:
        click.echo(json.dumps([asdict(backup) for backup in backups], default=str))
        return
    table = Table("No.", "Started", "State", "Stored", "Rows", "Proven")
    for backup in backups:
        table.add_row(
            str(backup.sequence),
            f"{backup.started_at:%Y-%m-%d %H:%M}",
            backup.state,
            f"{backup.stored_bytes / 1e6:,.1f} MB",
            f"{backup.rows:,}",
            f"{backup.verified_at:%Y-%m-%d %H:%M}" if backup.verified_at else "",
        )
    Console().print(table if backups else "There is no backup yet: atrium backup create.")
