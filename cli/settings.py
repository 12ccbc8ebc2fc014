"""`atrium settings`: every setting, its value and where it comes from."""

import json
from typing import Any

import click
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from storage.settings import Settings, load_settings


@click.command("settings")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def command(as_json: bool) -> None:
    """Show every setting and its value; secrets stay hidden."""
    settings = load_settings()
    values = {
        f"ATRIUM_{name.upper()}": _shown(name, getattr(settings, name))
        for name in Settings.model_fields
    }
    if as_json:
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
        return
    table = Table("Setting", "Value", "Meaning")
    for name, field in Settings.model_fields.items():
        key = f"ATRIUM_{name.upper()}"
        table.add_row(key, values[key], field.description)
    Console().print(table)


def _shown(name: str, value: Any) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if name.endswith("database_url") and "@" in value:
        scheme, _, rest = value.partition("://")
        return f"{scheme}://********@{rest.rpartition('@')[2]}"
    return "" if value is None else str(value)
