"""The nightly backup and its proof.

Belongs here: a day's partition of both. Not here: how bytes are copied, sealed and restored
(storage.backup).
"""

import dagster as dg

from domain.backups import BackupOrigin
from domain.scopes import Actor, ActorKind
from pipelines.assets import PLATFORM
from pipelines.assets.billing import bill_documents, issued_bills
from pipelines.assets.messages import delivered_notifications, payment_reminders
from pipelines.assets.reports import report_files
from pipelines.metadata import figures, link, table
from pipelines.partitions import days
from pipelines.resources import backup_engine
from services.operations.audit_verification import Verification, verify_audit
from services.operations.backups import back_up, prove_backup
from storage.objects import ObjectStore
from storage.settings import Clock, Settings

AUDIT_CHECK = "audit_is_intact"


class NotProven(Exception):
    """The restored copy differs from the database that was backed up."""


@dg.asset(
    deps=[
        delivered_notifications,
        payment_reminders,
        *(
            dg.AssetDep(each, partition_mapping=dg.LastPartitionMapping())
            for each in (issued_bills, bill_documents, report_files)
        ),
    ],
    partitions_def=days,
    group_name="backup",
    owners=[PLATFORM],
    kinds={"postgres"},
    check_specs=[
        dg.AssetCheckSpec(
            AUDIT_CHECK,
            asset="database_backup",
            description="Every event of the audit has its hash, follows the one before, and is the "
            "one that the signed backups remember. Red: somebody changed or removed one.",
        )
    ],
    description="The whole database as a physical copy, compressed, encrypted to keys that this "
    "server needs not hold, and streamed to backups/ in the object store.",
)
def database_backup(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    store: dg.ResourceParam[ObjectStore],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    with backup_engine(settings) as engine:
        result = back_up(
            engine,
            settings=settings,
            store=store,
            origin=BackupOrigin.AUTOMATIC,
            now=clock.now(),
            run_id=context.run.run_id,
        )
        verification = verify_audit(
            engine,
            settings=settings,
            store=store,
            now=clock.now(),
            actor=Actor(ActorKind.SYSTEM, "database_backup"),
        )
    return dg.MaterializeResult(
        metadata={
            **figures(
                {
                    "backup_id": result.backup_id,
                    "sequence": result.sequence,
                    "plain_bytes": result.plain_bytes,
                    "stored_bytes": result.stored_bytes,
                }
            ),
            "object": link(store, result.object_key),
            "object_key": result.object_key,
            "seconds": round(result.seconds, 2),
        },
        check_results=[_audit_check(verification)],
    )


def _audit_check(found: Verification) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=AUDIT_CHECK,
        passed=found.is_intact,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(finding.sentence() for finding in found.findings) or None,
        metadata={
            "events": found.events,
            "head": found.head.hash,
            "signed_backups": found.witnesses,
            "not_compared": list(found.unreadable),
            "seconds": round(found.seconds, 2),
        },
    )


@dg.asset(
    deps=[database_backup],
    partitions_def=days,
    group_name="backup",
    owners=[PLATFORM],
    kinds={"postgres"},
    description="The latest backup, restored to a scratch server and compared with its manifest: "
    "rows and checksum of every table. Red when anything differs.",
)
def restore_drill(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    store: dg.ResourceParam[ObjectStore],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    with backup_engine(settings) as engine:
        proof = prove_backup(
            engine, settings=settings, store=store, backup_id=None, now=clock.now()
        )
    if not proof.is_equal:
        raise NotProven(
            f"backup {proof.backup_id}: the restored copy differs in "
            + "; ".join(str(each) for each in proof.differences)
        )
    return dg.MaterializeResult(
        metadata={
            **figures(
                {
                    "backup_id": proof.backup_id,
                    "tables": proof.tables,
                    "rows": proof.rows,
                    "is_equal": proof.is_equal,
                }
            ),
            "proof": table(
                ("Backup", "Tables", "Rows", "Equal"),
                [(proof.backup_id, proof.tables, f"{proof.rows:,}", "yes")],
            ),
            "seconds": round(proof.seconds, 2),
        }
    )
