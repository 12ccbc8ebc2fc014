"""The table of permissions says what the roles are for, and nothing stands in it unasked."""

import re
from pathlib import Path

import pytest

from domain.people import STAFF_ROLES, Role, effective_role
from domain.permissions import (
    DEVICE_PERMISSIONS,
    MAKER_AND_CHECKER,
    ROLE_PERMISSIONS,
    Permission,
)

ROOT = Path(__file__).resolve().parents[2]
DOORS = ("webapp", "services")


@pytest.mark.parametrize("permission", Permission)
def test_permission_reads_scope_resource_action(permission: Permission) -> None:
    assert re.fullmatch(r"(installation|mall|own):[a-z_]+:[a-z]+", permission.value)
    assert permission.scope in ("installation", "mall", "own")


def test_every_role_has_a_row() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)


def test_every_permission_belongs_to_somebody() -> None:
    given = frozenset().union(*ROLE_PERMISSIONS.values()) | DEVICE_PERMISSIONS
    assert given == set(Permission)


def test_every_permission_is_asked_for_somewhere() -> None:
    source = "\n".join(
        path.read_text() for door in DOORS for path in sorted((ROOT / door).rglob("*.py"))
    )
    asked = set(re.findall(r"\bPermission\.([A-Z_]+)\b", source))
    unasked = {permission.name for permission in Permission} - asked
    assert not unasked, "no route and no use-case asks for these; take them out of the table"


@pytest.mark.parametrize(("maker", "checker"), MAKER_AND_CHECKER)
def test_maker_is_never_checker(maker: Permission, checker: Permission) -> None:
    assert maker is not checker
    for role, granted in ROLE_PERMISSIONS.items():
        assert not {maker, checker} <= granted, role


def test_operation_drafts_what_management_approves() -> None:
    drafts = {role for role, has in ROLE_PERMISSIONS.items() if Permission.CONTRACTS_DRAFT in has}
    approves = {
        role for role, has in ROLE_PERMISSIONS.items() if Permission.CONTRACTS_APPROVE in has
    }
    assert (drafts, approves) == ({Role.OPERATION}, {Role.MANAGEMENT})


def test_only_the_administrator_reaches_people_and_backups() -> None:
    for permission in Permission:
        _scope, resource, _action = permission.value.split(":")
        if resource in ("users", "backups"):
            having = {role for role, has in ROLE_PERMISSIONS.items() if permission in has}
            assert having == {Role.SUPER_ADMIN}, permission


def test_shop_reaches_its_own_and_nothing_of_the_mall() -> None:
    assert {one.scope for one in ROLE_PERMISSIONS[Role.SHOP]} == {"own"}


def test_staff_has_nothing_of_a_shop_but_an_account_and_an_inbox() -> None:
    for role in STAFF_ROLES:
        own = {one for one in ROLE_PERMISSIONS[role] if one.scope == "own"}
        assert own == {Permission.OWN_ACCOUNT_MANAGE, Permission.OWN_INBOX_READ}, role


def test_management_changes_no_record() -> None:
    edits = {"edit", "manage", "import", "add", "draft"}
    actions = {
        one.value.split(":")[2] for one in ROLE_PERMISSIONS[Role.MANAGEMENT] if one.scope != "own"
    }
    assert not actions & edits


def test_device_only_appends_readings() -> None:
    assert {Permission.OWN_READINGS_APPEND} == DEVICE_PERMISSIONS
    for granted in ROLE_PERMISSIONS.values():
        assert not granted & DEVICE_PERMISSIONS


@pytest.mark.parametrize(
    ("names", "role"),
    [
        (["FINANCE", "MANAGEMENT"], Role.MANAGEMENT),
        (["SHOP", "OPERATION", "FINANCE"], Role.FINANCE),
        (["SHOP", "SUPER_ADMIN"], Role.SUPER_ADMIN),
        (["SHOP"], Role.SHOP),
        (["JANITOR"], None),
        ([], None),
    ],
)
def test_account_acts_in_its_strongest_role(names: list[str], role: Role | None) -> None:
    assert effective_role(names) is role
