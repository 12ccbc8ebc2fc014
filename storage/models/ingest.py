"""Landing: files and batches as they came, readings, revisions, quarantine, cleaned hours."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from domain.cleaning import CleaningVerdict
from domain.devices import Feed, Quality
from domain.sales import SaleKind
from storage.models.base import Base, CreatedAt, Id, Mapped, Money, Quantity, mapped_column, one_of


class FileState(StrEnum):
    LANDED = "LANDED"
    DUPLICATE = "DUPLICATE"
    REFUSED = "REFUSED"


class LateState(StrEnum):
    WAITING = "WAITING"
    APPLIED = "APPLIED"
    DISMISSED = "DISMISSED"


class UnknownDeviceState(StrEnum):
    NEW = "NEW"
    REGISTERED = "REGISTERED"
    IGNORED = "IGNORED"


class InboxFile(Base):
    """A file of the drop-box, registered once per appearance, its raw bytes kept in archive/; or
    one that a shop uploaded: then `upload_id`, `shop_id` and `uploaded_by` say whose.
    """

    __tablename__ = "files"
    __table_args__ = (
        sa.Index("ix_files_sha256", "sha256"),
        sa.Index("uq_files_upload_id", "upload_id", unique=True),
        {"schema": "ingest"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.malls.id"))
    feed: Mapped[Feed | None] = mapped_column(one_of(Feed, is_checked=False))
    shop_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.shops.id"), index=True)
    upload_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.uploads.id"))
    uploaded_by: Mapped[int | None] = mapped_column(
        sa.ForeignKey("app.users.id", ondelete="SET NULL")
    )
    inbox_key: Mapped[str]
    archive_key: Mapped[str]
    sha256: Mapped[str]
    bytes: Mapped[int]
    state: Mapped[FileState] = mapped_column(one_of(FileState))
    reason: Mapped[str] = mapped_column(server_default="")
    rows_total: Mapped[int] = mapped_column(server_default="0")
    rows_accepted: Mapped[int] = mapped_column(server_default="0")
    rows_duplicate: Mapped[int] = mapped_column(server_default="0")
    rows_revised: Mapped[int] = mapped_column(server_default="0")
    rows_refused: Mapped[int] = mapped_column(server_default="0")
    rows_late: Mapped[int] = mapped_column(server_default="0")
    received_at: Mapped[datetime]
    run_id: Mapped[str] = mapped_column(server_default="")


class Batch(Base):
    """One call of the API that was taken, with its body: as it came when that was packed or small,
    else packed with zstd. `adapter` is the language it came in.
    """

    __tablename__ = "batches"
    __table_args__ = ({"schema": "ingest"},)
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    device_key_id: Mapped[int] = mapped_column(sa.ForeignKey("app.device_keys.id"))
    body_sha256: Mapped[bytes] = mapped_column(BYTEA)
    body: Mapped[bytes] = mapped_column(BYTEA)
    content_type: Mapped[str]
    adapter: Mapped[str] = mapped_column(server_default="atrium")
    rows_total: Mapped[int]
    rows_refused: Mapped[int]
    received_at: Mapped[datetime]


class SignedCall(Base):
    """A signed call that was taken, for as long as its signature is in time: it is taken once."""

    __tablename__ = "signed_calls"
    __table_args__ = ({"schema": "ingest"},)
    device_key_id: Mapped[int] = mapped_column(
        sa.ForeignKey("app.device_keys.id"), primary_key=True
    )
    signed_at: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    body_sha256: Mapped[bytes] = mapped_column(BYTEA)
    received_at: Mapped[datetime]


class IdempotencyKey(Base):
    """What a call was answered that named itself, for a day; kept with what the call brought."""

    __tablename__ = "idempotency_keys"
    __table_args__ = ({"schema": "ingest"},)
    device_key_id: Mapped[int] = mapped_column(
        sa.ForeignKey("app.device_keys.id"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    body_sha256: Mapped[bytes] = mapped_column(BYTEA)
    status: Mapped[int | None]
    answer: Mapped[bytes | None] = mapped_column(BYTEA)
    received_at: Mapped[datetime] = mapped_column(index=True)


class Reading(Base):
    """One measurement; key (device, metric, interval start). Partitioned by month of
    `interval_start`; BRIN on time serves ranges, the key serves look-ups.
    Exactly one of `file_id` and `batch_id` names the source.
    """

    __tablename__ = "readings"
    __table_args__ = (
        sa.CheckConstraint("value NOT IN ('NaN', 'Infinity', '-Infinity')", name="value_finite"),
        sa.Index("ix_readings_interval_start", "interval_start", postgresql_using="brin"),
        {"schema": "ingest", "postgresql_partition_by": "RANGE (interval_start)"},
    )
    device_id: Mapped[int] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    interval_start: Mapped[datetime] = mapped_column(primary_key=True)
    interval_end: Mapped[datetime]
    value: Mapped[Decimal] = mapped_column(sa.Numeric)
    quality: Mapped[str] = mapped_column(server_default=Quality.GOOD)
    received_at: Mapped[datetime]
    file_id: Mapped[int | None]
    batch_id: Mapped[int | None]


class ReadingRevision(Base):
    """The value a reading had before a newer one replaced it."""

    __tablename__ = "reading_revisions"
    __table_args__ = (
        sa.Index("ix_reading_revisions_key", "device_id", "metric", "interval_start"),
        {"schema": "ingest"},
    )
    id: Mapped[Id]
    device_id: Mapped[int]
    metric: Mapped[str]
    interval_start: Mapped[datetime]
    value: Mapped[Decimal] = mapped_column(sa.Numeric)
    quality: Mapped[str]
    received_at: Mapped[datetime]
    file_id: Mapped[int | None]
    batch_id: Mapped[int | None]
    replaced_at: Mapped[CreatedAt]


class TillTransaction(Base):
    """One transaction of a till, as domain.sales.SaleKind sorts it; key (till, business date,
    number). Amounts are positive: net = gross - refunds - discounts, tax included in each.
    `has_stated_date`: the till named the business date itself.
    """

    __tablename__ = "till_transactions"
    __table_args__ = (
        sa.CheckConstraint(
            "net_sales = gross_sales - refunds - discounts", name="net_sales_add_up"
        ),
        sa.Index("ix_till_transactions_occurred_at", "occurred_at", postgresql_using="brin"),
        sa.Index(
            "ix_till_transactions_voids",
            "device_id",
            "business_date",
            postgresql_where=sa.text("kind = 'VOID'"),
        ),
        {"schema": "ingest"},
    )
    device_id: Mapped[int] = mapped_column(primary_key=True)
    business_date: Mapped[date] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(primary_key=True)
    has_stated_date: Mapped[bool]
    occurred_at: Mapped[datetime]
    kind: Mapped[SaleKind] = mapped_column(one_of(SaleKind))
    gross_sales: Mapped[Money]
    refunds: Mapped[Money]
    discounts: Mapped[Money]
    tax: Mapped[Money]
    net_sales: Mapped[Money]
    original_number: Mapped[str] = mapped_column(server_default="")
    quality: Mapped[str] = mapped_column(server_default=Quality.GOOD)
    received_at: Mapped[datetime]
    file_id: Mapped[int | None]
    batch_id: Mapped[int | None]


class TillTransactionRevision(Base):
    """A transaction as it was before a newer one replaced it."""

    __tablename__ = "till_transaction_revisions"
    __table_args__ = (
        sa.Index("ix_till_transaction_revisions_key", "device_id", "business_date", "number"),
        {"schema": "ingest"},
    )
    id: Mapped[Id]
    device_id: Mapped[int]
    business_date: Mapped[date]
    number: Mapped[str]
    kind: Mapped[str]
    occurred_at: Mapped[datetime]
    gross_sales: Mapped[Money]
    refunds: Mapped[Money]
    discounts: Mapped[Money]
    tax: Mapped[Money]
    net_sales: Mapped[Money]
    original_number: Mapped[str]
    received_at: Mapped[datetime]
    file_id: Mapped[int | None]
    batch_id: Mapped[int | None]
    replaced_at: Mapped[CreatedAt]


class LateReading(Base):
    """A value that came for a month that is closed: kept beside what was closed, a candidate
    for an adjustment. `sale` holds the whole of a till's transaction, null for a reading.
    """

    __tablename__ = "late_readings"
    __table_args__ = (
        sa.Index("ix_late_readings_mall_id_month_state", "mall_id", "month", "state"),
        sa.Index("ix_late_readings_key", "device_id", "metric", "interval_start"),
        {"schema": "ingest"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    month: Mapped[date]
    device_id: Mapped[int]
    metric: Mapped[str]
    interval_start: Mapped[datetime]
    interval_end: Mapped[datetime]
    value: Mapped[Decimal] = mapped_column(sa.Numeric)
    quality: Mapped[str]
    sale: Mapped[dict[str, Any] | None]
    received_at: Mapped[datetime]
    file_id: Mapped[int | None]
    batch_id: Mapped[int | None]
    state: Mapped[LateState] = mapped_column(one_of(LateState), server_default=LateState.WAITING)
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str] = mapped_column(server_default="")
    note: Mapped[str] = mapped_column(server_default="")


class UnknownDevice(Base):
    """A serial and channel that spoke and nobody has registered; what it said waits in
    quarantine, its source kept whole, until somebody does.
    """

    __tablename__ = "unknown_devices"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "adapter", "serial", "channel"),
        {"schema": "ingest"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    adapter: Mapped[str]
    serial: Mapped[str]
    channel: Mapped[str]
    labels: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), server_default="{}")
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    messages: Mapped[int] = mapped_column(server_default="1")
    state: Mapped[UnknownDeviceState] = mapped_column(
        one_of(UnknownDeviceState), server_default=UnknownDeviceState.NEW
    )
    device_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.devices.id"))


class CleaningDecision(Base):
    """What a person decided about one cleaned hour: RELEASE a flag of `rule` (its value counts),
    or EXCLUDE the hour although no rule spoke. Withdrawn, it no longer holds.
    """

    __tablename__ = "cleaning_decisions"
    __table_args__ = (
        sa.Index(
            "uq_cleaning_decisions_standing",
            "device_id",
            "metric",
            "hour_start",
            "business_date",
            "rule",
            unique=True,
            postgresql_where=sa.text("withdrawn_at IS NULL"),
        ),
        {"schema": "ingest"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    device_id: Mapped[int] = mapped_column(sa.ForeignKey("app.devices.id"))
    metric: Mapped[str]
    hour_start: Mapped[datetime]
    business_date: Mapped[date]
    rule: Mapped[str] = mapped_column(server_default="")
    verdict: Mapped[CleaningVerdict] = mapped_column(one_of(CleaningVerdict))
    reason: Mapped[str]
    decided_at: Mapped[datetime]
    decided_by: Mapped[str]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str] = mapped_column(server_default="")


class Quarantined(Base):
    """A refused row with its reason; `row` is what came, as text."""

    __tablename__ = "quarantine"
    __table_args__ = ({"schema": "ingest"},)
    id: Mapped[Id]
    mall_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.malls.id"))
    file_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ingest.files.id"), index=True)
    batch_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ingest.batches.id"), index=True)
    row_number: Mapped[int]
    row: Mapped[str]
    reason_code: Mapped[str]
    reason: Mapped[str]
    received_at: Mapped[datetime]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str] = mapped_column(server_default="")
    release_note: Mapped[str] = mapped_column(server_default="")


class TouchedDate(Base):
    """A business date of a mall whose readings changed; waits for cleaning while `cleaned_at`
    is null. `revision` counts the changes of what is known about the date: the marts rebuild a
    date whose count is not theirs, so a clock that stands still or goes back hides no change.
    `hours_used` counts its usable cleaned hours: 0 for a date that only a wrong clock named.
    """

    __tablename__ = "touched_dates"
    __table_args__ = ({"schema": "ingest"},)
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"), primary_key=True)
    business_date: Mapped[date] = mapped_column(primary_key=True)
    touched_at: Mapped[datetime]
    cleaned_at: Mapped[datetime | None]
    revision: Mapped[int] = mapped_column(server_default="0")
    hours_used: Mapped[int] = mapped_column(server_default="0")


class ReadingHour(Base):
    """Cleaned hourly fact of one device and metric, on the business date.

    Flows (sales, footfall, transactions): `value` is the sum of the hour. Registers: the last
    register value of the hour, `value` on the dial; temperature: the mean. `measured_at` is
    when the last of its readings ended: for a register, the instant the dial showed `value`.
    `flags` names the cleaning rules that spoke, `rules` has for each its version and what it was
    told by; `is_used` says whether marts may use the value. `is_estimated`: nothing usable was
    measured, the value is computed from what stands around it (`rules` -> estimate, with what was
    measured and not used under `measured`) and goes when the real one comes. Day feeds stand
    in the first hour of their day with `covers_minutes` = 1440; a register or an event stands for
    its hour, 60.
    """

    __tablename__ = "reading_hours"
    __table_args__ = (
        sa.Index("ix_reading_hours_mall_date", "mall_id", "business_date"),
        sa.Index(
            "ix_reading_hours_flagged",
            "mall_id",
            "business_date",
            "hour_start",
            postgresql_where=sa.text("flags <> '{}'"),
        ),
        {"schema": "ingest"},
    )
    device_id: Mapped[int] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    hour_start: Mapped[datetime] = mapped_column(primary_key=True)
    business_date: Mapped[date] = mapped_column(primary_key=True)
    measured_at: Mapped[datetime]
    mall_id: Mapped[int]
    value: Mapped[Quantity]
    samples: Mapped[int] = mapped_column(sa.Integer)
    covers_minutes: Mapped[int] = mapped_column(sa.Integer)
    flags: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), server_default="{}")
    is_used: Mapped[bool]
    is_estimated: Mapped[bool] = mapped_column(server_default="false")
    rules: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    cleaned_at: Mapped[datetime]
