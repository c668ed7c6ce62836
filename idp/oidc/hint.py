"""`id_token_hint`: an ID token of ours that says who the client believes is signed in.

OpenID Connect Core §3.1.2.1 and RP-Initiated Logout 1.0 §2 and §4: expired ones are taken, foreign ones are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idp.errors import InvalidRequest
from keys.encryption import is_encrypted
from keys.jose import InvalidToken
from keys.keyring import Keyring
from keys.policy import Purpose

_NAMES: Final = ("aud", "sub", "sid")


@dataclass(frozen=True, slots=True)
class Hint:
    """What an ID token of ours said: to which client, about whom, in which session. Made by `verify_hint`."""

    client_id: str
    subject: str
    sid: str


def opened_hint(keyring: Keyring, token: str) -> str:
    """The ID token within a hint that the client encrypted for us (Core §3.1.2.1), or the hint itself.

    Raises:
        InvalidRequest: it cannot be opened.
    """
    if not is_encrypted(token):
        return token
    try:
        return keyring.decrypt(token).decode("ascii")
    except (InvalidToken, UnicodeDecodeError) as error:
        raise InvalidRequest("id_token_hint cannot be opened by this provider", detail=str(error)) from error


def verify_hint(keyring: Keyring, token: str, *, issuer: str, client_id: str | None) -> Hint:
    """The content of a hint. `client_id` is the client that sends it, None where it does not say who it is.

    Raises:
        InvalidRequest: not an ID token of ours, or another client's.
    """
    try:
        claims = keyring.verify_own(opened_hint(keyring, token), purpose=Purpose.ID_TOKEN)
    except InvalidToken as error:
        raise InvalidRequest(
            "id_token_hint is not an ID token of this provider", detail=str(error)
        ) from error
    # Two more have the same keys: a logout token is of another type, which `verify_own` looks at, and an authorization
    # response (JARM) names no subject.
    if claims.get("iss") != issuer or not all(isinstance(claims.get(name), str) for name in _NAMES):
        raise InvalidRequest(
            "id_token_hint is not an ID token of this provider", detail="iss, aud, sub or sid"
        )
    if client_id is not None and claims["aud"] != client_id:
        raise InvalidRequest("id_token_hint was issued to another client")
    return Hint(claims["aud"], claims["sub"], claims["sid"])
