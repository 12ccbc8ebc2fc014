"""Report files of a month.

Belongs here: a month's partition of the reports. Not here: what a report states (services.reports).
"""

from datetime import timedelta
from time import perf_counter

import dagster as dg

from pipelines.assets import FINANCE
from pipelines.assets.billing import issued_bills
from pipelines.metadata import figures, link, table
from pipelines.partitions import month_of, months, next_month
from pipelines.resources import Database, Malls
from services.operations.report_files import write_report_files
from storage.objects import ObjectStore
from storage.settings import Clock, Settings

MARTS_REPORTED = ("shop_days", "shop_months", "mall_days")


@dg.asset(
    deps=[issued_bills, *MARTS_REPORTED],
    partitions_def=months,
    group_name="reports",
    owners=[FINANCE],
    kinds={"excel", "csv", "pdf"},
    description="Shop operation and rent collection of a month as XLSX, CSV and PDF in Chinese "
    "and English, all from one snapshot with the same row count and control total.",
)
def report_files(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    database: dg.ResourceParam[Database],
    store: dg.ResourceParam[ObjectStore],
    clock: dg.ResourceParam[Clock],
    malls: dg.ResourceParam[Malls],
) -> dg.MaterializeResult:
    began = perf_counter()
    month = month_of(context.partition_key)
    with database.reading() as session:
        wanted = malls.among(session)
    files = [
        (mall.code, each)
        for mall in wanted
        for each in write_report_files(
            database.engine,
            store,
            settings=settings,
            mall_id=mall.id,
            start=month,
            end=next_month(month) - timedelta(days=1),
            now=clock.now(),
            run_id=context.run.run_id,
        )
    ]
    return dg.MaterializeResult(
        metadata={
            **figures({"files": len(files), "bytes": sum(each.bytes for _, each in files)}),
            "files_written": table(
                ("Mall", "Report", "Format", "Language", "Rows", "Control total", "Object"),
                (
                    (
                        code,
                        each.report,
                        each.format,
                        each.locale,
                        f"{each.row_count:,}",
                        each.control_total,
                        each.object_key,
                    )
                    for code, each in files
                ),
            ),
            **{
                f"{code}_{each.report}_{each.locale}_{each.format}".lower(): link(
                    store, each.object_key
                )
                for code, each in files
            },
            "seconds": round(perf_counter() - began, 2),
        }
    )
