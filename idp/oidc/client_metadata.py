"""Client metadata (RFC 7591 §2, OpenID Connect Registration §2): from JSON to a client and back.

They are kept as JSON under their registered names. `read_client` honours or refuses every one of them: nothing is
accepted that would have no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from idp.errors import InvalidClientMetadata
from idp.oidc import metadata_fields as fields
from idp.oidc.client import LANGUAGES, Client
from idp.oidc.client_contradictions import CONTRADICTIONS
from idp.oidc.client_defaults import with_defaults
from idp.oidc.client_name import read_client_names, read_owner
from idp.oidc.key_set_addresses import read_key_set_addresses
from idp.oidc.profile import METHODS, PROFILES
from keys import policy
from keys.policy import Purpose

_UNSUPPORTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "client_secret": "secrets are made by us and never kept",
        "software_statement": "only a client itself registers by one, at the registration endpoint",
    }
)
"""Registered names that would have no effect here, and what to do instead."""

_Reader = Callable[[Mapping[str, object], str], object]


def _one_of(*allowed: str | None, default: str | None) -> _Reader:
    return lambda metadata, name: fields.read_choice(metadata, name, allowed, default)


def _encryption(name: str) -> Mapping[str, tuple[str, _Reader]]:
    """`alg` and `enc` of one kind of token (OpenID Connect Registration §2)."""
    managed, content = policy.ENCRYPTION_KEYS[Purpose.ENCRYPTION], policy.CONTENT_ENCRYPTION
    return {
        f"{name}_alg": (f"{name}_alg", _one_of(None, *managed, default=None)),
        f"{name}_enc": (f"{name}_enc", _one_of(None, *content, default=None)),
    }


_READERS: Final[Mapping[str, tuple[str, _Reader]]] = MappingProxyType(
    {
        "client_id": ("client_id", fields.read_client_id),
        "client_name": ("names", read_client_names),
        "owner": ("owner", read_owner),
        "sector": ("sector", fields.read_sector),
        "application_type": ("application_type", _one_of("web", "native", "machine", default="web")),
        "redirect_uris": ("redirect_uris", fields.read_texts),
        "post_logout_redirect_uris": ("post_logout_redirect_uris", fields.read_texts),
        "grant_types": ("grant_types", fields.read_grant_types),
        "response_types": ("response_types", fields.read_response_types),
        "token_endpoint_auth_method": (
            "token_endpoint_auth_method",
            _one_of(*METHODS, default="client_secret_basic"),
        ),
        "profile": ("profile", _one_of(*PROFILES, default=None)),
        "legacy_until": ("legacy_until", fields.read_optional_day),
        "token_endpoint_auth_signing_alg": (
            "token_endpoint_auth_signing_alg",
            _one_of(None, *policy.CLIENT_ALGORITHMS, default=None),
        ),
        **{name: (name, fields.read_text) for name in fields.CERTIFICATE_NAMES},
        "require_pushed_authorization_requests": (
            "require_pushed_authorization_requests",
            fields.read_boolean,
        ),
        "dpop_bound_access_tokens": ("dpop_bound_access_tokens", fields.read_boolean),
        "tls_client_certificate_bound_access_tokens": (
            "tls_client_certificate_bound_access_tokens",
            fields.read_boolean,
        ),
        "jwks": ("jwks_document", fields.read_optional_object),
        "jwks_uri": ("jwks_uri", fields.read_called_uri),
        "sector_identifier_uri": ("sector_identifier_uri", fields.read_called_uri),
        "id_token_signed_response_alg": (
            "id_token_signed_response_alg",
            _one_of(*policy.SIGNING_KEYS[Purpose.ID_TOKEN], default=policy.DEFAULT_ALGORITHM),
        ),
        "access_token_signed_response_alg": (
            "access_token_signed_response_alg",
            _one_of(*policy.SIGNING_KEYS[Purpose.ACCESS_TOKEN], default=policy.DEFAULT_ALGORITHM),
        ),
        "userinfo_signed_response_alg": (
            "userinfo_signed_response_alg",
            _one_of(None, *policy.SIGNING_KEYS[Purpose.USERINFO], default=None),
        ),
        "introspection_signed_response_alg": (
            "introspection_signed_response_alg",
            _one_of(None, *policy.SIGNING_KEYS[Purpose.INTROSPECTION], default=None),
        ),
        "authorization_signed_response_alg": (
            "authorization_signed_response_alg",
            _one_of(*policy.SIGNING_KEYS[Purpose.ID_TOKEN], default=policy.DEFAULT_ALGORITHM),
        ),
        **_encryption("authorization_encrypted_response"),
        **_encryption("id_token_encrypted_response"),
        **_encryption("userinfo_encrypted_response"),
        **_encryption("introspection_encrypted_response"),
        "request_object_signing_alg": (
            "request_object_signing_alg",
            _one_of(None, "none", *policy.CLIENT_ALGORITHMS, default=None),
        ),
        **_encryption("request_object_encryption"),
        "require_signed_request_object": ("require_signed_request_object", fields.read_boolean),
        "request_uris": ("request_uris", fields.read_request_uris),
        "initiate_login_uri": ("initiate_login_uri", fields.read_page_uri),
        "subject_type": ("", _one_of("pairwise", default="pairwise")),
        "scope": ("scope", fields.read_scope_text),
        "authorization_details_types": ("authorization_details_types", fields.read_texts),
        "legal_basis": ("legal_basis", _one_of("statutory_task", "consent", default="consent")),
        "legal_reference": ("legal_reference", fields.read_text),
        "purpose": ("purpose", fields.read_wording),
        "default_max_age": ("default_max_age", fields.read_optional_seconds),
        "require_auth_time": ("require_auth_time", fields.read_boolean),
        "default_acr_values": ("default_acr_values", fields.read_texts),
        "client_uri": ("client_uri", fields.read_page_uri),
        "logo_uri": ("logo_uri", fields.read_page_uri),
        "policy_uri": ("policy_uri", fields.read_page_uri),
        "tos_uri": ("tos_uri", fields.read_page_uri),
        "backchannel_logout_uri": ("backchannel_logout_uri", fields.read_called_uri),
        "backchannel_logout_session_required": (
            "backchannel_logout_session_required",
            fields.read_boolean,
        ),
        "frontchannel_logout_uri": ("frontchannel_logout_uri", fields.read_page_uri),
        "frontchannel_logout_session_required": (
            "frontchannel_logout_session_required",
            fields.read_boolean,
        ),
        "backchannel_token_delivery_mode": (
            "backchannel_token_delivery_mode",
            _one_of(None, "poll", "ping", default=None),
        ),
        "backchannel_client_notification_endpoint": (
            "backchannel_client_notification_endpoint",
            fields.read_called_uri,
        ),
        "backchannel_authentication_request_signing_alg": (
            "backchannel_authentication_request_signing_alg",
            _one_of(None, *policy.CLIENT_ALGORITHMS, default=None),
        ),
        "software_id": ("software_id", fields.read_text),
        "software_version": ("software_version", fields.read_text),
        "contacts": ("contacts", fields.read_texts),
        "audience": ("audience", fields.read_resource_uris),
        "resources": ("resources", fields.read_resource_uris),
        "may_act": ("may_act", fields.read_client_ids),
        "key_set_addresses": ("key_set_addresses", read_key_set_addresses),
        "client_id_issued_at": ("issued_at", fields.read_optional_seconds),
    }
)
"""Registered name -> field of `Client`, and how it is read."""

_WORDINGS: Final = ("client_name", "purpose")
_TAGGED: Final = frozenset(f"{name}#{language}" for name in _WORDINGS for language in LANGUAGES)

KNOWN: Final = _READERS.keys() | _TAGGED
"""What may stand in the metadata of a client."""


def _check_names(metadata: Mapping[str, object]) -> None:
    for name, instead in _UNSUPPORTED.items():
        if metadata.get(name) is not None:
            raise InvalidClientMetadata(f"{name} cannot be registered: {instead}")
    if unknown := sorted(metadata.keys() - KNOWN - _UNSUPPORTED.keys()):
        raise InvalidClientMetadata(f"unknown client metadata: {', '.join(unknown)}")


def read_client(
    metadata: Mapping[str, object],
    *,
    now: int,
    secret_digest: bytes | None = None,
    disabled_at: int | None = None,
) -> Client:
    """The client that registered metadata describe; `secret_digest` and `disabled_at` are kept beside them.

    Raises:
        InvalidRedirectUri: an address that browsers cannot safely be sent to (RFC 7591 §3.2.2).
        InvalidClientMetadata: anything unknown, malformed, without effect or contradictory, with one sentence.
    """
    _check_names(metadata)
    metadata = with_defaults(metadata)
    values: dict[str, Any] = {target: read(metadata, name) for name, (target, read) in _READERS.items()}
    del values[""]
    issued_at = values["issued_at"]
    if issued_at is not None and issued_at > now:
        raise InvalidClientMetadata("client_id_issued_at is in the future")
    values["issued_at"] = now if issued_at is None else issued_at
    values["jwks"] = fields.read_keys(values["jwks_document"])
    client = Client(**values, secret_digest=secret_digest, disabled_at=disabled_at)
    for check in CONTRADICTIONS:
        check(client)
    return client


def _wording(name: str, texts: Mapping[str, str]) -> Mapping[str, str]:
    tagged = {name: texts["vi"], f"{name}#en": texts["en"]}
    return tagged if texts["en"] != texts["vi"] else {name: texts["vi"]}


def client_metadata(client: Client) -> dict[str, object]:
    """The registered metadata as JSON, every default spelled out; `read_client` reads them back to the same client."""
    public: dict[str, object] = {}
    for name, (target, _) in _READERS.items():
        value: Any = getattr(client, target) if target else "pairwise"
        if name in _WORDINGS:
            public.update(_wording(name, value))
        elif value not in (None, "", ()) or name == "response_types":
            public[name] = list(value) if isinstance(value, tuple) else value
    public["scope"] = " ".join(client.scope)
    return {name: value for name, value in public.items() if value != ""}
