"""`python -m pipelines.month --month YYYY-MM --mall CODE`: one business month, start to proof.

Belongs here: the order of the runs of a month, and the instant at which each one stands. Not
here: how a run is made (runs), what an asset does (assets).

Each stage is a run of a Dagster job on the persistent instance, executed in this process, with
its clock at the instant the schedule would have asked for it: bills five minutes after the end of
the last business day, reminders at nine on their day. Work whose data has not changed since a
successful run is left alone, so a second time is quick; what a killed process left half done is
done again.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.orm import Session

from expectations.suite import load_library
from pipelines.build import build_definitions
from pipelines.instance import HOME_VARIABLE, URL_VARIABLE, prepare_instance
from pipelines.partitions import ZONE, next_month
from pipelines.progress import Narrator
from pipelines.resources import Database, UnknownMall
from pipelines.runs import MARK_TAG, Desk, RunFailed, fail_dead_runs
from pipelines.sensors import landing_request
from services.queries.malls import MallView, find_mall
from services.queries.months import last_billed_month
from services.queries.pipelines import (
    Part,
    count_uncleaned_dates,
    data_mark,
    landed_figures,
    latest_backup,
    list_due_dates,
    month_figures,
)
from storage.database import create_engine, dagster_url
from storage.logins import Login, login_url
from storage.logs import configure_logs
from storage.objects import ObjectStore, open_object_store
from storage.roles import Group
from storage.settings import Clock, Settings, load_settings

# After the end of the month's last business day, as the schedule of the bills has it.
LANDING_AFTER = timedelta(minutes=2)
MARTS_AFTER = timedelta(minutes=3)
BILLS_AFTER = timedelta(minutes=5)
REMINDERS_AT = time(9)
REPORTS_AT = time(10)
# A day's reminders depend on what is owed; reports on that and on the readings.
OWED = (Part.BILLS, Part.PAYMENTS)
REPORTED = (Part.READINGS, Part.BILLS, Part.PAYMENTS)
START = "Start"

log = logging.getLogger(__name__)


class Month:
    """The stages of one mall's month."""

    def __init__(
        self,
        desk: Desk,
        narrator: Narrator,
        database: Database,
        store: ObjectStore,
        mall: MallView,
        month: date,
        clock: Clock,
    ) -> None:
        self.desk = desk
        self.narrator = narrator
        self.database = database
        self.store = store
        self.mall = mall
        self.month = month
        self.following = next_month(month)
        _, self.closed = mall.clock.business_day(self.following - timedelta(days=1))
        self.clock = clock
        self.last_day = self.following

    def land(self) -> None:
        """The inbox, as its sensor sees it."""
        with self._stage("Landing") as figures:
            request = landing_request(
                self.store, self.desk.instance, now=datetime.now(UTC), is_patient=False
            )
            if isinstance(request, dg.SkipReason):
                figures["skipped"] = request.skip_message
                return
            tags = {**request.tags, "dagster/run_key": request.run_key or ""}
            made = self.desk.run("landing_job", at=self.closed + LANDING_AFTER, tags=tags)
            for asset in made.values():
                for name, value in asset.items():
                    figures[name] = figures.get(name, 0) + value

    def refresh_marts(self) -> None:
        """Cleaning and dbt, when readings changed or the last try did not end well."""
        with self._stage("Cleaning and marts") as figures:
            with self.database.reading() as session:
                waiting = count_uncleaned_dates(session)
            if not waiting and self.desk.last_succeeded("marts_job"):
                figures["skipped"] = "No business date changed."
                return
            made = self.desk.run("marts_job", at=self.closed + MARTS_AFTER)
            figures |= made["cleaned_readings"]
            figures["models"] = len(made) - 1

    def bill(self) -> None:
        """Bills and their papers; a second run creates none."""
        with self._stage("Bills") as figures:
            made = self.desk.run(
                "billing_job",
                at=self.closed + BILLS_AFTER,
                partition=f"{self.month:%Y-%m}",
            )
            figures |= made["issued_bills"]
            figures["documents_written"] = made["bill_documents"]["written"]

    def remind(self) -> None:
        """Each day from three before a due date to one after it."""
        with self._stage("Reminders") as figures:
            with self.database.reading() as session:
                dues = list_due_dates(session, mall_id=self.mall.id, month=self.month)
            days = sorted({due + timedelta(days=n) for due in dues for n in range(-3, 2)})
            today = self.clock.now().astimezone(ZONE).date()
            past = [day for day in days if day <= today]
            self.last_day = past[-1] if past else self.last_day
            figures |= {"days": len(past), "days_to_come": len(days) - len(past)}
            figures |= {"days_unchanged": 0, "created": 0, "sent": 0}
            for done, day in enumerate(past, start=1):
                mark = self._mark(OWED)
                if self.desk.has_run("reminders_job", mark=mark, partition=day.isoformat()):
                    figures["days_unchanged"] += 1
                else:
                    made = self.desk.run(
                        "reminders_job",
                        at=self._at(day, REMINDERS_AT),
                        partition=day.isoformat(),
                        tags={MARK_TAG: mark},
                    )
                    figures["created"] += made["payment_reminders"]["created"]
                    figures["sent"] += made["delivered_notifications"]["sent"]
                self.narrator.report(done, len(past))

    def report(self) -> None:
        with self._stage("Reports") as figures:
            mark = self._mark(REPORTED)
            partition = f"{self.month:%Y-%m}"
            if self.desk.has_run("reports_job", mark=mark, partition=partition):
                figures["skipped"] = "Nothing that is reported changed."
                return
            made = self.desk.run(
                "reports_job",
                at=self._at(self.last_day, REPORTS_AT),
                partition=partition,
                tags={MARK_TAG: mark},
            )
            figures |= made["report_files"]

    def back_up(self) -> None:
        """A backup and its proof; the last one serves when nothing changed since."""
        with self._stage("Backup") as figures:
            mark = self._mark(tuple(Part))
            if self.desk.has_run("backup_job", mark=mark):
                figures["skipped"] = "Nothing changed since the last proven backup."
                return
            # A backup keeps what is there now, so it bears the true time, not the month's.
            now = self.clock.now()
            made = self.desk.run(
                "backup_job",
                at=now,
                partition=now.astimezone(ZONE).date().isoformat(),
                tags={MARK_TAG: mark},
            )
            figures |= made["database_backup"] | made["restore_drill"]

    def summary(self) -> dict[str, Any]:
        """What stands in the database at the end, whoever did it and when."""
        with self.database.reading() as session:
            landed = landed_figures(session, mall_id=self.mall.id)
            month = month_figures(session, mall_id=self.mall.id, month=self.month)
            backup = latest_backup(session)
        return {
            "mall": self.mall.code,
            "month": f"{self.month:%Y-%m}",
            "landed": asdict(landed),
            "bills": {"count": month.bills, "total": str(month.total), "held": month.held},
            "documents": month.documents,
            "reminders": month.reminders,
            "reminders_sent": month.reminders_sent,
            "report_files": month.report_files,
            "backup": backup and {**asdict(backup), "is_equal": backup.is_verified},
        }

    def _stage(self, name: str) -> Any:
        return self.narrator.during(name)

    def _mark(self, parts: Sequence[Part]) -> str:
        with self.database.reading() as session:
            return data_mark(session, parts=parts)

    def _at(self, day: date, local: time) -> datetime:
        return datetime.combine(day, local, ZONE)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    narrator = Narrator()
    _prepare_process()
    settings = load_settings()
    try:
        _carry(options, narrator, settings)
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        narrator.say("failed", stage=narrator.failed_stage or START, message="interrupted")
        return 130
    except Exception as error:
        log.exception("the month ends here")
        narrator.say("failed", stage=narrator.failed_stage or START, message=_told(error))
        return 1
    return 0


def _told(error: Exception) -> str:
    kind = "" if isinstance(error, RunFailed | UnknownMall) else f"{type(error).__name__}: "
    return f"{kind}{error}"


def _carry(options: argparse.Namespace, narrator: Narrator, settings: Settings) -> None:
    url = login_url(settings, Login.PIPELINES)
    os.environ.setdefault(HOME_VARIABLE, str(prepare_instance(settings)))
    os.environ.setdefault(URL_VARIABLE, dagster_url(url))
    engine = create_engine(url, role=Group.PIPELINES)
    engine.connect().close()  # a database that does not answer is said by us, with its address
    if options.stepwise and not _is_billed(engine, options):
        # The caller works meanwhile: what takes long to import, and will be needed, is imported.
        threading.Thread(target=load_library, daemon=True).start()
    definitions = build_definitions({"settings": settings, "progress": narrator})
    if options.stepwise:
        _await_caller()
    with dg.DagsterInstance.get() as instance:
        database = Database(url, engine)
        with database.reading() as session:
            mall = find_mall(session, code=options.mall)
        if mall is None:
            raise UnknownMall(f"no mall has the code {options.mall!r}")
        month = Month(
            Desk(definitions, instance, mall.code),
            narrator,
            database,
            open_object_store(settings),
            mall,
            options.month,
            Clock(settings.clock),
        )
        repaired = fail_dead_runs(instance)
        for stage in (month.land, month.refresh_marts, month.bill):
            stage()
        if options.stepwise:
            narrator.say("waiting")
            _await_caller()
        for stage in (month.remind, month.report, month.back_up):
            stage()
        narrator.say("summary", **month.summary(), repaired_runs=repaired)
    engine.dispose()


def _is_billed(engine: sa.Engine, options: argparse.Namespace) -> bool:
    with Session(engine) as session:
        return last_billed_month(session, mall_code=options.mall) == options.month


def _await_caller() -> None:
    if not sys.stdin.readline():
        raise KeyboardInterrupt


def _prepare_process() -> None:
    configure_logs(load_settings(), least=logging.WARNING)
    # A run's own log writes there already.
    logging.getLogger("dagster.builtin").propagate = False
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipelines.month", description=__doc__)
    parser.add_argument("--month", required=True, type=_month, metavar="YYYY-MM")
    parser.add_argument("--mall", required=True, metavar="CODE")
    parser.add_argument(
        "--stepwise",
        action="store_true",
        help="wait for a line on standard input before the first stage and after the bills",
    )
    return parser.parse_args(arguments)


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no month; write 2026-03") from None


if __name__ == "__main__":
    # Threads that still import must not keep a finished command alive.
    code = main()
    sys.stderr.flush()
    os._exit(code)
