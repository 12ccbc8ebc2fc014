"""Pipeline runs, read from the orchestrator's own database, each a link into its site."""

from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from flask import request
from flask_admin import expose
from flask_babel import lazy_gettext as _l

from domain.permissions import Permission
from services.queries.runs import LIMIT, list_runs
from storage.dagster_database import staff_dagster_url
from storage.database import create_engine
from webapp.admin import labels
from webapp.admin.base import StaffView
from webapp.runtime import runtime

STATES: dict[str, tuple[Any, str]] = {
    "QUEUED": (_l("Queued"), labels.WAITING),
    "NOT_STARTED": (_l("Not started"), labels.WAITING),
    "STARTING": (_l("Starting"), labels.INFO),
    "STARTED": (_l("Running"), labels.INFO),
    "SUCCESS": (_l("Succeeded"), labels.GOOD),
    "FAILURE": (_l("Failed"), labels.BAD),
    "CANCELING": (_l("Being cancelled"), labels.WAITING),
    "CANCELED": (_l("Cancelled"), labels.NEUTRAL),
}


@lru_cache(maxsize=2)
def _engine(url: str) -> sa.Engine:
    return create_engine(url, pool_size=1)


class RunsView(StaffView):
    permission = Permission.RUNS_READ

    @expose("/")
    def index(self) -> str:
        here = runtime()
        before = None
        if "before" in request.args:
            try:
                before = datetime.fromisoformat(request.args["before"])
            except ValueError:
                before = None
        runs = list_runs(_engine(staff_dagster_url(here.settings)), before=before)
        host = here.settings.dagster_host
        if not host.strip("0.:"):  # all zeros: every address, so also the site's
            host = request.host.rsplit(":", 1)[0]
        return self.render(
            "admin/runs.html",
            runs=runs,
            states=STATES,
            has_next=len(runs) == LIMIT,
            orchestrator=f"http://{host}:{here.settings.dagster_port}",
        )
