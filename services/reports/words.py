"""Values of a snapshot in the reader's language.

Belongs here: what every format says in the same words. Not here: layout.
"""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal
from zoneinfo import ZoneInfo

from services.language import CURRENCY_SIGNS, money, number, translator
from services.reports.snapshot import Fact, Kind, Remark, Snapshot, Value

DASH = "—"


@dataclass(frozen=True)
class Words:
    """Speaks of one snapshot in one language."""

    snapshot: Snapshot
    locale: str

    def say(self, msgid: str) -> str:
        # gettext answers an empty msgid with the catalogue's header.
        return translator(self.locale, "reports")(msgid) if msgid else ""

    def value(self, value: Value, kind: Kind) -> str:
        """As a person reads it: `¥1,234.50`, `98.7%`, `2026-10-01`, a dash for unknown."""
        if value is None:
            return DASH
        if kind is Kind.WORD:
            return self.say(str(value))
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, str):
            return value
        if kind is Kind.MONEY:
            return money(Decimal(value), self.snapshot.scope.currency)
        if kind is Kind.SHARE:
            return percent(Decimal(value))
        return number(value, 2) if kind is Kind.DECIMAL else f"{value:,}"

    @property
    def title(self) -> str:
        return self.say(self.snapshot.report.title)

    @property
    def period(self) -> str:
        scope = self.snapshot.scope
        return f"{scope.start.isoformat()} – {scope.end.isoformat()}"

    @property
    def as_of(self) -> str:
        """`2026-11-01 00:30 (Asia/Shanghai)`."""
        scope = self.snapshot.scope
        local = scope.as_of.astimezone(ZoneInfo(scope.time_zone))
        return f"{local:%Y-%m-%d %H:%M} ({scope.time_zone})"

    @property
    def completeness(self) -> str:
        # Rounded down: what is not whole never reads 100 %.
        share = self.snapshot.contents.completeness.quantize(Decimal("0.0001"), ROUND_DOWN)
        return f"{number(share * 100, 2)}%"

    @property
    def statements(self) -> tuple[tuple[str, str], ...]:
        """What every format states alike beside the control total: label and value."""
        snapshot = self.snapshot
        _ = self.say
        return (
            (_("Mall"), f"{snapshot.scope.mall_code} {snapshot.scope.mall_name}"),
            (_("Period"), self.period),
            (_("As of"), self.as_of),
            (_("Filters"), _("All shops")),
            (_("Completeness"), self.completeness),
            (_("Rows"), str(snapshot.row_count)),
        )

    @property
    def control(self) -> str:
        """Title of the column that the control total is of."""
        return self.say(self.snapshot.report.columns[self.snapshot.report.control].title)

    def fact(self, fact: Fact) -> tuple[str, str, str]:
        """Label, value and note."""
        note = self.say(fact.note).format(**dict(fact.operands))
        return self.say(fact.label), self.value(fact.value, fact.kind), note

    def remark(self, remark: Remark) -> str:
        names = ("、" if self.locale == "zh_CN" else ", ").join(remark.names)
        return self.say(remark.text).format(names=names, count=len(remark.names))

    @property
    def footer(self) -> str:
        _ = self.say
        pattern = _(
            "As of {as_of} · completeness {completeness} · {rows} rows · control total {total}"
        )
        return pattern.format(
            as_of=self.as_of,
            completeness=self.completeness,
            rows=self.snapshot.row_count,
            total=money(self.snapshot.control_total, self.snapshot.scope.currency),
        )

    @property
    def currency_sign(self) -> str:
        currency = self.snapshot.scope.currency
        return CURRENCY_SIGNS.get(currency, f"{currency} ")


def percent(share: Decimal) -> str:
    """`0.98765` → `98.8%`."""
    return f"{number((share * 100).quantize(Decimal('0.1')), 1)}%"
