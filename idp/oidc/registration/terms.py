"""Terms: what a client gets that registers itself, and what it may choose (RFC 7591 §3).

An operator sets them down for an initial access token or for a trusted issuer of software statements. Whose client it
is, why it may ask for people's data and for how much is never the client's to say; they hold for later changes too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, cast

import orjson

from idp.errors import InvalidClientMetadata
from idp.oidc import metadata_fields as fields
from idp.oidc.authorization_details.table import TYPES
from idp.oidc.client import KINDS, Kind, LegalBasis
from idp.oidc.client_name import read_owner
from idp.oidc.profile import PROFILES, ProfileName
from idp.oidc.scope import OPENID, SCOPES, is_resource_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for clients of one voucher. `purpose` has the keys `vi` and `en`.

    `sector` is None where it follows from the client's addresses (OpenID Connect Core §8.1). `hosts` are those that its
    https addresses may be at; empty: any. `trial` is for clients that are only tried out, as by a conformance suite:
    they may show people pages of other hosts. `profiles` are those that a client may choose of, see `profiles_of`.
    `authorization_details_types` are those that a client may choose of (RFC 9396); one that names none has none.
    """

    owner: str
    sector: str | None
    scope: tuple[str, ...]
    legal_basis: LegalBasis
    legal_reference: str
    purpose: Mapping[str, str] = field(hash=False)
    kinds: tuple[Kind, ...]
    profiles: tuple[ProfileName, ...]
    authorization_details_types: tuple[str, ...]
    audience: tuple[str, ...]
    hosts: tuple[str, ...]
    trial: bool

    def profiles_of(self, kind: Kind) -> tuple[ProfileName, ...]:
        """What a client of a kind may choose of; the first is that of a client that names none.

        Terms that name none leave no choice but the standard of the kind.
        """
        possible = KINDS[kind].profiles
        return tuple(name for name in self.profiles if name in possible) if self.profiles else possible[:1]


TRIAL_DAYS: Final = 90
"""Days that a client on trial may be a `legacy` one."""

SANDBOX_TERMS: Final = Terms(
    owner="Tự đăng ký để thử, chưa ai kiểm tra",
    sector=None,
    scope=tuple(name for name, scope in SCOPES.items() if not scope.needs_statutory_task),
    legal_basis="consent",
    legal_reference="",
    purpose=MappingProxyType({"vi": "Thử kết nối", "en": "Trying out a connection"}),
    kinds=("server", "browser", "native"),
    profiles=("legacy", "oidc", "fapi2", "fapi2_message_signing"),
    authorization_details_types=tuple(TYPES),
    audience=(),
    hosts=(),
    trial=True,
)
"""Of a sandbox where anybody may register (`IDP_OPEN_REGISTRATION`): the owner's place tells people what that is."""

_NAMES: Final = frozenset(
    {
        "owner", "sector", "scope", "legal_basis", "legal_reference", "purpose", "purpose#vi", "purpose#en", "kinds",
        "profiles", "authorization_details_types", "audience", "hosts", "trial",
    }
)  # fmt: skip


def read_terms(document: object) -> Terms:
    """Terms as an operator writes them down.

    Raises:
        InvalidClientMetadata: unknown, malformed or contradictory, with one sentence.
    """
    if not isinstance(document, dict):
        raise InvalidClientMetadata("terms must be one JSON object")
    if unknown := sorted(document.keys() - _NAMES):
        raise InvalidClientMetadata(f"unknown in terms: {', '.join(unknown)}")
    terms = Terms(
        owner=read_owner(document, "owner"),
        sector=None if document.get("sector") is None else fields.read_sector(document, "sector"),
        scope=fields.read_scope_text({"scope": OPENID, **document}, "scope"),
        legal_basis=cast(
            "LegalBasis",
            fields.read_choice(document, "legal_basis", ("statutory_task", "consent"), "consent"),
        ),
        legal_reference=fields.read_text(document, "legal_reference"),
        purpose=fields.read_wording(document, "purpose"),
        kinds=_read_kinds(document),
        profiles=_read_profiles(document),
        authorization_details_types=fields.read_texts(document, "authorization_details_types"),
        audience=fields.read_resource_uris(document, "audience"),
        hosts=_read_hosts(document),
        trial=fields.read_boolean(document, "trial"),
    )
    for check in _CONTRADICTIONS:
        check(terms)
    return terms


def terms_text(terms: Terms) -> str:
    """Terms as they are kept; `read_terms` reads the same back."""
    document = {
        "owner": terms.owner,
        "sector": terms.sector,
        "scope": " ".join(terms.scope),
        "legal_basis": terms.legal_basis,
        "legal_reference": terms.legal_reference,
        "purpose": terms.purpose["vi"],
        "purpose#en": terms.purpose["en"],
        "kinds": list(terms.kinds),
        "profiles": list(terms.profiles),
        "authorization_details_types": list(terms.authorization_details_types),
        "audience": list(terms.audience),
        "hosts": list(terms.hosts),
        "trial": terms.trial,
    }
    return orjson.dumps(document).decode()


def kept_terms(text: str) -> Terms:
    """Terms that `terms_text` wrote."""
    return read_terms(orjson.loads(text))


def _read_kinds(document: Mapping[str, object]) -> tuple[Kind, ...]:
    kinds = fields.read_texts({"kinds": ["server"], **document}, "kinds")
    if not kinds or not set(kinds) <= KINDS.keys():
        raise InvalidClientMetadata(f"kinds must be some of {', '.join(KINDS)}")
    return cast("tuple[Kind, ...]", kinds)


def _read_profiles(document: Mapping[str, object]) -> tuple[ProfileName, ...]:
    profiles = fields.read_texts(document, "profiles")
    if not set(profiles) <= PROFILES.keys():
        raise InvalidClientMetadata(f"profiles must be some of {', '.join(PROFILES)}")
    return cast("tuple[ProfileName, ...]", profiles)


def _read_hosts(document: Mapping[str, object]) -> tuple[str, ...]:
    hosts = fields.read_texts(document, "hosts")
    for host in hosts:
        fields.read_page_uri({"hosts": f"https://{host}/"}, "hosts")
        if "/" in host or ":" in host:
            raise InvalidClientMetadata("hosts must be names of hosts, such as portal.example.gov.vn")
    return hosts


def _check_scope(terms: Terms) -> None:
    unknown = [token for token in terms.scope if token not in SCOPES and not is_resource_scope(token)]
    if unknown:
        raise InvalidClientMetadata(f"unknown scope: {' '.join(unknown)}")
    personal = [token for token in terms.scope if token in SCOPES]
    if set(terms.kinds) != {"machine"} and OPENID not in personal:
        raise InvalidClientMetadata("scope must contain openid")
    if len(personal) < len(terms.scope) and not terms.audience:
        raise InvalidClientMetadata("scopes of an API need its address as audience")


def _check_legal_basis(terms: Terms) -> None:
    statutory = terms.legal_basis == "statutory_task"
    if statutory and not terms.legal_reference:
        raise InvalidClientMetadata("statutory_task needs legal_reference: the law that gives the task")
    personal = [SCOPES[token] for token in terms.scope if token in SCOPES]
    if not statutory and any(scope.needs_statutory_task for scope in personal):
        raise InvalidClientMetadata("the scope holds what only a statutory_task allows")
    if any(scope.claims for scope in personal) and not terms.purpose["vi"]:
        raise InvalidClientMetadata("purpose is needed: people are told why a client asks for their data")


def _check_details(terms: Terms) -> None:
    if unknown := sorted(set(terms.authorization_details_types) - TYPES.keys()):
        raise InvalidClientMetadata(f"unknown authorization_details_types: {', '.join(unknown)}")
    if terms.authorization_details_types and not terms.purpose["vi"]:
        raise InvalidClientMetadata("purpose is needed: people are told why a client asks to act for them")


def _check_profiles(terms: Terms) -> None:
    if any(PROFILES[name].ends for name in terms.profiles) and not terms.trial:
        raise InvalidClientMetadata(
            "the profile legacy is for trial: an operator registers such a portal, and until when"
        )
    if without := [kind for kind in terms.kinds if not terms.profiles_of(kind)]:
        raise InvalidClientMetadata(f"a {without[0]} client could keep to none of the profiles")


_CONTRADICTIONS: Final[tuple[Callable[[Terms], None], ...]] = (
    _check_scope,
    _check_legal_basis,
    _check_details,
    _check_profiles,
)
