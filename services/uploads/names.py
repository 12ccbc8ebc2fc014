"""The name a file came with, made fit to be shown and offered again. It is never a path."""

import unicodedata

LONGEST_BYTES = 180
_FORBIDDEN = str.maketrans(dict.fromkeys('<>:"|?*', "_"))
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}
)


def clean_name(name: str) -> str:
    """The last part of the path; without control characters, direction marks and characters that
    file systems forbid; at most 180 bytes of UTF-8 with its extension kept; never empty.
    """
    name = unicodedata.normalize("NFC", name[-4096:]).replace("\\", "/")
    # Cc, Cf (direction overrides, zero-width), Cs, Co, Cn; line and paragraph separators.
    name = "".join(
        char
        for char in name
        if unicodedata.category(char)[0] != "C" and unicodedata.category(char) not in ("Zl", "Zp")
    )
    name = " ".join(name.rpartition("/")[2].translate(_FORBIDDEN).split()).strip(". ")
    if name.partition(".")[0].strip().lower() in _DEVICES:
        name = f"_{name}"
    return _cut(name) or "file"


def _cut(name: str) -> str:
    stem, point, end = name.rpartition(".")
    if not point or len(end) > 8:
        stem, end = name, ""
    tail = f"{point}{end}" if end else ""
    room = LONGEST_BYTES - len(tail.encode())
    return stem.encode()[:room].decode(errors="ignore") + tail
