"""`x-fapi-interaction-id`: one id for a call in the logs of both sides (as FAPI 1.0 Baseline §6.2.1 has it)."""

from __future__ import annotations

import os
import re
from typing import Final

from starlette.types import Scope

from idp.http.security_headers import RawHeaders

HEADER: Final = b"x-fapi-interaction-id"

_UUID: Final = re.compile(rb"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_GIVEN: Final = "motcua.correlation"


def complete(scope: Scope, headers: RawHeaders) -> None:
    """Give an answer the id that its caller sent; a fresh one, where none came that is a UUID (RFC 9562 §4)."""
    sent = [value for name, value in scope["headers"] if name == HEADER]
    given = sent[0] if len(sent) == 1 and _UUID.fullmatch(sent[0]) else _fresh()
    scope[_GIVEN] = given.decode()
    headers.append((HEADER, given))


def _fresh() -> bytes:
    """A random UUID (RFC 9562 §5.4); the standard library's takes twice as long, and nearly every answer needs one."""
    octets = bytearray(os.urandom(16))
    octets[6] = octets[6] & 0x0F | 0x40
    octets[8] = octets[8] & 0x3F | 0x80
    digits = octets.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}".encode()


def given_id(scope: Scope) -> str | None:
    """The id that an answer was given; None where its address gives none."""
    given: str | None = scope.get(_GIVEN)
    return given
