"""How to sign a call, for the description's page: vectors to check against and programs to copy.

Belongs here: what the page shows. The tests run the programs against a real server and compute
the vectors anew.
"""

from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).parent / "examples"
KEY = "0123456789abcdef_Zm9yIHRoZSBkb2N1bWVudGF0aW9uIG9ubHksIG5vIGtleQ"
SIGNING_KEY = "09283d702aed64aa81b0e06c9fee8abf5b310966eac362a2603e1be9fd52f354"


@dataclass(frozen=True, slots=True)
class Vector:
    """A POST and its signature under SIGNING_KEY."""

    target: str
    timestamp: int
    sequence: int
    body: str
    body_sha256: str
    signature: str

    @property
    def text(self) -> str:
        return "\n".join(
            (
                "ATRIUM-HMAC-SHA256",
                "POST",
                self.target,
                str(self.timestamp),
                str(self.sequence),
                self.body_sha256,
            )
        )


VECTORS = (
    Vector(
        "/api/v1/readings",
        1768575600,
        1,
        '{"device_id": "POS001", "data_type": "sales", "value": 1500.00, '
        '"timestamp": "2026-01-16T14:30:00Z"}',
        "4f2cb7692e9b110aa0f601b74787ac723fcc492a42549a84a01aa8330ba5e7c3",
        "3a3cc89102ddfb00466dd8045f61385f05c5a3a77373f39e50ddc419b318f8f9",
    ),
    Vector(
        "/api/v1/readings?mall=M01",
        1768575600,
        9223372036854775807,
        "",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "1ea7f9b000bf99360f7b5bf9a0a07fbfbd9f92cff69ac107ec5aa9807e1f8645",
    ),
)


def programs() -> list[tuple[str, str]]:
    """(name, text) of each example."""
    return [(path.name, path.read_text()) for path in sorted(EXAMPLES.glob("sign_call.*"))]
