"""Discovery is true of clients: what is advertised for them works as such, and everything else is refused.

The sandbox lets a client register itself for each value in turn.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import jwt
import orjson
import pytest
from jwcrypto.jwk import JWK

from idp.oidc.grant_types import CIBA, DEVICE_CODE, TOKEN_EXCHANGE
from keys import policy
from tests.support import ciba, delegation, devices
from tests.support.advertised import (
    CONTENT,
    KEY_MANAGEMENT,
    SIGNING,
    advertised,
    joined,
    presenting,
    published_key,
    shared_key,
    signed_as,
    withheld,
)
from tests.support.installation import ISSUER
from tests.support.jarm import decrypted, encryption_key, unwrapped
from tests.support.population import HOA
from tests.support.portals import ASSERTION_TYPE
from tests.support.provider import Provider
from tests.support.registering import PORTAL, ask, refused, registered
from tests.support.suite import Suite
from tests.support.suite_checks import check_token_error, check_token_response

CALLED: Final = {
    "token": "/token",
    "device authorization": "/device_authorization",  # as at the token endpoint (RFC 8628 §3.1)
    "revocation": "/revoke",
    "introspection": "/introspect",
    "pushed authorization": "/par",  # as at the token endpoint (RFC 9126 §5)
}
METHODS: Final = (
    "private_key_jwt", "client_secret_basic", "client_secret_post", "none", "client_secret_jwt", "tls_client_auth",
    "self_signed_tls_client_auth",
)  # fmt: skip
SOMETHING: Final = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "x", "token": "x"}
JWKS: Final = {"keys": [published_key("ES256")]}
GRANTS: Final = (
    "authorization_code", "refresh_token", "client_credentials", DEVICE_CODE, TOKEN_EXCHANGE, "password", "implicit",
    "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:openid:params:grant-type:ciba", "urn:ietf:params:oauth:grant-type:pre-authorized_code",
)  # fmt: skip


def _allowed(endpoint: str) -> list[str]:
    by_endpoint: dict[str, list[str]] = {
        "token": advertised("token_endpoint_auth_methods_supported"),
        "device authorization": advertised("token_endpoint_auth_methods_supported"),
        "pushed authorization": advertised("token_endpoint_auth_methods_supported"),
        "revocation": advertised("revocation_endpoint_auth_methods_supported"),
        "introspection": advertised("introspection_endpoint_auth_methods_supported"),
    }
    return by_endpoint[endpoint]


def _algorithms(endpoint: str) -> list[str]:
    by_endpoint: dict[str, list[str]] = {
        "token": advertised("token_endpoint_auth_signing_alg_values_supported"),
        "device authorization": advertised("token_endpoint_auth_signing_alg_values_supported"),
        "pushed authorization": advertised("token_endpoint_auth_signing_alg_values_supported"),
        "revocation": advertised("revocation_endpoint_auth_signing_alg_values_supported"),
        "introspection": advertised("introspection_endpoint_auth_signing_alg_values_supported"),
    }
    return by_endpoint[endpoint]


@pytest.mark.parametrize("method", advertised("token_endpoint_auth_methods_supported"))
async def test_each_endpoint_takes_the_method_of_a_client_where_it_says_so_and_no_other(
    sandbox: Provider, method: str
) -> None:
    keys = {"jwks": JWKS} if method == "private_key_jwt" else {}
    client = await registered(sandbox, token_endpoint_auth_method=method, **keys)
    for endpoint, path in CALLED.items():
        for shown in METHODS[:4]:
            response = await presenting(sandbox, client, shown).post(path, **SOMETHING)
            taken = shown == method and method in _allowed(endpoint)
            assert (response.status_code != 401) is taken, (path, method, shown)
            if not taken:
                check_token_error(response, "invalid_client")


@pytest.mark.parametrize("method", withheld("token_endpoint_auth_methods_supported", METHODS))
async def test_no_other_method_can_be_registered(sandbox: Provider, method: str) -> None:
    response = await ask(sandbox, **PORTAL, token_endpoint_auth_method=method, jwks=JWKS)
    refused(response, "invalid_client_metadata", "token_endpoint_auth_method")


def _claims(client_id: str, provider: Provider, jti: str) -> bytes:
    now = int(provider.clock())
    about = {"iss": client_id, "sub": client_id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": jti}
    return json.dumps(about).encode()


@pytest.mark.parametrize("alg", advertised("token_endpoint_auth_signing_alg_values_supported"))
async def test_assertions_are_signed_as_advertised(sandbox: Provider, alg: str) -> None:
    client = await registered(
        sandbox,
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg=alg,
        jwks={"keys": [published_key(alg)]},
    )
    for endpoint, path in CALLED.items():
        assertion = signed_as(_claims(client.client_id, sandbox, f"{alg}-{endpoint}"), alg)
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        response = await sandbox.http().post(path, data={**SOMETHING, **proof})
        assert (response.status_code != 401) is (alg in _algorithms(endpoint)), (path, response.text)


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS384", "PS512", "HS256", "none"])
async def test_assertions_are_signed_in_no_other_way(sandbox: Provider, alg: str) -> None:
    """With the right key, of a client that named no algorithm: at every endpoint."""
    key = {name: value for name, value in published_key("RS256").items() if name != "alg"}
    client = await registered(sandbox, token_endpoint_auth_method="private_key_jwt", jwks={"keys": [key]})
    secret: Any = "x" * 43 if alg == "HS256" else shared_key("RS256")
    claims = json.loads(_claims(client.client_id, sandbox, alg))
    assertion = jwt.encode(claims, "" if alg == "none" else secret, alg, headers={"kid": "k1"})
    for endpoint, path in CALLED.items():
        assert alg not in _algorithms(endpoint)
        proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        check_token_error(await sandbox.http().post(path, data={**SOMETHING, **proof}), "invalid_client")


async def _code(provider: Provider) -> Any:
    suite = Suite(provider, "query")
    asked, visit = await suite.send()
    return await suite.portal.redeem(asked, (await suite.walk(visit)).code)


async def _refreshed(provider: Provider) -> Any:
    return await provider.portal("dossiers").refresh((await _code(provider)).json()["refresh_token"])


async def _machine(provider: Provider) -> Any:
    return await provider.portal("machine-es256").post("/token", grant_type="client_credentials")


async def _device(provider: Provider) -> Any:
    if "tv" not in provider.registered:
        await devices.add_clients(provider, devices.TV)
    device = await devices.ask(provider)
    await devices.let_in(provider, provider.browser(), device, HOA)
    return await device.poll()


async def _exchanged(provider: Provider) -> Any:
    await delegation.admit(provider)
    given = await delegation.granted(provider)
    return await delegation.exchange(provider, "dossiers-api", given.access_token)


async def _elsewhere(provider: Provider) -> Any:
    described = {**ciba.COUNTER, "client_id": "hotline", "profile": "oidc", "dpop_bound_access_tokens": False}
    if "hotline" not in provider.registered:
        await devices.add_clients(provider, described)
    asked = await ciba.CertifiedCounter.of(provider.portal("hotline")).ask_for()
    await ciba.agree(provider, provider.browser(), asked)
    return await asked.poll()


WAYS: Final[dict[str, Callable[[Provider], Awaitable[Any]]]] = {
    "authorization_code": _code,
    "refresh_token": _refreshed,
    "client_credentials": _machine,
    DEVICE_CODE: _device,
    TOKEN_EXCHANGE: _exchanged,
    CIBA: _elsewhere,
}


@pytest.mark.parametrize("grant_type", advertised("grant_types_supported"))
async def test_every_grant_type_gives_tokens(sandbox: Provider, grant_type: str) -> None:
    response = await WAYS[grant_type](sandbox)
    if grant_type == TOKEN_EXCHANGE:  # one token for another (RFC 8693 §2.2): nobody logs in
        body = response.json()
        assert (response.status_code, body["issued_token_type"]) == (200, delegation.ACCESS_TOKEN)
        assert "id_token" not in body
    else:
        check_token_response(response, response.json().get("scope", "openid profile org"))


@pytest.mark.parametrize("grant_type", withheld("grant_types_supported", GRANTS))
async def test_no_other_grant_type_is_served(sandbox: Provider, grant_type: str) -> None:
    form = {"grant_type": grant_type, "username": HOA.number, "password": "x", "assertion": "x"}
    for portal in ("dossiers", "machine-es256"):
        check_token_error(await sandbox.portal(portal).post("/token", **form), "unsupported_grant_type")
    response = await ask(sandbox, **PORTAL, grant_types=["authorization_code", grant_type])
    refused(response, "invalid_client_metadata", "grant_types")


@pytest.mark.parametrize("subject_type", advertised("subject_types_supported"))
async def test_subjects_are_of_the_advertised_type(sandbox: Provider, subject_type: str) -> None:
    hosts = ("one.example", "one.example", "two.example")
    clients = [
        await joined(sandbox, redirect_uris=[f"https://{host}/callback"], subject_type=subject_type)
        for host in hosts
    ]
    subs = [(await client.flow()).sub for client in clients]
    assert subject_type == "pairwise"
    assert subs[0] == subs[1] != subs[2]


async def test_no_other_subject_type_is_registered(sandbox: Provider) -> None:
    for other in withheld("subject_types_supported", ("public", "pairwise", "ephemeral")):
        refused(await ask(sandbox, **PORTAL, subject_type=other), "invalid_client_metadata", "subject_type")


@pytest.mark.parametrize("alg", advertised("id_token_signing_alg_values_supported"))
async def test_id_tokens_are_signed_as_advertised(sandbox: Provider, alg: str) -> None:
    suite = await joined(sandbox, id_token_signed_response_alg=alg)
    if alg == "ML-DSA-65":  # that it verifies: test_rfc9964_ml_dsa
        asked, visit = await suite.send()
        response = await suite.portal.redeem(asked, (await suite.walk(visit)).code)
        header = jwt.get_unverified_header(response.json()["id_token"])
        keys = (await sandbox.http().get("/jwks")).json()["keys"]
        assert [key["alg"] for key in keys if key["kid"] == header["kid"]] == [alg]
    else:
        await suite.flow()


@pytest.mark.parametrize("alg", advertised("userinfo_signing_alg_values_supported"))
async def test_user_info_is_signed_as_advertised(sandbox: Provider, alg: str) -> None:
    suite = await joined(sandbox, userinfo_signed_response_alg=alg)
    answer = await suite.portal.userinfo((await suite.flow()).access_token)
    assert jwt.get_unverified_header(answer.text)["alg"] == alg
    assert (await suite.portal.verify(answer.text))["sub"]


@pytest.mark.parametrize("alg", advertised("authorization_signing_alg_values_supported"))
async def test_authorization_responses_are_signed_as_advertised(sandbox: Provider, alg: str) -> None:
    suite = await joined(sandbox, authorization_signed_response_alg=alg)
    asked, visit = await suite.send(response_mode="jwt")
    visit = await suite.walk(visit)
    assert jwt.get_unverified_header(visit.given["response"])["alg"] == alg
    if alg not in policy.POST_QUANTUM_ALGORITHMS:  # PyJWT does not know them
        await suite.finish(asked, await unwrapped(suite.portal, visit))


@pytest.mark.parametrize("alg", advertised("introspection_signing_alg_values_supported"))
async def test_introspection_is_signed_as_advertised(sandbox: Provider, alg: str) -> None:
    grants = ["authorization_code", "refresh_token"]
    suite = await joined(sandbox, introspection_signed_response_alg=alg, grant_types=grants)
    tokens = await suite.flow(scope="openid offline_access", prompt="consent")
    assert (await _introspected(suite, tokens.refresh_token)).keys() == {alg}


async def _introspected(suite: Suite, token: str, key: JWK | None = None) -> dict[str, Any]:
    fields, headers = suite.portal.credentials()
    accept = {"accept": "application/token-introspection+jwt"}
    response = await suite.portal.http.post(
        "/introspect", data={**fields, "token": token}, headers={**headers, **accept}
    )
    assert response.status_code == 200, response.text
    inner = response.text if key is None else decrypted(response.text, key)[1]
    claims = await suite.portal.verify(inner)
    assert claims["token_introspection"]["active"] is True
    return {jwt.get_unverified_header(inner)["alg"]: claims}


@pytest.mark.parametrize("alg", advertised("id_token_encryption_alg_values_supported"))
@pytest.mark.parametrize("enc", advertised("id_token_encryption_enc_values_supported"))
async def test_answers_are_encrypted_as_advertised(sandbox: Provider, alg: str, enc: str) -> None:
    """ID token, UserInfo, introspection and authorization response alike."""
    for name in ("userinfo", "introspection", "authorization"):
        assert alg in advertised(f"{name}_encryption_alg_values_supported")
        assert enc in advertised(f"{name}_encryption_enc_values_supported")
    key = encryption_key(alg)
    ways = {
        f"{name}_encrypted_response_{part}": value
        for name in ("id_token", "userinfo", "introspection", "authorization")
        for part, value in (("alg", alg), ("enc", enc))
    }
    suite = await joined(
        sandbox,
        **ways,
        jwks={"keys": [orjson.loads(key.export_public())]},
        userinfo_signed_response_alg="ES256",
        grant_types=["authorization_code", "refresh_token"],
    )
    asked, visit = await suite.send(scope="openid offline_access", prompt="consent", response_mode="jwt")
    visit = await suite.walk(visit)
    header, _ = decrypted(visit.given["response"], key)
    assert (header["alg"], header["enc"], header["cty"]) == (alg, enc, "JWT")
    code = (await unwrapped(suite.portal, visit, key)).code
    body = (await suite.portal.redeem(asked, code)).json()
    told = (await suite.portal.userinfo(body["access_token"])).text
    for token in (body["id_token"], told):
        header, inner = decrypted(token, key)
        assert (header["alg"], header["enc"], header["kid"]) == (alg, enc, "for-me")
        assert (await suite.portal.verify(inner))["sub"]
    assert await _introspected(suite, body["refresh_token"], key)


_NEVER: Final = [
    ("id_token_signed_response_alg", withheld("id_token_signing_alg_values_supported", SIGNING)),
    ("userinfo_signed_response_alg", withheld("userinfo_signing_alg_values_supported", SIGNING)),
    ("introspection_signed_response_alg", withheld("introspection_signing_alg_values_supported", SIGNING)),
    ("authorization_signed_response_alg", withheld("authorization_signing_alg_values_supported", SIGNING)),
    (
        "token_endpoint_auth_signing_alg",
        withheld("token_endpoint_auth_signing_alg_values_supported", SIGNING),
    ),
    *(
        (
            f"{name}_encrypted_response_{part}",
            withheld(f"{name}_encryption_{part}_values_supported", universe),
        )
        for name in ("id_token", "userinfo", "introspection", "authorization")
        for part, universe in (("alg", KEY_MANAGEMENT), ("enc", CONTENT))
    ),
]


@pytest.mark.parametrize(("field", "values"), _NEVER)
async def test_no_other_algorithm_can_be_registered(sandbox: Provider, field: str, values: list[str]) -> None:
    prefix = field.removesuffix("_enc")
    beside: dict[str, Any] = {f"{prefix}_alg": "ECDH-ES"} if field.endswith("_enc") else {}
    if field.startswith("token_endpoint"):
        beside["token_endpoint_auth_method"] = "private_key_jwt"
    assert values
    for value in values:
        sandbox.clock.advance(2)
        refused(
            await ask(sandbox, **{**PORTAL, "jwks": JWKS, **beside, field: value}),
            "invalid_client_metadata",
            field,
        )


def _proof(service: Provider, alg: str, signer: str) -> dict[str, str]:
    """A proof that says one algorithm and is signed by another, which may be the same."""
    public = published_key(signer)
    header: dict[str, Any] = {
        "typ": "dpop+jwt",
        "jwk": {name: public[name] for name in public if name not in {"alg", "kid"}},
    }
    claims = {
        "jti": f"{alg} by {signer}",
        "htm": "POST",
        "htu": f"{ISSUER}/token",
        "iat": int(service.clock()),
    }
    token = signed_as(orjson.dumps(claims), signer, **header)
    if alg == signer:
        return {"dpop": token}
    named = jwt.utils.base64url_encode(orjson.dumps({**header, "alg": alg})).decode()
    return {"dpop": ".".join((named, *token.split(".")[1:]))}


async def _with_proof(service: Provider, proof: dict[str, str]) -> dict[str, Any]:
    portal = service.portal("machine-es256")
    fields, _ = portal.credentials()
    form = {**fields, "grant_type": "client_credentials"}
    answered: dict[str, Any] = (await portal.http.post("/token", data=form, headers=proof)).json()
    return answered


@pytest.mark.parametrize("alg", advertised("dpop_signing_alg_values_supported"))
async def test_tokens_are_bound_by_proofs_of_every_algorithm(service: Provider, alg: str) -> None:
    assert (await _with_proof(service, _proof(service, alg, alg)))["token_type"] == "DPoP"


@pytest.mark.parametrize("alg", withheld("dpop_signing_alg_values_supported", SIGNING))
async def test_no_other_proof_is_taken(service: Provider, alg: str) -> None:
    signer = alg if alg in policy.CLIENT_ALGORITHMS else "ES256"
    answered = await _with_proof(service, _proof(service, alg, signer))
    assert answered["error"] == "invalid_dpop_proof"
