"""A client: what is registered of a portal, an app or a machine (RFC 7591 §2, OpenID Connect Registration §2).

Its metadata are kept as JSON under their registered names. `read_client` honours or refuses every one of them: nothing
is accepted that would have no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from idp.errors import InvalidClientMetadata
from idp.oidc import metadata_fields as fields
from idp.oidc.key_set_addresses import read_key_set_addresses
from idp.oidc.registered_uri import Kind
from idp.oidc.scope import OFFLINE_ACCESS, SCOPES, is_resource_scope
from keys import policy
from keys.jose import JwkSet
from keys.policy import Purpose

AuthenticationMethod = Literal["private_key_jwt", "client_secret_basic", "client_secret_post", "none"]
LegalBasis = Literal["statutory_task", "consent"]

SECRET_METHODS: Final = frozenset({"client_secret_basic", "client_secret_post"})
LANGUAGES: Final = ("vi", "en")


@dataclass(frozen=True, slots=True)
class KindRules:
    """What clients of one kind may register."""

    grant_types: frozenset[str]
    methods: frozenset[str]


KINDS: Final[Mapping[Kind, KindRules]] = MappingProxyType(
    {
        # a portal: a server, or a browser application without a secret
        "web": KindRules(
            frozenset({"authorization_code", "refresh_token", "client_credentials"}),
            frozenset({"private_key_jwt", "client_secret_basic", "client_secret_post", "none"}),
        ),
        # an app on a person's own device keeps no secret from its owner (RFC 8252 §8.5)
        "native": KindRules(frozenset({"authorization_code", "refresh_token"}), frozenset({"none"})),
        # a program in its own name, or a protected resource that asks about tokens
        "machine": KindRules(
            frozenset({"client_credentials"}), frozenset({"private_key_jwt", "client_secret_basic"})
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One registered client. Times and ages are in seconds; `names` and `purpose` have the keys `vi` and `en`.

    `legacy` clients may leave PKCE out and send a secret in the body. `audience` are the protected resources that its
    access tokens are for, `resources` the ones that it is itself, about whose tokens it may ask. `key_set_addresses`
    are the networks that it fetches our keys from.
    """

    client_id: str
    names: Mapping[str, str] = field(hash=False)
    owner: str
    sector: str
    kind: Kind
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    token_endpoint_auth_method: AuthenticationMethod
    token_endpoint_auth_signing_alg: str | None
    secret_digest: bytes | None = field(repr=False)
    jwks: JwkSet | None = field(hash=False, repr=False)
    jwks_document: Mapping[str, object] | None = field(hash=False, repr=False)
    id_token_signed_response_alg: str
    access_token_signed_response_alg: str
    userinfo_signed_response_alg: str | None
    scope: tuple[str, ...]
    legacy: bool
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
    contacts: tuple[str, ...]
    audience: tuple[str, ...]
    resources: tuple[str, ...]
    key_set_addresses: tuple[str, ...]
    issued_at: int
    disabled_at: int | None

    @property
    def needs_secret(self) -> bool:
        """Whether it authenticates by a secret that we have to issue."""
        return self.token_endpoint_auth_method in SECRET_METHODS

    @property
    def public(self) -> bool:
        """Whether it cannot keep a secret (RFC 6749 §2.1)."""
        return self.token_endpoint_auth_method == "none"

    @property
    def requires_pkce(self) -> bool:
        """Whether every authorization request of it needs a code challenge (RFC 7636, RFC 9700 §2.1.1)."""
        return not self.legacy


_UNSUPPORTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "jwks_uri": "we fetch nothing from clients; register the keys themselves as jwks",
        "sector_identifier_uri": "the sector is agreed on at registration: register sector",
        "client_secret": "secrets are made by us and never kept",
        "initiate_login_uri": "logins are started by the client only",
        "request_uris": "request objects are not supported",
        "request_object_signing_alg": "request objects are not supported",
        "request_object_encryption_alg": "request objects are not supported",
        "request_object_encryption_enc": "request objects are not supported",
        "id_token_encrypted_response_alg": "encrypted ID tokens are not supported",
        "id_token_encrypted_response_enc": "encrypted ID tokens are not supported",
        "userinfo_encrypted_response_alg": "encrypted UserInfo is not supported",
        "userinfo_encrypted_response_enc": "encrypted UserInfo is not supported",
        "frontchannel_logout_uri": "front-channel logout is not supported",
        "software_statement": "software statements are not supported",
    }
)
"""Registered names that would have no effect here, and what to do instead."""

_UNSUPPORTED_WHEN_TRUE: Final = (
    "frontchannel_logout_session_required",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "dpop_bound_access_tokens",
    "tls_client_certificate_bound_access_tokens",
)

_Reader = Callable[[Mapping[str, object], str], object]


def _one_of(*allowed: str | None, default: str | None) -> _Reader:
    return lambda metadata, name: fields.read_choice(metadata, name, allowed, default)


_READERS: Final[Mapping[str, tuple[str, _Reader]]] = MappingProxyType(
    {
        "client_id": ("client_id", fields.read_client_id),
        "client_name": ("names", fields.read_required_wording),
        "owner": ("owner", fields.read_required_text),
        "sector": ("sector", fields.read_sector),
        "application_type": ("kind", _one_of("web", "native", "machine", default="web")),
        "redirect_uris": ("redirect_uris", fields.read_texts),
        "post_logout_redirect_uris": ("post_logout_redirect_uris", fields.read_texts),
        "grant_types": ("grant_types", fields.read_grant_types),
        "response_types": ("response_types", fields.read_response_types),
        "token_endpoint_auth_method": (
            "token_endpoint_auth_method",
            _one_of(*sorted(KINDS["web"].methods), default="client_secret_basic"),
        ),
        "token_endpoint_auth_signing_alg": (
            "token_endpoint_auth_signing_alg",
            _one_of(None, *policy.CLIENT_ALGORITHMS, default=None),
        ),
        "jwks": ("jwks_document", fields.read_optional_object),
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
        "subject_type": ("", _one_of("pairwise", default="pairwise")),
        "scope": ("scope", fields.read_scope_text),
        "legacy": ("legacy", fields.read_boolean),
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
        "contacts": ("contacts", fields.read_texts),
        "audience": ("audience", fields.read_resource_uris),
        "resources": ("resources", fields.read_resource_uris),
        "key_set_addresses": ("key_set_addresses", read_key_set_addresses),
        "client_id_issued_at": ("issued_at", fields.read_optional_seconds),
    }
)
"""Registered name -> field of `Client`, and how it is read."""

_WORDINGS: Final = ("client_name", "purpose")


def _check_names(metadata: Mapping[str, object]) -> None:
    for name, instead in _UNSUPPORTED.items():
        if metadata.get(name) is not None:
            raise InvalidClientMetadata(f"{name} cannot be registered: {instead}")
    for name in _UNSUPPORTED_WHEN_TRUE:
        if metadata.get(name, False) is not False:
            raise InvalidClientMetadata(f"{name} can only be false: this is not supported")
    tagged = {f"{name}#{language}" for name in _WORDINGS for language in LANGUAGES}
    known = _READERS.keys() | _UNSUPPORTED.keys() | set(_UNSUPPORTED_WHEN_TRUE) | tagged
    if unknown := sorted(metadata.keys() - known):
        raise InvalidClientMetadata(f"unknown client metadata: {', '.join(unknown)}")


def _check_kind(client: Client) -> None:
    rules = KINDS[client.kind]
    if refused := sorted(set(client.grant_types) - rules.grant_types):
        raise InvalidClientMetadata(f"grant_types of a {client.kind} client cannot hold {', '.join(refused)}")
    if client.token_endpoint_auth_method not in rules.methods:
        raise InvalidClientMetadata(
            f"token_endpoint_auth_method of a {client.kind} client is one of {', '.join(sorted(rules.methods))}"
        )
    if client.kind == "native" and client.key_set_addresses:
        raise InvalidClientMetadata("key_set_addresses are of servers: an app is where its people are")


def _check_uris(client: Client) -> None:
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in getattr(client, name):
            fields.check_client_uri(name, uri, client.kind)
    redirects = "authorization_code" in client.grant_types
    if client.backchannel_logout_uri and not redirects:
        raise InvalidClientMetadata("backchannel_logout_uri is for clients that people log in to")
    if client.backchannel_logout_session_required and not client.backchannel_logout_uri:
        raise InvalidClientMetadata("backchannel_logout_session_required needs backchannel_logout_uri")
    if redirects != bool(client.redirect_uris):
        raise InvalidClientMetadata("redirect_uris and the grant type authorization_code belong together")
    if redirects != bool(client.response_types):
        raise InvalidClientMetadata(
            "response_types and grant_types contradict each other (RFC 7591 section 2.1)"
        )


def _check_grants(client: Client) -> None:
    if "refresh_token" in client.grant_types and "authorization_code" not in client.grant_types:
        raise InvalidClientMetadata("the grant type refresh_token needs authorization_code")
    if OFFLINE_ACCESS in client.scope and "refresh_token" not in client.grant_types:
        raise InvalidClientMetadata("the scope offline_access needs the grant type refresh_token")
    if client.public and "client_credentials" in client.grant_types:
        raise InvalidClientMetadata(
            "client_credentials is for clients that authenticate (RFC 6749 section 4.4)"
        )


def _check_authentication(client: Client) -> None:
    method = client.token_endpoint_auth_method
    if method == "private_key_jwt" and client.jwks is None:
        raise InvalidClientMetadata("private_key_jwt needs jwks with the public key of the client")
    if method != "private_key_jwt" and client.token_endpoint_auth_signing_alg is not None:
        raise InvalidClientMetadata("token_endpoint_auth_signing_alg is for private_key_jwt")
    if client.secret_digest is not None and not client.needs_secret:
        raise InvalidClientMetadata(f"a client that authenticates by {method} has no secret")
    if method == "client_secret_post" and not client.legacy:
        raise InvalidClientMetadata(
            "client_secret_post is for clients registered as legacy; use private_key_jwt"
        )
    if client.legacy and (client.public or client.kind != "web"):
        raise InvalidClientMetadata(
            "legacy is for web clients that authenticate: others cannot do without PKCE"
        )


def _check_scope(client: Client) -> None:
    unknown = [token for token in client.scope if token not in SCOPES and not is_resource_scope(token)]
    if unknown:
        raise InvalidClientMetadata(f"unknown scope: {' '.join(unknown)}")
    personal = [token for token in client.scope if token in SCOPES]
    if bool(personal) != ("authorization_code" in client.grant_types):
        raise InvalidClientMetadata(
            "scopes about persons and the grant type authorization_code belong together"
        )
    if personal and "openid" not in personal:
        raise InvalidClientMetadata("scope must contain openid")
    if len(personal) < len(client.scope) and not (
        client.audience and "client_credentials" in client.grant_types
    ):
        raise InvalidClientMetadata("scopes of an API need client_credentials and its address as audience")


def _check_legal_basis(client: Client) -> None:
    """Personal data of the state's registers are given for a task a law names, or by consent (Law 91/2025/QH15)."""
    if client.legal_basis == "statutory_task" and not client.legal_reference:
        raise InvalidClientMetadata("statutory_task needs legal_reference: the law that gives the task")
    if client.legal_basis != "statutory_task":
        refused = [token for token in client.scope if token in SCOPES and SCOPES[token].needs_statutory_task]
        if refused:
            raise InvalidClientMetadata(f"only a statutory_task allows the scope: {' '.join(refused)}")
    asks = any(SCOPES[token].claims for token in client.scope if token in SCOPES)
    if asks and not client.purpose["vi"]:
        raise InvalidClientMetadata("purpose is needed: people are told why a client asks for their data")


_CONTRADICTIONS: Final = (
    _check_kind, _check_uris, _check_grants, _check_authentication, _check_scope, _check_legal_basis,
)  # fmt: skip


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
    values: dict[str, Any] = {target: read(metadata, name) for name, (target, read) in _READERS.items()}
    del values[""]
    issued_at = values["issued_at"]
    if issued_at is not None and issued_at > now:
        raise InvalidClientMetadata("client_id_issued_at is in the future")
    values["issued_at"] = now if issued_at is None else issued_at
    values["jwks"] = fields.read_keys(values["jwks_document"])
    client = Client(**values, secret_digest=secret_digest, disabled_at=disabled_at)
    for check in _CONTRADICTIONS:
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
