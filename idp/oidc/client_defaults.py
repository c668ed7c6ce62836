"""What a client is registered with where its metadata leave something out: it follows from its kind and profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from idp.oidc.client import KINDS, Kind
from idp.oidc.grant_types import AUTHORIZATION_CODE
from idp.oidc.profile import PROFILES, AuthenticationMethod, ProfileName, ProfileRules

_STRONGEST: Final[AuthenticationMethod] = "private_key_jwt"


def with_defaults(metadata: Mapping[str, object]) -> Mapping[str, object]:
    """The metadata with the defaults that depend on others; each reader has the rest.

    A profile that nobody knows is left for its reader to refuse.
    """
    profile = metadata.get("profile", KINDS[kind_of(metadata)].profiles[0])
    rules = PROFILES.get(cast("ProfileName", profile)) if isinstance(profile, str) else None
    if rules is None:
        return metadata
    return {"profile": profile, **_of_profile(rules, metadata), **metadata}


def kind_of(metadata: Mapping[str, object]) -> Kind:
    """The kind of client that metadata describe, before anything of them has been read."""
    match metadata.get("application_type", "web"), metadata.get("token_endpoint_auth_method"):
        case "native", _:
            return "native"
        case "machine", _:
            return "machine"
        case _, "none":
            return "browser"
    return "server"


def _of_profile(rules: ProfileRules, metadata: Mapping[str, object]) -> dict[str, object]:
    by_certificate = metadata.get("tls_client_certificate_bound_access_tokens") is True
    defaults: dict[str, object] = {
        "require_pushed_authorization_requests": rules.pushed_requests and _redirects(metadata),
        "dpop_bound_access_tokens": rules.sender_constrained and not by_certificate,
        "require_signed_request_object": rules.signed_requests and _redirects(metadata),
    }
    if "client_secret_basic" not in rules.methods:  # the default of RFC 7591 §2
        defaults["token_endpoint_auth_method"] = _STRONGEST
    return defaults


def _redirects(metadata: Mapping[str, object]) -> bool:
    grant_types = metadata.get("grant_types", [AUTHORIZATION_CODE])
    return isinstance(grant_types, list) and AUTHORIZATION_CODE in grant_types
