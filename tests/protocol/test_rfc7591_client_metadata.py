"""RFC 7591 §2 and OpenID Connect Registration §2: every member of client metadata is honoured or refused."""

from __future__ import annotations

import warnings
from typing import Any, Final

import orjson
import pytest

from idp.errors import InvalidClientMetadata, InvalidRedirectUri
from idp.oidc.client import Client
from idp.oidc.client_metadata import client_metadata, read_client
from idp.oidc.grant_types import TOKEN_EXCHANGE
from keys.backends.software import SoftwareSigner
from keys.encryption import DecryptionKey
from tests.support.oidc_rules import NOW, client, metadata

LAST_DAY: Final = "2027-06-30"
KEY = SoftwareSigner.generate("ES256")
JWKS = {"keys": [KEY.public_jwk()]}
SIGNED: dict[str, Any] = {"token_endpoint_auth_method": "private_key_jwt", "jwks": JWKS}
FOR_ENCRYPTION = {"keys": [DecryptionKey.generate("ECDH-ES").public_jwk()]}
NATIVE: dict[str, Any] = {
    "application_type": "native",
    "token_endpoint_auth_method": "none",
    "redirect_uris": ["http://127.0.0.1/cb", "vn.gov.example.app:/cb"],
    "post_logout_redirect_uris": [],
}
MACHINE: dict[str, Any] = {
    "application_type": "machine",
    "redirect_uris": [],
    "post_logout_redirect_uris": [],
    "grant_types": ["client_credentials"],
    "scope": "procedures:read procedures:write",
    "audience": ["https://api.example.gov.vn"],
}
EXCHANGING: dict[str, Any] = {
    "grant_types": [TOKEN_EXCHANGE],
    "scope": "",
    "resources": ["https://api.example.gov.vn"],
    "audience": ["https://next.example.gov.vn"],
}


def test_a_portal() -> None:
    portal = client()
    assert portal.names == {"vi": "Cổng dịch vụ công", "en": "Public service portal"}
    assert portal.purpose == {"vi": "Xác định người yêu cầu", "en": "Xác định người yêu cầu"}
    assert (portal.application_type, portal.grant_types, portal.response_types) == (
        "web",
        ("authorization_code",),
        ("code",),
    )
    assert (portal.id_token_signed_response_alg, portal.userinfo_signed_response_alg) == ("ES256", None)
    assert portal.scope == ("openid", "profile", "pid", "age", "address", "phone", "email", "org")
    assert (portal.needs_secret, portal.public, portal.security.pkce, portal.legacy_until) == (
        True,
        False,
        True,
        "",
    )
    assert (portal.issued_at, portal.disabled_at, portal.secret_digest) == (NOW, None, None)


LEGACY: Final = {"profile": "legacy", "legacy_until": LAST_DAY}

GOOD: list[dict[str, Any]] = [
    {},
    SIGNED,
    SIGNED | {"token_endpoint_auth_signing_alg": "ES256"},
    {"authorization_details_types": ["vn_mandate"]},
    LEGACY | {"token_endpoint_auth_method": "client_secret_post"},
    {"legal_basis": "consent", "legal_reference": "", "scope": "openid profile org"},
    {"grant_types": ["authorization_code", "refresh_token"], "scope": "openid offline_access"},
    {"token_endpoint_auth_method": "none"},
    {"default_max_age": 0, "require_auth_time": True, "default_acr_values": ["LoA1"]},
    {"id_token_signed_response_alg": "RS256", "userinfo_signed_response_alg": "ES256"},
    {"access_token_signed_response_alg": "RS256", "subject_type": "pairwise"},
    {"logo_uri": "https://portal.example.gov.vn/logo.png", "policy_uri": "https://portal.example.gov.vn/p"},
    {"tos_uri": "https://portal.example.gov.vn/t", "client_uri": "https://portal.example.gov.vn"},
    {"contacts": ["it@portal.example.gov.vn"], "require_signed_request_object": False},
    {"jwks": FOR_ENCRYPTION, "id_token_encrypted_response_alg": "ECDH-ES"},
    {
        "jwks": FOR_ENCRYPTION,
        "userinfo_encrypted_response_alg": "ECDH-ES",
        "userinfo_encrypted_response_enc": "A256GCM",
    },
    {"redirect_uris": ["http://localhost:9101/callback", "https://a.example/cb?x=1"]},
    {"backchannel_logout_uri": "https://portal.example.gov.vn/logout?from=motcua"},
    {"backchannel_logout_uri": "http://127.0.0.1:9101/l", "backchannel_logout_session_required": True},
    {
        "grant_types": ["authorization_code", "client_credentials"],
        "scope": "openid procedures:read",
        "audience": ["https://api.example.gov.vn"],
    },
    NATIVE,
    NATIVE | {"grant_types": ["authorization_code", "refresh_token"]},
    MACHINE,
    MACHINE | SIGNED | {"resources": ["https://api.example.gov.vn"]},
    MACHINE | {"scope": "", "audience": [], "resources": ["https://api.example.gov.vn"]},
    {"audience": ["https://api.example.gov.vn"], "may_act": ["api", "other-api"]},
    MACHINE | EXCHANGING,
    MACHINE | EXCHANGING | {"grant_types": ["client_credentials", TOKEN_EXCHANGE]},
    EXCHANGING | {"grant_types": ["authorization_code", TOKEN_EXCHANGE], "scope": "openid"},
]


@pytest.mark.parametrize("changes", GOOD)
def test_metadata_come_back_as_they_are_meant(changes: dict[str, Any]) -> None:
    registered = client(**changes)
    public = client_metadata(registered)
    assert orjson.loads(orjson.dumps(public)) == public
    assert read_client(public, now=NOW + 5) == registered


@pytest.mark.parametrize(
    "changes", [changes for changes in GOOD if changes.get("application_type") != "native"]
)
def test_an_independent_reader_agrees(changes: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from authlib.oauth2.rfc7591 import ClientMetadataClaims  # noqa: PLC0415 - announces its next release
        from authlib.oidc.registration import ClientMetadataClaims as OpenIdMetadata  # noqa: PLC0415 - as above

    public = client_metadata(client(**changes))
    ClientMetadataClaims(public, {}).validate(NOW)
    if public["application_type"] != "machine":  # ours; OpenID Connect knows the two others
        OpenIdMetadata(public, {}).validate(NOW)


@pytest.mark.parametrize(
    "absent", ["client_id", "client_name", "owner", "sector", "purpose", "legal_reference"]
)
def test_what_must_be_there(absent: str) -> None:
    with pytest.raises(InvalidClientMetadata, match=absent):
        client(absent)


@pytest.mark.parametrize(
    "changes",
    [
        {"made_up": 1},
        {"client_name#fr": "Portail"},
        {"client_id": "a b"},
        {"client_id": ""},
        {"client_id": "a:b"},
        {"client_id": 7},
        {"client_name": "x\u202ey"},
        {"client_name": "x\ny"},
        {"client_name": 7},
        {"sector": "Bộ"},
        {"sector": "a\x00b"},
        {"application_type": "desktop"},
        {"grant_types": []},
        {"grant_types": ["implicit"]},
        {"grant_types": ["password"]},
        {"grant_types": "authorization_code"},
        {"grant_types": ["refresh_token"]},
        {"response_types": ["code id_token"]},
        {"response_types": []},
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "client_secret_post"},
        LEGACY | {"token_endpoint_auth_method": "none"},
        {"token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "client_credentials"]},
        {"token_endpoint_auth_signing_alg": "ES256"},
        SIGNED | {"token_endpoint_auth_signing_alg": "HS256"},
        SIGNED | {"token_endpoint_auth_signing_alg": "none"},
        SIGNED | {"jwks": {"keys": []}},
        SIGNED | {"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}},
        SIGNED | {"jwks": {"keys": [KEY.public_jwk() | {"d": "AAAA"}]}},
        SIGNED | {"jwks": "keys"},
        SIGNED | {"jwks_uri": "https://portal.example.gov.vn/jwks"},
        {"client_secret": "s"},
        {"subject_type": "public"},
        {"sector_identifier_uri": "http://portal.example.gov.vn/s"},
        {"id_token_signed_response_alg": "none"},
        {"id_token_signed_response_alg": "HS256"},
        {"id_token_encrypted_response_alg": "RSA-OAEP"},
        {"userinfo_signed_response_alg": "none"},
        {"id_token_encrypted_response_alg": "RSA-OAEP-256"},
        {"id_token_encrypted_response_enc": "A256GCM"},
        SIGNED | {"userinfo_encrypted_response_alg": "RSA1_5"},
        SIGNED | {"userinfo_encrypted_response_alg": "ECDH-ES"},
        SIGNED | {"jwks": FOR_ENCRYPTION},
        {"jwks": FOR_ENCRYPTION, "require_signed_request_object": True},
        {"jwks": FOR_ENCRYPTION, "id_token_encrypted_response_alg": "RSA-OAEP-256"},
        SIGNED | {"introspection_encrypted_response_enc": "A128GCM"},
        {"request_uris": ["http://portal.example.gov.vn/r"]},
        {"request_uris": ["https://portal.example.gov.vn/r#short"]},
        {"request_object_signing_alg": "HS256"},
        {"require_signed_request_object": True},
        SIGNED | {"require_signed_request_object": True, "request_object_signing_alg": "none"},
        {"request_object_encryption_enc": "A256GCM"},
        {"initiate_login_uri": "http://portal.example.gov.vn/i"},
        {"frontchannel_logout_session_required": True},
        {"frontchannel_logout_uri": "javascript:alert(1)"},
        MACHINE | {"sector_identifier_uri": "https://portal.example.gov.vn/sector.json"},
        {"sector_identifier_uri": "http://portal.example.gov.vn/sector.json"},
        MACHINE | {"frontchannel_logout_uri": "https://portal.example.gov.vn/front"},
        {"software_id": 7},
        {"backchannel_logout_session_required": True},
        {"backchannel_logout_session_required": "yes"},
        {"backchannel_logout_uri": "http://portal.example.gov.vn/logout"},
        {"backchannel_logout_uri": "https://portal.example.gov.vn/logout#x"},
        {"backchannel_logout_uri": "https://10.0.0.1/logout"},
        {"backchannel_logout_uri": "https://169.254.169.254/latest"},
        {"backchannel_logout_uri": "https://a@portal.example.gov.vn/logout"},
        {"backchannel_logout_uri": "file:///etc/passwd"},
        {"backchannel_logout_uri": "gopher://portal.example.gov.vn/"},
        {"backchannel_logout_uri": ["https://portal.example.gov.vn/logout"]},
        MACHINE | {"backchannel_logout_uri": "https://portal.example.gov.vn/logout"},
        {"dpop_bound_access_tokens": "yes"},
        {"tls_client_certificate_bound_access_tokens": True, "dpop_bound_access_tokens": True},
        {"token_endpoint_auth_method": "none", "tls_client_certificate_bound_access_tokens": True},
        MACHINE | {"require_pushed_authorization_requests": True},
        {"token_endpoint_auth_method": "tls_client_auth"},
        {"token_endpoint_auth_method": "self_signed_tls_client_auth"},
        {"tls_client_auth_san_dns": "portal.example.gov.vn"},
        {
            "token_endpoint_auth_method": "tls_client_auth",
            "tls_client_auth_san_dns": "portal.example.gov.vn",
            "tls_client_auth_subject_dn": "CN=portal",
        },
        {"authorization_details_types": ["payment_initiation"]},
        {"authorization_details_types": ["vn_mandate", "vn_mandate"]},
        {"authorization_details_types": "vn_mandate"},
        {"authorization_details_types": ["vn_mandate"], "scope": "openid", "purpose": ""},
        MACHINE | {"authorization_details_types": ["vn_mandate"]},
        {"scope": "profile"},
        {"scope": "openid made-up"},
        {"scope": "openid offline_access"},
        {"scope": "openid procedures:read"},
        {"scope": ["openid"]},
        {"legal_basis": "consent"},
        {"legal_basis": "consent", "scope": "openid legacy_dvcqg"},
        {"legal_basis": "legitimate_interest"},
        {"default_max_age": -1},
        {"default_max_age": True},
        {"default_max_age": "60"},
        {"require_auth_time": "yes"},
        {"profile": "fapi1"},
        {"profile": 2},
        {"profile": "legacy"},
        {"legacy_until": LAST_DAY},
        {"profile": "legacy", "legacy_until": "next year"},
        {"profile": "fapi2"},
        SIGNED | {"profile": "fapi2", "id_token_signed_response_alg": "RS256"},
        SIGNED | {"profile": "fapi2", "token_endpoint_auth_signing_alg": "RS256"},
        SIGNED | {"profile": "fapi2", "request_object_signing_alg": "none"},
        SIGNED | {"profile": "fapi2", "require_pushed_authorization_requests": False},
        SIGNED | {"profile": "fapi2", "dpop_bound_access_tokens": False},
        SIGNED | {"profile": "fapi2_message_signing", "require_signed_request_object": False},
        {"logo_uri": "http://portal.example.gov.vn/logo.png"},
        {"policy_uri": "javascript:alert(1)"},
        {"tos_uri": "//portal.example.gov.vn/t"},
        {"audience": ["not a uri"]},
        {"client_id_issued_at": NOW + 1},
        {"contacts": "it@portal.example.gov.vn"},
        {"redirect_uris": []},
        {"redirect_uris": "https://a.example/cb"},
        {"redirect_uris": ["https://a.example/cb", "https://a.example/cb"]},
        NATIVE | {"token_endpoint_auth_method": "client_secret_basic"},
        NATIVE | LEGACY,
        NATIVE | {"grant_types": ["authorization_code", "client_credentials"]},
        MACHINE | {"grant_types": ["authorization_code"]},
        MACHINE | {"scope": "openid"},
        MACHINE | {"token_endpoint_auth_method": "none"},
        MACHINE | {"audience": []},
        {"audience": ["https://api.example.gov.vn#x"]},
        {"audience": ["https://api.example.gov.vn"], "may_act": ["not an id"]},
        {"audience": ["https://api.example.gov.vn"], "may_act": "api"},
        {"audience": ["https://api.example.gov.vn"], "may_act": ["api", "api"]},
        {"audience": ["https://api.example.gov.vn"], "may_act": ["portal"]},
        {"may_act": ["api"]},
        MACHINE | {"may_act": ["api"]},
        MACHINE | EXCHANGING | {"resources": []},
        MACHINE | EXCHANGING | {"audience": []},
        NATIVE | EXCHANGING | {"grant_types": ["authorization_code", TOKEN_EXCHANGE], "scope": "openid"},
        EXCHANGING
        | {
            "grant_types": ["authorization_code", TOKEN_EXCHANGE],
            "scope": "openid",
            "token_endpoint_auth_method": "none",
        },
    ],
)
def test_refused_with_a_sentence(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidClientMetadata) as refused:
        client(**changes)
    assert len(refused.value.description) > 10


WEB_URIS = {
    "https://a.example/cb": True,
    "https://a.example": True,
    "https://a.example:8443/cb?x=1&y=%20": True,
    "http://localhost:9101/callback": True,
    "http://127.0.0.1:9101/callback": True,
    "http://[::1]:9101/callback": True,
    "http://a.example/cb": False,
    "http://localhost.evil.example/cb": False,
    "http://127.0.0.1.evil.example/cb": False,
    "https://a.example/cb#frag": False,
    "https://a.example/cb#": False,
    "https://*.gov.vn/cb": False,
    "https://a.example/*": False,
    "https://user@a.example/cb": False,
    "https://user:pw@a.example/cb": False,
    "https://a.example\\@evil.example/cb": False,
    "https://a.example/../cb": False,
    "https://a.example/x/%2e%2E/cb": False,
    "https://a.example/.": False,
    "https://A.example/cb": False,
    "HTTPS://a.example/cb": False,
    "https:///cb": False,
    "https:a.example/cb": False,
    "https://a.example:/cb": False,
    "https://a.example:0/cb": False,
    "https://a.example:65536/cb": False,
    "https://a.example:80:80/cb": False,
    "https://a..example/cb": False,
    "https://-a.example/cb": False,
    "https://2130706433/cb": False,
    "https://0x7f.1/cb": False,
    "https://10.0.0.1/cb": False,
    "https://[::1/cb": False,
    "https://[2001:db8::1]/cb": False,
    "https://a.example/c b": False,
    "https://a.example/đường": False,
    "https://cổng.example/cb": False,
    "https://a.example/%zz": False,
    "https://a.example/\x00": False,
    "javascript:alert(1)": False,
    "data:text/html,x": False,
    "file:///etc/passwd": False,
    "vn.gov.example.app:/cb": False,
    "//a.example/cb": False,
    "/cb": False,
    "https://a.example/" + "a" * 1000: False,
}
NATIVE_URIS = {
    "https://app.example.gov.vn/cb": True,
    "http://127.0.0.1/cb": True,
    "http://[::1]/cb": True,
    "http://localhost:7000/cb": True,
    "vn.gov.example.app:/cb": True,
    "vn.gov.example.app:/": True,
    "vn.gov.example.app://cb": False,
    "vn.gov.example.app:cb": False,
    "motcua:/cb": False,
    "javascript:/cb": False,
    "mailto:a@b.example": False,
    "http://a.example/cb": False,
    "vn.gov.example.app:/cb#f": False,
    "VN.gov.example.app:/cb": False,
}


def _registered(uri: str, **changes: Any) -> Client | None:
    try:
        return read_client(metadata(**changes, redirect_uris=[uri]), now=NOW)
    except (InvalidRedirectUri, InvalidClientMetadata):
        return None


@pytest.mark.parametrize(("uri", "good"), WEB_URIS.items())
def test_addresses_of_portals(uri: str, good: bool) -> None:  # noqa: FBT001 - a column of the table
    assert (_registered(uri) is not None) == good


@pytest.mark.parametrize(("uri", "good"), NATIVE_URIS.items())
def test_addresses_of_apps(uri: str, good: bool) -> None:  # noqa: FBT001 - a column of the table
    assert (
        _registered(uri, **{name: NATIVE[name] for name in NATIVE if name != "redirect_uris"}) is not None
    ) == good


def test_the_error_of_an_address_has_its_own_code() -> None:
    with pytest.raises(InvalidRedirectUri, match="fragment"):
        client(redirect_uris=["https://a.example/cb#x"])
    with pytest.raises(InvalidRedirectUri, match="wildcard"):
        client(post_logout_redirect_uris=["https://*.example/"])


def test_a_secret_only_where_the_method_needs_one() -> None:
    assert client(secret_digest=bytes(32)).secret_digest == bytes(32)
    with pytest.raises(InvalidClientMetadata):
        client(secret_digest=bytes(32), **SIGNED)


def test_nothing_secret_is_shown() -> None:
    assert "secret_digest" not in client_metadata(client(secret_digest=bytes(32)))
    assert "secret_digest" not in repr(client(secret_digest=bytes(32)))
