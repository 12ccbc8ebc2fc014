"""A QR code drawn as one filled path."""

from functools import lru_cache
from typing import Any

from reportlab.graphics.barcode.qrencoder import QRCode, QRErrorCorrectLevel

from services.documents.paper import INK, Paper

QUIET_MODULES = 2


def draw_qr_code(paper: Paper, content: str, *, x: float, y: float, size: float) -> None:
    """Draw `content` as a square of `size` points with its lower left corner at x, y."""
    modules, rectangles = _modules(content)
    canvas = paper.canvas
    canvas.saveState()
    canvas.translate(x, y)
    canvas.scale(size / modules, size / modules)
    canvas.setFillColor(INK)
    # Whole numbers written as they are: as a path object each would be formatted as a float,
    # which took a third of a bill's time.
    canvas._code.append(rectangles)
    canvas.restoreState()


@lru_cache(maxsize=512)
def _modules(content: str) -> tuple[int, str]:
    """Modules along one side with the quiet zone, and the dark ones as PDF rectangles.

    One rectangle per run of dark modules: no hairlines between them when printed.
    """
    code: Any = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(content)
    code.version = code.calculate_version()
    # Every mask is valid; trying all eight for the prettiest costs eight times as much.
    code.makeImpl(False, 2)
    count = len(code.modules)
    parts = []
    for row, line in enumerate(code.modules):
        start = None
        for column, is_dark in enumerate((*line, False)):
            if is_dark and start is None:
                start = column
            elif not is_dark and start is not None:
                bottom = count - row - 1 + QUIET_MODULES
                parts.append(f"{start + QUIET_MODULES} {bottom} {column - start} 1 re")
                start = None
    return count + 2 * QUIET_MODULES, " ".join((*parts, "f"))
