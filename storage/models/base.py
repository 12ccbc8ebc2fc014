"""Base class, column types and the naming convention shared by every model."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map = {
        datetime: sa.DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        str: sa.Text(),
        int: sa.BigInteger(),
    }


Id = Annotated[int, mapped_column(sa.BigInteger(), sa.Identity(), primary_key=True)]
Money = Annotated[Decimal, mapped_column(sa.Numeric(14, 2))]
Rate = Annotated[Decimal, mapped_column(sa.Numeric(9, 6))]
Area = Annotated[Decimal, mapped_column(sa.Numeric(10, 2))]
Quantity = Annotated[Decimal, mapped_column(sa.Numeric(18, 6))]
CreatedAt = Annotated[
    datetime, mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
]


def one_of(kind: type[StrEnum], *, name: str | None = None, is_checked: bool = True) -> sa.Enum:
    """A text column checked against the values of an enum of the domain; by Python alone where
    the enum grows with what we learn to read (`is_checked` false).

    `name` tells apart two such columns of one table.
    """
    return sa.Enum(
        kind,
        native_enum=False,
        create_constraint=is_checked,
        length=40,
        name=name or kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


__all__ = [
    "Area",
    "Base",
    "CreatedAt",
    "Id",
    "Mapped",
    "Money",
    "Quantity",
    "Rate",
    "mapped_column",
    "one_of",
]
