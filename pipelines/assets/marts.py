"""The models of dbt_project as assets, their tests as asset checks.

Belongs here: how dbt's project meets Dagster's graph. Not here: models (dbt_project).
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from sqlalchemy.orm import Session

from pipelines.assets import OPERATIONS
from pipelines.assets.cleaning import cleaned_readings
from pipelines.assets.landing import mall_records
from pipelines.manifest import prepare_manifest
from pipelines.resources import Database, Dbt
from services.queries.malls import list_malls
from storage.settings import Clock, Settings

PARSED = "partial_parse.msgpack"
MOST_COUNTED = 100_000


class MallTranslator(DagsterDbtTranslator):
    """Model names are asset names; the folder is the stage; a source is what fills it."""

    def __init__(self) -> None:
        super().__init__(
            DagsterDbtTranslatorSettings(
                enable_asset_checks=True, enable_duplicate_source_asset_keys=True
            )
        )

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] != "source":
            return dg.AssetKey(dbt_resource_props["name"])
        if dbt_resource_props["schema"] == "ingest":
            return cleaned_readings.key
        return mall_records.key

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        folders: Sequence[str] = dbt_resource_props["fqn"]
        return folders[1] if len(folders) > 2 else "marts"

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        return super().get_owners(dbt_resource_props) or [OPERATIONS]


@cache
def mart_assets() -> dg.AssetsDefinition:
    """The models, from the manifest as it is now. Raises ManifestError."""
    manifest = json.loads(prepare_manifest().read_text(encoding="utf-8"))

    @dbt_assets(manifest=manifest, dagster_dbt_translator=MallTranslator(), name="marts")
    def marts(
        context: dg.AssetExecutionContext,
        dbt: dg.ResourceParam[Dbt],
        database: dg.ResourceParam[Database],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> Iterator[Any]:
        # A model's rows are counted when dbt says that it is written.
        tables = {
            key.to_user_string(): _relation(manifest, key.to_user_string())
            for key in context.selected_asset_keys
        }
        kept = settings.state_dir / "dbt"
        work = kept / context.run.run_id
        # Unit tests judge the models' code, not a mall's data: they run with the other tests.
        build = dbt.cli(
            [
                "build", "--exclude-resource-type", "unit_test",
                "--vars", json.dumps({"through": last_full_dates(database.engine, clock.now())}),
            ],
            context=context,
            target_path=work,
        )  # fmt: skip
        for event in build.stream():
            if isinstance(event, dg.Output) and (relation := tables.get(event.output_name)):
                context.add_output_metadata(
                    {"dagster/row_count": _rows(database.engine, relation)},
                    output_name=event.output_name,
                )
            yield event
        # The parsed project spares the next invocation a parse; the rest is only for failures.
        with suppress(FileNotFoundError):
            (work / PARSED).replace(kept / PARSED)
        shutil.rmtree(work, ignore_errors=True)

    return marts


def last_full_dates(engine: sa.Engine, now: datetime) -> dict[str, str]:
    """Each mall's newest business date that is over, by the mall's code: a mall of which nothing
    came on it has missed it. Another date is another text of dbt's project, which is then parsed
    anew: once a day.
    """
    with Session(engine) as session:
        return {
            mall.code: (mall.clock.business_date(now) - timedelta(days=1)).isoformat()
            for mall in list_malls(session)
        }


def _relation(manifest: Mapping[str, Any], model: str) -> tuple[str, str] | None:
    """Schema and name of the table that a model is kept in; None for a view."""
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["name"] == model:
            is_table = node["config"]["materialized"] in ("table", "incremental")
            return (node["schema"], node["alias"]) if is_table else None
    return None


def _rows(engine: sa.Engine, relation: tuple[str, str]) -> int:
    """Rows of a table: counted, or of a large one what Postgres guesses, for no history is read."""
    schema, name = relation
    with engine.connect() as connection:
        guess: int = connection.scalar(
            sa.text("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(:name)"),
            {"name": f"{schema}.{name}"},
        )
        if guess > MOST_COUNTED:
            return guess
        return (
            connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name, schema=schema)))
            or 0
        )
