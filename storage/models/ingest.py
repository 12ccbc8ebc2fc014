"""Landing: files and batches as they came, readings, revisions, quarantine, cleaned hours."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from domain.devices import Feed, Quality
from storage.models.base import Base, CreatedAt, Id, Mapped, Quantity, mapped_column, one_of


class FileState(StrEnum):
    LANDED = "LANDED"
    DUPLICATE = "DUPLICATE"
    REFUSED = "REFUSED"


class InboxFile(Base):
    """A file of the drop-box: registered once per appearance, its raw bytes kept in archive/."""

    __tablename__ = "files"
    __table_args__ = (
        sa.Index("ix_files_sha256", "sha256"),
        {"schema": "ingest"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.malls.id"))
    feed: Mapped[Feed | None] = mapped_column(one_of(Feed))
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
    received_at: Mapped[datetime]
    run_id: Mapped[str] = mapped_column(server_default="")


class Batch(Base):
    """One call of the API that was taken, with its body: as it came when that was packed or small,
    else packed with zstd.
    """

    __tablename__ = "batches"
    __table_args__ = ({"schema": "ingest"},)
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    device_key_id: Mapped[int] = mapped_column(sa.ForeignKey("app.device_keys.id"))
    body_sha256: Mapped[bytes] = mapped_column(BYTEA)
    body: Mapped[bytes] = mapped_column(BYTEA)
    content_type: Mapped[str]
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


class Quarantined(Base):
    """A refused row with its reason; `row` is what came, as text."""

    __tablename__ = "quarantine"
    __table_args__ = ({"schema": "ingest"},)
    id: Mapped[Id]
    mall_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.malls.id"))
    file_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ingest.files.id"), index=True)
    batch_id: Mapped[int | None] = mapped_column(sa.ForeignKey("ingest.batches.id"))
    row_number: Mapped[int]
    row: Mapped[str]
    reason_code: Mapped[str]
    reason: Mapped[str]
    received_at: Mapped[datetime]
    released_at: Mapped[datetime | None]


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
    `flags` names the cleaning rules that spoke, `rules` their versions; `is_used` says whether
    marts may use the value. Day feeds stand in the first hour of their day with
    `covers_minutes` = 1440; a register or an event stands for its hour, 60.
    """

    __tablename__ = "reading_hours"
    __table_args__ = (
        sa.Index("ix_reading_hours_mall_date", "mall_id", "business_date"),
        {"schema": "ingest"},
    )
    device_id: Mapped[int] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    hour_start: Mapped[datetime] = mapped_column(primary_key=True)
    measured_at: Mapped[datetime]
    mall_id: Mapped[int]
    business_date: Mapped[date]
    value: Mapped[Quantity]
    samples: Mapped[int] = mapped_column(sa.Integer)
    covers_minutes: Mapped[int] = mapped_column(sa.Integer)
    flags: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), server_default="{}")
    is_used: Mapped[bool]
    rules: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    cleaned_at: Mapped[datetime]
