"""The last look at a token before it is signed: whether it is what tokens of its purpose are.

A signature cannot be taken back. What is refused here is a fault of this program, never of a caller: nothing is signed,
the answer is `server_error`, and the log names the rule. Values are never named: they may be personal data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from keys.policy import Purpose


class LintRefused(Exception):
    """Claims that must not be signed for this purpose; the message names the rule, and claims by name only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What tokens of one purpose look like. `iss` is ours in all of them."""

    required: frozenset[str]
    only: frozenset[str] | None = None
    """All claims there may be; None where claims about a person stand beside the protocol's."""
    never: frozenset[str] = frozenset()
    lifetime: int | None
    """Seconds from `iat` to `exp` at most; None where a token has no `exp`."""
    addressed: bool = True
    """Whether `aud` names who it is for."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SECRETS: Final = _names(
    "password pin otp totp secret client_secret private_key activation_code recovery_code code code_verifier"
    " access_token refresh_token id_token"
)
"""What proves something to whoever holds it, under the names that it has in this program."""

INTERNAL: Final = _names("account_id record_id register_record_id personal_number")
"""Identifiers of ours: with them two sectors could tell that they speak of the same person (Core §8.1)."""

PERSONAL_NUMBERS: Final = _names("vn_personal_id SoDinhDanh")
"""The personal identification number, told by UserInfo only: an ID token comes back in addresses and lands in logs."""

_OTHERS: Final = _names("client_id scope grant_id events token_introspection jwks metadata active")
"""What makes a token one of another purpose (RFC 8725 §3.12)."""

PROFILES: Final[Mapping[Purpose, Profile]] = MappingProxyType(
    {
        # OpenID Connect Core §2, which leaves the time to us: no longer than the access token beside it.
        Purpose.ID_TOKEN: Profile(
            required=_names("iss sub aud exp iat auth_time acr sid"),
            never=SECRETS | INTERNAL | PERSONAL_NUMBERS | _OTHERS | {"jti"},
            lifetime=60 * 60,
        ),
        # RFC 9068 §2.2, and nothing personal (§6), RFC 9396 §9.1; RFC 6750 §5.3 allows an hour.
        Purpose.ACCESS_TOKEN: Profile(
            required=_names("iss sub aud exp iat jti client_id"),
            only=_names(
                "iss sub aud exp iat jti client_id scope auth_time acr grant_id vn_organisation act cnf"
                " authorization_details"
            ),
            lifetime=60 * 60,
        ),
        # OpenID Connect Core §5.3.2: an answer, not a credential; it has no time in which it would be good.
        Purpose.USERINFO: Profile(
            required=_names("iss sub aud iat"),
            never=SECRETS | INTERNAL | _OTHERS | {"exp", "nonce", "jti", "sid"},
            lifetime=None,
        ),
        # RFC 9701 §5: the answer stands in a claim of its own, so that it never passes for an access token.
        Purpose.INTROSPECTION: Profile(
            required=_names("iss aud iat token_introspection"),
            only=_names("iss aud iat token_introspection"),
            lifetime=None,
        ),
        # JARM §2.1: what would stand in the address, and never a subject, so that it passes for no ID token.
        Purpose.AUTHORIZATION_RESPONSE: Profile(
            required=_names("iss aud exp iat"),
            only=_names("iss aud exp iat code state error error_description"),
            lifetime=10 * 60,
        ),
        # OpenID Connect Back-Channel Logout §2.4: never a nonce; two minutes at most (§4).
        Purpose.LOGOUT: Profile(
            required=_names("iss sub aud exp iat jti events sid"),
            only=_names("iss sub aud exp iat jti events sid"),
            lifetime=2 * 60,
        ),
        # OpenID Federation §3: about an entity, for everybody; a day, after which whoever relies on it asks again.
        Purpose.FEDERATION: Profile(
            required=_names("iss sub exp iat jwks"),
            never=SECRETS | INTERNAL | PERSONAL_NUMBERS | {"nonce", "events", "scope", "client_id"},
            lifetime=24 * 60 * 60,
            addressed=False,
        ),
        # Ours: a state of the audit log, for auditors; it does not expire.
        Purpose.AUDIT: Profile(
            required=_names("iss iat"),
            never=SECRETS | INTERNAL | PERSONAL_NUMBERS | _OTHERS | {"sub", "exp", "nonce"},
            lifetime=None,
            addressed=False,
        ),
    }
)

LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_TEXTS: Final = ("sub", "jti", "client_id", "nonce", "sid")


def lint(purpose: Purpose, claims: Mapping[str, Any], issuer: str) -> None:
    """Return if claims may be signed for a purpose by the installation `issuer`.

    Raises:
        LintRefused: a rule of the purpose's profile is broken, or the purpose signs nothing.
    """
    profile = PROFILES.get(purpose)
    if profile is None:
        raise LintRefused(f"{purpose} signs nothing")
    _check_names(purpose, profile, claims)
    if claims["iss"] != issuer:
        raise _refused(purpose, "`iss` is not this installation")
    if profile.addressed and not _is_audience(claims["aud"]):
        raise _refused(purpose, "`aud` names nobody")
    _check_times(purpose, profile, claims)
    for name in _TEXTS:
        if name in claims and not (claims[name] and type(claims[name]) is str):
            raise _refused(purpose, f"`{name}` is not a text that says something")
    if "sub" in claims:
        _check_subject(purpose, claims)
    if purpose is Purpose.LOGOUT and claims["events"] != {LOGOUT_EVENT: {}}:
        raise _refused(purpose, "`events` is not the one event of a logout token")


def _refused(purpose: Purpose, rule: str) -> LintRefused:
    return LintRefused(f"a token for {purpose} is not signed: {rule}")


def _check_names(purpose: Purpose, profile: Profile, claims: Mapping[str, Any]) -> None:
    names = claims.keys()
    if not profile.required <= names:
        raise _refused(purpose, f"{', '.join(sorted(profile.required - names))} missing")
    if profile.only is None:
        if not profile.never.isdisjoint(names):
            raise _refused(purpose, f"{', '.join(sorted(profile.never & names))} must not stand in it")
    elif not names <= profile.only:
        raise _refused(purpose, f"{', '.join(sorted(names - profile.only))} do not belong in it")


def _is_audience(audience: object) -> bool:
    if type(audience) is str:
        return audience != ""
    return type(audience) is list and audience != [] and all(name and type(name) is str for name in audience)


def _check_times(purpose: Purpose, profile: Profile, claims: Mapping[str, Any]) -> None:
    issued_at = claims["iat"]
    if type(issued_at) is not int:
        raise _refused(purpose, "`iat` is not a whole number of seconds")
    if profile.lifetime is None:
        return
    expires_at = claims["exp"]
    if type(expires_at) is not int or not 0 < expires_at - issued_at <= profile.lifetime:
        raise _refused(purpose, f"`exp` is not within {profile.lifetime} seconds after `iat`")


def _check_subject(purpose: Purpose, claims: Mapping[str, Any]) -> None:
    """A pairwise subject is never a number: twelve digits would be a person's, nine an older one or a telephone's."""
    subject: str = claims["sub"]
    if subject.isdigit() and subject != claims.get("client_id"):
        raise _refused(purpose, "`sub` is a number of a person")
