"""`atrium serve`: the staff site, the device API, the messenger and Dagster, until Ctrl-C."""

import json
import sys
import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from cli.processes import ChildFailed, Children, children, free_port_from
from cli.sites import dagster_environment, start_web
from cli.state import ready_database
from storage.postgres import free_port
from storage.settings import Settings, load_settings

# As workspace.yaml names it: runs are tagged with it.
LOCATION = "atrium"
# Dagster's logs are files, read by machines as ours are.
JSON_LINES = ("--log-format", "json")
MESSENGER = "messenger"
MESSENGER_COMMAND = (sys.executable, "-m", "cli.messenger")
# Between the starts of a messenger that ends, in seconds: doubled each time up to the longest.
FIRST_WAIT = 2.0
LONGEST_WAIT = 60.0


@click.command("serve")
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one JSON line.")
def command(as_json: bool) -> None:
    """Keep the staff site, the messenger and Dagster up until Ctrl-C."""
    settings = load_settings()
    console = Console(stderr=as_json)
    with ready_database(settings), children(settings.state_dir / "log") as group:
        try:
            addresses = _start_all(group, settings, console)
        except ChildFailed as error:
            raise click.ClickException(str(error)) from None
        if as_json:
            click.echo(json.dumps(addresses))
            sys.stdout.flush()
        else:
            console.print(_table(addresses))
            console.print("Press Ctrl-C to stop.", style="dim")
        _watch(group)


def _start_all(group: Children, settings: Settings, console: Console) -> dict[str, str]:
    dagster_port = free_port_from(settings.dagster_host, settings.dagster_port)
    if dagster_port != settings.dagster_port:
        console.print(f"Port {settings.dagster_port} is in use; Dagster takes {dagster_port}.")
    web = start_web(
        group, settings, console=console, environment={"ATRIUM_DAGSTER_PORT": str(dagster_port)}
    )
    group.start(MESSENGER, MESSENGER_COMMAND, environment={})
    environment = dagster_environment(settings)
    workspace = _start_code(group, environment)
    group.start(
        "dagster-daemon",
        [sys.executable, "-m", "dagster._daemon", "run", "-w", str(workspace), *JSON_LINES],
        environment=environment,
    )
    group.start(
        "dagster-webserver",
        [
            sys.executable, "-m", "dagster_webserver",
            "-h", settings.dagster_host, "-p", str(dagster_port), "-w", str(workspace), *JSON_LINES,
        ],
        environment=environment,
    )  # fmt: skip
    dagster = f"http://{settings.dagster_host}:{dagster_port}"
    group.wait_for("dagster-webserver", f"{dagster}/server_info", seconds=120)
    return {"staff": f"{web}/admin/", "api": f"{web}/api/docs", "dagster": dagster}


def _start_code(group: Children, environment: dict[str, str]) -> Path:
    """Start one server of the pipelines' code for webserver and daemon; their workspace file.

    Left alone, each starts its own, and the daemon a new one every minute.
    """
    port = free_port()
    group.start(
        "dagster-code",
        [
            sys.executable, "-m", "dagster", "api", "grpc", "-h", "127.0.0.1", "-p", str(port),
            "-m", "pipelines.definitions", "--location-name", LOCATION,
            "--inject-env-vars-from-instance", *JSON_LINES,
        ],
        environment=environment,
    )  # fmt: skip
    workspace = Path(environment["DAGSTER_HOME"]) / "workspace.yaml"
    server = {"host": "127.0.0.1", "port": port, "location_name": LOCATION}
    # JSON is YAML.
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))
    group.wait_for_port("dagster-code", "127.0.0.1", port, seconds=120)
    return workspace


def _table(addresses: dict[str, str]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("Staff site", addresses["staff"])
    table.add_row("Device API", addresses["api"])
    table.add_row("Dagster", addresses["dagster"])
    return table


def _watch(group: Children) -> None:
    """Until one ends. The messenger alone begins again: without it messages wait for Dagster's
    sweep, and the sites need not end.
    """
    wait, again_at = FIRST_WAIT, 0.0
    try:
        while True:
            ended = group.ended()
            if ended:
                name, code = ended
                if name != MESSENGER:
                    raise click.ClickException(f"{name} ended with code {code}. {group.tail(name)}")
                click.echo(
                    f"The messenger ended with code {code} and begins again in {wait:.0f} seconds. "
                    f"{group.tail(name)}",
                    err=True,
                )
                group.end(MESSENGER)
                again_at = time.monotonic() + wait
                wait = min(2 * wait, LONGEST_WAIT)
            elif again_at and time.monotonic() >= again_at:
                again_at = 0.0
                group.start(MESSENGER, MESSENGER_COMMAND, environment={})
            time.sleep(0.5)
    except KeyboardInterrupt:
        click.echo("Stopping.", err=True)
