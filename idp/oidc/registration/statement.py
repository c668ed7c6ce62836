"""Software statements (RFC 7591 §2.3): what a trusted issuer says of a program, signed.

Everybody who has the program may have its statement. So it names where people are sent back to, and is worth something
for a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from idp.errors import InvalidClientMetadata, InvalidSoftwareStatement, UnapprovedSoftwareStatement
from idp.oidc.grant_types import AUTHORIZATION_CODE, REFRESH_TOKEN
from idp.oidc.jwt_times import Untimely, check_times
from idp.oidc.metadata_fields import read_keys
from keys import jose
from keys.policy import CLIENT_ALGORITHMS

_OF_THE_TOKEN: Final = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})
"""Registered claims (RFC 7519 §4.1): about the statement, not metadata of the client."""
_BY_REDIRECT: Final = (AUTHORIZATION_CODE, REFRESH_TOKEN)
"""Grant types whose tokens are had by who is answered at the redirect URIs only."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A verified statement. `claims` are metadata, which win over what the client says itself."""

    issuer: str
    claims: Mapping[str, Any]
    text: str

    @classmethod
    def kept(cls, text: str) -> Statement:
        """A statement that was verified when it was registered; it holds for the client beyond its own time."""
        claims = jose.read_object(jose.read_compact(text).payload_segment, "payload")
        return cls(claims["iss"], _metadata(claims), text)


def unverified_issuer(text: object) -> str:
    """Who is said to have signed a statement.

    Raises:
        InvalidSoftwareStatement: it cannot be read.
    """
    if not isinstance(text, str):
        raise InvalidSoftwareStatement("software_statement must be a signed JWT")
    try:
        claims = jose.read_object(jose.read_compact(text).payload_segment, "payload")
    except jose.InvalidToken as error:
        raise InvalidSoftwareStatement(
            "software_statement must be a signed JWT", detail=str(error)
        ) from error
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not issuer or not issuer.isprintable():  # it is looked up as it is
        raise InvalidSoftwareStatement("software_statement needs iss, in characters that can be read")
    return issuer


def verify_statement(text: str, issuer: str, jwks: str | None, *, us: tuple[str, ...], now: int) -> Statement:
    """What the issuer whose keys these are says; `us` are the audiences that mean this provider.

    Raises:
        UnapprovedSoftwareStatement: there are no keys: the issuer is not trusted.
        InvalidSoftwareStatement: not the issuer's, over, not yet good, or for somebody else.
    """
    if jwks is None:
        raise UnapprovedSoftwareStatement("the issuer of software_statement is not trusted here")
    try:
        claims = jose.verify(text, orjson.loads(jwks), algorithms=CLIENT_ALGORITHMS).claims
    except jose.InvalidToken as error:
        raise InvalidSoftwareStatement(
            "software_statement is not signed by its issuer", detail=str(error)
        ) from error
    _check_times(claims, now)
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if audience is not None and not any(one in us for one in named):
        raise InvalidSoftwareStatement(
            "software_statement is for another provider: its aud must be our issuer"
        )
    metadata = _metadata(claims)
    if "client_name" not in metadata or "redirect_uris" not in metadata:
        raise InvalidSoftwareStatement(
            "software_statement must name client_name and redirect_uris: many may hold it"
        )
    return Statement(issuer, metadata, text)


def _metadata(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if name not in _OF_THE_TOKEN}


def _check_times(claims: Mapping[str, Any], now: int) -> None:
    if claims.get("exp") is None:
        raise InvalidSoftwareStatement("software_statement has no exp")
    try:
        check_times(claims, now=now)
    except Untimely as error:
        raise InvalidSoftwareStatement(f"the software_statement's {error}") from error


def merged(sent: Mapping[str, object], statement: Statement | None, *, alone: bool) -> dict[str, object]:
    """What the client asks for: what the statement says of a member, in any language, is not the client's to say.

    `alone`: nothing but the statement vouches for who sends it.

    Raises:
        InvalidClientMetadata: whoever holds the statement would get tokens elsewhere than at its addresses.
    """
    if statement is None:
        return dict(sent)
    said = {name.partition("#")[0] for name in statement.claims}
    own = {name: value for name, value in sent.items() if name.partition("#")[0] not in said}
    if alone:
        _check_grants(own.get("grant_types"))
    return own | dict(statement.claims)


def _check_grants(grant_types: object) -> None:
    asked = grant_types if isinstance(grant_types, list) else []
    if beyond := [one for one in asked if one not in _BY_REDIRECT]:
        raise InvalidClientMetadata(
            f"grant_types: {beyond[0]} needs no redirect_uris, so the software_statement must name it itself"
        )


def check_issuer_keys(document: object) -> None:
    """Keys of an issuer, before it is trusted.

    Raises:
        InvalidClientMetadata: not a set of public keys.
    """
    if not isinstance(document, dict):
        raise InvalidClientMetadata("the keys of an issuer are one JSON object (RFC 7517 section 5)")
    read_keys(document)
