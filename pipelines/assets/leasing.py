"""Leases by the calendar: what begins and ends on a day, and what is told before it does.

Belongs here: a day's partition of leasing. Not here: the steps of a lease
(services.operations.leasing) and who is told in which words (services.operations).

A mall's day is that of its own clock: the partition names the day of the malls' common zone, in
which a mall further east or west may have another.
"""

from collections import Counter
from datetime import date, datetime
from time import perf_counter

import dagster as dg

from pipelines.assets import OPERATIONS
from pipelines.metadata import figures, table
from pipelines.partitions import ZONE, days
from pipelines.resources import Database, Malls
from services.operations.leasing import move_leases
from services.operations.renewal_reminders import create_renewal_reminders
from services.queries.malls import MallView
from storage.settings import Clock


def day_in(mall: MallView, partition: date, now: datetime) -> date:
    """The mall's day at `now`, or the partition's where that has gone by."""
    today = mall.clock.local(now).date()
    return today if partition >= now.astimezone(ZONE).date() else min(partition, today)


@dg.asset(
    deps=["mall_records"],
    partitions_def=days,
    group_name="leasing",
    owners=[OPERATIONS],
    kinds={"postgres"},
    description="Leases that begin and end: signed ones are active from their first day on, with "
    "the deposit of the lease before them; after their last day they are expired, terminated or "
    "renewed. Days on which nothing ran are caught up with.",
)
def lease_states(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    clock: dg.ResourceParam[Clock],
    malls: dg.ResourceParam[Malls],
) -> dg.MaterializeResult:
    began = perf_counter()
    counts: Counter[str] = Counter()
    moved: list[tuple[str, str, str]] = []
    partition = context.partition_time_window.start.date()
    with database.reading() as session:
        wanted = malls.among(session)
    for mall in wanted:
        with database.transaction() as session:
            moves = move_leases(
                session,
                mall_id=mall.id,
                day=day_in(mall, partition, clock.now()),
                now=clock.now(),
            )
        for step in ("activated", "expired", "terminated", "renewed", "transferred"):
            numbers: tuple[str, ...] = getattr(moves, step)
            counts[step] += len(numbers)
            moved += [(mall.code, number, step) for number in numbers]
    return dg.MaterializeResult(
        metadata={
            **figures(dict(counts)),
            "leases": table(("Mall", "Lease", "Step"), moved),
            "seconds": round(perf_counter() - began, 2),
        }
    )


@dg.asset(
    deps=[lease_states],
    partitions_def=days,
    group_name="leasing",
    owners=[OPERATIONS],
    kinds={"postgres"},
    description="The end of leases, told to shop and officer 90, 60, 30 and 7 days before; once "
    "for each lease, day and last day. After a downtime the newest is told, and that of 30 days.",
)
def renewal_reminders(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    clock: dg.ResourceParam[Clock],
    malls: dg.ResourceParam[Malls],
) -> dg.MaterializeResult:
    began = perf_counter()
    created = existing = 0
    thresholds: Counter[int] = Counter()
    with database.reading() as session:
        wanted = malls.among(session)
    for mall in wanted:
        with database.transaction() as session:
            # What is told counts from today, whichever day's partition runs.
            now = clock.now()
            result = create_renewal_reminders(
                session, mall_id=mall.id, day=mall.clock.local(now).date(), now=now
            )
        created += result.created
        existing += result.existing
        thresholds.update(result.by_threshold)
    return dg.MaterializeResult(
        metadata={
            **figures({"created": created, "existing": existing}),
            "thresholds": table(
                ("Days before", "Messages"),
                ((days_before, f"{n:,}") for days_before, n in sorted(thresholds.items())),
            ),
            "seconds": round(perf_counter() - began, 2),
        }
    )
