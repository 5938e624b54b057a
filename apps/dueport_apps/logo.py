"""The dealer's logo: a PNG or JPEG file beside ``dealer.toml``, read once at the start.

The file is recognised by its content and checked as far as everybody who has to show it needs:
browsers, mail programs and the PDFs. Both formats are shown by all of them; an SVG is not shown
by mail programs. Portals, mails and papers all show this one picture.
"""

import hashlib
import os
import struct
import zlib
from pathlib import Path
from typing import Final

import msgspec

from dueport_core.errors import Misconfigured

BYTES_MAX: Final = 300 * 1024
SIDE_MIN, SIDE_MAX = 16, 2000
"""Pixels: less is a speck, more is a photograph that every phone would have to unpack."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
# Baseline, extended and progressive; the others (lossless, arithmetic) no browser shows.
_JPEG_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
_JPEG_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9
_AS_WHAT: Final = "save it as PNG or JPEG (RGB)"


class Logo(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that is known to be whole, with its size in pixels."""

    content: bytes
    media_type: str
    width: int
    height: int
    path: str
    """Where the portals serve it; another picture has another address."""

    def fitted(self, width_max: int, height_max: int) -> tuple[int, int]:
        """Return width and height as shown in a box."""
        return fitted(self.width, self.height, width_max, height_max)


def fitted(width: int, height: int, width_max: int, height_max: int) -> tuple[int, int]:
    """Return the size of a picture in a box: the whole of it in its proportions, never enlarged."""
    scale = min(1, width_max / width, height_max / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def read_logo(path: Path) -> Logo:
    """Read and check the file.

    Raises Misconfigured, which says what is wrong with it and what to do.
    """
    if not path.is_file():
        raise Misconfigured(
            f"there is no file {path}; put the logo there, or leave the setting out to show the name"
        )
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > BYTES_MAX:
        raise Misconfigured(
            f"{path} has {-(-size // 1024):,} KB; save it smaller, at most {BYTES_MAX // 1024} KB"
        )
    try:
        return logo_from(content)
    except Misconfigured as error:
        raise Misconfigured(f"{path} {error}") from error


def logo_from(content: bytes) -> Logo:
    """Return the picture in these bytes; raises Misconfigured where they are none that we show."""
    if content.startswith(_PNG):
        media_type, (width, height) = "image/png", _png_size(content)
    elif content.startswith(_JPEG):
        media_type, (width, height) = "image/jpeg", _jpeg_size(content)
    else:
        raise Misconfigured(f"is neither a PNG nor a JPEG picture; {_AS_WHAT}")
    if not all(SIDE_MIN <= side <= SIDE_MAX for side in (width, height)):
        raise Misconfigured(
            f"has {width} x {height} pixels; width and height must lie between {SIDE_MIN} and "
            f"{SIDE_MAX}, and 400 x 100 is plenty"
        )
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Logo(
        content=content,
        media_type=media_type,
        width=width,
        height=height,
        path=f"/brand/logo-{digest}.{media_type.removeprefix('image/')}",
    )


def _png_size(content: bytes) -> tuple[int, int]:
    """Walk over the chunks with their checksums, so that half a file is noticed."""
    place, size, has_pixels = len(_PNG), (0, 0), False
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        end = place + 8 + length
        if content[end : end + 4] != struct.pack(">I", zlib.crc32(kind + data)):
            break
        if kind == b"IHDR" and len(data) == 13:
            size = struct.unpack_from(">II", data)
        has_pixels = has_pixels or kind == b"IDAT"
        if kind == b"IEND" and has_pixels and all(size):
            return size
        place = end + 4
    raise Misconfigured(f"is damaged; copy it again, or {_AS_WHAT}")


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Walk over the segments up to the pixels, and look for the mark at the end."""
    place, size = 2, (0, 0)
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF or marker in _JPEG_WITHOUT_LENGTH:
            place += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", content, place + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            size = _jpeg_frame(marker, content[place + 4 : place + 2 + length])
        if marker == _JPEG_SCAN:
            if all(size) and content.rfind(bytes((0xFF, _JPEG_END))) > place:
                return size
            break
        place += 2 + length
    raise Misconfigured(f"is damaged; copy it again, or {_AS_WHAT}")


def _jpeg_frame(marker: int, data: bytes) -> tuple[int, int]:
    if len(data) < 6:
        return 0, 0
    bits, height, width, colours = struct.unpack_from(">BHHB", data)
    if marker not in _JPEG_FRAMES or bits != 8 or colours not in (1, 3):
        # Printers' files: four inks, or more than browsers and mail programs can show.
        raise Misconfigured(f"is a JPEG that browsers do not show everywhere; {_AS_WHAT}")
    return width, height
