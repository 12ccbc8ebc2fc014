"""The benchmarks stand ready under their names, and their ratios are of one run."""

from datetime import UTC, datetime

from bench.__main__ import MEASURES, main
from bench.figures import Figure


def test_every_promised_figure_can_be_measured() -> None:
    assert set(MEASURES) >= {
        "audit_verify",
        "backup_full_mb_s",
        "bill_run_contracts",
        "contract_pages_p95_ms",
        "file_5m_rows",
        "file_memory_mb",
        "ingest_batch_1",
        "ingest_batch_1000",
        "ingest_threads_lost",
        "restore_mb_s",
        "sample_month_seconds",
        "set_up_seconds",
        "small_files_1000",
    }


def test_ratios_are_ours_to_limit_and_to_peer() -> None:
    record = Figure("x", "1/s", 30.0, limit=60.0, peer=10.0).as_record(datetime.now(UTC))
    assert (record["ratio_to_limit"], record["ratio_to_peer"]) == (0.5, 3.0)


def test_figure_without_a_limit_has_no_ratio() -> None:
    record = Figure("x", "1/s", 30.0).as_record(datetime.now(UTC))
    assert (record["ratio_to_limit"], record["ratio_to_peer"]) == (None, None)


def test_unknown_benchmark_is_refused() -> None:
    assert main(["no_such_figure"]) == 2
