"""`x-fapi-interaction-id`: one id for a call in the logs of both sides (as FAPI 1.0 Baseline §6.2.1 has it)."""

from __future__ import annotations

import re
import uuid
from typing import Final

from starlette.types import Scope

from idp.http.security_headers import RawHeaders

HEADER: Final = b"x-fapi-interaction-id"

_UUID: Final = re.compile(rb"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_GIVEN: Final = "motcua.correlation"


def complete(scope: Scope, headers: RawHeaders) -> None:
    """Give an answer the id that its caller sent; a fresh one, where none came that is a UUID (RFC 9562 §4)."""
    sent = [value for name, value in scope["headers"] if name == HEADER]
    given = sent[0] if len(sent) == 1 and _UUID.fullmatch(sent[0]) else str(uuid.uuid4()).encode()
    scope[_GIVEN] = given.decode()
    headers.append((HEADER, given))


def given_id(scope: Scope) -> str | None:
    """The id that an answer was given; None where its address gives none."""
    given: str | None = scope.get(_GIVEN)
    return given
