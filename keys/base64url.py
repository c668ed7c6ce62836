"""base64url without padding, strictly (RFC 7515 §2): one spelling for each octet string.

The standard library ignores foreign characters and non-zero trailing bits, so that one token would have many
spellings and slip past a list of seen ones.
"""

from __future__ import annotations

import binascii
import re

_ENCODED = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def encode(octets: bytes) -> bytes:
    """The base64url spelling, as ASCII octets."""
    return binascii.b2a_base64(octets, newline=False).translate(_TO_URL).rstrip(b"=")


def encode_text(octets: bytes) -> str:
    """The base64url spelling, as text."""
    return encode(octets).decode("ascii")


def decode(text: str) -> bytes:
    """The octets that `text` is the one base64url spelling of.

    Raises:
        ValueError: foreign characters, padding, white space, an impossible length or non-zero trailing bits.
    """
    if _ENCODED.fullmatch(text) is None:
        raise ValueError("not base64url")
    spelled = text.encode("ascii")
    octets = binascii.a2b_base64(spelled.translate(_FROM_URL) + b"=" * (-len(spelled) % 4))
    if encode(octets) != spelled:
        raise ValueError("not the canonical base64url spelling")
    return octets
