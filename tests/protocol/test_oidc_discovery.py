"""OpenID Connect Discovery 1.0 §3 and RFC 8414 §2: the metadata document, as a document.

That each value of it is true stands in `test_oidc_discovery_clients` and `test_oidc_discovery_requests`, that each
address answers in `tests/house/test_routes_are_discovery`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from authlib.oidc.discovery import OpenIDProviderMetadata
from authlib.oidc.rpinitiated import OpenIDProviderMetadata as LogoutMetadata

from idp.oidc.discovery import ENDPOINTS, WELL_KNOWN, endpoint, provider_metadata
from idp.settings import Settings
from keys import policy
from keys.policy import Purpose
from tests.support.advertised import METADATA
from tests.support.installation import ISSUER
from tests.support.provider import Provider

FOLDER = Path(__file__).parent

REGISTERED = {
    # OpenID Connect Discovery 1.0 §3
    "issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "registration_endpoint",
    "scopes_supported", "response_types_supported", "response_modes_supported", "grant_types_supported",
    "acr_values_supported", "subject_types_supported", "id_token_signing_alg_values_supported",
    "id_token_encryption_alg_values_supported", "id_token_encryption_enc_values_supported",
    "userinfo_signing_alg_values_supported", "userinfo_encryption_alg_values_supported",
    "userinfo_encryption_enc_values_supported", "request_object_signing_alg_values_supported",
    "request_object_encryption_alg_values_supported", "request_object_encryption_enc_values_supported",
    "token_endpoint_auth_methods_supported", "token_endpoint_auth_signing_alg_values_supported",
    "display_values_supported", "claim_types_supported", "claims_supported", "claims_locales_supported",
    "ui_locales_supported", "claims_parameter_supported", "request_parameter_supported",
    "request_uri_parameter_supported", "require_request_uri_registration",
    # RFC 8414 §2
    "revocation_endpoint", "revocation_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_signing_alg_values_supported", "introspection_endpoint",
    "introspection_endpoint_auth_methods_supported", "introspection_endpoint_auth_signing_alg_values_supported",
    "code_challenge_methods_supported",
    # RFC 8628 §4, RFC 9101 §10.5, RFC 9207 §3, RFC 9701 §7
    "device_authorization_endpoint", "require_signed_request_object",
    "authorization_response_iss_parameter_supported", "introspection_signing_alg_values_supported",
    "introspection_encryption_alg_values_supported", "introspection_encryption_enc_values_supported",
    # RFC 9126 §5, JARM §4
    "pushed_authorization_request_endpoint", "require_pushed_authorization_requests",
    "authorization_signing_alg_values_supported", "authorization_encryption_alg_values_supported",
    "authorization_encryption_enc_values_supported",
    # RFC 9396 §10
    "authorization_details_types_supported",
    # CIBA Core §4
    "backchannel_authentication_endpoint", "backchannel_token_delivery_modes_supported",
    "backchannel_authentication_request_signing_alg_values_supported", "backchannel_user_code_parameter_supported",
    # RFC 9449 §5.1
    "dpop_signing_alg_values_supported",
    # RP-Initiated, Back-Channel, Front-Channel Logout 1.0; Initiating User Registration 1.0 §4.2
    "end_session_endpoint", "backchannel_logout_supported", "backchannel_logout_session_supported",
    "frontchannel_logout_supported", "frontchannel_logout_session_supported", "prompt_values_supported",
}  # fmt: skip
"""Of the IANA registry "OAuth Authorization Server Metadata" what we have a use for."""


def _exercised(path: Path) -> Iterator[str]:
    """The members that a file of tests walks over: arguments of `advertised` and `withheld`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id
        if isinstance(node, ast.Call) and called in {"advertised", "withheld"}:
            yield from _names(node.args[0])


def _names(argument: ast.expr) -> Iterator[str]:
    """A literal name; where a part of it is filled in, every member that it fits."""
    if isinstance(argument, ast.Constant):
        yield str(argument.value)
    elif isinstance(argument, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else None for part in argument.values]
        pattern = "".join("[a-z]+" if part is None else re.escape(str(part)) for part in parts)
        yield from (name for name in METADATA if re.fullmatch(pattern, name))


def test_every_member_is_one_that_readers_know() -> None:
    assert METADATA.keys() == REGISTERED


def test_every_member_is_exercised_against_what_is_served() -> None:
    files = [FOLDER / f"test_oidc_discovery_{part}.py" for part in ("backchannel", "clients", "requests")]
    exercised = {name for file in files for name in _exercised(file)} | set(ENDPOINTS)
    assert METADATA.keys() - exercised == set()
    assert exercised - METADATA.keys() == set()


async def test_this_is_what_is_served(service: Provider) -> None:
    for path in WELL_KNOWN:
        assert (await service.http().get(path)).json() == METADATA


def test_booleans_are_booleans() -> None:
    flags = [name for name in METADATA if name.endswith("ed") and not isinstance(METADATA[name], list)]
    flags += [name for name in METADATA if name.startswith("require_")]
    assert {type(METADATA[name]) for name in flags} == {bool}
    assert all(isinstance(value, (str, list, bool)) for value in METADATA.values())


def test_an_independent_validator_is_content() -> None:
    OpenIDProviderMetadata(METADATA).validate(metadata_classes=[LogoutMetadata])


def test_it_is_json_without_nulls_and_empty_lists() -> None:
    document = orjson.loads(orjson.dumps(METADATA))
    assert document == METADATA
    for name, value in document.items():
        assert value not in (None, "", [], {}), name
        if isinstance(value, list):
            assert all(isinstance(item, str) and item for item in value), name
            assert len(set(value)) == len(value), name


@pytest.mark.parametrize("name", ENDPOINTS)
def test_endpoints_are_below_the_issuer(name: str) -> None:
    assert METADATA[name] == endpoint(ISSUER, name) == ISSUER + ENDPOINTS[name]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("response_types_supported", ["code"]),
        ("response_modes_supported", ["query", "form_post", "jwt", "query.jwt", "form_post.jwt"]),
        ("subject_types_supported", ["pairwise"]),
        ("code_challenge_methods_supported", ["S256"]),
        (
            "grant_types_supported",
            [
                "authorization_code",
                "refresh_token",
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code",
                "urn:ietf:params:oauth:grant-type:token-exchange",
                "urn:openid:params:grant-type:ciba",
            ],
        ),
        ("id_token_signing_alg_values_supported", ["ES256", "RS256", "PS256", "EdDSA", "ML-DSA-65"]),
        ("userinfo_signing_alg_values_supported", ["ES256", "RS256", "PS256", "EdDSA"]),
        ("request_object_signing_alg_values_supported", ["ES256", "PS256", "EdDSA", "Ed25519", "RS256"]),
        ("request_object_encryption_alg_values_supported", ["ECDH-ES", "RSA-OAEP-256"]),
        ("id_token_encryption_alg_values_supported", ["ECDH-ES", "RSA-OAEP-256"]),
        ("userinfo_encryption_enc_values_supported", ["A256GCM", "A128CBC-HS256"]),
        ("acr_values_supported", [f"{ISSUER}/acr/1", f"{ISSUER}/acr/2"]),
        ("ui_locales_supported", ["vi", "en"]),
        ("prompt_values_supported", ["none", "login", "consent", "select_account", "create"]),
    ],
)
def test_lists(name: str, values: list[str]) -> None:
    assert METADATA[name] == values


def test_it_promises_nothing_that_is_refused() -> None:
    assert METADATA["require_request_uri_registration"] is True
    assert METADATA["authorization_response_iss_parameter_supported"] is True
    assert METADATA["claims_parameter_supported"] is True
    assert (
        "none"
        not in orjson.dumps(
            {name: value for name, value in METADATA.items() if "alg_values" in name}
        ).decode()
    )
    assert "none" not in orjson.dumps(METADATA["introspection_endpoint_auth_methods_supported"]).decode()


def test_who_has_no_key_for_it_is_sent_nothing_encrypted() -> None:
    signing = {**policy.KEYS, Purpose.ENCRYPTION: ()}
    bare = provider_metadata(Settings(issuer=ISSUER), signing.__getitem__)
    missing = {f"request_object_encryption_{name}_values_supported" for name in ("alg", "enc")}
    assert METADATA.keys() - bare.keys() == missing


def test_scopes_are_legal_tokens() -> None:
    scopes = METADATA["scopes_supported"]
    assert "openid" in scopes
    assert all(re.fullmatch(r"[\x21\x23-\x5B\x5D-\x7E]+", scope) for scope in scopes)
