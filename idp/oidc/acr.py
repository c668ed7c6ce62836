"""Which authentication level a request asks for (OpenID Connect Core §3.1.2.1 `acr_values`, §5.5.1.1)."""

from __future__ import annotations

from idp.assurance import AuthenticationLevel, acr_values_supported, read_acr
from idp.errors import UnmetAuthenticationRequirements
from idp.oidc.authorization_request import AuthorizationRequest


def _highest_reachable(issuer: str) -> AuthenticationLevel:
    levels = [read_acr(issuer, value) for value in acr_values_supported(issuer)]
    return max(level for level in levels if level is not None)


def wanted_level(request: AuthorizationRequest, issuer: str) -> AuthenticationLevel | None:
    """The level that a login must reach: the lowest one asked for, for a higher one serves as well. None: any.

    A voluntary wish that nobody can meet here is passed over; the ID token says what was reached instead.

    Raises:
        UnmetAuthenticationRequirements: an essential level is unknown or cannot be reached here.
    """
    known = [level for value in request.wanted_acr_values if (level := read_acr(issuer, value)) is not None]
    reachable = [level for level in known if level <= _highest_reachable(issuer)]
    if reachable:
        return min(reachable)
    if request.acr_is_essential and request.wanted_acr_values:
        raise UnmetAuthenticationRequirements(
            "none of the acr values asked for can be reached at this provider"
        )
    return None
