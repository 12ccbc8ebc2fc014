"""Rules about one batch, judged by Great Expectations, and the verdict.

Belongs here: the form of a rule and of a verdict, and how the library is called. Not here: the
rules of a feed (its own module).

Two kinds of rule hold for every feed: what the parser promises (a device, a known metric, an
interval of the feed's length) must hold for each row; what only the world decides (plausible
values, few refused rows) must hold for most. A batch that breaks either is a change of format
or of the adapter, not dirt, and no row of it is loaded.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import pandas as pd

from domain.devices import Feed, Quality

COLUMNS = (
    "row_number",
    "device_id",
    "device_code",
    "metric",
    "interval_start",
    "interval_end",
    "value",
    "quality",
)
# Below this many rows, refused ones are dirt: quarantine answers them one by one.
SMALL_BATCH = 20
REFUSED_LIMIT = 0.5
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation. `kind` is the library's class name; `arguments` are its own."""

    kind: str
    arguments: Mapping[str, Any]
    english: str
    chinese: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found. `unexpected` counts rows that break it; `examples` are some of them."""

    english: str
    chinese: str
    kind: str
    is_met: bool
    checked: int
    unexpected: int
    needed_share: float
    missing: int = 0
    examples: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one batch: valid when every rule is met."""

    feed: Feed
    rows: int
    refused: int
    seconds: float
    findings: tuple[Finding, ...] = field(default=())

    @property
    def is_valid(self) -> bool:
        return all(finding.is_met for finding in self.findings)

    @property
    def broken(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if not finding.is_met)


def door_rules(metrics: Sequence[str]) -> tuple[Rule, ...]:
    """The rules every feed shares; `metrics` are those the feed may carry."""
    return (
        Rule(
            "ExpectTableColumnsToMatchSet",
            {"column_set": list(COLUMNS), "exact_match": False},
            "The batch has all columns of a reading",
            "批次包含读数的全部列",
        ),
        Rule(
            "ExpectColumnValuesToNotBeNull",
            {"column": "device_id"},
            "Every row names a registered device",
            "每一行都对应已登记的设备",
        ),
        Rule(
            "ExpectColumnValuesToNotBeNull",
            {"column": "value"},
            "Every row has a number",
            "每一行都有数值",
        ),
        Rule(
            "ExpectColumnValuesToNotBeNull",
            {"column": "interval_start"},
            "Every row has a time",
            "每一行都有时间",
        ),
        Rule(
            "ExpectColumnValuesToBeInSet",
            {"column": "metric", "value_set": list(metrics)},
            "Every metric belongs to the feed",
            "每个指标都属于该数据源",
        ),
        Rule(
            "ExpectColumnValuesToBeInSet",
            {"column": "quality", "value_set": [quality.value for quality in Quality]},
            "Every quality is known",
            "每个质量标记都是已知的",
        ),
    )


def outcome_finding(accepted: int, refused: int) -> Finding:
    """Whether most of what came could be used: a share of two numbers that are known already."""
    share = 1 - REFUSED_LIMIT
    return Finding(
        english="At most half of the rows were refused",
        chinese="被拒绝的行不超过一半",
        kind="ShareOfAcceptedRows",
        is_met=accepted >= share * (accepted + refused),
        checked=accepted + refused,
        unexpected=refused,
        needed_share=share,
        examples=("refused",) if refused else (),
    )


def load_library() -> Any:
    """Great Expectations, imported now, without its telemetry. Takes some seconds once."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    return great_expectations


def merge(found: Sequence[Finding]) -> Finding:
    """What one rule found in several pieces of a batch, as though it had seen them as one.

    A rule about rows that fails in no piece holds; one that must hold for most is counted anew.
    """
    checked = sum(each.checked for each in found)
    unexpected = sum(each.unexpected for each in found)
    missing = sum(each.missing for each in found)
    problem = next((each.problem for each in found if each.problem), "")
    is_met = all(each.is_met for each in found)
    if found[0].needed_share < 1 and not problem:
        is_met = unexpected <= (1 - found[0].needed_share) * (checked - missing) + 1e-9
    return replace(
        found[0],
        is_met=is_met,
        checked=checked,
        unexpected=unexpected,
        missing=missing,
        examples=tuple(chain.from_iterable(each.examples for each in found))[:EXAMPLES],
        problem=problem,
    )


def find(table: pd.DataFrame, rules: Sequence[Rule]) -> list[Finding]:
    """What each rule finds in a table, in the order of the rules."""
    gx = load_library()
    from great_expectations import expectations as kinds
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    batch = (
        context.data_sources.add_pandas("door")
        .add_dataframe_asset("batch")
        .add_batch_definition_whole_dataframe("whole")
        .get_batch({"dataframe": table})
    )
    suite = gx.ExpectationSuite(
        name="door",
        # The library may answer in another order: the position tells which rule it was.
        expectations=[
            getattr(kinds, rule.kind)(**rule.arguments, meta={"position": position})
            for position, rule in enumerate(rules)
        ],
    )
    answer = batch.validate(
        suite, result_format={"result_format": "BASIC", "partial_unexpected_count": EXAMPLES}
    )
    by_position = {result.expectation_config.meta["position"]: result for result in answer.results}
    return [_finding(rule, by_position[i], len(table)) for i, rule in enumerate(rules)]


def _finding(rule: Rule, result: Any, checked: int) -> Finding:
    detail = result.result or {}
    problems = [
        text["exception_message"]
        for text in (result.exception_info or {}).values()
        if isinstance(text, dict) and text.get("raised_exception")
    ]
    return Finding(
        english=rule.english,
        chinese=rule.chinese,
        kind=rule.kind,
        is_met=bool(result.success),
        checked=int(detail.get("element_count") or checked),
        unexpected=int(detail.get("unexpected_count") or 0),
        needed_share=float(rule.arguments.get("mostly", 1)),
        missing=int(detail.get("missing_count") or 0),
        examples=tuple(str(value) for value in detail.get("partial_unexpected_list") or ()),
        problem=problems[0] if problems else "",
    )
