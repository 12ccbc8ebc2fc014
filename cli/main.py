"""The `atrium` command: gathers the nouns, loads settings, says errors in one sentence."""

import json
import logging
import sys
from contextlib import suppress

import click

from cli import audit, backup, check, database, device, month, run, serve, settings, user
from storage.logs import configure_logs
from storage.postgres import PostgresError
from storage.settings import SettingsError, load_settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="atrium")
def atrium() -> None:
    """Atrium runs a shopping mall's operations."""
    # A wrong setting is said by the command that needs it.
    with suppress(SettingsError):
        configure_logs(load_settings(), least=logging.WARNING)


for module in (run, serve, database, user, device, month, backup, audit, settings, check):
    atrium.add_command(module.command)


def main() -> None:
    try:
        atrium(standalone_mode=False)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.Abort:
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (SettingsError, PostgresError) as error:
        if "--json" in sys.argv:
            click.echo(json.dumps({"error": str(error)}, ensure_ascii=False))
        else:
            click.echo(f"Atrium cannot start.\n{error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
