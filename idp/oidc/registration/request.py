"""From what a client asks for to what is registered: within its terms, with the defaults of the specifications.

RFC 7591 §2 has us ignore metadata that we do not know; what is registered with IANA and would have no effect here is
refused instead, and so is what goes beyond the terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from idp.errors import InvalidClientMetadata, InvalidRedirectUri, InvalidRequest
from idp.oidc import metadata_fields as fields
from idp.oidc.client import Client
from idp.oidc.client_defaults import kind_of
from idp.oidc.client_metadata import KNOWN, client_metadata, read_client
from idp.oidc.grant_types import CIBA, CLIENT_CREDENTIALS, DEVICE_CODE, REFRESH_TOKEN
from idp.oidc.profile import PROFILES, ProfileRules
from idp.oidc.registration.terms import TRIAL_DAYS, Terms
from idp.oidc.scope import OFFLINE_ACCESS, SCOPES
from idp.oidc.sector import sector_of
from idp.registers.calendar import today
from keys import policy

_OURS: Final = (
    "client_id", "client_id_issued_at", "client_secret", "client_secret_expires_at", "registration_access_token",
    "registration_client_uri",
)  # fmt: skip
"""What we say in our answer, and a request must not hold (RFC 7592 §2.2); an update has the `client_id`."""

_OF_THE_TERMS: Final = (
    "owner", "sector", "legal_basis", "legal_reference", "purpose", "purpose#vi", "purpose#en", "legacy_until",
    "resources", "key_set_addresses", "may_act",
)  # fmt: skip
"""A client may repeat them, since our answers hold them; it cannot choose them."""

_WITHOUT_EFFECT: Final = (
    frozenset({
        "authorization_details_types", "authorization_encrypted_response_alg", "authorization_encrypted_response_enc",
        "authorization_signed_response_alg", "backchannel_authentication_request_signing_alg",
        "backchannel_client_notification_endpoint", "backchannel_token_delivery_mode",
        "backchannel_user_code_parameter", "claims_redirect_uris", "client_registration_types",
        "nfv_token_encrypted_response_alg", "nfv_token_encrypted_response_enc", "nfv_token_signed_response_alg",
        "signed_jwks_uri",
        "tls_client_auth_san_dns", "tls_client_auth_san_email", "tls_client_auth_san_ip", "tls_client_auth_san_uri",
        "tls_client_auth_subject_dn", "use_mtls_endpoint_aliases", "vp_formats", "vp_formats_supported",
    }) - KNOWN
)  # fmt: skip
"""Of the IANA registry "OAuth Dynamic Client Registration Metadata": what nothing here would act upon."""

_SHOWN: Final = ("client_uri", "logo_uri", "policy_uri", "tos_uri", "initiate_login_uri")
_ADDRESSES: Final = (
    "redirect_uris", "post_logout_redirect_uris", "request_uris", *_SHOWN, "jwks_uri", "sector_identifier_uri",
    "backchannel_logout_uri", "frontchannel_logout_uri", "backchannel_client_notification_endpoint",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """What a client has from us beside its terms; `default_alg` signs ID tokens where it names nothing."""

    issuer: str
    client_id: str
    issued_at: int
    default_alg: str


def read_asked(sent: Mapping[str, object], own_id: str | None = None) -> dict[str, object]:
    """What a request asks for, without what is null (RFC 7592 §2.2) and what nobody knows.

    `own_id` is the client that changes itself; the secret that it may repeat has been checked already.

    Raises:
        InvalidRequest: it holds what is ours to say.
        InvalidClientMetadata: it holds what would have no effect here.
    """
    asked = {name: value for name, value in sent.items() if value is not None}
    for name in _OURS:
        if name in asked and not (own_id is not None and name in {"client_id", "client_secret"}):
            raise InvalidRequest(f"{name} is ours to say: the request must not hold it")
    if own_id is not None and asked.pop("client_id", None) != own_id:
        raise InvalidRequest("client_id must be that of the client (RFC 7592 section 2.2)")
    for name in sorted(_WITHOUT_EFFECT & asked.keys()):
        if asked[name] is not False:
            raise InvalidClientMetadata(f"{name} cannot be registered: it would have no effect")
    return {name: value for name, value in asked.items() if name in KNOWN}


def read_registration(asked: Mapping[str, object], terms: Terms, origin: Origin) -> Client:
    """The client that is registered.

    Raises:
        InvalidRedirectUri: an address that browsers cannot safely be sent to.
        InvalidClientMetadata: malformed, contradictory, or beyond the terms; one sentence says what.
    """
    chosen = {name: value for name, value in asked.items() if name not in _OF_THE_TERMS}
    document = _defaults(chosen, origin) | chosen | _of_terms(terms, origin)
    document["scope"] = " ".join(_scope(document, terms))
    document["audience"] = list(_audience(document, terms))
    document |= _profile(document, terms, origin)
    if document.get("token_endpoint_auth_method", "private_key_jwt") != "private_key_jwt":
        # Libraries name it whatever they authenticate by; RFC 7591 §3.2.1 lets our answer leave it out.
        document.pop("token_endpoint_auth_signing_alg", None)
    client = read_client(document, now=origin.issued_at)
    if terms.sector is None:
        client = replace(client, sector=_sector(client, terms, asks_pairwise="subject_type" in asked))
    elif client.sector_identifier_uri:
        raise InvalidClientMetadata("sector_identifier_uri: the terms of this registration name the sector")
    _check_not_ours(client, origin.issuer)
    _check_elsewhere(client, terms)
    _check_within(client, terms)
    _check_repeated(asked, client)
    return client


def _defaults(chosen: Mapping[str, object], origin: Origin) -> dict[str, object]:
    """OpenID Connect Registration §2, RFC 7591 §2; an app cannot authenticate, whatever the general default is."""
    native = chosen.get("application_type") == "native"
    return {
        "client_name": origin.client_id,
        **({"token_endpoint_auth_method": "none"} if native else {}),
    }


def _of_terms(terms: Terms, origin: Origin) -> dict[str, object]:
    return {
        "client_id": origin.client_id,
        "client_id_issued_at": origin.issued_at,
        "owner": terms.owner,
        "sector": terms.sector or origin.client_id,
        "legal_basis": terms.legal_basis,
        "legal_reference": terms.legal_reference,
        "purpose": terms.purpose["vi"],
        "purpose#en": terms.purpose["en"],
    }


def _profile(document: Mapping[str, object], terms: Terms, origin: Origin) -> dict[str, object]:
    """The profile asked for, if the terms allow it; else the first of them that such a client can keep to."""
    kind = kind_of(document)
    allowed = terms.profiles_of(kind)
    asked = document.get("profile", allowed[0] if allowed else None)
    if asked not in allowed:
        may = ", ".join(allowed) or "none"
        raise InvalidClientMetadata(f"profile of a {kind} client by the terms of this registration: {may}")
    profile = next(name for name in allowed if name == asked)
    named = {"profile": profile} | _algorithms(PROFILES[profile], document, origin)
    if not PROFILES[profile].ends:
        return named
    last_day = today(origin.issued_at) + timedelta(days=TRIAL_DAYS)
    return {**named, "legacy_until": last_day.isoformat()}


def _algorithms(rules: ProfileRules, document: Mapping[str, object], origin: Origin) -> dict[str, object]:
    """What we sign with where nothing is named: RS256 by the specifications, as far as the profile goes (JARM §3)."""
    alg = origin.default_alg if origin.default_alg in rules.provider_algorithms else policy.DEFAULT_ALGORITHM
    names = ("id_token_signed_response_alg", "authorization_signed_response_alg")
    return {name: alg for name in names if name not in document}


def _scope(document: Mapping[str, object], terms: Terms) -> tuple[str, ...]:
    """What was asked for, if the terms allow it; else all of the terms that the grant types are for."""
    if "scope" not in document:
        return tuple(token for token in terms.scope if _serves(token, document))
    asked = fields.read_scope_text(document, "scope")
    if beyond := [token for token in asked if token not in terms.scope]:
        raise InvalidClientMetadata(f"scope is beyond the terms of this registration: {' '.join(beyond)}")
    return asked


def _serves(token: str, document: Mapping[str, object]) -> bool:
    grants = fields.read_grant_types(document, "grant_types")
    if token == OFFLINE_ACCESS:
        return REFRESH_TOKEN in grants
    if token in SCOPES:  # people log in where `openid` would be the scope of a client that names none
        return bool(fields.read_scope_text({"grant_types": list(grants)}, "scope"))
    return CLIENT_CREDENTIALS in grants


def _audience(document: Mapping[str, object], terms: Terms) -> tuple[str, ...]:
    if "audience" not in document:
        machine = CLIENT_CREDENTIALS in fields.read_grant_types(document, "grant_types")
        return terms.audience if machine else ()
    asked = fields.read_resource_uris(document, "audience")
    if beyond := [uri for uri in asked if uri not in terms.audience]:
        raise InvalidClientMetadata(f"audience is beyond the terms of this registration: {beyond[0]}")
    return asked


def _sector(client: Client, terms: Terms, *, asks_pairwise: bool) -> str:
    """OpenID Connect Core §8.1: the host of `sector_identifier_uri`, or the one host that people are sent back to.

    An app's own address can be taken by another app, and a machine has none: each is a sector of its own. So is a
    client with several hosts; who asks for pairwise subjects by name must say which of them it is (Registration §5).
    And so is one that devices log in to: a device is answered wherever it is, so an address proves nothing, unless the
    terms name the hosts.
    """
    if DEVICE_CODE in client.grant_types and not terms.hosts:
        if client.sector_identifier_uri:
            raise InvalidClientMetadata(
                "sector_identifier_uri proves nothing of devices: register a client without device_code for it"
            )
        return fields.read_sector({"sector": client.client_id}, "sector")
    if client.sector_identifier_uri:
        return fields.read_sector({"sector": sector_of(client.sector_identifier_uri)}, "sector")
    sectors = {_sector_of_redirect(uri, client.client_id) for uri in client.redirect_uris} or {
        client.client_id
    }
    if len(sectors) > 1 and asks_pairwise:
        raise InvalidClientMetadata(
            "redirect_uris at several hosts need sector_identifier_uri (OpenID Connect Registration section 5)"
        )
    return fields.read_sector({"sector": client.client_id if len(sectors) > 1 else sectors.pop()}, "sector")


def _sector_of_redirect(uri: str, own: str) -> str:
    host = urlsplit(uri).hostname or ""
    if not uri.startswith("https://") or host == "localhost":
        return own
    if "." not in host:
        raise InvalidRedirectUri(f"redirect_uris: {uri} must be at a host with a dot in its name")
    return host


def _hosts(client: Client, names: tuple[str, ...]) -> dict[str, str]:
    """Host -> a member that has an https address there."""
    found: dict[str, str] = {}
    for name in names:
        value = getattr(client, name)
        for uri in (value,) if isinstance(value, str) else value:
            if uri.startswith("https://"):
                found.setdefault(urlsplit(uri).hostname or "", name)
    return found


def _check_not_ours(client: Client, issuer: str) -> None:
    """An answer sent to one of our own addresses would be a request of our own pages, as browsers see it."""
    for name in _ADDRESSES:
        value = getattr(client, name)
        for uri in (value,) if isinstance(value, str) else value:
            if uri and _origin(uri) == _origin(issuer):
                raise InvalidClientMetadata(f"{name}: {uri} is an address of ours")


def _origin(uri: str) -> tuple[str, str | None, int | None]:
    """RFC 6454 §4."""
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _check_elsewhere(client: Client, terms: Terms) -> None:
    """Whoever can ask people who did not come to it is known: by staff, or by what the terms say of its hosts."""
    if CIBA in client.grant_types and not terms.hosts:
        raise InvalidClientMetadata(
            f"the grant type {CIBA} is registered by staff, or by terms that name the hosts of the client"
        )


def _check_within(client: Client, terms: Terms) -> None:
    if client.kind not in terms.kinds:
        raise InvalidClientMetadata(
            f"this would be a {client.kind} client; the terms of this registration allow {', '.join(terms.kinds)}"
        )
    types = client.authorization_details_types
    if beyond := [one for one in types if one not in terms.authorization_details_types]:
        raise InvalidClientMetadata(
            f"authorization_details_types is beyond the terms of this registration: {beyond[0]}"
        )
    for host, name in _hosts(client, _ADDRESSES).items():
        if terms.hosts and host not in terms.hosts:
            raise InvalidClientMetadata(f"{name}: {host} is none of the hosts of this registration's terms")
    own = _hosts(client, ("redirect_uris", "sector_identifier_uri")).keys() or set(terms.hosts)
    for host, name in _hosts(client, _SHOWN).items():
        # RFC 7591 §5, OpenID Connect Registration §9.1: another's logo or terms make people trust the wrong one
        if not terms.trial and host not in own:
            raise InvalidClientMetadata(f"{name} must be at a host of redirect_uris, not at {host}")


def _check_repeated(asked: Mapping[str, object], client: Client) -> None:
    public = client_metadata(client)
    for name in _OF_THE_TERMS:
        if name in asked and asked[name] != public.get(name, type(asked[name])()):
            raise InvalidClientMetadata(
                f"{name} is set by the terms of this registration, or follows from them"
            )
