"""Readings become hourly facts on the business date.

Belongs here: when cleaning runs and what it says. Not here: the rules
(services.operations.cleaning).
"""

from time import perf_counter

import dagster as dg

from pipelines.assets import OPERATIONS
from pipelines.assets.landing import LANDING_SPECS, api_readings, mall_records
from pipelines.metadata import figures, table
from pipelines.resources import Database, Malls
from services.operations.cleaning import clean_touched_dates
from storage.settings import Clock


@dg.asset(
    deps=[*LANDING_SPECS, api_readings, mall_records],
    group_name="cleaning",
    owners=[OPERATIONS],
    kinds={"postgres"},
    description="Hourly facts of each device and metric (ingest.reading_hours), computed again "
    "for the business dates whose readings changed. Nothing is deleted: a rule that speaks flags "
    "the hour and says whether marts may use it.",
)
def cleaned_readings(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    clock: dg.ResourceParam[Clock],
    malls: dg.ResourceParam[Malls],
) -> dg.MaterializeResult:
    began = perf_counter()
    with database.reading() as session:
        wanted = malls.among(session)
    dates: list[tuple[str, object]] = []
    hours = 0
    flagged: dict[str, int] = {}
    for mall in wanted:
        result = clean_touched_dates(database.engine, now=clock.now(), mall_id=mall.id)
        dates += [(mall.code, day) for _, day in result.dates]
        hours += result.hours_written
        for flag, count in result.flagged.items():
            flagged[flag] = flagged.get(flag, 0) + count
    return dg.MaterializeResult(
        metadata={
            **figures(
                {"dates": len(dates), "hours": hours, "flagged_hours": sum(flagged.values())}
            ),
            "seconds": round(perf_counter() - began, 2),
            "flags": table(
                ("Rule", "Hours"),
                ((flag, f"{count:,}") for flag, count in sorted(flagged.items())),
            ),
            "business_dates": table(("Mall", "Business date"), dates),
        }
    )
