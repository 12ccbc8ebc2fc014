"""Roles of the people who work with the mall."""

from enum import StrEnum


class Role(StrEnum):
    SUPER_ADMIN = "SUPER_ADMIN"
    MANAGEMENT = "MANAGEMENT"
    OPERATION = "OPERATION"
    FINANCE = "FINANCE"
    SHOP = "SHOP"


STAFF_ROLES = frozenset({Role.SUPER_ADMIN, Role.MANAGEMENT, Role.OPERATION, Role.FINANCE})
