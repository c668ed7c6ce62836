"""What the profile of a client asks of its metadata: each rule compares one registered client with its row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Final

from idp.errors import InvalidClientMetadata
from idp.oidc.client import Client
from idp.oidc.grant_types import AUTHORIZATION_CODE, DEVICE_CODE
from idp.oidc.profile import LONGEST_LEGACY
from idp.registers.calendar import today

_SIGNED_BY_CLIENT: Final = (
    "token_endpoint_auth_signing_alg", "request_object_signing_alg", "backchannel_authentication_request_signing_alg",
)  # fmt: skip
_SIGNED_BY_US: Final = (
    "id_token_signed_response_alg", "access_token_signed_response_alg", "userinfo_signed_response_alg",
    "introspection_signed_response_alg", "authorization_signed_response_alg",
)  # fmt: skip
_UNSIGNED: Final = "none"


def _check_method(client: Client) -> None:
    method = client.token_endpoint_auth_method
    if method not in client.security.methods:
        raise InvalidClientMetadata(
            f"token_endpoint_auth_method: {method} is not for the profile {client.profile}; use private_key_jwt"
        )


def _check_algorithms(client: Client) -> None:
    rules = client.security
    for name in _SIGNED_BY_CLIENT:
        alg = getattr(client, name)
        unsigned = alg == _UNSIGNED and rules.unsigned_request_objects
        if alg is not None and alg not in rules.client_algorithms and not unsigned:
            raise _not_of_profile(client, name, alg, rules.client_algorithms)
    for name in _SIGNED_BY_US:
        alg = getattr(client, name)
        if alg is not None and alg not in rules.provider_algorithms:
            raise _not_of_profile(client, name, alg, sorted(rules.provider_algorithms))


def _not_of_profile(client: Client, name: str, alg: str, allowed: Iterable[str]) -> InvalidClientMetadata:
    return InvalidClientMetadata(
        f"{name}: {alg} is not for the profile {client.profile}; one of {', '.join(allowed)}"
    )


def _check_requests(client: Client) -> None:
    redirects = AUTHORIZATION_CODE in client.grant_types
    for name, needed in (
        ("require_pushed_authorization_requests", client.security.pushed_requests),
        ("require_signed_request_object", client.security.signed_requests),
    ):
        if needed and redirects and not getattr(client, name):
            raise InvalidClientMetadata(f"{name} is always true in the profile {client.profile}")
        if getattr(client, name) and not redirects:
            raise InvalidClientMetadata(f"{name} is for clients with the grant type authorization_code")
    if client.security.signed_requests and DEVICE_CODE in client.grant_types:
        raise InvalidClientMetadata(
            f"grant_types: requests of devices are not signed (RFC 8628 section 3.1), and the profile {client.profile}"
            " has all requests signed"
        )


def _check_binding(client: Client) -> None:
    """Tokens are bound to one thing: by DPoP (RFC 9449) or by the certificate of the connection (RFC 8705 §3)."""
    bound = client.dpop_bound_access_tokens, client.tls_client_certificate_bound_access_tokens
    if all(bound):
        raise InvalidClientMetadata(
            "dpop_bound_access_tokens and tls_client_certificate_bound_access_tokens cannot stand together"
        )
    if client.security.sender_constrained and not any(bound):
        raise InvalidClientMetadata(
            f"dpop_bound_access_tokens or tls_client_certificate_bound_access_tokens is true in the profile"
            f" {client.profile}"
        )
    if client.tls_client_certificate_bound_access_tokens and client.public:
        raise InvalidClientMetadata(
            "tls_client_certificate_bound_access_tokens is for clients that authenticate; use DPoP"
        )


def _check_end(client: Client) -> None:
    if client.security.ends != bool(client.legacy_until):
        need = "needs" if client.security.ends else "has no"
        raise InvalidClientMetadata(f"the profile {client.profile} {need} legacy_until")


PROFILE_CHECKS: Final[tuple[Callable[[Client], None], ...]] = (
    _check_method, _check_algorithms, _check_requests, _check_binding, _check_end,
)  # fmt: skip


def check_last_day(client: Client, now: int) -> None:
    """Refuse to register, or to change, a client for longer than the profile allows, or that is over already.

    Raises:
        InvalidClientMetadata: `legacy_until` is past, or too far ahead.
    """
    if not client.legacy_until:
        return
    days = (date.fromisoformat(client.legacy_until) - today(now)) / timedelta(days=1)
    if not 0 <= days <= LONGEST_LEGACY:
        raise InvalidClientMetadata(f"legacy_until must be a day within the next {LONGEST_LEGACY} days")
