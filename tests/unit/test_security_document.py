"""docs/security.md names every secret, every permission with its roles, and proofs that exist."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from domain.people import Role
from domain.permissions import DEVICE_PERMISSIONS, ROLE_PERMISSIONS, Permission
from storage.logins import Login
from storage.settings import REPOSITORY

TEXT = (REPOSITORY / "docs" / "security.md").read_text()
PACKAGES = ("storage", "services", "webapp", "cli", "pipelines", "sample_mall")


def modules() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
            yield name, ast.parse(path.read_text())


def names_of(module: str, node: ast.expr) -> Iterator[str]:
    """What an expression that names a secret can be."""
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.Name):
        value = getattr(importlib.import_module(module), node.id, None)
        if isinstance(value, str):
            yield value
    elif isinstance(node, ast.JoinedStr):
        # One name for each login, where the variable part is no constant of the module.
        for login in Login:
            yield "".join(
                str(part.value)
                if isinstance(part, ast.Constant)
                else next(names_of(module, part.value), str(login))  # type: ignore[attr-defined]
                for part in node.values
            )


def secrets() -> set[str]:
    """Every name handed to `settings.secret()` or put below `settings.secrets_dir`."""
    found: set[str] = set()
    for module, tree in modules():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "secret"
                and node.args
            ):
                found.update(names_of(module, node.args[0]))
            if (
                isinstance(node, ast.BinOp)
                and isinstance(node.op, ast.Div)
                and isinstance(node.left, ast.Attribute)
                and node.left.attr == "secrets_dir"
            ):
                found.update(names_of(module, node.right))
    return found


def test_every_secret_is_named_with_its_replacement() -> None:
    known = secrets()
    assert {"web_secret_key", "postgres-staff-password", "backup-age-identity"} <= known
    for name in known:
        assert f"`{name}`" in TEXT or f"$S/{name}" in TEXT, name


def test_no_secret_is_named_that_is_none() -> None:
    section = TEXT.partition("## Secrets")[2]
    told = set(re.findall(r"^\| `([\w.-]+)` \|", section, re.MULTILINE))
    assert told - secrets() == set()


def test_every_permission_is_told_with_who_has_it() -> None:
    told = dict(re.findall(r"^\| `(\w+:\w+:\w+)` \| (.*?) \|$", TEXT, re.MULTILINE))
    assert told == {
        permission.value: ", ".join(
            [role.value for role in Role if permission in ROLE_PERMISSIONS[role]]
            + (["devices"] if permission in DEVICE_PERMISSIONS else [])
        )
        for permission in Permission
    }


def test_every_proof_exists() -> None:
    named = re.findall(r"`((?:tests|storage|domain|services|webapp)/[\w/.]+)`", TEXT)
    assert len(named) > 20
    assert [path for path in named if not (REPOSITORY / path).exists()] == []
    for name in re.findall(r"ATRIUM_[A-Z_]*[A-Z]", TEXT):
        settings = (REPOSITORY / "docs" / "settings.md").read_text()
        assert name in settings or name.endswith("_DATABASE_URL"), name
    assert Path(REPOSITORY / "docs" / "backup.md").exists()
