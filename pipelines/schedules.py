"""When things happen by the clock of the malls.

Belongs here: cron lines and the partition each one asks for. Not here: what waits for an event
(sensors).
"""

from collections.abc import Iterator

import dagster as dg

from pipelines.jobs import (
    backup_job,
    billing_job,
    drill_job,
    leasing_job,
    marts_job,
    reminders_job,
    reports_job,
)
from pipelines.partitions import MALL_ZONE, ZONE, day_of, month_before
from pipelines.resources import Database
from services.queries.lease_days import list_due_leases
from services.queries.malls import list_malls
from services.queries.pipelines import count_uncleaned_dates

RUNNING = dg.DefaultScheduleStatus.RUNNING


def _for_month_before(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    return dg.RunRequest(partition_key=month_before(context.scheduled_execution_time))


def _for_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    return dg.RunRequest(partition_key=day_of(context.scheduled_execution_time))


@dg.schedule(
    job=marts_job,
    cron_schedule="*/5 * * * *",
    execution_timezone=MALL_ZONE,
    default_status=RUNNING,
    description="Every five minutes, when readings changed since the marts last saw them.",
)
def marts_schedule(
    context: dg.ScheduleEvaluationContext, database: dg.ResourceParam[Database]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    with database.reading() as session:
        waiting = count_uncleaned_dates(session)
    if waiting:
        yield dg.RunRequest()
    else:
        yield dg.SkipReason("No business date changed.")


@dg.schedule(
    job=leasing_job,
    cron_schedule="5 * * * *",
    execution_timezone=MALL_ZONE,
    default_status=RUNNING,
    description="Five minutes after a mall's midnight, and at any hour when a lease has not begun "
    "or ended on its day.",
)
def leasing_schedule(
    context: dg.ScheduleEvaluationContext, database: dg.ResourceParam[Database]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    at = context.scheduled_execution_time
    with database.reading() as session:
        is_wanted = any(
            mall.clock.local(at).hour == 0
            or list_due_leases(session, mall_id=mall.id, day=mall.clock.local(at).date())
            for mall in list_malls(session)
        )
    if is_wanted:
        yield dg.RunRequest(partition_key=day_of(at))
    else:
        yield dg.SkipReason("No mall's day begins, and no lease waits for its step.")


@dg.schedule(
    job=billing_job,
    cron_schedule="5 0-12 1 * *",
    execution_timezone=MALL_ZONE,
    default_status=RUNNING,
    description="Bills of the month that just ended, five minutes after the end of its last "
    "business day: at 00:05 on the first, or as much later as the mall's cut-off hour.",
)
def billing_schedule(
    context: dg.ScheduleEvaluationContext, database: dg.ResourceParam[Database]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    at = context.scheduled_execution_time.astimezone(ZONE)
    month = month_before(at)
    with database.reading() as session:
        malls = [mall for mall in list_malls(session) if mall.clock.cutoff_hour == at.hour]
    for mall in malls:
        yield dg.RunRequest(
            run_key=f"{month}-{mall.code}",
            partition_key=month,
            run_config={"resources": {"malls": {"config": {"code": mall.code}}}},
        )
    if not malls:
        yield dg.SkipReason(f"No mall's business day ends at {at.hour}:00.")


@dg.schedule(
    job=reminders_job,
    cron_schedule="0 9 * * *",
    execution_timezone=MALL_ZONE,
    default_status=RUNNING,
    description="Reminders of the day, at nine, after the quiet hours: bills, and leases that end.",
)
def reminders_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    return _for_day(context)


@dg.schedule(
    job=reports_job,
    cron_schedule="0 13 1 * *",
    execution_timezone=MALL_ZONE,
    default_status=RUNNING,
    description="Report files of the month that just ended, on the first after the latest cut-off.",
)
def reports_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    return _for_month_before(context)


@dg.schedule(
    job=backup_job,
    cron_schedule="30 2 * * *",
    execution_timezone=MALL_ZONE,
    default_status=RUNNING,
    description="A backup each night, proven by a restore at once.",
)
def backup_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    return _for_day(context)


@dg.schedule(
    job=drill_job,
    cron_schedule="30 4 * * 0",
    execution_timezone=MALL_ZONE,
    default_status=RUNNING,
    description="On Sundays the stored copy is proven again.",
)
def drill_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    return _for_day(context)


SCHEDULES = (
    marts_schedule,
    leasing_schedule,
    billing_schedule,
    reminders_schedule,
    reports_schedule,
    backup_schedule,
    drill_schedule,
)
