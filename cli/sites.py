"""The sites as child processes: what `run` and `serve` both start."""

import subprocess
import sys

from rich.console import Console

from cli.processes import ChildFailed, Children, free_port_from
from storage.dagster_database import pipelines_dagster_url
from storage.settings import REPOSITORY, Settings


def start_web(
    group: Children,
    settings: Settings,
    *,
    environment: dict[str, str] | None = None,
    console: Console | None = None,
) -> str:
    """Start the staff site with the device API; its address once it answers."""
    port = free_port_from(settings.host, settings.web_port)
    if port != settings.web_port and console:
        console.print(f"Port {settings.web_port} is in use; the staff site takes {port}.")
    group.start(
        "web",
        [sys.executable, "-m", "gunicorn", "-c", "python:webapp.gunicorn_conf", "webapp.wsgi:app"],
        environment={**(environment or {}), "ATRIUM_WEB_PORT": str(port)},
    )
    address = f"http://{settings.host}:{port}"
    group.wait_for("web", f"{address}/healthz", seconds=180)
    return address


def dagster_environment(settings: Settings) -> dict[str, str]:
    """What Dagster's processes need in their environment; writes their configuration."""
    url = pipelines_dagster_url(settings)
    prepared = subprocess.run(
        [sys.executable, "-m", "pipelines.prepare"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if prepared.returncode != 0:
        raise ChildFailed(f"the pipelines cannot be prepared: {prepared.stderr.strip()[-1500:]}")
    home = prepared.stdout.strip().splitlines()[-1]
    return {"DAGSTER_HOME": home, "ATRIUM_DAGSTER_URL": url}
