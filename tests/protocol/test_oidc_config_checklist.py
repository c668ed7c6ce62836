"""The Config OP plan of the OpenID Foundation's conformance suite: one module, on the document and on the key set."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import jwt

from tests.support.installation import ISSUER
from tests.support.provider import Provider
from tests.support.suite_checks import check_key_set

BCP47 = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
ADDRESS = "/.well-known/openid-configuration"
NEEDED = (
    "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "response_types_supported",
    "subject_types_supported", "id_token_signing_alg_values_supported", "scopes_supported", "claims_supported",
)  # fmt: skip


def _check_value(name: str, value: Any) -> None:
    if name.endswith(("_endpoint", "_uri")):
        assert urlsplit(value).scheme == "https", name
        assert not urlsplit(value).fragment
    elif isinstance(value, list):
        assert value, name
        assert all(isinstance(item, str) and item for item in value), name
        assert len(set(value)) == len(value), name
    elif name != "issuer":
        assert isinstance(value, bool), name
    if name.endswith("_locales_supported"):
        assert all(BCP47.fullmatch(tag) for tag in value)


async def test_oidcc_discovery_endpoint_verification(service: Provider) -> None:
    response = await service.http().get(ADDRESS)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    document = response.json()
    assert document["issuer"] == str(response.request.url).removesuffix(ADDRESS) == ISSUER
    for name, value in document.items():
        _check_value(name, value)
    assert set(NEEDED) <= document.keys()
    assert set(document["subject_types_supported"]) <= {"public", "pairwise"}
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert "openid" in document["scopes_supported"]
    assert all(SCOPE_TOKEN.fullmatch(scope) for scope in document["scopes_supported"])
    assert set(document["code_challenge_methods_supported"]) <= {"S256", "plain"}
    assert "authorization_code" in document["grant_types_supported"]


async def test_oidcc_discovery_endpoint_verification_of_the_key_set(service: Provider) -> None:
    """What an independent library makes of it."""
    keys = check_key_set(await service.http().get("/jwks"))
    read = {key.key_id for key in jwt.PyJWKSet.from_dict({"keys": keys}).keys}
    assert read >= {key["kid"] for key in keys if key["use"] == "sig" and key["kty"] != "AKP"}
