"""The blocking checks at the door: each feed's batch against its expectations.

Belongs here: which checks there are, and how a verdict becomes one with a page in the object
store. Not here: the rules (expectations). dbt's tests are checks of the marts and live in
dbt_project.
"""

from datetime import datetime

import dagster as dg

from domain.devices import Feed
from expectations.page import render_page
from expectations.suite import Verdict
from pipelines.metadata import link, table
from storage.objects import ObjectStore

CHECK_NAME = "batch_meets_expectations"


def landing_key(feed: Feed) -> dg.AssetKey:
    return dg.AssetKey(f"landing_devices__{feed.value}")


def batch_check(feed: Feed) -> dg.AssetCheckSpec:
    """The check that stands before the loading of a feed's batch."""
    return dg.AssetCheckSpec(
        CHECK_NAME,
        asset=landing_key(feed),
        blocking=True,
        description=(
            "Great Expectations over the batch before it is loaded. Red: nothing of the batch is "
            "loaded, its files stay in inbox/ and are tried again."
        ),
    )


BATCH_CHECKS = tuple(batch_check(feed) for feed in Feed)


def store_page(
    store: ObjectStore, verdict: Verdict, *, files: int, run_id: str, at: datetime
) -> str:
    """Write the page of a verdict; its key under reports/validation/."""
    key = f"reports/validation/{at:%Y/%m}/{run_id}-{verdict.feed.value}.html"
    page = render_page(verdict, files=files, run_id=run_id, at=at)
    store.put(key, page.encode())
    return key


def check_result(verdict: Verdict, *, store: ObjectStore, page_key: str) -> dg.AssetCheckResult:
    broken = verdict.broken
    return dg.AssetCheckResult(
        asset_key=landing_key(verdict.feed),
        check_name=CHECK_NAME,
        passed=verdict.is_valid,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(finding.english for finding in broken) or None,
        metadata={
            "result_page": link(store, page_key),
            "result_page_key": page_key,
            "readings": verdict.rows,
            "refused_rows": verdict.refused,
            "seconds": round(verdict.seconds, 3),
            "rules": table(
                ("Rule", "Met", "Checked", "Broken by", "Examples"),
                (
                    (
                        finding.english,
                        "yes" if finding.is_met else "**no**",
                        f"{finding.checked:,}",
                        f"{finding.unexpected:,}",
                        ", ".join(finding.examples),
                    )
                    for finding in verdict.findings
                ),
            ),
        },
    )
