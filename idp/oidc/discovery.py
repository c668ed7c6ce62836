"""What we say about ourselves (OpenID Connect Discovery 1.0 §3, RFC 8414 §2): complete, and true.

The same document is served at both well-known addresses: what one of the two specifications does not know is an
extension to it, which both allow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from idp.assurance import acr_values_supported
from idp.oidc import dpop
from idp.oidc.authorization_details.table import TYPES
from idp.oidc.claims.languages import LOCALES, TAGGED
from idp.oidc.claims.release import CLAIMS
from idp.oidc.client import LANGUAGES
from idp.oidc.client_certificate import methods_of
from idp.oidc.grant_types import GRANT_TYPES
from idp.oidc.pkce import METHOD
from idp.oidc.profile import METHODS, TLS_METHODS, of_any_profile
from idp.oidc.prompt import PROMPT_VALUES
from idp.oidc.scope import SCOPES
from idp.settings import Settings
from keys import policy
from keys.policy import Purpose

ENDPOINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "authorization_endpoint": "/authorize",
        "pushed_authorization_request_endpoint": "/par",
        "token_endpoint": "/token",
        "userinfo_endpoint": "/userinfo",
        "jwks_uri": "/jwks",
        "revocation_endpoint": "/revoke",
        "introspection_endpoint": "/introspect",
        "device_authorization_endpoint": "/device_authorization",
        "backchannel_authentication_endpoint": "/bc-authorize",
        "end_session_endpoint": "/logout",
        "registration_endpoint": "/register",
    }
)
"""Name in the metadata -> path. The routes are made of the same table."""

WELL_KNOWN: Final = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")

PROTOCOL_CLAIMS: Final = (
    "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "subject_type",
)  # fmt: skip

DISPLAY_ADVERTISED: Final = ("page", "touch")
"""A popup is shown like a page; it is not announced because our pages cut the tie to the window that opened them."""

Algorithms: TypeAlias = Callable[[Purpose], Sequence[str]]


_WITHOUT_CERTIFICATE: Final = frozenset(
    {"authorization_endpoint", "end_session_endpoint", "jwks_uri", "registration_endpoint"}
)
"""Where browsers go, or where a client proves itself by nothing or by a token of another kind."""


_SIGNED_BY_CLIENTS: Final = of_any_profile(lambda rules: rules.client_algorithms)
"""What clients sign assertions and requests with, as far as their profile goes."""


def endpoint(issuer: str, name: str) -> str:
    """The address of an endpoint by its name in the metadata."""
    return issuer + ENDPOINTS[name]


def _client_authentication(prefix: str, methods: tuple[str, ...]) -> dict[str, object]:
    return {
        f"{prefix}_endpoint_auth_methods_supported": list(methods),
        f"{prefix}_endpoint_auth_signing_alg_values_supported": list(_SIGNED_BY_CLIENTS),
    }


def _methods(settings: Settings) -> tuple[str, ...]:
    """How clients can authenticate here: by certificates only where somebody asks for them."""
    certified, allowed = methods_of(settings), of_any_profile(lambda rules: rules.methods)
    able = {*allowed} - (TLS_METHODS - certified)
    return tuple(method for method in METHODS if method in able)


def _mutual_tls(settings: Settings) -> dict[str, object]:
    """Where clients connect with their certificates (RFC 8705 §3.3, §5); the other addresses ask for none."""
    if not settings.mtls_url:
        return {}
    names = [name for name in ENDPOINTS if name not in _WITHOUT_CERTIFICATE]
    return {
        "tls_client_certificate_bound_access_tokens": True,
        "mtls_endpoint_aliases": {name: endpoint(settings.mtls_url, name) for name in names},
    }


def _encrypted(prefix: str) -> dict[str, object]:
    """How answers are encrypted for clients: by keys of theirs, so it does not depend on ours."""
    return {
        f"{prefix}_encryption_alg_values_supported": list(policy.ENCRYPTION_KEYS[Purpose.ENCRYPTION]),
        f"{prefix}_encryption_enc_values_supported": list(policy.CONTENT_ENCRYPTION),
    }


def _request_objects(for_us: Sequence[str]) -> dict[str, object]:
    """Request objects (RFC 9101 §4, §10.5). `none` is a client's registration, and offered to nobody."""
    opened = {
        "request_object_encryption_alg_values_supported": list(for_us),
        "request_object_encryption_enc_values_supported": list(policy.CONTENT_ENCRYPTION),
    }
    return {
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "require_signed_request_object": False,
        "request_object_signing_alg_values_supported": list(_SIGNED_BY_CLIENTS),
        **(opened if for_us else {}),
    }


def provider_metadata(settings: Settings, algorithms: Algorithms) -> dict[str, object]:
    """The metadata document of this installation; `algorithms` are those that it has keys for, by purpose."""
    issuer, methods = settings.issuer, _methods(settings)
    return {
        "issuer": issuer,
        **{name: issuer + path for name, path in ENDPOINTS.items()},
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": list(of_any_profile(lambda rules: rules.response_modes)),
        "grant_types_supported": list(GRANT_TYPES),
        "require_pushed_authorization_requests": False,
        "code_challenge_methods_supported": [METHOD],
        "authorization_response_iss_parameter_supported": True,
        "authorization_details_types_supported": list(TYPES),
        "dpop_signing_alg_values_supported": list(dpop.ALGORITHMS),
        **_mutual_tls(settings),
        **_client_authentication("token", methods),
        **_client_authentication("revocation", methods),
        **_client_authentication("introspection", methods[:-1]),
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": list(algorithms(Purpose.ID_TOKEN)),
        "userinfo_signing_alg_values_supported": list(algorithms(Purpose.USERINFO)),
        "acr_values_supported": list(acr_values_supported(issuer)),
        "claim_types_supported": ["normal"],
        "claims_supported": [*PROTOCOL_CLAIMS, *(name for name in CLAIMS if name not in TAGGED)],
        "claims_locales_supported": list(LOCALES),
        "claims_parameter_supported": True,
        **_request_objects(algorithms(Purpose.ENCRYPTION)),
        **_encrypted("id_token"),
        **_encrypted("userinfo"),
        "introspection_signing_alg_values_supported": list(algorithms(Purpose.INTROSPECTION)),
        **_encrypted("introspection"),
        "authorization_signing_alg_values_supported": list(
            algorithms(policy.key_purpose(Purpose.AUTHORIZATION_RESPONSE))
        ),
        **_encrypted("authorization"),
        "display_values_supported": list(DISPLAY_ADVERTISED),
        "prompt_values_supported": list(PROMPT_VALUES),
        "ui_locales_supported": list(LANGUAGES),
        "backchannel_token_delivery_modes_supported": ["poll", "ping"],
        "backchannel_authentication_request_signing_alg_values_supported": list(_SIGNED_BY_CLIENTS),
        "backchannel_user_code_parameter_supported": False,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
    }
