"""Devices, their dated installations and their keys."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.orm import relationship

from domain.devices import DeviceKind, DeviceStatus, FeedKind
from storage.models.base import Base, CreatedAt, Id, Mapped, Quantity, mapped_column, one_of
from storage.models.malls import Mall, Shop


class Device(Base):
    """A thing that measures. `modulus` is where a register rolls over; `ratio` (CT/PT) turns
    dial units into billed units; `physical_maximum` is the highest believable hourly value.

    `adapter`, `serial` and `channel` are how it is known to what it sends; `channel` tells apart
    the lines, zones or registers of one housing, and is empty where there is but one.
    `time_zone` (empty: the mall's) places its local times. `direction_map` says what a vendor's
    label means here ({"fw": "footfall_out"}; "" for a label that does not count), `metric_kinds`
    which metrics count in another way than `feed_kind` ({"declared_sales": "INTERVAL"}).
    """

    __tablename__ = "devices"
    __table_args__ = (
        sa.UniqueConstraint("mall_id", "code"),
        sa.CheckConstraint("modulus IS NULL OR modulus > 0", name="modulus_positive"),
        sa.CheckConstraint("ratio > 0", name="ratio_positive"),
        sa.Index(
            "uq_devices_address",
            "mall_id",
            "adapter",
            "serial",
            "channel",
            unique=True,
            postgresql_where=sa.text("serial <> '' AND adapter <> 'atrium'"),
        ),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    code: Mapped[str]
    name: Mapped[str] = mapped_column(server_default="")
    kind: Mapped[DeviceKind] = mapped_column(one_of(DeviceKind))
    feed_kind: Mapped[FeedKind] = mapped_column(one_of(FeedKind))
    adapter: Mapped[str] = mapped_column(server_default="atrium")
    serial: Mapped[str] = mapped_column(server_default="")
    channel: Mapped[str] = mapped_column(server_default="")
    time_zone: Mapped[str] = mapped_column(server_default="")
    direction_map: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    metric_kinds: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    ip_address: Mapped[str] = mapped_column(server_default="")
    mac_address: Mapped[str] = mapped_column(server_default="")
    status: Mapped[DeviceStatus] = mapped_column(
        one_of(DeviceStatus), server_default=DeviceStatus.OFFLINE
    )
    expected_interval_minutes: Mapped[int] = mapped_column(sa.Integer, server_default="60")
    modulus: Mapped[Quantity | None]
    ratio: Mapped[Decimal] = mapped_column(sa.Numeric(12, 6), server_default="1")
    physical_maximum: Mapped[Quantity | None]
    last_seen_at: Mapped[datetime | None]
    maintenance_reason: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[CreatedAt]
    mall: Mapped[Mall] = relationship()
    installations: Mapped[list["DeviceInstallation"]] = relationship(back_populates="device")

    def __str__(self) -> str:
        return self.code


class DeviceInstallation(Base):
    """Where a device hangs, from a date to a date (both included): a shop, or a zone of a
    floor.

    `ratio` is the transformers' ratio of these days; null: the device's. A new ratio, or a new
    meter in the place of the old, is an installation of its own, with the registers between.
    """

    __tablename__ = "device_installations"
    __table_args__ = (
        sa.CheckConstraint("shop_id IS NOT NULL OR zone <> ''", name="place"),
        sa.CheckConstraint("ratio > 0", name="ratio_positive"),
        {"schema": "app"},
    )
    id: Mapped[Id]
    device_id: Mapped[int] = mapped_column(sa.ForeignKey("app.devices.id"), index=True)
    shop_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.shops.id"), index=True)
    zone: Mapped[str] = mapped_column(server_default="")
    floor: Mapped[str] = mapped_column(server_default="")
    installed_date: Mapped[date]
    removed_date: Mapped[date | None]
    initial_register: Mapped[Quantity | None]
    final_register: Mapped[Quantity | None]
    ratio: Mapped[Decimal | None] = mapped_column(sa.Numeric(12, 6))
    device: Mapped[Device] = relationship(back_populates="installations")
    shop: Mapped[Shop | None] = relationship()


class DeviceKey(Base):
    """A key shown once. Kept: the SHA-256 of its secret, and sealed the signing key derived from
    it (services.operations.signing_vault); no signing key: it can only be a bearer.

    A key opens one device, or, with `device_id` null, every device of one mall (a gateway).
    `revoked_at` may lie ahead: then the key is being replaced by the one whose `replaces_id`
    names it. `last_used_at` is exact to a minute.
    """

    __tablename__ = "device_keys"
    __table_args__ = (
        sa.CheckConstraint(
            "NOT requires_signature OR signing_key_sealed IS NOT NULL", name="signable"
        ),
        {"schema": "app"},
    )
    id: Mapped[Id]
    mall_id: Mapped[int] = mapped_column(sa.ForeignKey("app.malls.id"))
    device_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.devices.id"), index=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    secret_sha256: Mapped[bytes] = mapped_column(BYTEA)
    requires_signature: Mapped[bool] = mapped_column(server_default="false")
    signing_key_sealed: Mapped[bytes | None] = mapped_column(BYTEA)
    name: Mapped[str] = mapped_column(server_default="")
    replaces_id: Mapped[int | None] = mapped_column(sa.ForeignKey("app.device_keys.id"), index=True)
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    device: Mapped[Device | None] = relationship()

    def __str__(self) -> str:
        return self.name or self.public_id
