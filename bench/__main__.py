"""`python -m bench [name …]`: measure, print a table, write bench/results.json."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import (
    audit,
    backup,
    bill_run,
    contract_pages,
    files,
    ingest,
    ledger,
    outbox,
    recompute,
    whole,
)
from bench.figures import Figure

RESULTS = Path(__file__).parent / "results.json"
MEASURES: dict[str, Callable[[], Figure]] = {
    **ingest.MEASURES,
    **ledger.MEASURES,
    **files.MEASURES,
    **bill_run.MEASURES,
    **backup.MEASURES,
    **recompute.MEASURES,
    **audit.MEASURES,
    **contract_pages.MEASURES,
    **outbox.MEASURES,
    **whole.MEASURES,
}


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(MEASURES))
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(MEASURES)}")
        return 2
    console = Console()
    records = {record["name"]: record for record in _known()}
    table = Table("figure", "unit", "ours", "limit", "to limit", "peer", "to peer")
    table.columns[0].no_wrap = True
    for column in table.columns[2:]:
        column.justify = "right"
    for name in names or MEASURES:
        console.print(f"measuring {name} …", style="dim")
        record = MEASURES[name]().as_record(datetime.now(UTC))
        records[name] = record
        keys = ("ours", "limit", "ratio_to_limit", "peer", "ratio_to_peer")
        table.add_row(name, str(record["unit"]), *(_shown(record[key]) for key in keys))
        RESULTS.write_text(json.dumps(list(records.values()), indent=2) + "\n")
    console.print(table)
    return 0


def _known() -> list[dict[str, object]]:
    """Earlier results, kept for the figures that are not measured now."""
    if not RESULTS.exists():
        return []
    known: list[dict[str, object]] = json.loads(RESULTS.read_text())
    return [record for record in known if record["name"] in MEASURES]


def _shown(value: object) -> str:
    return (
        f"{value:,.3g}"
        if isinstance(value, float) and value < 100
        else (f"{value:,.0f}" if isinstance(value, int | float) else "–")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
