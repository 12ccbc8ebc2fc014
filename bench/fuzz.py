"""`python -m bench.fuzz [seconds] [adapter …]`: coverage-guided fuzzing of every adapter.

Each adapter is fuzzed in a child process of its own for so many seconds (60 unless told), from
the samples of tests/adapter_samples.py, with a limit of memory and of time for one input. An
exception other than Unreadable, a broken account (tests/adapter_checks), a hang and a flood are
findings: they are printed, the input is kept in var/fuzz, and the exit code is 1.
"""

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

from domain.devices import Adapter

ROOT = Path(__file__).resolve().parent.parent
FINDINGS = ROOT / "var" / "fuzz"
SECONDS = 60
MEMORY_MB = 700
INPUT_SECONDS = 5
LONGEST_INPUT = 16_384
# Beyond the fuzzing itself a child starts, imports and reads its seeds.
START_SECONDS = 120
ADAPTERS = tuple(adapter for adapter in Adapter if adapter is not Adapter.ATRIUM)
_EXECUTIONS = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)
_PEAK = re.compile(r"^stat::peak_rss_mb:\s*(\d+)", re.MULTILINE)
_FINDING = re.compile(
    r"^(?: === Uncaught Python exception: ===\n.*|.*ERROR: libFuzzer: .*)$", re.MULTILINE
)


@dataclass(frozen=True)
class Fuzzed:
    """`finding` is empty where there was none; `report` is all that the child said."""

    adapter: Adapter
    executions: int
    peak_mb: int
    finding: str
    report: str


def is_possible() -> bool:
    """Whether atheris is installed: it has wheels for Linux on x86-64 alone."""
    return find_spec("atheris") is not None


def fuzz(
    adapter: Adapter, seconds: int, *, findings: Path = FINDINGS, memory_mb: int = MEMORY_MB
) -> Fuzzed:
    """Fuzzes one adapter in a child process."""
    findings.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        command = [sys.executable, "-m", "bench.fuzz", "--child", adapter.value, corpus]
        child = subprocess.run(
            # By a shell between: what the kernel calls a process' peak memory begins with that of
            # the one that started it, and a test run is larger than the limit.
            [
                "sh",
                "-c",
                '"$@"; exit $?',
                "fuzz",
                *command,
                str(seconds),
                str(memory_mb),
                str(findings),
            ],
            cwd=ROOT,
            capture_output=True,
            timeout=seconds + START_SECONDS,
            check=False,
        )
    report = (child.stdout + child.stderr).decode("utf-8", "replace")
    finding = ""
    if child.returncode != 0:
        found = _FINDING.search(report)
        finding = found[0].strip() if found else f"the child ended with {child.returncode}"
    return Fuzzed(adapter, _figure(_EXECUTIONS, report), _figure(_PEAK, report), finding, report)


def _figure(pattern: re.Pattern[str], report: str) -> int:
    found = pattern.search(report)
    return int(found[1]) if found else 0


def _child(name: str, corpus: str, seconds: str, memory_mb: str, findings: str) -> None:
    """Fuzzes until the time is up; does not return."""
    import atheris

    adapter = Adapter(name)
    sys.path.insert(0, str(ROOT / "tests"))
    with atheris.instrument_imports(include=["services.adapters"]):
        from adapter_checks import check_any_bytes
        from adapter_samples import SAMPLES

        from services.adapters.makes import decoder_of

        decoder_of(adapter)
    for place, sample in enumerate(SAMPLES.get(adapter, {}).values()):
        (Path(corpus) / f"sample-{place}").write_bytes(sample)

    def one(data: bytes) -> None:
        check_any_bytes(adapter, data)

    atheris.Setup(
        [
            sys.argv[0],
            corpus,
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST_INPUT}",
            f"-rss_limit_mb={memory_mb}",
            f"-timeout={INPUT_SECONDS}",
            f"-artifact_prefix={findings}/{name}-",
            "-print_final_stats=1",
        ],
        one,
    )
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--child"]:
        _child(*arguments[1:])
    if not is_possible():
        print("atheris is not installed: it has wheels for Linux on x86-64 alone")
        return 2
    seconds = int(arguments[0]) if arguments else SECONDS
    chosen = [Adapter(name) for name in arguments[1:]] or ADAPTERS
    console = Console()
    table = Table("adapter", "executions", "a second", "peak MB", "finding")
    results = []
    for adapter in chosen:
        console.print(f"fuzzing {adapter} for {seconds} s …", style="dim")
        result = fuzz(adapter, seconds)
        results.append(result)
        table.add_row(
            adapter,
            f"{result.executions:,}",
            f"{result.executions / seconds:,.0f}",
            str(result.peak_mb),
            result.finding or "none",
        )
    console.print(table)
    for result in results:
        if result.finding:
            console.print(result.report[-4000:], markup=False)
    return 1 if any(result.finding for result in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
