"""Tokens of ours whose key signs no more: who presents one may live with an old key set."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from idp.oidc.metadata_fields import is_client_id
from idp.store.throttle import Limit, take
from keys import base64url
from keys.jose import InvalidToken, read_claims, read_compact, verify_with
from keys.keyring import Keyring, OwnKey
from keys.policy import TOKEN_TYPES, Purpose, State, key_purpose, states_that_verify

REFUSED: Final = Limit(interval_ms=50, burst=40)
"""Signatures of refused tokens that a worker checks only to know whose they are: 20 a second, a thousandth of a core.
The maintainers of this program may change it."""

_STALE: Final = frozenset({State.RETIRING, State.RETIRED, State.REVOKED})
_OWNER: Final = {Purpose.ID_TOKEN: "aud", Purpose.ACCESS_TOKEN: "client_id"}
_LONGEST_HEADER: Final = 512
_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True)
class StaleToken:
    """A token that we signed with key `kid` for a client. Its key may be revoked: then anybody may have made it."""

    kid: str
    client_id: str


@lru_cache(_REMEMBERED)
def _kid_of(header_segment: str) -> str:
    """The key that a header names, unverified; empty where it names none. Our own tokens share a few headers."""
    try:
        header = orjson.loads(base64url.decode(header_segment))
    except ValueError:
        return ""
    kid = header.get("kid") if isinstance(header, dict) else None
    return kid if isinstance(kid, str) else ""


class StaleTokens:
    """Recognises them. Tokens of the active key cost a look into two dictionaries."""

    def __init__(self) -> None:
        self._full_at_ms: int | None = None

    def find(self, keyring: Keyring, token: str, purpose: Purpose, now: int) -> StaleToken | None:
        """The token, if it is one of ours by an old key; also an expired one, and one that nobody believes any more."""
        segment = token[: token.find(".")] if "." in token[:_LONGEST_HEADER] else ""
        kid = _kid_of(segment) if segment else ""
        key = keyring.find_key(kid) if kid else None
        if key is None or key.state not in _STALE or key.purpose is not key_purpose(purpose):
            return None
        try:
            claims = self._claims(keyring, key, token, purpose, now)
        except InvalidToken:
            return None
        client_id = claims.get(_OWNER[purpose])
        return StaleToken(kid, client_id) if isinstance(client_id, str) and is_client_id(client_id) else None

    def _claims(
        self, keyring: Keyring, key: OwnKey, token: str, purpose: Purpose, now: int
    ) -> dict[str, Any]:
        if key.state in states_that_verify(purpose):
            return keyring.verify_own(token, purpose=purpose)  # the endpoint asks the same, and is remembered
        taken = take(self._full_at_ms, now * 1000, REFUSED)
        if taken is None:
            raise InvalidToken("Too many to look at.")
        self._full_at_ms = taken
        payload = verify_with(read_compact(token), key.public_key, key.alg, TOKEN_TYPES[purpose])
        return read_claims(payload)
