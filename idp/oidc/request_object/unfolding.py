"""Request objects: parameters of an authorization request in a JWT of the client (RFC 9101, OpenID Connect Core §6).

1. find it: sent along, or fetched from a registered address  2. open it, where it is encrypted for us  3. verify it
with the client's keys, or take it unsigned from a client that registered so  4. check by whom, for whom and when it was
made  5. put its parameters over those beside it, or in their place
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from idp.errors import (
    InvalidRequest,
    InvalidRequestObject,
    OAuthError,
    RequestNotSupported,
    RequestUriNotSupported,
)
from idp.oidc.client import Client
from idp.oidc.client_keys import ClientKeys
from idp.oidc.parameters import Parameters
from idp.oidc.remote import Fetch
from idp.oidc.request_object.address import fetch_request_object
from idp.oidc.request_object.claims import check_claims, check_type
from idp.oidc.request_object.parameters import merge
from idp.oidc.request_object.signature import verified_by_keys
from keys import jose
from keys.encryption import is_encrypted, read_envelope
from keys.jose import InvalidToken
from keys.keyring import Keyring

UNSIGNED: Final = "none"
"""Registered as `request_object_signing_alg` by a client whose request objects carry no signature."""


@dataclass(frozen=True, slots=True)
class Means:
    """What it takes: our keys, those of clients, the way to their addresses, and the time."""

    keyring: Keyring
    keys: ClientKeys
    fetch: Fetch
    issuer: str
    now: int


@dataclass(frozen=True, slots=True)
class _RequestObject:
    """Header and claims, vouched for as the client registered: by its signature, or by nothing."""

    header: Mapping[str, Any]
    claims: dict[str, Any]


async def unfold(parameters: Parameters, client: Client, means: Means) -> Parameters:
    """The parameters that count, with no request object left among them.

    Raises:
        InvalidRequest: `request` and `request_uri` together, or neither from a client that must sign its requests.
        InvalidRequestObject, InvalidRequestUri: it cannot be had, read, verified or believed (RFC 9101 §7).
        RequestNotSupported, RequestUriNotSupported: this client is not registered for such an object.
        PageError: the object says where to answer, unreadably.
    """
    refusal = _refusal(parameters, client)
    if refusal is None:
        return parameters
    token = await _find(parameters, client, means.fetch)
    found = await _verified(_opened(token, client, means.keyring), client, means.keys, refusal)
    check_type(found.header)
    check_claims(found.claims, client, issuer=means.issuer, now=means.now)
    return merge(parameters, found.claims, client)


def _refusal(parameters: Parameters, client: Client) -> type[OAuthError] | None:
    """How an object that this client is not registered for is refused; None where there is no object."""
    sent = {"request", "request_uri"} & {*parameters, *parameters.faults}
    for name in sent & parameters.faults.keys():
        raise InvalidRequest(f"{name} {parameters.faults[name]}")
    if len(sent) > 1:
        raise InvalidRequest("request and request_uri cannot be used together (RFC 9101 section 5)")
    if not sent:
        if client.require_signed_request_object:
            raise InvalidRequest("this client is registered to send every request as a signed request object")
        return None
    return RequestNotSupported if "request" in sent else RequestUriNotSupported


async def _find(parameters: Parameters, client: Client, fetch: Fetch) -> str:
    if "request" in parameters:
        return parameters["request"]
    if not client.request_uris:
        raise RequestUriNotSupported("this client has no registered request_uris")
    return await fetch_request_object(fetch, client, parameters["request_uri"])


def _opened(token: str, client: Client, keyring: Keyring) -> str:
    """The JWS inside a JWE (RFC 9101 §6.1), or the token itself. What was encrypted twice is not opened twice."""
    if not is_encrypted(token):
        return token
    try:
        _check_encryption(token, client)
        return keyring.decrypt(token).decode("ascii")
    except (InvalidToken, UnicodeDecodeError) as error:
        raise InvalidRequestObject(
            "the request object cannot be opened with a key of this provider", detail=str(error)
        ) from error


def _check_encryption(token: str, client: Client) -> None:
    """A client that registered how it encrypts does not encrypt otherwise."""
    envelope = read_envelope(token)
    for name, registered, found in (
        ("alg", client.request_object_encryption_alg, envelope.alg),
        ("enc", client.request_object_encryption_enc, envelope.enc),
    ):
        if registered not in (None, found):
            raise InvalidRequestObject(f"the request object is not encrypted as registered: {name}")


async def _verified(
    token: str, client: Client, keys: ClientKeys, not_registered: type[OAuthError]
) -> _RequestObject:
    registered = client.request_object_signing_alg
    if token.endswith("."):  # where the signature would stand
        if registered != UNSIGNED:
            refusal = not_registered if client.security.unsigned_request_objects else InvalidRequestObject
            raise refusal("an unsigned request object needs request_object_signing_alg none registered")
        return _unsigned(token)
    if registered == UNSIGNED:
        raise InvalidRequestObject("this client is registered for unsigned request objects")
    algorithms = (registered,) if registered else client.security.client_algorithms
    verified = await verified_by_keys(token, client, keys, algorithms)
    if verified is None:
        raise not_registered(
            "this client has registered no keys that a request object could be verified with"
        )
    return _RequestObject(verified.header, verified.claims)


def _unsigned(token: str) -> _RequestObject:
    """As good as parameters in the address: anybody could have written them, and that is what was registered."""
    try:
        read = jose.read_unsecured(token)
    except InvalidToken as error:
        raise InvalidRequestObject("the request object is not a JWT", detail=str(error)) from error
    return _RequestObject(read.unverified_header, read.unverified_claims)
