"""When things happen because something came: a file, a message, the end of a run.

Belongs here: what is waited for and the run it asks for. Not here: what the run does (assets).
"""

import logging
from datetime import UTC, datetime, timedelta

import dagster as dg

from domain.signatures import forgotten_before
from pipelines.jobs import landing_job, outbox_job
from pipelines.resources import Database
from services.operations.device_keys import prune_signed_calls
from services.operations.device_traffic import mark_silent_devices
from services.operations.idempotency import prune_idempotency_keys
from services.operations.landing import find_ready_files, inbox_fingerprint
from services.queries.pipelines import count_waiting_messages
from storage.objects import ObjectStore
from storage.settings import Clock

INBOX_TAG = "atrium/inbox"
# A file counts as whole when it has rested this long; copies by hand take a while.
SETTLE_SECONDS = 5
# The same content is tried again when its run failed, slowly and not for ever: a held batch
# waits for a person, a killed run does not.
TRIES = 3
# The messenger sends within seconds. What waits longer shows that it is away.
MESSENGER_AWAY = timedelta(minutes=2)
RETRY_AFTER = timedelta(minutes=10)


def landing_request(
    store: ObjectStore,
    instance: dg.DagsterInstance,
    *,
    now: datetime,
    settle_seconds: int = 0,
    is_patient: bool = True,
) -> dg.RunRequest | dg.SkipReason:
    """One run for everything that is ready in the inbox, however many files that is.

    `now` is the machine's time, by which the store dates its objects. The run's key is the hash
    of the contents, so the same inbox asks for one run. Unless it failed: then it is asked for
    again, at once for a caller who is not patient.
    """
    found = find_ready_files(store, now=now, settle_seconds=settle_seconds)
    if not found:
        return dg.SkipReason("The inbox is empty.")
    fingerprint = inbox_fingerprint(found)
    runs = instance.get_run_records(dg.RunsFilter(tags={INBOX_TAG: fingerprint}))
    if any(not record.dagster_run.is_finished for record in runs):
        return dg.SkipReason(f"{len(found):,} files are being landed.")
    if runs and is_patient:
        ended = max(record.end_time or record.create_timestamp.timestamp() for record in runs)
        if len(runs) >= TRIES:
            return dg.SkipReason(
                f"{len(found):,} files stay in the inbox after {len(runs)} tries: see the red runs."
            )
        if now - datetime.fromtimestamp(ended, UTC) < RETRY_AFTER:
            return dg.SkipReason(f"{len(found):,} files could not be landed; tried again soon.")
    return dg.RunRequest(
        run_key=f"{fingerprint}-{len(runs) + 1}",
        tags={INBOX_TAG: fingerprint, "atrium/files": str(len(found))},
    )


@dg.sensor(
    job=landing_job,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="All files that are ready in the inbox go into one run.",
)
def inbox_sensor(
    context: dg.SensorEvaluationContext, store: dg.ResourceParam[ObjectStore]
) -> dg.RunRequest | dg.SkipReason:
    return landing_request(
        store, context.instance, now=datetime.now(UTC), settle_seconds=SETTLE_SECONDS
    )


@dg.sensor(
    job=outbox_job,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A run when messages wait that the messenger should have sent.",
)
def outbox_sensor(
    context: dg.SensorEvaluationContext,
    database: dg.ResourceParam[Database],
    clock: dg.ResourceParam[Clock],
) -> dg.RunRequest | dg.SkipReason:
    now = clock.now()
    with database.reading() as session:
        waiting = count_waiting_messages(session, now=now, since=now - MESSENGER_AWAY)
    if not waiting:
        return dg.SkipReason("Nothing waits for long.")
    # The minute is the key: while messages wait, one run a minute at most.
    return dg.RunRequest(run_key=f"{datetime.now(UTC):%Y%m%d%H%M}")


@dg.sensor(
    # A run would cost seconds for one UPDATE; the sensor asks for none.
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Devices that fell silent are shown as offline; signed calls out of time are "
    "forgotten.",
)
def silent_devices_sensor(
    database: dg.ResourceParam[Database], clock: dg.ResourceParam[Clock]
) -> dg.SkipReason:
    with database.copying() as connection:
        silent = mark_silent_devices(connection, now=clock.now())
        prune_signed_calls(connection, before=forgotten_before(clock.now()))
        prune_idempotency_keys(connection, now=clock.now())
    return dg.SkipReason(f"{silent:,} devices fell silent.")


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="A failed run is written to the log as one line that monitoring can wait for.",
)
def failed_run_sensor(context: dg.RunFailureSensorContext) -> None:
    run = context.dagster_run
    logging.getLogger("atrium.pipelines").error(
        "run failed: job=%s run=%s partition=%s reason=%s",
        run.job_name,
        run.run_id,
        run.tags.get("dagster/partition", "-"),
        (context.failure_event.message or "").splitlines()[0][:500],
    )


SENSORS = (
    inbox_sensor,
    outbox_sensor,
    silent_devices_sensor,
    failed_run_sensor,
)
