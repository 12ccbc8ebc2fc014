"""What `atrium run` says at its end."""

from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from services.language import money


def print_summary(console: Console, figures: dict[str, Any]) -> None:
    """Print the figures of a run for a person; `figures` as `run --json` prints them."""
    console.print(f"\n[bold]{figures['mall']} · {figures['month']}[/bold]")
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_column(style="dim")
    facts.add_column(justify="right")
    facts.add_column()
    for label, value, note in _facts(figures):
        facts.add_row(label, value, note)
    console.print(facts)
    stages = "  ".join(f"{name} {seconds:.1f}" for name, seconds in figures["stages"].items())
    console.print(f"\n{figures['seconds']:.0f} s in all: [dim]{stages}[/dim]")
    console.print(
        "\nNext: [bold]make serve[/bold] keeps the site and Dagster up.\n"
        f"Sign in as {figures['administrator']} with the password in "
        f"{figures['administrator_password_file']},\n"
        f"or as a shop's {figures['shop_person']} with that in {figures['shop_password_file']}."
    )


def _facts(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    landed, bills, backup = figures["landed"], figures["bills"], figures["backup"]
    return [
        ("rows landed", f"{landed['rows_total']:,}", f"in {landed['files']:,} files and API calls"),
        ("accepted", f"{landed['accepted']:,}", f"{landed['uncertain']:,} of them uncertain"),
        (
            "refused",
            f"{landed['refused']:,}",
            f"{landed['duplicate']:,} duplicates, {landed['revised']:,} revisions",
        ),
        (
            "bills",
            f"{bills['count']:,}",
            f"{money(Decimal(bills['total']))} in all, {bills['held']} held back",
        ),
        ("bill documents", f"{figures['documents']:,}", "PDF, Chinese and English"),
        (
            "reminders",
            f"{figures['reminders']:,}",
            f"{figures['reminders_sent']:,} of them sent, in-app and by SMS",
        ),
        ("report files", f"{figures['report_files']:,}", "XLSX, CSV and PDF"),
        (
            "backup",
            f"{backup['stored_bytes'] / 1e6:,.1f} MB",
            f"encrypted, of {backup['plain_bytes'] / 1e6:,.1f} MB",
        ),
        (
            "restored",
            "equal" if backup["is_equal"] else "NOT EQUAL",
            f"{backup['tables']} tables, {backup['rows']:,} rows on a scratch server",
        ),
    ]
