"""What a request asks of the strength of a login: `acr` (OpenID Connect Core §3.1.2.1, §5.5.1.1, RFC 9470 §4)."""

from __future__ import annotations

from typing import Final

from idp.assurance import REACHABLE_LEVELS, AuthenticationLevel, read_acr
from idp.errors import InvalidRequest
from idp.oidc.authorization_request import AuthorizationRequest

BEYOND_EVERY_LEVEL: Final = max(AuthenticationLevel) + 1


def least_level(request: AuthorizationRequest, base: str) -> int:
    """The weakest authentication level that satisfies an essential `acr` (OpenID Connect Core §5.5.1.1).

    Wishes (`acr_values`) demand nothing. Only values that we do not know are beyond every level.
    """
    if not request.acr_is_essential or not request.wanted_acr_values:
        return AuthenticationLevel.ONE
    return min(_known(request, base), default=BEYOND_EVERY_LEVEL)


def check_reachable(request: AuthorizationRequest, base: str) -> None:
    """Refuse what nobody could answer before anybody is asked elsewhere; for browsers the first step does.

    Raises:
        InvalidRequest: an essential `acr` is beyond every level that can be reached.
    """
    if least_level(request, base) > max(REACHABLE_LEVELS):
        raise InvalidRequest("claims: the acr that is essential is not among acr_values_supported")


def wished_level(request: AuthorizationRequest, base: str) -> int:
    """The level that the client would like best of those that can be reached; values come in order of preference."""
    reachable = (level for level in _known(request, base) if level in REACHABLE_LEVELS)
    return next(reachable, AuthenticationLevel.ONE)


def answered_level(request: AuthorizationRequest, base: str, reached: int) -> int:
    """The level that is told: the one reached, but of an essential `acr` one of the values asked for (§5.5.1.1).

    A session may be stronger than what was asked for; it is then as strong, and never weaker, than what is told.
    """
    if not request.acr_is_essential:
        return reached
    return max((level for level in _known(request, base) if level <= reached), default=reached)


def _known(request: AuthorizationRequest, base: str) -> tuple[AuthenticationLevel, ...]:
    levels = (read_acr(base, value) for value in request.wanted_acr_values)
    return tuple(level for level in levels if level is not None)
