"""Bills of a month and their papers.

Belongs here: a month's partition of billing. Not here: what is charged (domain), how a bill is
made (services.operations.billing) or drawn (services.documents).
"""

from decimal import Decimal
from time import perf_counter

import dagster as dg

from pipelines.assets import FINANCE
from pipelines.metadata import figures, table
from pipelines.partitions import month_of, months
from pipelines.resources import Database, Malls
from services.operations.billing import issue_bills, run_bills
from services.operations.documents import render_missing_bill_documents
from services.operations.leasing import move_leases
from services.queries.bills import list_bills
from storage.objects import ObjectStore
from storage.settings import Clock, Settings

ACTOR = "issued_bills"
MARTS_BILLED = ("shop_days", "shop_months", "meter_usage_months", "meter_usage_hours")


@dg.asset(
    deps=[*MARTS_BILLED, "mall_records"],
    partitions_def=months,
    group_name="billing",
    owners=[FINANCE],
    kinds={"postgres", "python"},
    description="The bills of a month, computed from contracts, tariffs, usage and sales and "
    "issued on the first of the next month. The same inputs give the same bills; a second run "
    "creates none. A shop that fails a gate is held back alone.",
)
def issued_bills(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    clock: dg.ResourceParam[Clock],
    malls: dg.ResourceParam[Malls],
) -> dg.MaterializeResult:
    began = perf_counter()
    month = month_of(context.partition_key)
    created = existing = contracts = issued = 0
    held: list[tuple[str, str, str]] = []
    hashes: list[tuple[str, str, str]] = []
    bills: list[tuple[str, str, str, object, str]] = []
    total = Decimal(0)
    with database.reading() as session:
        wanted = malls.among(session)
    for mall in wanted:
        with database.transaction() as session:
            # A lease whose first day came while nothing ran is in force, and billed.
            move_leases(
                session,
                mall_id=mall.id,
                day=mall.clock.local(clock.now()).date(),
                now=clock.now(),
            )
            run = run_bills(
                session, mall_id=mall.id, month=month, now=clock.now(), run_id=context.run.run_id
            )
            issue = issue_bills(session, mall_id=mall.id, month=month, actor=ACTOR, now=clock.now())
        with database.reading() as session:
            listed = list_bills(session, mall_id=mall.id, month=month)
        created += run.created
        existing += run.existing
        contracts += run.contracts
        issued += issue.issued
        total += sum((bill.total_amount for bill in listed), Decimal(0))
        held += [
            (mall.code, each.shop_code, ", ".join(str(gate) for gate in each.gates))
            for each in run.held
        ]
        hashes.append((mall.code, run.input_sha256[:16], run.output_sha256[:16]))
        bills += [
            (mall.code, bill.number, bill.shop_code, bill.total_amount, str(bill.due_date))
            for bill in listed
        ]
    return dg.MaterializeResult(
        metadata={
            **figures(
                {
                    "contracts": contracts,
                    "count": len(bills),
                    "created": created,
                    "existing": existing,
                    "issued": issued,
                    "held": len(held),
                    "total": str(total),
                }
            ),
            "total_amount": table(("Bills", "Total"), [(f"{len(bills):,}", total)]),
            "bills": table(("Mall", "Number", "Shop", "Total", "Due"), bills),
            "held_back": table(("Mall", "Shop", "Gates"), held),
            "hashes": table(("Mall", "Input", "Output"), hashes),
            "seconds": round(perf_counter() - began, 2),
        }
    )


@dg.asset(
    deps=[issued_bills],
    partitions_def=months,
    group_name="billing",
    owners=[FINANCE],
    kinds={"pdf"},
    description="The PDF of each issued bill in Chinese and English, drawn once and kept under "
    "documents/ with its sha256.",
)
def bill_documents(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    database: dg.ResourceParam[Database],
    store: dg.ResourceParam[ObjectStore],
    clock: dg.ResourceParam[Clock],
    malls: dg.ResourceParam[Malls],
) -> dg.MaterializeResult:
    began = perf_counter()
    written = existing = size = 0
    with database.reading() as session:
        wanted = malls.among(session)
    for mall in wanted:
        result = render_missing_bill_documents(
            database.engine,
            store,
            settings=settings,
            mall_id=mall.id,
            month=month_of(context.partition_key),
            now=clock.now(),
        )
        written += result.written
        existing += result.existing
        size += result.bytes
    return dg.MaterializeResult(
        metadata={
            **figures({"written": written, "existing": existing, "bytes": size}),
            "seconds": round(perf_counter() - began, 2),
        }
    )
