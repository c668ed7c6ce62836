"""Scopes: which claims they stand for, and what a client and an account need to have for them.

Only scopes that we can answer exist; unknown ones are ignored (OpenID Connect Core §3.1.2.1). What the registers do
not hold, `phone` and `email`, officers note with the account.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from idp.assurance import AccountLevel
from idp.errors import InvalidScope
from idp.oidc.claims.languages import TAGGED
from idp.oidc.grant_types import REFRESH_TOKEN

if TYPE_CHECKING:
    from idp.oidc.client import Client

OPENID: Final = "openid"
OFFLINE_ACCESS: Final = "offline_access"
ORGANISATION: Final = "org"

_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")  # RFC 6749 §3.3
_RESOURCE_SCOPE: Final = re.compile(r"[a-z0-9_.-]+(?::[a-z0-9_.-]+)+")


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope: its claims, the account level below which they are withheld, and whether a law must name the task."""

    claims: tuple[str, ...]
    account_level: AccountLevel = AccountLevel.LEVEL_01
    needs_statutory_task: bool = False

    @property
    def tagged(self) -> tuple[str, ...]:
        """Its claims in a language: not told for the scope alone, but where a request asks for them (Core §5.2)."""
        return tuple(tagged for tagged, claim in TAGGED.items() if claim in self.claims)


SCOPES: Final[Mapping[str, Scope]] = MappingProxyType(
    {
        OPENID: Scope(()),
        "profile": Scope(
            (
                "name", "family_name", "middle_name", "given_name", "name_ascii",
                "birthdate", "vn_birthdate_precision", "gender",
            )
        ),
        "pid": Scope(("vn_personal_id",), needs_statutory_task=True),
        "age": Scope(("age_over_14", "age_over_16", "age_over_18", "age_over_60")),
        "address": Scope(("address", "vn_residence"), AccountLevel.LEVEL_02),
        "phone": Scope(("phone_number", "phone_number_verified")),
        "email": Scope(("email", "email_verified")),
        ORGANISATION: Scope(("vn_organisation", "vn_mandate"), AccountLevel.LEVEL_02),
        "legacy_dvcqg": Scope(
            ("SoDinhDanh", "HoVaTen", "NgayThangNamSinh", "LoaiTaiKhoan", "TechID", "loAs", "IAL"),
            needs_statutory_task=True,
        ),
        OFFLINE_ACCESS: Scope(()),
    }
)  # fmt: skip
"""Account of level 01 is personal number, name, date of birth and sex (Decree 59/2022 Art. 12, Decree 69/2024); what
goes beyond, residence and acting for an organisation (Decree 69/2024 Art. 12), needs level 02."""

CLAIM_SCOPE: Final[Mapping[str, str]] = MappingProxyType(
    {claim: name for name, scope in SCOPES.items() for claim in (*scope.claims, *scope.tagged)}
)
"""The scope that each claim belongs to; a client that did not register the scope cannot ask for the claim."""


def read_scope(text: str) -> tuple[str, ...]:
    """The scope tokens of a parameter in the order given, without repetitions (RFC 6749 §3.3).

    Raises:
        InvalidScope: a character outside the grammar.
    """
    tokens = tuple(dict.fromkeys(text.split(" "))) if text else ()
    tokens = tuple(token for token in tokens if token)
    if not all(_SCOPE_TOKEN.fullmatch(token) for token in tokens):
        raise InvalidScope("scope holds a character that RFC 6749 section 3.3 does not allow")
    return tokens


def is_resource_scope(token: str) -> bool:
    """Whether it is a scope of somebody's API (`procedures:read`), which only machines ask for, in their own name."""
    return token not in SCOPES and _RESOURCE_SCOPE.fullmatch(token) is not None


def resource_scope(client: Client) -> tuple[str, ...]:
    """What a client may be granted by `client_credentials`: its registered scopes of APIs, nothing about persons."""
    return tuple(token for token in client.scope if is_resource_scope(token))


def read_person_scope(text: str, client: Client) -> tuple[str, ...]:
    """The scopes of an authorization request that count: known ones. Unknown ones are ignored (Core §3.1.2.1).

    Raises:
        InvalidScope: `openid` is missing, or a known scope is not registered for this client.
    """
    tokens = read_scope(text)
    if OPENID not in tokens:
        raise InvalidScope("scope must contain openid: this provider is for OpenID Connect requests only")
    known = tuple(token for token in tokens if token in SCOPES)
    if refused := [token for token in known if token not in client.scope]:
        raise InvalidScope(f"not registered for this client: {' '.join(refused)}")
    return known


def read_resource_scope(text: str, client: Client) -> tuple[str, ...]:
    """The scopes of a `client_credentials` request: those asked for, or all registered ones (RFC 6749 §3.3, §4.4.2).

    Raises:
        InvalidScope: one that is not registered for this client, or is about persons.
    """
    allowed = resource_scope(client)
    tokens = read_scope(text) or allowed
    if refused := [token for token in tokens if token not in allowed]:
        raise InvalidScope(f"not available to this client by client_credentials: {' '.join(refused)}")
    return tokens


def refresh_allowed(client: Client, scope: Collection[str], prompt: Collection[str]) -> bool:
    """Whether a refresh token comes with this authorization.

    The client must have registered the grant. One that has not registered `offline_access` then always gets it (Core
    §11 leaves that to us). One that has registered it gets it when it asks, and the person is asked too, by
    `prompt=consent`, unless a statutory task is the ground (Core §11: "other conditions permitting offline access").
    """
    if REFRESH_TOKEN not in client.grant_types:
        return False
    if OFFLINE_ACCESS not in client.scope:
        return True
    return OFFLINE_ACCESS in scope and ("consent" in prompt or client.legal_basis == "statutory_task")


def granted_scope(client: Client, scope: tuple[str, ...], prompt: Collection[str]) -> tuple[str, ...]:
    """The scope without an `offline_access` that has no effect (Core §11: it is ignored)."""
    if refresh_allowed(client, scope, prompt):
        return scope
    return tuple(token for token in scope if token != OFFLINE_ACCESS)
