"""Reminders of a day, and the delivery of what waits in the outbox.

Belongs here: when messages are written and sent. Not here: their words and channels (services).
"""

from collections import Counter
from decimal import Decimal
from time import perf_counter

import dagster as dg

from pipelines.assets import FINANCE, PLATFORM
from pipelines.assets.billing import bill_documents, issued_bills
from pipelines.metadata import figures, table
from pipelines.partitions import days
from pipelines.resources import Database, Malls
from services.gateways.channels import open_gateways
from services.operations.message_addressing import address_messages
from services.operations.outbox import deliver_notifications
from services.operations.reminders import create_payment_reminders
from storage.settings import Clock, Settings


@dg.asset(
    deps=[
        dg.AssetDep(issued_bills, partition_mapping=dg.LastPartitionMapping()),
        dg.AssetDep(bill_documents, partition_mapping=dg.LastPartitionMapping()),
    ],
    partitions_def=days,
    group_name="messages",
    owners=[FINANCE],
    kinds={"postgres"},
    description="Reminders of unpaid bills 3 days before they are due, on the day, and 1, 7 and "
    "15 days after, in the outbox; at most one per bill and step, none once paid.",
)
def payment_reminders(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    clock: dg.ResourceParam[Clock],
    malls: dg.ResourceParam[Malls],
) -> dg.MaterializeResult:
    began = perf_counter()
    created = existing = 0
    steps: Counter[str] = Counter()
    outstanding = Decimal(0)
    with database.reading() as session:
        wanted = malls.among(session)
    for mall in wanted:
        with database.transaction() as session:
            result = create_payment_reminders(
                session,
                mall_id=mall.id,
                day=context.partition_time_window.start.date(),
                now=clock.now(),
            )
        created += result.created
        existing += result.existing
        steps.update(result.by_step)
        outstanding += result.outstanding
    return dg.MaterializeResult(
        metadata={
            **figures({"created": created, "existing": existing}),
            "steps": table(
                ("Step", "Messages"), ((step, f"{n:,}") for step, n in sorted(steps.items()))
            ),
            "outstanding": table(("Outstanding",), [(outstanding,)]),
            "seconds": round(perf_counter() - began, 2),
        }
    )


@dg.asset(
    deps=[payment_reminders],
    group_name="messages",
    owners=[PLATFORM],
    kinds={"python"},
    description="Messages of the outbox whose time has come, addressed and handed to their "
    "channels: what the messenger left when it was away. What a channel refuses for now stays.",
)
def delivered_notifications(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    database: dg.ResourceParam[Database],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    began = perf_counter()
    addressing = address_messages(
        database.engine,
        site=settings.site,
        default_locale=settings.default_locale,
        now=clock.now(),
    )
    if addressing.unaddressed:
        context.log.warning(f"{addressing.unaddressed} messages reached nobody")
    result = deliver_notifications(
        database.engine, gateways=open_gateways(settings), clock=clock.now
    )
    if result.failed:
        context.log.warning(f"{result.failed} messages could not be delivered")
    return dg.MaterializeResult(
        metadata={
            **figures(
                {
                    "addressed": addressing.addressed,
                    "sent": result.sent,
                    "failed": result.failed,
                    "postponed": result.postponed,
                    "cancelled": result.cancelled,
                }
            ),
            "seconds": round(perf_counter() - began, 2),
        }
    )
