"""Files of the drop-box, judged by batch and loaded; readings of the API, which arrive loaded.

Belongs here: the order of things at the door: parse, judge, load. Not here: parsing and loading
themselves (services), the rules (expectations).

A batch is what lies in the inbox for one feed. It is judged whole before any of it is loaded:
when its check is red its files stay where they are and nothing is lost; other feeds go on. Of a
very large batch only the first files are held in memory from judging to loading; the others are
judged for the verdict's sake, let go, and read again when they are loaded.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from time import perf_counter
from typing import Any

import dagster as dg

from domain.devices import Feed
from expectations.feeds import Validation
from pipelines.assets import OPERATIONS, PLATFORM
from pipelines.checks import BATCH_CHECKS, check_result, landing_key, store_page
from pipelines.metadata import figures, table
from pipelines.resources import Database, Progress
from services.operations.file_contents import Observe
from services.operations.landing import (
    FileResult,
    InboxObject,
    ParsedFile,
    find_ready_files,
    load_device_directory,
    parse_files,
)
from services.operations.landing_together import load_files
from storage.objects import ObjectStore
from storage.settings import Clock, Settings

DESCRIPTIONS = {
    Feed.POS_DAYS: "Day files of tills: sales, refunds, discounts, tax and transactions per till "
    "and business day, landed in ingest.readings.",
    Feed.FOOTFALL_HOURS: "Hourly counts of visitors in and out per counter, landed in "
    "ingest.readings.",
    Feed.METER_REGISTERS: "Registers of electricity, water and gas meters as read from the dial, "
    "landed in ingest.readings.",
    Feed.READINGS: "Readings of any device in our own format, as CSV, NDJSON or JSON, landed in "
    "ingest.readings.",
    **{
        feed: f"What devices of the make {feed.value} write, as files: landed in ingest.readings "
        "and, where they are tills, in ingest.till_transactions."
        for feed in Feed
        if feed.adapter is not None
    },
}

inbox_files = dg.AssetSpec(
    "inbox_files",
    group_name="inbox",
    owners=[PLATFORM],
    kinds={"file"},
    description="Files that devices and shops leave in the drop-box: "
    "inbox/<mall code>/<feed>/<name>, read by `inbox_sensor`.",
)

api_readings = dg.AssetSpec(
    "api_readings",
    group_name="landing",
    owners=[PLATFORM],
    kinds={"postgres"},
    description="Readings that devices post to /api/v1/readings, landed in ingest.readings by the "
    "web server itself before it answers.",
)

mall_records = dg.AssetSpec(
    "mall_records",
    group_name="inbox",
    owners=[OPERATIONS],
    kinds={"postgres"},
    description="Malls, units, shops, contracts and devices as people keep them in the staff "
    "site (schema app).",
)

LANDING_SPECS = tuple(
    dg.AssetSpec(
        landing_key(feed),
        deps=[inbox_files, mall_records],
        group_name="landing",
        owners=[OPERATIONS],
        kinds={"postgres", "pandas"},
        description=DESCRIPTIONS[feed],
        skippable=True,
    )
    for feed in Feed
)

# Rows of one batch held from judging to loading: a few hundred megabytes.
MOST_ROWS_HELD = 500_000


@dataclass(slots=True)
class Door:
    """What one landing run works with, and how many of its files are through."""

    settings: Settings
    store: ObjectStore
    connection: Any
    directory: Any
    clock: Clock
    run_id: str
    progress: Progress
    files: int
    done: int = 0

    def parse(
        self, found: Iterable[InboxObject], validation: Validation | None = None
    ) -> Iterator[ParsedFile]:
        """Read files; what they would write is judged with the rest of their batch."""
        seen: dict[str, Validation] = {}

        def observe(each: InboxObject) -> Observe:
            if validation is None:
                return lambda subject, frame: None
            seen[each.key] = validation.begin()
            return seen[each.key].add

        for parsed in parse_files(
            self.store,
            found,
            directory=self.directory,
            now=self.clock.now,
            settings=self.settings,
            observe=observe,
        ):
            of_file = seen.pop(parsed.found.key, None)
            # A file that is refused whole is answered by name, and says nothing about the others.
            if validation and of_file and not parsed.problem:
                validation.absorb(of_file, parsed.found.key)
            yield parsed

    def load(self, parsed: Iterable[ParsedFile]) -> Iterator[FileResult]:
        for result in load_files(
            self.connection, self.store, parsed, now=self.clock.now, run_id=self.run_id
        ):
            self.done += 1
            self.progress.report(self.done, self.files)
            yield result


@dg.multi_asset(name="landing_devices", specs=LANDING_SPECS, check_specs=BATCH_CHECKS)
def landing_devices(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    database: dg.ResourceParam[Database],
    store: dg.ResourceParam[ObjectStore],
    clock: dg.ResourceParam[Clock],
    progress: dg.ResourceParam[Progress],
) -> Iterator[Any]:
    found = find_ready_files(store, now=clock.now())
    by_feed: dict[Feed | None, list[InboxObject]] = {feed: [] for feed in Feed}
    for each in found:
        by_feed.setdefault(each.feed, []).append(each)
    with database.copying() as connection:
        door = Door(
            settings=settings,
            store=store,
            connection=connection,
            directory=load_device_directory(connection),
            clock=clock,
            run_id=context.run.run_id,
            progress=progress,
            files=len(found),
        )
        for feed in Feed:
            yield from _land_batch(door, feed, by_feed[feed])
        # A file outside every feed is refused by name, and kept like any other.
        strays = list(door.load(door.parse(by_feed.get(None, ()))))
    for result in strays:
        context.log.warning(f"{result.key} was refused: {result.reason}")
    yield dg.AssetObservation(
        inbox_files.key,
        metadata={
            "files": len(found),
            "bytes": sum(each.bytes for each in found),
            "files_outside_any_feed": len(strays),
        },
    )


def _land_batch(door: Door, feed: Feed, found: list[InboxObject]) -> Iterator[Any]:
    began = perf_counter()
    validation = Validation(feed)
    held: list[ParsedFile] = []
    rows = refused = 0
    for each in door.parse(found, validation):
        refused += 0 if each.problem else each.contents.refused
        rows += len(each.frame) + len(each.contents.sales) + len(each.contents.refusals)
        if rows <= MOST_ROWS_HELD:
            held.append(each)
    verdict = validation.verdict(refused=refused)
    key = store_page(door.store, verdict, files=len(found), run_id=door.run_id, at=door.clock.now())
    yield check_result(verdict, store=door.store, page_key=key)
    if not verdict.is_valid:
        return
    # What did not fit into memory is read once more: a file that changed meanwhile is left alone.
    parsed = chain(held, door.parse(found[len(held) :]))
    results = [result for result in door.load(parsed) if result.file_id is not None]
    if results:
        yield dg.MaterializeResult(
            asset_key=landing_key(feed),
            metadata={
                **figures(
                    {
                        "files": len(results),
                        "files_refused": sum(each.state == "REFUSED" for each in results),
                        "files_duplicate": sum(each.state == "DUPLICATE" for each in results),
                        "bytes": sum(each.bytes for each in found),
                        "rows_total": sum(each.rows_total for each in results),
                        "accepted": sum(each.accepted for each in results),
                        "duplicate": sum(each.duplicate for each in results),
                        "revised": sum(each.revised for each in results),
                        "late": sum(each.late for each in results),
                        "refused": sum(each.refused for each in results),
                        "uncertain": sum(each.uncertain for each in results),
                        "readings": sum(each.readings for each in results),
                    }
                ),
                "seconds": round(perf_counter() - began, 2),
                "files_listed": table(
                    (
                        "File",
                        "State",
                        "Rows",
                        "Accepted",
                        "Duplicate",
                        "Revised",
                        "Late",
                        "Refused",
                        "Why",
                    ),
                    map(_told, sorted(results, key=lambda each: (not each.reason, -each.refused))),
                ),
            },
        )


def _told(result: FileResult) -> tuple[str, ...]:
    counts = (
        result.rows_total,
        result.accepted,
        result.duplicate,
        result.revised,
        result.late,
        result.refused,
    )
    return (result.key, result.state, *(f"{count:,}" for count in counts), result.reason)
