"""`python -m pipelines.month` as its caller sees it: lines of JSON and an exit code."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from storage.dagster_database import prepare_dagster_database
from storage.settings import REPOSITORY, Settings


@pytest.fixture
def prepared(settings: Settings, database_url: str) -> Settings:
    """Settings of a database with the orchestrator's beside it."""
    prepare_dagster_database(settings, database_url)
    return settings


def month(settings: Settings, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    environment = {
        **os.environ,
        "ATRIUM_STATE_DIR": str(settings.state_dir),
        "ATRIUM_DATABASE_URL": settings.database_url,
    }
    environment.pop("DAGSTER_HOME", None)
    result = subprocess.run(
        [sys.executable, "-m", "pipelines.month", *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )
    return (
        result.returncode,
        [json.loads(line) for line in result.stdout.splitlines()],
        result.stderr,
    )


def test_month_of_an_unknown_mall_fails_by_name(prepared: Settings) -> None:
    code, events, _ = month(prepared, "--month", "2026-03", "--mall", "NOPE")

    assert code == 1
    assert events == [
        {"event": "failed", "stage": "Start", "message": "no mall has the code 'NOPE'"}
    ]


def test_caller_that_goes_away_ends_the_month(prepared: Settings) -> None:
    """Standard input that ends is the caller's end: the month does not run on its own."""
    code, events, _ = month(prepared, "--month", "2026-03", "--mall", "NOPE", "--stepwise")

    assert code == 130
    assert events == [{"event": "failed", "stage": "Start", "message": "interrupted"}]


def test_database_that_cannot_be_reached_is_said(settings: Settings) -> None:
    gone = settings.model_copy(update={"database_url": "postgresql://a:b@127.0.0.1:1/none"})

    code, events, _ = month(gone, "--month", "2026-03", "--mall", "M1")

    assert code == 1
    assert events[0]["event"] == "failed"
    assert "127.0.0.1" in events[0]["message"]


def test_month_that_is_none_is_refused_with_the_form_wanted(settings: Settings) -> None:
    code, events, words = month(settings, "--month", "2026-13", "--mall", "M1")

    assert (code, events) == (2, [])
    assert "'2026-13' is no month; write 2026-03" in words
