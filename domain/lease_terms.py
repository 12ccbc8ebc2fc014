"""The terms of a lease as one value: what is drafted, handed in, compared and printed.

Belongs here: the shape of that value, its JSON and its hash. Not here: whether the terms can be
(`domain.term_checks`), how two versions differ (`domain.term_differences`), what they come to
month by month (`domain.rent_schedule`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from domain.charges import CHARGE_ORDER, ChargeType, PricingKind, Proration
from domain.clauses import Clause, parse_clause


@dataclass(frozen=True, slots=True)
class ClauseDraft:
    """A term as drafted. `parameters` hold decimals as strings, shaped as `domain.clauses` says;
    `valid_from` and `valid_to` are both included, no end means the end of the lease.
    """

    charge_type: ChargeType
    pricing_kind: PricingKind
    parameters: dict[str, Any]
    valid_from: date
    valid_to: date | None = None

    def parsed(self, number: int) -> Clause:
        """The clause as it can be priced. Raises ClauseError."""
        return parse_clause(
            clause_id=number,
            charge_type=self.charge_type,
            pricing_kind=self.pricing_kind,
            parameters=self.parameters,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
        )


@dataclass(frozen=True, slots=True)
class LeasedUnit:
    """A unit of a lease; it exists from `opened_date` to `closed_date`, both included."""

    code: str
    floor: str
    area_m2: Decimal
    opened_date: date = date.min
    closed_date: date | None = None


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """Everything that both sides agree on; both days of the lease are included."""

    number: str
    shop_code: str
    shop_name: str
    units: tuple[LeasedUnit, ...]
    start: date
    end: date
    deposit: Decimal
    currency: str
    proration: Proration
    payment_term_days: int
    clauses: tuple[ClauseDraft, ...]

    @property
    def area_m2(self) -> Decimal:
        return sum((unit.area_m2 for unit in self.units), Decimal(0))

    def terms_json(self) -> dict[str, Any]:
        """The terms as JSON; the days on which a unit exists are not agreed on and not kept."""
        return {
            "number": self.number,
            "shop": {"code": self.shop_code, "name": self.shop_name},
            "units": [
                {"code": unit.code, "floor": unit.floor, "area_m2": str(unit.area_m2)}
                for unit in self.units
            ],
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "deposit": str(self.deposit),
            "currency": self.currency,
            "proration": self.proration.value,
            "payment_term_days": self.payment_term_days,
            "clauses": [clause_json(clause) for clause in self.clauses],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "LeaseTerms":
        """The terms that `terms_json` wrote. Raises KeyError or ValueError for anything else."""
        return cls(
            number=stored["number"],
            shop_code=stored["shop"]["code"],
            shop_name=stored["shop"]["name"],
            units=tuple(
                LeasedUnit(unit["code"], unit["floor"], Decimal(unit["area_m2"]))
                for unit in stored["units"]
            ),
            start=date.fromisoformat(stored["start"]),
            end=date.fromisoformat(stored["end"]),
            deposit=Decimal(stored["deposit"]),
            currency=stored["currency"],
            proration=Proration(stored["proration"]),
            payment_term_days=stored["payment_term_days"],
            clauses=tuple(clause_from_json(clause) for clause in stored["clauses"]),
        )

    @property
    def terms_sha256(self) -> str:
        """The hash of the terms' JSON, keys in order, without blanks."""
        text = json.dumps(
            self.terms_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        return hashlib.sha256(text.encode()).hexdigest()


def clause_json(clause: ClauseDraft) -> dict[str, Any]:
    return {
        "charge_type": clause.charge_type.value,
        "pricing_kind": clause.pricing_kind.value,
        "parameters": clause.parameters,
        "valid_from": clause.valid_from.isoformat(),
        "valid_to": clause.valid_to.isoformat() if clause.valid_to else None,
    }


def clause_from_json(stored: Mapping[str, Any]) -> ClauseDraft:
    """The clause that `clause_json` wrote. Raises KeyError or ValueError for anything else."""
    return ClauseDraft(
        ChargeType(stored["charge_type"]),
        PricingKind(stored["pricing_kind"]),
        dict(stored["parameters"]),
        date.fromisoformat(stored["valid_from"]),
        date.fromisoformat(stored["valid_to"]) if stored["valid_to"] else None,
    )


def in_reading_order(clauses: Iterable[ClauseDraft]) -> tuple[ClauseDraft, ...]:
    """By charge, rent first, then by the day from which they apply: as bills and papers list
    them. Clauses that tie stay in the order in which they came.
    """
    return tuple(sorted(clauses, key=reading_order))


class Dated(Protocol):
    """A clause in whatever shape: what is charged, and since when."""

    @property
    def charge_type(self) -> ChargeType: ...

    @property
    def valid_from(self) -> date: ...


def reading_order(clause: Dated) -> tuple[int, date]:
    return CHARGE_ORDER[clause.charge_type], clause.valid_from
