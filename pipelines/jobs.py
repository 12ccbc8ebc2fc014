"""Which assets are made together in one run.

Belongs here: selections, with the longest time a run may take. Not here: when (schedules,
sensors). A run costs seconds of its own, so small assets share one.
"""

import dagster as dg

from pipelines.instance import ALONE_TAG

MAX_RUNTIME = "dagster/max_runtime"


def _job(name: str, selection: dg.AssetSelection, *, minutes: int, description: str) -> object:
    return dg.define_asset_job(
        name,
        selection=selection,
        tags={MAX_RUNTIME: str(minutes * 60), ALONE_TAG: name},
        description=description,
        executor_def=dg.in_process_executor,
    )


landing_job = _job(
    "landing_job",
    dg.AssetSelection.groups("landing"),
    minutes=60,
    description="Land what lies in the inbox.",
)
marts_job = _job(
    "marts_job",
    dg.AssetSelection.groups("cleaning", "staging", "intermediate", "marts"),
    minutes=60,
    description="Clean the business dates that changed and bring the marts up to date.",
)
leasing_job = _job(
    "leasing_job",
    dg.AssetSelection.assets("lease_states"),
    minutes=15,
    description="Let leases begin and end.",
)
billing_job = _job(
    "billing_job",
    dg.AssetSelection.assets("issued_bills", "bill_documents"),
    minutes=60,
    description="Bill a month and draw its papers.",
)
reminders_job = _job(
    "reminders_job",
    dg.AssetSelection.assets("renewal_reminders", "payment_reminders", "delivered_notifications"),
    minutes=15,
    description="Write a day's reminders of bills and of leases that end, and send what waits.",
)
outbox_job = _job(
    "outbox_job",
    dg.AssetSelection.assets("delivered_notifications"),
    minutes=15,
    description="Send what waits in the outbox.",
)
reports_job = _job(
    "reports_job",
    dg.AssetSelection.assets("report_files"),
    minutes=60,
    description="Write a month's report files.",
)
backup_job = _job(
    "backup_job",
    dg.AssetSelection.assets("database_backup", "restore_drill"),
    minutes=360,
    description="Back up the database and prove the copy by restoring it.",
)
drill_job = _job(
    "drill_job",
    dg.AssetSelection.assets("restore_drill"),
    minutes=360,
    description="Prove the latest backup again, from what the object store holds.",
)

JOBS = (
    landing_job,
    marts_job,
    leasing_job,
    billing_job,
    reminders_job,
    outbox_job,
    reports_job,
    backup_job,
    drill_job,
)
