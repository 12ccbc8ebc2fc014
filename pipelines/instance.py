"""Dagster's own home: its configuration, written from our settings.

Belongs here: what dagster.yaml says. Not here: what is run. The database's address, which holds
a password, is not written: Dagster's processes read it from the environment.
"""

import os
from pathlib import Path

from storage.settings import Settings

URL_VARIABLE = "ATRIUM_DAGSTER_URL"
HOME_VARIABLE = "DAGSTER_HOME"
# Runs at once: each takes a core for much of its time.
RUNS_AT_ONCE = 2
# Runs with the same value of this tag wait for each other.
ALONE_TAG = "atrium/alone"
LONGEST_RUN_SECONDS = 6 * 60 * 60
CONFIGURATION = """\
# Written by `python -m pipelines.prepare`; changes are overwritten.
storage:
  postgres:
    postgres_url:
      env: {url_variable}
telemetry:
  enabled: false
nux:
  enabled: false
local_artifact_storage:
  module: dagster._core.storage.root
  class: LocalArtifactStorage
  config:
    base_dir: {home}
compute_logs:
  module: dagster._core.storage.local_compute_log_manager
  class: LocalComputeLogManager
  config:
    base_dir: {logs}
concurrency:
  runs:
    max_concurrent_runs: {runs}
    tag_concurrency_limits:
      - key: {alone}
        value:
          applyLimitPerUniqueValue: true
        limit: 1
run_monitoring:
  enabled: true
  start_timeout_seconds: 120
  cancel_timeout_seconds: 60
  max_runtime_seconds: {longest}
  poll_interval_seconds: 30
run_retries:
  enabled: false
sensors:
  use_threads: true
  num_workers: 2
schedules:
  use_threads: true
  num_workers: 2
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 2
      failure: 30
      success: 90
"""


def prepare_instance(settings: Settings) -> Path:
    """Write dagster.yaml into <state_dir>/dagster; the folder that is DAGSTER_HOME."""
    home = settings.state_dir / "dagster"
    logs = settings.state_dir / "log" / "runs"
    for folder in (home, logs):
        folder.mkdir(parents=True, exist_ok=True)
    text = CONFIGURATION.format(
        url_variable=URL_VARIABLE,
        home=_quoted(home),
        logs=_quoted(logs),
        runs=RUNS_AT_ONCE,
        alone=ALONE_TAG,
        longest=LONGEST_RUN_SECONDS,
    )
    target = home / "dagster.yaml"
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        draft = home / f".dagster.yaml.{os.getpid()}"
        draft.write_text(text, encoding="utf-8")
        draft.rename(target)
    return home


def _quoted(path: Path) -> str:
    """A YAML string that holds any path."""
    return "'" + str(path).replace("'", "''") + "'"
