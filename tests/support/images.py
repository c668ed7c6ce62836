"""Small images, and heads of large ones."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Final


def png(width: int = 2, height: int = 2) -> bytes:
    """A whole grey PNG."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checked

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    lines = zlib.compress(b"\0" * (width + 1) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def jpeg(width: int, height: int, *, frame: int = 0xC0) -> bytes:
    """A JPEG up to the end of its frame header, with what cameras put before it."""
    profile = b"\xff\xe1" + struct.pack(">H", 8) + b"Exif\0\0"
    tables = b"\xff\xff\xc4" + struct.pack(">H", 4) + b"\0\0"  # a fill octet, and a marker that is no frame
    header = bytes([0xFF, frame]) + struct.pack(">HBHH", 17, 8, height, width)
    return b"\xff\xd8" + profile + tables + header + bytes(10)


def webp(width: int, height: int) -> bytes:
    """The head of an extended WebP."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


WEBP_LOSSY: Final = base64.b64decode("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")
WEBP_LOSSLESS: Final = base64.b64decode("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
