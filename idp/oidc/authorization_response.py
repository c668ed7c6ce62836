"""What is answered to an authorization request: parameters, or a JWT that holds them (JARM)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from idp.errors import OAuthError
from idp.oidc.client import Client
from idp.oidc.encrypted_answer import encrypted
from idp.oidc.redirect_uri import RedirectTarget, with_query
from keys.keyring import Keyring
from keys.policy import Purpose

LIFETIME: Final = 5 * 60
"""Seconds that a signed answer is good (JARM §2.1: ten minutes at most). A code in it works for a minute; the rest is
for clocks of clients that are ahead of ours."""


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """What is sent to a target, by `location` or as a form according to its response mode."""

    target: RedirectTarget
    parameters: tuple[tuple[str, str], ...]


def _respond(target: RedirectTarget, *parameters: tuple[str, str]) -> AuthorizationResponse:
    """`state` as it came (RFC 6749 §4.1.2) and `iss` (RFC 9207 §2) stand in every response."""
    state = () if target.state is None else (("state", target.state),)
    return AuthorizationResponse(target, (*parameters, *state, ("iss", target.issuer)))


def success(target: RedirectTarget, code: str) -> AuthorizationResponse:
    """The answer with a code (RFC 6749 §4.1.2)."""
    return _respond(target, ("code", code))


def failure(target: RedirectTarget, error: OAuthError) -> AuthorizationResponse:
    """The answer with an error (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6)."""
    if error.description:
        return _respond(target, ("error", error.error), ("error_description", error.description))
    return _respond(target, ("error", error.error))


async def secured(
    response: AuthorizationResponse, client: Client, keyring: Keyring, now: int
) -> AuthorizationResponse:
    """The response as its mode wants it: as it is; or as the one parameter `response`, a JWT (JARM §2.1).

    It is encrypted where the client registered so; have the client equipped before (`idp.oidc.encrypted_answer.equip`).

    Raises:
        SignerUnavailable, NoActiveKey: it cannot be signed now.
        NoRecipient: the client was not equipped.
    """
    if not response.target.signed:
        return response
    times = {"iat": now, "exp": now + LIFETIME}
    claims = {**dict(response.parameters), "aud": client.client_id, **times}
    alg = client.authorization_signed_response_alg
    token = await keyring.issue(Purpose.AUTHORIZATION_RESPONSE, claims, alg=alg)
    told = encrypted(token, client, client.authorization_encryption)
    return replace(response, parameters=(("response", told),))


def location(response: AuthorizationResponse) -> str:
    """The `Location` of a response that is not sent as a form."""
    return with_query(response.target.redirect_uri, response.parameters)
