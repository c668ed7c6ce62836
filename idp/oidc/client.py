"""A client: what is registered of a portal, an app or a machine (RFC 7591 §2, OpenID Connect Registration §2).

What it may register follows from its kind, one row of `KINDS`; `idp.oidc.client_metadata` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import urlsplit

from idp.oidc.grant_types import (
    AUTHORIZATION_CODE,
    CIBA,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
)
from idp.oidc.profile import (
    METHODS,
    PROFILES,
    SECRET_METHODS,
    AuthenticationMethod,
    ProfileName,
    ProfileRules,
)
from idp.oidc.registered_uri import ApplicationType
from idp.registers.calendar import today
from keys.jose import JwkSet

LegalBasis = Literal["statutory_task", "consent"]
Kind = Literal["server", "browser", "native", "machine"]

LOGO_PATH: Final = "/logo"

DeliveryMode = Literal["poll", "ping"]

LANGUAGES: Final = ("vi", "en")

DEFAULT_CONTENT_ENCRYPTION: Final = "A128CBC-HS256"
"""Where a client registered `alg` only (OpenID Connect Registration §2)."""


@dataclass(frozen=True, slots=True)
class KindRules:
    """What clients of one kind may register, and how they are treated. The README shows the same table.

    `profiles` are those that it can keep to, the one of a new client first. `asks_for_keys`: from networks of its own,
    so that staff sees which keys it has. `any_loopback_port`: the port of a loopback address is the system's to choose
    (RFC 8252 §7.3). `origins_may_ask`: scripts served from the origins of its redirect addresses may read our direct
    answers (CORS). `silent_only_when_claimed`: without a page it is answered only at an https address, which nobody
    else can take on the device (RFC 8252 §8.6).
    """

    application_type: ApplicationType
    grant_types: frozenset[str]
    methods: frozenset[AuthenticationMethod]
    profiles: tuple[ProfileName, ...]
    asks_for_keys: bool = False
    any_loopback_port: bool = False
    origins_may_ask: bool = False
    silent_only_when_claimed: bool = False


KINDS: Final[Mapping[Kind, KindRules]] = MappingProxyType(
    {
        # a portal with a server, which keeps a key or a secret
        "server": KindRules(
            "web",
            frozenset(
                {AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS, DEVICE_CODE, TOKEN_EXCHANGE, CIBA}
            ),
            frozenset(METHODS) - {"none"},
            ("fapi2", "fapi2_message_signing", "oidc", "legacy"),
            asks_for_keys=True,
        ),
        # a single-page application: whatever it holds, its user and every script in its page hold as well
        "browser": KindRules(
            "web",
            frozenset({AUTHORIZATION_CODE, REFRESH_TOKEN}),
            frozenset({"none"}),
            ("oidc",),
            origins_may_ask=True,
        ),
        # an app on a person's own device keeps no secret from its owner (RFC 8252 §8.5)
        "native": KindRules(
            "native",
            frozenset({AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE}),
            frozenset({"none"}),
            ("oidc",),
            any_loopback_port=True,
            silent_only_when_claimed=True,
        ),
        # a program in its own name, or a protected resource that asks about tokens
        "machine": KindRules(
            "machine",
            frozenset({CLIENT_CREDENTIALS, TOKEN_EXCHANGE}),
            frozenset(METHODS) - {"client_secret_post", "none"},
            ("fapi2", "oidc"),
            asks_for_keys=True,
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Encryption:
    """How an answer is encrypted for a client: key management (RFC 7518 §4.1) and content (§5.1)."""

    alg: str
    enc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One registered client. Times and ages are in seconds; `names` and `purpose` have the keys `vi` and `en`.

    `legacy_until` is the last day of a client whose profile ends, as `YYYY-MM-DD` in Viet Nam. `audience` are the
    protected resources that its access tokens may be for, `resources` the ones that it is itself, about whose tokens it
    may ask. `may_act` are the clients that may exchange what people granted to this one (RFC 8693 §4.4).
    `key_set_addresses` are the networks that it fetches our keys from.
    """

    client_id: str
    names: Mapping[str, str] = field(hash=False)
    owner: str
    sector: str
    application_type: ApplicationType
    profile: ProfileName
    legacy_until: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    token_endpoint_auth_method: AuthenticationMethod
    token_endpoint_auth_signing_alg: str | None
    tls_client_auth_subject_dn: str
    tls_client_auth_san_dns: str
    tls_client_auth_san_uri: str
    tls_client_auth_san_ip: str
    tls_client_auth_san_email: str
    require_pushed_authorization_requests: bool
    dpop_bound_access_tokens: bool
    tls_client_certificate_bound_access_tokens: bool
    secret_digest: bytes | None = field(repr=False)
    jwks: JwkSet | None = field(hash=False, repr=False)
    jwks_document: Mapping[str, object] | None = field(hash=False, repr=False)
    jwks_uri: str
    sector_identifier_uri: str
    id_token_signed_response_alg: str
    access_token_signed_response_alg: str
    id_token_encrypted_response_alg: str | None
    id_token_encrypted_response_enc: str | None
    userinfo_signed_response_alg: str | None
    userinfo_encrypted_response_alg: str | None
    userinfo_encrypted_response_enc: str | None
    introspection_signed_response_alg: str | None
    introspection_encrypted_response_alg: str | None
    introspection_encrypted_response_enc: str | None
    authorization_signed_response_alg: str
    authorization_encrypted_response_alg: str | None
    authorization_encrypted_response_enc: str | None
    request_object_signing_alg: str | None
    request_object_encryption_alg: str | None
    request_object_encryption_enc: str | None
    require_signed_request_object: bool
    request_uris: tuple[str, ...]
    initiate_login_uri: str
    scope: tuple[str, ...]
    authorization_details_types: tuple[str, ...]
    legal_basis: LegalBasis
    legal_reference: str
    purpose: Mapping[str, str] = field(hash=False)
    default_max_age: int | None
    require_auth_time: bool
    default_acr_values: tuple[str, ...]
    client_uri: str
    logo_uri: str
    policy_uri: str
    tos_uri: str
    backchannel_logout_uri: str
    backchannel_logout_session_required: bool
    frontchannel_logout_uri: str
    frontchannel_logout_session_required: bool
    backchannel_token_delivery_mode: DeliveryMode | None
    backchannel_client_notification_endpoint: str
    backchannel_authentication_request_signing_alg: str | None
    software_id: str
    software_version: str
    contacts: tuple[str, ...]
    audience: tuple[str, ...]
    resources: tuple[str, ...]
    may_act: tuple[str, ...]
    key_set_addresses: tuple[str, ...]
    issued_at: int
    disabled_at: int | None
    logo_at: int | None = None
    """When we fetched the logo that we show; None where we have none."""

    @property
    def logo(self) -> str:
        """The path of our copy of its logo, another one for each; empty where there is none."""
        return "" if self.logo_at is None else f"{LOGO_PATH}/{self.client_id}?{self.logo_at}"

    @property
    def kind(self) -> Kind:
        """Its row in `KINDS`: who holds what it holds."""
        if self.application_type == "web":
            return "browser" if self.public else "server"
        return self.application_type

    @property
    def rules(self) -> KindRules:
        """What follows from its kind."""
        return KINDS[self.kind]

    @property
    def security(self) -> ProfileRules:
        """What follows from its profile."""
        return PROFILES[self.profile]

    def is_stopped(self, now: int) -> bool:
        """Whether nothing is given to it any more: it is switched off, or its last day is over."""
        if self.disabled_at is not None:
            return True
        return bool(self.legacy_until) and today(now).isoformat() > self.legacy_until

    @property
    def origins(self) -> frozenset[str]:
        """The origins whose scripts may read our answers to this client (RFC 6454 §6.1): of a browser client only."""
        if not self.rules.origins_may_ask:
            return frozenset()
        parts = map(urlsplit, self.redirect_uris)
        return frozenset(f"{part.scheme}://{part.netloc}" for part in parts)

    @property
    def people_log_in(self) -> bool:
        """Whether people log in to it, by redirect or elsewhere; else it acts in its own name only."""
        return not {AUTHORIZATION_CODE, DEVICE_CODE, CIBA}.isdisjoint(self.grant_types)

    @property
    def id_token_encryption(self) -> Encryption | None:
        """How its ID tokens are encrypted, if they are (OpenID Connect Registration §2)."""
        return _encryption(self.id_token_encrypted_response_alg, self.id_token_encrypted_response_enc)

    @property
    def userinfo_encryption(self) -> Encryption | None:
        """How UserInfo is encrypted for it, if it is (OpenID Connect Registration §2)."""
        return _encryption(self.userinfo_encrypted_response_alg, self.userinfo_encrypted_response_enc)

    @property
    def introspection_encryption(self) -> Encryption | None:
        """How introspection is encrypted for it, if it is (RFC 9701 §6)."""
        return _encryption(
            self.introspection_encrypted_response_alg, self.introspection_encrypted_response_enc
        )

    @property
    def authorization_encryption(self) -> Encryption | None:
        """How signed authorization responses are encrypted for it, if they are (JARM §3)."""
        return _encryption(
            self.authorization_encrypted_response_alg, self.authorization_encrypted_response_enc
        )

    @property
    def needs_secret(self) -> bool:
        """Whether it authenticates by a secret that we have to issue."""
        return self.token_endpoint_auth_method in SECRET_METHODS

    @property
    def public(self) -> bool:
        """Whether it cannot keep a secret (RFC 6749 §2.1)."""
        return self.token_endpoint_auth_method == "none"


def _encryption(alg: str | None, enc: str | None) -> Encryption | None:
    return None if alg is None else Encryption(alg, enc or DEFAULT_CONTENT_ENCRYPTION)
