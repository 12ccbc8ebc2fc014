"""The typeface of papers and charts: Noto Sans SC in two weights, cut once and kept.

Belongs here: where the font files are, making them when they are missing, and registering them
with reportlab once per process. How a weight is cut stands in `font_cutting`.

Measured on two cores: both weights of the COMMON characters take 7 s, of all 30,890 characters
20 s. So a state folder begins with COMMON, and is recut once, for good, when a text holds a
character beyond it.
"""

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from services.documents.font_cutting import STYLES, CharacterSet, common_characters, cut

REGULAR = "NotoSansSC-Regular"
BOLD = "NotoSansSC-Bold"

# Part of the folder's name: raise it when the cut itself changes.
CUT_VERSION = 1


class FontError(Exception):
    """The font could not be cut; the message says what fontTools said."""


@dataclass(frozen=True)
class FontFiles:
    """Paths of the two weights; `directory` holds them alone, for whoever reads folders."""

    regular: Path
    bold: Path
    characters: CharacterSet

    @property
    def directory(self) -> Path:
        return self.regular.parent


def prepare_fonts(state_dir: Path, *, text: str = "") -> FontFiles:
    """The font files in `<state_dir>/fonts` that can write `text`, cut now when missing.

    Safe with several processes at once: one cuts, the others wait for it. Raises FontError.
    """
    full = _files(state_dir, CharacterSet.FULL)
    if _is_there(full):
        return full
    common = _files(state_dir, CharacterSet.COMMON)
    wanted = common if _is_common(text) else full
    if _is_there(wanted):
        return wanted
    wanted.directory.mkdir(parents=True, exist_ok=True)
    with _locked(wanted.directory.with_suffix(".lock")):
        if not _is_there(wanted):
            _cut_both(wanted)
    return wanted


def register_fonts(fonts: FontFiles) -> None:
    """Make the names REGULAR and BOLD known to reportlab; does nothing the second time.

    A face is parsed once per process and file: registering per page costs a factor of thirty.
    """
    _register(fonts.regular, fonts.bold)


def font_directory(state_dir: Path, *, text: str = "") -> Path:
    """The folder with fonts that can write `text`, made when missing, for the chart renderer."""
    return prepare_fonts(state_dir, text=text).directory


def _files(state_dir: Path, characters: CharacterSet) -> FontFiles:
    directory = state_dir / "fonts" / f"{characters}-{CUT_VERSION}"
    return FontFiles(directory / f"{REGULAR}.ttf", directory / f"{BOLD}.ttf", characters)


def _is_there(fonts: FontFiles) -> bool:
    return fonts.regular.exists() and fonts.bold.exists()


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    return frozenset(map(chr, common_characters())) | {"\n", "\t"}


def _is_common(text: str) -> bool:
    return _common().issuperset(text)


def _cut_both(fonts: FontFiles) -> None:
    """Cut both weights at the same time: one in a child process, one here."""
    source = Path(str(files("justmytype_intl_cjk"))) / "fonts/ofl/notosanssc/NotoSansSC[wght].ttf"
    regular, bold = sorted(STYLES)
    command = [sys.executable, "-m", "services.documents.font_cutting"]
    arguments = [str(source), str(fonts.bold), str(bold), fonts.characters.value]
    child = subprocess.Popen(
        command + arguments,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # The checkout may not be the current folder of the process that asks.
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        cut(source, fonts.regular, weight=regular, characters=fonts.characters)
    except BaseException:
        child.kill()
        child.communicate()
        raise
    _, error = child.communicate()
    if child.returncode:
        message = error.decode(errors="replace").strip()
        raise FontError(f"cutting {fonts.bold.name} from {source} failed: {message}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@lru_cache(maxsize=4)
def _register(regular: Path, bold: Path) -> None:
    from reportlab import rl_config
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    # Streams stay binary: text-only armour made files a quarter larger and slower to write.
    rl_config.useA85 = 0
    pdfmetrics.registerFont(TTFont(REGULAR, str(regular)))
    pdfmetrics.registerFont(TTFont(BOLD, str(bold)))
    pdfmetrics.registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD)
