"""What a token says about the login behind it."""

from __future__ import annotations

from dataclasses import dataclass

from idp.assurance import AuthenticationLevel, acr_value


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationEvent:
    """When (epoch seconds) and how a person proved who they are; `amr` are RFC 8176 methods, `sid` our session."""

    auth_time: int
    amr: tuple[str, ...]
    level: AuthenticationLevel
    sid: str

    def acr(self, issuer: str) -> str:
        """The level reached, never one that was only asked for (OpenID Connect Core §2)."""
        return acr_value(issuer, self.level)
