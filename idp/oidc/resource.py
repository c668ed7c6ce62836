"""Resource indicators (RFC 8707): for which protected resources an access token is asked for.

A resource is known by the address that stands in `aud`; two addresses name one resource only if they are the same text.
UserInfo is a resource as well, under the address of the issuer. A token opens nothing that its `aud` does not name: an
API that is handed one cannot carry it on to UserInfo, nor to the next API.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from idp.errors import InvalidTarget
from idp.oidc.client import Client

_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^#\s]+")


def read_resources(text: str) -> tuple[str, ...]:
    """The resources that a request names, each once. Repeated parameters come as one text (`idp.oidc.parameters`).

    Raises:
        InvalidTarget: no absolute URI, or one with a fragment (§2).
    """
    named = tuple(dict.fromkeys(text.split(" "))) if text else ()
    for resource in named:
        if _ABSOLUTE.fullmatch(resource) is None:
            raise InvalidTarget(f"not an absolute URI without a fragment (RFC 8707 section 2): {resource}")
    return named


def _named_among(text: str, open_to_it: Collection[str]) -> tuple[str, ...]:
    named = read_resources(text)
    if refused := [resource for resource in named if resource not in open_to_it]:
        raise InvalidTarget(f"not open to this client here: {' '.join(refused)}")
    return named


def requested_resources(text: str, client: Client, issuer: str) -> tuple[str, ...]:
    """What an authorization request names (§2.1): of the client's registered `audience`, or UserInfo (`issuer`).

    Raises:
        InvalidTarget: malformed, or not registered for this client.
    """
    return _named_among(text, (issuer, *client.audience))


def within_grant(client: Client, granted: Collection[str], issuer: str) -> tuple[str, ...]:
    """The APIs that tokens of a grant may ever be for: those named then, or all of the client; registered still."""
    return tuple(
        resource
        for resource in client.audience
        if resource != issuer and (not granted or resource in granted)
    )


def person_audience(text: str, client: Client, granted: Collection[str], issuer: str) -> tuple[str, ...]:
    """Whom an access token of a person's grant is for, `text` being what the token request names (§2.2).

    Where it names nothing, it is what the authorization request named; where that named nothing either, it is UserInfo
    alone. UserInfo can be asked for always: the scope `openid` is what opens it.

    Raises:
        InvalidTarget: malformed, not within the grant, or registered no more.
    """
    reachable = (issuer, *within_grant(client, granted, issuer))
    named = _named_among(text, reachable)
    chosen = named or tuple(resource for resource in granted or (issuer,) if resource in reachable)
    if not chosen:
        raise InvalidTarget("no resource of this grant is registered for this client any more")
    return chosen


def machine_audience(text: str, client: Client, issuer: str) -> tuple[str, ...]:
    """Whom a token by `client_credentials` is for (§2.2): what is named, or all that is registered.

    Raises:
        InvalidTarget: malformed, or not registered for this client.
    """
    registered = client.audience or (issuer,)
    return _named_among(text, registered) or registered


def is_addressed(client: Client, claims: Mapping[str, object], issuer: str) -> bool:
    """Whether a verified token is for a resource that this client is. Nobody but us is the issuer."""
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    return any(resource in named for resource in client.resources if resource != issuer)
