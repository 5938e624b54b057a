"""Pictures that are made, not kept: a PNG of any size, and one small JPEG."""

import base64
import struct
import zlib

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAKBueIx4ZKCMgoy0qqC+8P//8Nzc8P//////////////"
    "////////////////////////////////////////////wAALCAAYADABAREA/8QAFQABAQAAAAAA"
    "AAAAAAAAAAAAAAP/xAAVEAEBAAAAAAAAAAAAAAAAAAAAEv/aAAgBAQAAPwClFFFFFJ0UUUUUnRRR"
    "RRT/2Q=="
)
"""48 x 24 pixels in grey, as a paint program wrote it."""


def png(width: int = 400, height: int = 100, *, padding: int = 0) -> bytes:
    """Return a half transparent picture; `padding` bytes of a comment make its file larger."""
    rows = zlib.compress((b"\0" + b"\x0f\x52\x57\x80" * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = [
        _chunk(b"IHDR", header),
        _chunk(b"tEXt", b"Comment\0" + b"x" * padding),
        _chunk(b"IDAT", rows),
        _chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
