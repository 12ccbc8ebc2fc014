"""`make` on a broken checkout says what is wrong, and a mended one goes on."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from storage.settings import REPOSITORY

# The interpreter that .venv was made with: it has the pip that .venv goes without.
BASE_PYTHON = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
COPIED = (
    "Makefile",
    "README.md",
    "pyproject.toml",
    "requirements.installer.lock",
    "requirements.lock",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in COPIED:
        shutil.copy(REPOSITORY / name, tmp_path / name)
    return tmp_path


def make(checkout: Path, verb: str, *variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", verb, f"PYTHON={BASE_PYTHON}", *variables],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_make_alone_prints_the_verbs() -> None:
    printed = subprocess.run(
        ["make"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    for verb in ("run", "serve", "test", "lint", "bench", "clean"):
        assert f"\n{verb} " in f"\n{printed}"


def test_corrupt_lock_is_named_and_leaves_no_finished_set_up(checkout: Path) -> None:
    lock = checkout / "requirements.lock"
    lock.write_text(lock.read_text()[:4000] + "\n<<<<<<< broken\n")
    result = make(checkout, "set-up")
    assert result.returncode != 0
    assert "requirements.lock" in result.stderr
    assert not (checkout / ".venv" / "installed").exists()


def test_package_that_is_not_the_locked_one_is_refused(checkout: Path) -> None:
    lock = checkout / "requirements.installer.lock"
    lines = lock.read_text().splitlines()
    lock.write_text(
        "\n".join(
            line.replace(line.split("sha256:")[1][:8], "00000000") if "sha256:" in line else line
            for line in lines
        )
    )
    result = make(checkout, "set-up")
    assert result.returncode != 0
    assert "hash" in result.stderr.lower()
    assert not (checkout / ".venv" / "installed").exists()


def test_old_python_is_told_which_versions_serve(checkout: Path) -> None:
    old = checkout / "python-old"
    old.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 9); '
        'exec(sys.argv[1])" "$2"\n'
    )
    old.chmod(0o755)
    result = make(checkout, "set-up", f"PYTHON={old}")
    assert result.returncode != 0
    assert "Atrium needs Python 3.11, 3.12 or 3.13" in result.stderr
