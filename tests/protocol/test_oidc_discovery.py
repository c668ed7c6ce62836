"""OpenID Connect Discovery 1.0 §3 and RFC 8414 §2: the metadata document."""

from __future__ import annotations

import re

import orjson
import pytest
from authlib.oidc.discovery import OpenIDProviderMetadata
from authlib.oidc.rpinitiated import OpenIDProviderMetadata as LogoutMetadata

from idp.oidc.discovery import ENDPOINTS, endpoint, provider_metadata
from idp.settings import Settings
from keys import policy
from keys.policy import Purpose
from tests.support.oidc_rules import ISSUER

METADATA = provider_metadata(Settings(issuer=ISSUER), policy.KEYS.__getitem__)


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
        ("response_modes_supported", ["query", "form_post"]),
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
    assert isinstance(scopes, list)
    assert "openid" in scopes
    assert all(re.fullmatch(r"[\x21\x23-\x5B\x5D-\x7E]+", scope) for scope in scopes)
