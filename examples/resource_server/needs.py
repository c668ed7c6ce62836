"""What a route asks of the token that it is called with, and of the login behind it: one line beside the route."""

from __future__ import annotations

from dataclasses import dataclass

from .access import LEEWAY_SECONDS, Access
from .details import details_of
from .refusal import Refused, insufficient_scope

HIGHEST_LEVEL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """`Needs()` asks for a person who is logged in, by whatever means.

    `scope` lists what the token must have, separated by spaces. `level` is the authentication level 1 to 4; with 0 a
    program may come in its own name too. `max_age` is how many seconds ago the login may have been. `details` is a
    type of `authorization_details` (RFC 9396): the token must have an entry of it that allows `action`, if one is
    named, in `procedure`, if one is named. An entry for certain procedures is none for a route that names no procedure.
    """

    scope: str = ""
    level: int = 1
    max_age: int | None = None
    details: str = ""
    action: str = ""
    procedure: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.level <= HIGHEST_LEVEL or ((self.action or self.procedure) and not self.details):
            raise ValueError("level is 0 to 4; action and procedure are those of details")

    def check(self, access: Access, *, issuer: str, audience: str, now: float) -> None:
        """Whether the token is enough.

        Raises:
            Refused: by 403 where it lacks a right, by 401 where a stronger or younger login gets one that is enough.
        """
        self._check_rights(access, audience, now)
        self._check_login(access, issuer, now)

    def _check_rights(self, access: Access, audience: str, now: float) -> None:
        if not access.scopes.issuperset(self.scope.split()):
            raise insufficient_scope("the access token lacks a scope", scope=self.scope)
        asked = {"action": self.action, "procedure": self.procedure}
        if self.details and not details_of(access.claims, self.details, **asked, location=audience, now=now):
            named = ", ".join([self.details, *(f"{name} {value}" for name, value in asked.items() if value)])
            raise insufficient_scope(f"the access token lacks authorization_details of type {named}")

    def _check_login(self, access: Access, issuer: str, now: float) -> None:
        """RFC 9470 §3: say what would do, so that the client asks the provider for exactly that."""
        good = [f"{issuer}/acr/{level}" for level in range(self.level, HIGHEST_LEVEL + 1)]
        if self.level and access.claims.get("acr") not in good:
            raise self._insufficient("a stronger authentication is needed", good[:1])
        if self.max_age is None:
            return
        if access.auth_time is None or now - access.auth_time > self.max_age + LEEWAY_SECONDS:
            raise self._insufficient("a more recent authentication is needed", good[:1])

    def _insufficient(self, why: str, values: list[str]) -> Refused:
        """Both demands are named, also where one is met: what comes back must meet both."""
        level = {"acr_values": " ".join(values)} if self.level else {}
        age = {} if self.max_age is None else {"max_age": str(self.max_age)}
        return Refused("insufficient_user_authentication", why, parameters=level | age)
