"""What cannot be registered together: each rule looks at a client whose metadata are read one by one already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from idp.errors import InvalidClientMetadata
from idp.oidc.authorization_details.table import TYPES
from idp.oidc.client import KINDS, Client
from idp.oidc.client_backchannel import BACKCHANNEL_CHECKS
from idp.oidc.client_certificate import check_certificate_metadata
from idp.oidc.client_profile import PROFILE_CHECKS
from idp.oidc.frontchannel_logout import origin_of
from idp.oidc.grant_types import AUTHORIZATION_CODE, CLIENT_CREDENTIALS, REFRESH_TOKEN, TOKEN_EXCHANGE
from idp.oidc.metadata_fields import check_client_uri
from idp.oidc.scope import OFFLINE_ACCESS, SCOPES, is_resource_scope


def _check_kind(client: Client) -> None:
    rules = KINDS[client.kind]
    if refused := sorted(set(client.grant_types) - rules.grant_types):
        raise InvalidClientMetadata(f"grant_types of a {client.kind} client cannot hold {', '.join(refused)}")
    if client.token_endpoint_auth_method not in rules.methods:
        raise InvalidClientMetadata(
            f"token_endpoint_auth_method of a {client.kind} client is one of {', '.join(sorted(rules.methods))}"
        )
    if client.profile not in rules.profiles:
        raise InvalidClientMetadata(
            f"profile of a {client.kind} client is one of {', '.join(rules.profiles)}"
        )
    if client.key_set_addresses and not rules.asks_for_keys:
        raise InvalidClientMetadata("key_set_addresses are of servers: an app is where its people are")


def _check_uris(client: Client) -> None:
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in getattr(client, name):
            check_client_uri(name, uri, client.application_type)
    redirects = AUTHORIZATION_CODE in client.grant_types
    if client.backchannel_logout_uri and not client.people_log_in:
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
    if REFRESH_TOKEN in client.grant_types and not client.people_log_in:
        raise InvalidClientMetadata("the grant type refresh_token needs one by which people log in")
    if OFFLINE_ACCESS in client.scope and REFRESH_TOKEN not in client.grant_types:
        raise InvalidClientMetadata("the scope offline_access needs the grant type refresh_token")
    if client.public and CLIENT_CREDENTIALS in client.grant_types:
        raise InvalidClientMetadata(
            "client_credentials is for clients that authenticate (RFC 6749 section 4.4)"
        )


def _check_authentication(client: Client) -> None:
    method = client.token_endpoint_auth_method
    if method == "private_key_jwt" and client.jwks is None and not client.jwks_uri:
        raise InvalidClientMetadata(
            "private_key_jwt needs jwks or jwks_uri with the public key of the client"
        )
    if method != "private_key_jwt" and client.token_endpoint_auth_signing_alg is not None:
        raise InvalidClientMetadata("token_endpoint_auth_signing_alg is for private_key_jwt")
    if client.secret_digest is not None and not client.needs_secret:
        raise InvalidClientMetadata(f"a client that authenticates by {method} has no secret")


def _check_scope(client: Client) -> None:
    unknown = [token for token in client.scope if token not in SCOPES and not is_resource_scope(token)]
    if unknown:
        raise InvalidClientMetadata(f"unknown scope: {' '.join(unknown)}")
    personal = [token for token in client.scope if token in SCOPES]
    if bool(personal) != client.people_log_in:
        raise InvalidClientMetadata(
            "scopes about persons and a grant type by which people log in belong together"
        )
    if personal and "openid" not in personal:
        raise InvalidClientMetadata("scope must contain openid")
    if len(personal) < len(client.scope) and not (
        client.audience and CLIENT_CREDENTIALS in client.grant_types
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
    if (asks or client.authorization_details_types) and not client.purpose["vi"]:
        raise InvalidClientMetadata("purpose is needed: people are told why a client asks for their data")


def _check_keys(client: Client) -> None:
    if client.jwks is not None and client.jwks_uri:
        raise InvalidClientMetadata("jwks and jwks_uri cannot stand together (RFC 7591 section 2)")
    if client.jwks is None or client.jwks.keys:
        return
    if client.token_endpoint_auth_method == "private_key_jwt" or client.require_signed_request_object:
        raise InvalidClientMetadata("jwks has no key for signatures: what the client signs needs one")


def _check_encryption(client: Client) -> None:
    """OpenID Connect Registration §2, RFC 9701 §6: `enc` needs `alg`, and what is encrypted needs a key."""
    for name in ("id_token", "userinfo", "introspection", "authorization"):
        alg = getattr(client, f"{name}_encrypted_response_alg")
        if alg is None and getattr(client, f"{name}_encrypted_response_enc") is not None:
            raise InvalidClientMetadata(f"{name}_encrypted_response_enc needs {name}_encrypted_response_alg")
        if alg is None or client.jwks_uri:
            continue
        if client.jwks is None or client.jwks.find_recipient(alg) is None:
            raise InvalidClientMetadata(
                f"{name}_encrypted_response_alg needs jwks or jwks_uri with a key for it: one that says use enc"
            )
    if client.request_object_encryption_enc is not None and client.request_object_encryption_alg is None:
        raise InvalidClientMetadata("request_object_encryption_enc needs request_object_encryption_alg")


def _check_request_objects(client: Client) -> None:
    redirects = AUTHORIZATION_CODE in client.grant_types
    if client.request_uris and not redirects:
        raise InvalidClientMetadata("request_uris are for clients that people log in to")
    if not client.require_signed_request_object:
        return
    if client.request_object_signing_alg == "none":
        raise InvalidClientMetadata(
            "require_signed_request_object contradicts request_object_signing_alg none"
        )
    if client.jwks is None and not client.jwks_uri:
        raise InvalidClientMetadata("require_signed_request_object needs jwks or jwks_uri")


def _check_logout_and_start(client: Client) -> None:
    redirects = AUTHORIZATION_CODE in client.grant_types
    for name in ("frontchannel_logout_uri", "initiate_login_uri", "sector_identifier_uri"):
        if getattr(client, name) and not redirects:
            raise InvalidClientMetadata(f"{name} is for clients that people log in to")
    if client.frontchannel_logout_session_required and not client.frontchannel_logout_uri:
        raise InvalidClientMetadata("frontchannel_logout_session_required needs frontchannel_logout_uri")
    if client.frontchannel_logout_uri:
        _check_frame(client)


def _check_frame(client: Client) -> None:
    """Front-Channel Logout §2: scheme, host and port of a redirect address; the policy of our page must name them."""
    if client.kind == "native":
        raise InvalidClientMetadata("frontchannel_logout_uri is for portals that people visit in a browser")
    uri = client.frontchannel_logout_uri
    if origin_of(uri) not in map(origin_of, client.redirect_uris):
        raise InvalidClientMetadata(
            "frontchannel_logout_uri must have the scheme, host and port of one of the redirect_uris"
        )
    if urlsplit(uri).netloc.startswith("["):
        raise InvalidClientMetadata("frontchannel_logout_uri must name its host, not by an IPv6 number")


def _check_exchange(client: Client) -> None:
    """RFC 8693: what is exchanged was handed to a resource that the client is, and is for the next one."""
    if TOKEN_EXCHANGE in client.grant_types and not (client.resources and client.audience):
        raise InvalidClientMetadata(
            "token exchange needs resources (what the client is) and audience (what it calls for people)"
        )
    if client.may_act and not client.people_log_in:
        raise InvalidClientMetadata("may_act is for clients that people log in to")
    if client.may_act and not client.audience:
        raise InvalidClientMetadata("may_act needs audience: no token of this client could be exchanged")
    if client.client_id in client.may_act:
        raise InvalidClientMetadata("may_act names other clients")


def _check_details(client: Client) -> None:
    """RFC 9396 §10: what nobody here understands cannot be asked for."""
    if unknown := sorted(set(client.authorization_details_types) - TYPES.keys()):
        raise InvalidClientMetadata(
            f"authorization_details_types must be some of {', '.join(TYPES)}; unknown: {', '.join(unknown)}"
        )
    if client.authorization_details_types and not client.people_log_in:
        raise InvalidClientMetadata("authorization_details_types are for clients that people log in to")


CONTRADICTIONS: Final[tuple[Callable[[Client], None], ...]] = (
    _check_kind, *PROFILE_CHECKS, _check_keys, _check_uris, _check_grants, _check_authentication,
    check_certificate_metadata, _check_encryption, _check_request_objects, _check_logout_and_start, _check_scope,
    _check_details, _check_exchange, _check_legal_basis, *BACKCHANNEL_CHECKS,
)  # fmt: skip
"""Every rule raises `InvalidClientMetadata` (or `InvalidRedirectUri`) with one sentence."""
