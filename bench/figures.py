"""One measured figure beside its limit and its peer, all from the same run."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Figure:
    """`ours`, `limit` and `peer` share `unit`; limit is the best the machine could do, peer
    what a reader would otherwise use. Either may be None.
    """

    name: str
    unit: str
    ours: float
    limit: float | None = None
    peer: float | None = None

    def as_record(self, at: datetime) -> dict[str, object]:
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": self.ours,
            "limit": self.limit,
            "peer": self.peer,
            "ratio_to_limit": self.ours / self.limit if self.limit else None,
            "ratio_to_peer": self.ours / self.peer if self.peer else None,
            "at": at.isoformat(),
        }
