"""Cut one weight out of the variable font Noto Sans SC: one file in, one file out.

Belongs here: what fontTools has to do. Run as a process of its own by `services.documents.fonts`,
because a cut takes seconds of pure computing and two weights use two cores.
"""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

STYLES = {400: "Regular", 700: "Bold"}
FAMILY = "Noto Sans SC"

# What PDF and charts never read; vertical metrics and shaping only cost time and bytes.
UNUSED_TABLES = ("GSUB", "GPOS", "GDEF", "BASE", "STAT", "HVAR", "vhea", "vmtx", "VORG")


class CharacterSet(StrEnum):
    """COMMON: GB 2312, Latin and the signs that papers use, cut in a third of the time.
    FULL: every character of the font, for names written with rarer ones.
    """

    COMMON = "common"
    FULL = "full"


def common_characters() -> set[int]:
    """Code points of COMMON: 6,763 hanzi, Latin, Greek, Cyrillic, punctuation, arrows, units."""
    codes = set(range(0x20, 0x530)) | set(range(0x2000, 0x2800)) | set(range(0x3000, 0x3400))
    codes |= set(range(0xFF00, 0xFFF0))
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            try:
                codes.add(ord(bytes((high, low)).decode("gb2312")))
            except UnicodeDecodeError:
                continue
    return codes


def cut(source: Path, target: Path, *, weight: int, characters: CharacterSet) -> None:
    """Write the static font of `weight` to `target` in one step.

    Each weight gets names of its own: with the variable font's PostScript name on both,
    reportlab and PDF readers would take the first for all.
    """
    # Imported in the process that cuts; the others never need them.
    from fontTools import subset
    from fontTools.ttLib import TTFont
    from fontTools.varLib import instancer

    font: Any = TTFont(source)
    for tag in UNUSED_TABLES:
        if tag in font:
            del font[tag]
    if characters is CharacterSet.COMMON:
        options = subset.Options(
            layout_features=[], name_IDs=["*"], notdef_outline=True, hinting=False
        )
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=common_characters() & set(font.getBestCmap()))
        subsetter.subset(font)
    instancer.instantiateVariableFont(font, {"wght": weight}, inplace=True)
    style = STYLES[weight]
    names: Any = font["name"]
    for name_id in (16, 17, 21, 22, 25):
        names.removeNames(nameID=name_id)
    postscript = f"{FAMILY.replace(' ', '')}-{style}"
    for name_id, text in (
        (1, FAMILY),
        (2, style),
        (3, postscript),
        (4, f"{FAMILY} {style}"),
        (6, postscript),
    ):
        names.removeNames(nameID=name_id)
        names.setName(text, name_id, 3, 1, 0x409)
    font["OS/2"].usWeightClass = weight
    is_bold = weight >= 700
    font["OS/2"].fsSelection = 0x20 if is_bold else 0x40
    font["head"].macStyle = 1 if is_bold else 0
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        font.save(draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


if __name__ == "__main__":
    cut(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        weight=int(sys.argv[3]),
        characters=CharacterSet(sys.argv[4]),
    )
