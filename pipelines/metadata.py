"""How an asset shows its figures in Dagster: tables, money, links to objects.

Belongs here: presentation of metadata. Not here: computing what is shown.
Every asset also states `figures`, its counts and totals as data (money as text), which
`pipelines.month` adds up.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import dagster as dg

from services.language import money
from storage.objects import FolderStore, ObjectStore, S3Store

PREVIEW_ROWS = 12
Figures = dict[str, int | float | str | bool]


def figures(values: Figures) -> dict[str, dg.MetadataValue]:
    """`values` as data, and each whole number beside it for Dagster's plots."""
    shown: dict[str, dg.MetadataValue] = {
        name: dg.MetadataValue.int(value)
        for name, value in values.items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
    return {**shown, "figures": dg.MetadataValue.json(values)}


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MetadataValue:
    """A Markdown table of the first rows, with the number of those left out."""
    listed = list(rows)
    lines = [
        "| " + " | ".join(headings) + " |",
        "|" + " --- |" * len(headings),
        *("| " + " | ".join(_cell(value) for value in row) + " |" for row in listed[:PREVIEW_ROWS]),
    ]
    if len(listed) > PREVIEW_ROWS:
        lines.append(f"\n… and {len(listed) - PREVIEW_ROWS:,} more")
    return dg.MetadataValue.md("\n".join(lines) if listed else "—")


def link(store: ObjectStore, key: str) -> dg.MetadataValue:
    """Where the object `key` lies: a path of this machine, or its s3:// address."""
    if isinstance(store, FolderStore):
        return dg.MetadataValue.path(str(store.path(key)))
    if isinstance(store, S3Store):
        return dg.MetadataValue.text(f"s3://{store.bucket}/{store.prefix}{key}")
    return dg.MetadataValue.text(key)


def _cell(value: Any) -> str:
    text = money(value) if isinstance(value, Decimal) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
