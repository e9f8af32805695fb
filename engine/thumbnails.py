"""Small pictures for lists."""

import io

from PIL import Image

_QUALITY = 80


def thumbnail(image: Image.Image, side: int) -> bytes:
    """Return a WebP picture whose longer edge has at most `side` pixels."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=_QUALITY, method=2)
    return buffer.getvalue()
