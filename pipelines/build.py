"""How the pipelines are assembled: one function for production and for tests.

Belongs here: the list of everything. Not here: any of it.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from pipelines.assets.backup import database_backup, restore_drill
from pipelines.assets.billing import bill_documents, issued_bills
from pipelines.assets.cleaning import cleaned_readings
from pipelines.assets.landing import api_readings, inbox_files, landing_devices, mall_records
from pipelines.assets.leasing import lease_states, renewal_reminders
from pipelines.assets.marts import mart_assets
from pipelines.assets.messages import delivered_notifications, payment_reminders
from pipelines.assets.reports import report_files
from pipelines.jobs import JOBS
from pipelines.resources import RESOURCES
from pipelines.schedules import SCHEDULES
from pipelines.sensors import SENSORS


def build_definitions(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The code location. `resource_overrides` takes the place of resources by name.

    Needs no database: resources open what they need when a run asks.
    """
    return dg.Definitions(
        assets=[
            inbox_files,
            mall_records,
            api_readings,
            landing_devices,
            cleaned_readings,
            mart_assets(),
            lease_states,
            renewal_reminders,
            issued_bills,
            bill_documents,
            payment_reminders,
            delivered_notifications,
            report_files,
            database_backup,
            restore_drill,
        ],
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        resources={**RESOURCES, **(resource_overrides or {})},
        executor=dg.in_process_executor,
    )
