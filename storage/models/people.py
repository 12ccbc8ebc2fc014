"""Users and their roles, malls and shops. Carries what Flask-Security needs, nothing of Flask."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import relationship

from storage.models.base import Base, CreatedAt, Id, Mapped, mapped_column
from storage.models.malls import Mall, Shop

user_roles = sa.Table(
    "user_roles",
    Base.metadata,
    sa.Column("user_id", sa.ForeignKey("app.users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("role_id", sa.ForeignKey("app.roles.id"), primary_key=True),
    schema="app",
)
user_malls = sa.Table(
    "user_malls",
    Base.metadata,
    sa.Column("user_id", sa.ForeignKey("app.users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("mall_id", sa.ForeignKey("app.malls.id"), primary_key=True),
    schema="app",
)
user_shops = sa.Table(
    "user_shops",
    Base.metadata,
    sa.Column("user_id", sa.ForeignKey("app.users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("shop_id", sa.ForeignKey("app.shops.id"), primary_key=True),
    schema="app",
)


class Role(Base):
    __tablename__ = "roles"
    __table_args__ = ({"schema": "app"},)
    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str] = mapped_column(server_default="")

    def __str__(self) -> str:
        return self.name


class User(Base):
    __tablename__ = "users"
    __table_args__ = ({"schema": "app"},)
    id: Mapped[Id]
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(server_default="")
    phone: Mapped[str] = mapped_column(server_default="")  # for text messages
    password: Mapped[str | None]
    active: Mapped[bool] = mapped_column(server_default=sa.true())
    fs_uniquifier: Mapped[str] = mapped_column(unique=True)
    locale: Mapped[str] = mapped_column(server_default="")
    current_login_at: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]
    current_login_ip: Mapped[str | None]
    last_login_ip: Mapped[str | None]
    login_count: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    # Lockouts since the last whole sign-in: each is longer than the one before.
    locked_until: Mapped[datetime | None]
    lockouts: Mapped[int] = mapped_column(sa.Integer, server_default="0")
    create_datetime: Mapped[CreatedAt]
    roles: Mapped[list[Role]] = relationship(secondary=user_roles, lazy="selectin")
    malls: Mapped[list[Mall]] = relationship(secondary=user_malls)
    shops: Mapped[list[Shop]] = relationship(secondary=user_shops)

    def __str__(self) -> str:
        return self.email
