"""Where on a paper a signature is seen. It knows nothing of signing, so that papers can be drawn
without it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class SignatureBox:
    """The page, counted from 0, and the corners in points from its lower left."""

    page: int
    left: float
    bottom: float
    right: float
    top: float

    @property
    def corners(self) -> tuple[int, int, int, int]:
        return round(self.left), round(self.bottom), round(self.right), round(self.top)
