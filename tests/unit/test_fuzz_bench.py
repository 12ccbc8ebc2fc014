"""The fuzzer runs on every adapter for a few seconds, and says what it finds."""

from pathlib import Path

import pytest

from bench.fuzz import ADAPTERS, fuzz, is_possible
from domain.devices import Adapter

SECONDS = 2

pytestmark = pytest.mark.skipif(
    not is_possible(), reason="atheris has wheels for Linux on x86-64 alone"
)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_fuzzer_finds_nothing_in_a_few_seconds(adapter: Adapter, tmp_path: Path) -> None:
    result = fuzz(adapter, SECONDS, findings=tmp_path)
    assert not result.finding, result.report[-4000:]
    assert result.executions > 0
    assert result.peak_mb > 0


def test_flood_of_memory_is_a_finding(tmp_path: Path) -> None:
    result = fuzz(Adapter.MILESIGHT, SECONDS, findings=tmp_path, memory_mb=1)
    assert "out-of-memory" in result.finding


def test_exception_of_any_other_kind_is_a_finding(tmp_path: Path) -> None:
    """ATRIUM has no decoder: its child fails as soon as it looks for one."""
    result = fuzz(Adapter.ATRIUM, SECONDS, findings=tmp_path)
    assert "the child ended" in result.finding
    assert "No module named" in result.report
