"""`atrium database`: the embedded server and the schema."""

import click

from cli.state import ready_database
from storage.database import database_url
from storage.logins import Login, login_url
from storage.postgres import embedded_server
from storage.settings import load_settings


@click.group("database")
def command() -> None:
    """The database: start, stop, migrate, and its address."""


@command.command("start")
def start() -> None:
    """Start the embedded server and leave it running."""
    click.echo(embedded_server(load_settings()).start())


@command.command("stop")
def stop() -> None:
    """Stop the embedded server."""
    embedded_server(load_settings()).stop()


@command.command("migrate")
def migrate() -> None:
    """Create the databases where missing and bring the schema up to date."""
    with ready_database(load_settings()):
        click.echo("The schema is up to date.")


@command.command("url")
@click.option(
    "--login",
    type=click.Choice([login.value for login in Login]),
    help="As one of Atrium's own logins.",
)
def url(login: str | None) -> None:
    """Print the database's address, password included."""
    settings = load_settings()
    click.echo(login_url(settings, Login(login)) if login else database_url(settings))
