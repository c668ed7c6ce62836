"""What an image says of itself in its first octets: its kind and its size, read without decoding it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # ISO/IEC 10918-1 table B.1
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a segment


class NotAnImage(ValueError):
    """Not an image of a kind that pages show."""


@dataclass(frozen=True, slots=True)
class Image:
    """The media type that the octets prove, and the size in pixels."""

    media_type: str
    width: int
    height: int


def read_image(octets: bytes) -> Image:
    """The kind and size of a PNG, JPEG or WebP image; what a server called it is of no matter.

    Raises:
        NotAnImage: another kind, or its head is cut off. SVG is none: it is a document that can do things.
    """
    for media_type, is_it, size in _KINDS:
        if is_it(octets):
            try:
                width, height = size(octets)
            except (struct.error, IndexError) as error:
                raise NotAnImage(f"its head as {media_type} is broken") from error
            return Image(media_type, width, height)
    raise NotAnImage("it is no PNG, JPEG or WebP image")


def _is_png(octets: bytes) -> bool:
    return octets.startswith(_PNG) and octets[12:16] == b"IHDR"


def _png_size(octets: bytes) -> tuple[int, int]:
    """PNG §11.2.1: IHDR comes first."""
    width, height = struct.unpack_from(">II", octets, 16)
    return width, height


def _is_jpeg(octets: bytes) -> bool:
    return octets.startswith(_JPEG)


def _jpeg_size(octets: bytes) -> tuple[int, int]:
    """ISO/IEC 10918-1 B.2.2: segments until the frame header."""
    at = 2
    while True:
        if octets[at] != 0xFF:
            raise IndexError
        marker = octets[at + 1]
        if marker == 0xFF or marker in _ALONE:  # fill octets, markers without length
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", octets, at + 5)
            return width, height
        (length,) = struct.unpack_from(">H", octets, at + 2)
        at += 2 + length


def _is_webp(octets: bytes) -> bool:
    return octets[:4] == b"RIFF" and octets[8:12] == b"WEBP"


def _webp_size(octets: bytes) -> tuple[int, int]:
    """RFC 9649 §2.4 to §2.7: lossy, lossless, or extended."""
    kind = octets[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", octets, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", octets, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and len(octets) >= 30:
        return int.from_bytes(octets[24:27], "little") + 1, int.from_bytes(octets[27:30], "little") + 1
    raise IndexError


_KINDS: Final[tuple[tuple[str, Callable[[bytes], bool], Callable[[bytes], tuple[int, int]]], ...]] = (
    ("image/png", _is_png, _png_size),
    ("image/jpeg", _is_jpeg, _jpeg_size),
    ("image/webp", _is_webp, _webp_size),
)
