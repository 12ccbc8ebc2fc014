"""Runs of jobs inside this process, on the same instance that Dagster's UI shows.

Belongs here: starting a run, reading its figures, and telling dead runs from live ones. Not
here: the order of runs (month).
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG

PARTITION_TAG = "dagster/partition"
PROCESS_TAG = "atrium/process"
MARK_TAG = "atrium/mark"
# How Dagster names the code location of workspace.yaml: it links a run to its job.
LOCATION = "__repository__@atrium"

LONGEST_WAIT_SECONDS = 900
LONGEST_MESSAGE = 1500

log = logging.getLogger(__name__)


class RunFailed(Exception):
    """A run ended red; the message is the error of its first failed step."""


@dataclass(frozen=True)
class Desk:
    """Runs jobs of one code location for one mall, here and now."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    mall_code: str
    resources: Mapping[str, Any] = field(default_factory=dict)

    def run(
        self,
        job_name: str,
        *,
        at: datetime,
        partition: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Run a job with its clock at `at`; the figures of each asset it made, by asset name.

        Raises RunFailed.
        """
        self._await_turn(job_name)
        job = self.definitions.resolve_job_def(job_name)
        wanted = job.resource_defs
        configuration = {
            "clock": {"config": {"at": at.isoformat()}},
            "malls": {"config": {"code": self.mall_code}},
        }
        result = job.execute_in_process(
            instance=self.instance,
            partition_key=partition,
            run_config={
                "resources": {
                    name: value for name, value in configuration.items() if name in wanted
                },
                "loggers": {"console": {"config": {"log_level": "INFO"}}},
            },
            tags={
                REPOSITORY_LABEL_TAG: LOCATION,
                PROCESS_TAG: process_name(os.getpid()),
                **(tags or {}),
            },
            resources=dict(self.resources),
            raise_on_error=False,
        )
        if not result.success:
            raise RunFailed(_first_error(result.all_events))
        return {
            event.asset_key.to_user_string(): _figures(event)
            for event in result.all_events
            if event.is_step_materialization and event.asset_key
        }

    def _await_turn(self, job_name: str) -> None:
        """Wait while a run of the same job, started elsewhere, is at work. Raises RunFailed."""
        deadline = monotonic() + LONGEST_WAIT_SECONDS
        unfinished = dg.RunsFilter(job_name=job_name, statuses=list(IN_PROGRESS_RUN_STATUSES))
        while self.instance.get_runs(unfinished, limit=1):
            if monotonic() > deadline:
                raise RunFailed(f"another run of {job_name} does not end")
            fail_dead_runs(self.instance)
            sleep(1)

    def has_run(self, job_name: str, *, mark: str, partition: str | None = None) -> bool:
        """Whether the job succeeded for this partition when the data stood as `mark` says."""
        tags = {MARK_TAG: mark, **({PARTITION_TAG: partition} if partition else {})}
        return bool(
            self.instance.get_runs(
                dg.RunsFilter(job_name=job_name, statuses=[dg.DagsterRunStatus.SUCCESS], tags=tags),
                limit=1,
            )
        )

    def last_succeeded(self, job_name: str) -> bool:
        """Whether the newest run of the job succeeded; no run at all counts as no."""
        runs = self.instance.get_runs(dg.RunsFilter(job_name=job_name), limit=1)
        return bool(runs) and runs[0].status is dg.DagsterRunStatus.SUCCESS


def fail_dead_runs(instance: dg.DagsterInstance) -> int:
    """Mark runs failed whose process is gone, as after a kill -9; how many there were."""
    dead = 0
    unfinished = [*IN_PROGRESS_RUN_STATUSES, dg.DagsterRunStatus.NOT_STARTED]
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished)):
        if _is_alive(instance, run):
            continue
        instance.report_run_failed(run, "The process of this run is gone.")
        log.warning("run %s of %s was left by a process that is gone", run.run_id, run.job_name)
        dead += 1
    return dead


def _is_alive(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    name = run.tags.get(PROCESS_TAG)
    if name:
        pid, _, _ = name.partition(":")
        return process_name(int(pid)) == name
    events = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT, ascending=False
    ).records
    for record in events:
        event = record.event_log_entry.dagster_event
        metadata = event.engine_event_data.metadata if event else {}
        if "pid" in metadata:
            return _exists(int(str(metadata["pid"].value)))
    # Not yet begun: Dagster's own monitoring watches over starts.
    return True


def process_name(pid: int) -> str:
    """`<pid>:<start>`, where the kernel tells when the process began: pids come again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return f"{pid}:{'' if _exists(pid) else 'gone'}"
    return f"{pid}:{stat.rpartition(')')[2].split()[19]}"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _figures(event: dg.DagsterEvent) -> dict[str, Any]:
    metadata = event.step_materialization_data.materialization.metadata
    value = metadata.get("figures")
    return dict(value.value) if value else {}


def _first_error(events: list[dg.DagsterEvent]) -> str:
    for event in events:
        if event.is_step_failure and event.step_failure_data.error:
            error = event.step_failure_data.error
            cause = error.cause or error
            return f"{event.step_key}: {cause.message.strip()[:LONGEST_MESSAGE]}"
    for event in events:
        if event.is_failure and event.message:
            return event.message
    return "the run did not succeed"
