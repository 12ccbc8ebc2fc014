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
from services.operations.cleaning import CleaningResult, clean_touched_dates
from storage.settings import Clock


@dg.asset(
    deps=[*LANDING_SPECS, api_readings, mall_records],
    group_name="cleaning",
    owners=[OPERATIONS],
    kinds={"postgres"},
    description="Hourly facts of each device and metric (ingest.reading_hours), computed again "
    "for the business dates whose readings changed, and judged again where these decide. Nothing "
    "is deleted: a rule that speaks flags the hour and says whether marts may use it; hours of "
    "which nothing usable came are estimated and marked.",
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
    result = CleaningResult()
    for mall in wanted:
        result += clean_touched_dates(database.engine, now=clock.now(), mall_id=mall.id)
    codes = {mall.id: mall.code for mall in wanted}
    return dg.MaterializeResult(
        metadata={
            **figures(
                {
                    "dates": len(result.dates),
                    "revised_dates": len(result.revised),
                    "hours": result.hours_written,
                    "flagged_hours": sum(result.flagged.values()),
                    "missing_hours": result.missing,
                    "estimated_hours": result.estimated,
                }
            ),
            "seconds": round(perf_counter() - began, 2),
            "flags": table(
                ("Rule", "Hours"),
                ((flag, f"{count:,}") for flag, count in result.flagged.items()),
            ),
            "business_dates": table(
                ("Mall", "Business date"), ((codes[mall], day) for mall, day in result.dates)
            ),
        }
    )
