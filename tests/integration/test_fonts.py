"""Fonts are cut once, by one process, and recut only for characters beyond the common ones."""

import subprocess
import sys
from pathlib import Path

from fontTools.ttLib import TTFont

from services.documents.font_cutting import CharacterSet
from services.documents.fonts import font_directory, prepare_fonts

ROOT = Path(__file__).resolve().parents[2]
PREPARE = "import sys, pathlib; from services.documents.fonts import prepare_fonts; "


def test_processes_that_ask_at_once_share_one_cut(tmp_path: Path) -> None:
    code = PREPARE + "print(prepare_fonts(pathlib.Path(sys.argv[1])).regular.stat().st_ino)"
    asked = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
        )
        for _ in range(2)
    ]
    answers = {process.communicate(timeout=120)[0] for process in asked}
    assert [process.returncode for process in asked] == [0, 0]
    assert len(answers) == 1
    fonts = prepare_fonts(tmp_path)
    assert fonts.characters is CharacterSet.COMMON
    assert font_directory(tmp_path) == fonts.directory
    # Nothing half-written is left where fonts are read.
    assert {path.name for path in fonts.directory.iterdir()} == {
        fonts.regular.name,
        fonts.bold.name,
    }


def test_weights_have_names_and_outlines_of_their_own(font_state_dir: Path) -> None:
    fonts = prepare_fonts(font_state_dir)
    regular, bold = TTFont(fonts.regular), TTFont(fonts.bold)
    assert regular["name"].getDebugName(6) == "NotoSansSC-Regular"
    assert bold["name"].getDebugName(6) == "NotoSansSC-Bold"
    assert regular["name"].getDebugName(1) == bold["name"].getDebugName(1) == "Noto Sans SC"
    assert (regular["OS/2"].usWeightClass, bold["OS/2"].usWeightClass) == (400, 700)
    glyph = regular.getBestCmap()[ord("租")]
    assert regular["glyf"][glyph] != bold["glyf"][bold.getBestCmap()[ord("租")]]
    assert "fvar" not in regular


def test_rare_character_recuts_the_whole_font_for_good(tmp_path: Path) -> None:
    fonts = prepare_fonts(tmp_path, text="喆記")
    assert fonts.characters is CharacterSet.FULL
    assert ord("喆") in TTFont(fonts.bold).getBestCmap()
    assert prepare_fonts(tmp_path, text="abc") == fonts
