"""Pictures, drawn anew: what is kept holds pixels and nothing else."""

import warnings
from typing import IO, Any

from PIL import Image, ImageOps

from services.uploads.reasons import Reason, UploadRefused

_MODES = {"JPEG": ("L", "RGB"), "PNG": ("L", "LA", "RGB", "RGBA"), "WEBP": ("RGB", "RGBA")}
_SAVING: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "PNG": {},
    "WEBP": {"quality": 90},
}


def open_picture(
    source: IO[bytes], kept: IO[bytes], thumbnail: IO[bytes], *, kind: str, limits: dict[str, int]
) -> dict[str, Any]:
    """Write the first frame, upright, in the same format without any metadata, and a small WebP.

    The size is judged by the header, before pixels are unpacked.
    """
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = None
    picture: Image.Image = Image.open(source, formats=[kind])
    width, height = picture.size
    # A JPEG can be unpacked at a half or a quarter of its size: memory follows what is kept.
    highest = limits["pixels"] * (4 if kind == "JPEG" else 1)
    if width * height > highest:
        raise UploadRefused(
            Reason.TOO_MANY_PIXELS, width=width, height=height, limit_mega=highest // 1_000_000
        )
    turned = picture.getexif().get(0x0112, 1)
    side = limits["longest_side"]
    picture.draft("RGB", (side, side))
    picture.load()
    picture = _plain(_halved(picture, side), kind)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    picture.getexif()[0x0112] = turned
    picture = ImageOps.exif_transpose(picture)
    picture.info = {}
    picture.save(kept, kind, exif=b"", icc_profile=None, **_SAVING[kind])
    width, height = picture.size
    small = limits["thumbnail_side"]
    picture.thumbnail((small, small))
    picture.save(thumbnail, "WEBP", quality=80, exif=b"", icc_profile=None)
    return {"width": width, "height": height}


def _halved(picture: Image.Image, side: int) -> Image.Image:
    """Whole fractions first: a finer scaling of the full size would hold it three times."""
    factor = max(picture.size) // side
    if factor < 2 or picture.mode in ("1", "P", "PA"):
        return picture
    reduced = picture.reduce(factor)
    reduced.info = picture.info
    return reduced


def _plain(picture: Image.Image, kind: str) -> Image.Image:
    """A mode that the format keeps: palettes, 16 bits and CMYK become plain ones."""
    if picture.mode in _MODES[kind]:
        return picture
    has_alpha = "transparency" in picture.info or picture.mode in ("LA", "PA", "RGBa", "La")
    if has_alpha and kind != "JPEG":
        return picture.convert("RGBA")
    if picture.mode.startswith("I") or picture.mode == "F":
        # 16 bits to 8; a straight conversion would cut everything above 255.
        return picture.point(lambda value: value / 256).convert("L").convert(_MODES[kind][0])
    return picture.convert("L" if picture.mode == "1" and kind != "WEBP" else "RGB")
