"""RFC 9701: introspection answered as a JWT, signed, and encrypted for who registered it."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from jwcrypto import jwe
from jwcrypto.jwk import JWK

from keys.encryption import DecryptionKey
from tests.support.browsing import Browser
from tests.support.delegation import ADMITTED, DOSSIERS, TAXES, acting, admit, granted, post
from tests.support.installation import ISSUER
from tests.support.population import HOA
from tests.support.portals import ASSERTION_TYPE, register
from tests.support.provider import Provider

MEDIA_TYPE = "application/token-introspection+jwt"
ENCRYPTIONS = [("ECDH-ES", None), ("ECDH-ES", "A256GCM"), ("RSA-OAEP-256", "A256GCM")]


@pytest.fixture(scope="module")
def keys() -> dict[str, DecryptionKey]:
    """The APIs' own keys, by algorithm."""
    return {alg: DecryptionKey.generate(alg) for alg in ("ECDH-ES", "RSA-OAEP-256")}


@pytest.fixture
async def apis(service: Provider, keys: dict[str, DecryptionKey]) -> Provider:
    """A provider with APIs that ask for their answers in several forms."""
    await admit(service)
    wanted: dict[str, dict[str, Any]] = {"rs256-api": {"introspection_signed_response_alg": "RS256"}}
    for alg, enc in ENCRYPTIONS:
        wanted[f"api-{alg}-{enc}"] = {
            "introspection_encrypted_response_alg": alg,
            "jwks": {"keys": [keys[alg].public_jwk()]},
        } | ({"introspection_encrypted_response_enc": enc} if enc else {})
    for client_id, changes in wanted.items():
        if client_id not in service.registered:
            registered, kept = register({**ADMITTED["dossiers-api"], "client_id": client_id, **changes}, 1)
            await service.db.write(kept)
            service.registered[client_id] = registered
    return service


@pytest.fixture
async def token(apis: Provider, hoa: Browser) -> str:
    """An access token for the API of dossiers."""
    return (await granted(apis, hoa)).access_token


async def ask(provider: Provider, api: str, token: str, accept: str = MEDIA_TYPE) -> Any:
    return await post(provider.portal(api), "/introspect", {"token": token}, accept=accept)


def opened(text: str, key: DecryptionKey) -> str:
    """The content of a JWE, by a library that shares no code with what made it."""
    token = jwe.JWE()
    token.deserialize(text, JWK.from_pem(_pem(key)))
    assert token.jose_header["cty"] == "JWT"
    return bytes(token.payload).decode()


def _pem(key: DecryptionKey) -> bytes:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415 - for this alone

    loaded = form.load_der_private_key(key.to_pkcs8(), None)
    return loaded.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())


async def test_a_signed_answer(apis: Provider, token: str) -> None:
    response = await ask(apis, "dossiers-api", token)
    assert response.status_code == 200
    assert response.headers["content-type"] == MEDIA_TYPE
    assert response.headers["cache-control"] == "no-store"
    header = jwt.get_unverified_header(response.text)
    assert (header["typ"], header["alg"]) == ("token-introspection+jwt", "ES256")
    claims = await apis.portal("dossiers-api").verify(response.text)
    plain = dict(await apis.portal("dossiers-api").introspect(token))
    assert claims == {
        "iss": ISSUER,
        "aud": "dossiers-api",
        "iat": int(apis.clock()),
        "token_introspection": plain,
    }
    assert plain["active"] is True


@pytest.mark.parametrize("what", ["unknown", "for another API", "refresh token of another", "ID token"])
async def test_what_is_not_active_says_nothing_more(
    apis: Provider, hoa: Browser, token: str, what: str
) -> None:
    given = await granted(apis, hoa, resource=TAXES)
    presented = {
        "unknown": "x",
        "for another API": given.access_token,
        "refresh token of another": given.refresh_token,
        "ID token": given.id_token,
    }[what]
    claims = await apis.portal("dossiers-api").verify((await ask(apis, "dossiers-api", presented)).text)
    assert claims["token_introspection"] == {"active": False}


async def test_a_refresh_token_and_an_exchanged_one(apis: Provider, hoa: Browser) -> None:
    given = await granted(apis, hoa)
    claims = await apis.portal("filing").verify((await ask(apis, "filing", given.refresh_token)).text)
    assert claims["token_introspection"]["active"] is True
    exchanged = await acting(apis, "dossiers-api", given.access_token, TAXES)
    claims = await apis.portal("taxes-api").verify((await ask(apis, "taxes-api", exchanged)).text)
    assert claims["token_introspection"]["act"] == {"sub": "dossiers-api"}


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", f"{MEDIA_TYPE};q=0.1, application/json"])
async def test_json_for_who_does_not_ask_for_it(apis: Provider, token: str, accept: str) -> None:
    for api in ("dossiers-api", "rs256-api"):
        response = await ask(apis, api, token, accept)
        assert response.headers["content-type"] == "application/json"
        assert response.json()["active"] is True


async def test_signed_as_registered(apis: Provider, token: str) -> None:
    response = await ask(apis, "rs256-api", token)
    assert jwt.get_unverified_header(response.text)["alg"] == "RS256"
    assert (await apis.portal("rs256-api").verify(response.text))["token_introspection"]["active"] is True


@pytest.mark.parametrize(("alg", "enc"), ENCRYPTIONS)
async def test_encrypted_as_registered(
    apis: Provider, token: str, keys: dict[str, DecryptionKey], alg: str, enc: str | None
) -> None:
    api = f"api-{alg}-{enc}"
    response = await ask(apis, api, token)
    assert response.headers["content-type"] == MEDIA_TYPE
    header = jwt.get_unverified_header(response.text.rsplit(".", 2)[0])
    assert (header["alg"], header["enc"]) == (alg, enc or "A128CBC-HS256")
    inner = opened(response.text, keys[alg])
    assert jwt.get_unverified_header(inner)["typ"] == "token-introspection+jwt"
    claims = await apis.portal(api).verify(inner)
    assert (claims["aud"], claims["token_introspection"]["aud"]) == (api, DOSSIERS)


async def test_what_is_to_be_encrypted_is_never_told_in_the_clear(apis: Provider, token: str) -> None:
    for accept in ("", "*/*", "application/json"):
        response = await ask(apis, "api-ECDH-ES-None", token, accept)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
        assert MEDIA_TYPE in response.json()["error_description"]
        assert "active" not in response.json()


async def test_an_answer_is_no_token(apis: Provider, token: str) -> None:
    """RFC 9701 §8.1: it opens nothing, and proves nobody."""
    answer = (await ask(apis, "dossiers-api", token)).text
    assert (await apis.portal("filing").userinfo(answer)).status_code == 401
    assert await apis.portal("dossiers-api").introspect(answer) == {"active": False}
    with pytest.raises(jwt.InvalidAudienceError):
        await apis.portal("dossiers-api").verify(answer, audience=DOSSIERS)
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": answer, "token": token}
    assert (await apis.http().post("/introspect", data=form)).status_code == 401


async def test_errors_are_json(apis: Provider) -> None:
    response = await apis.http().post("/introspect", data={"token": "x"}, headers={"accept": MEDIA_TYPE})
    assert (response.status_code, response.headers["content-type"]) == (401, "application/json")
    response = await ask(apis, "dossiers-api", "")
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_it_is_announced(apis: Provider) -> None:
    document = (await apis.http().get("/.well-known/oauth-authorization-server")).json()
    assert set(document["introspection_signing_alg_values_supported"]) == {"ES256", "RS256"}
    assert set(document["introspection_encryption_alg_values_supported"]) == {"ECDH-ES", "RSA-OAEP-256"}
    assert set(document["introspection_encryption_enc_values_supported"]) == {"A256GCM", "A128CBC-HS256"}
    assert "urn:ietf:params:oauth:grant-type:token-exchange" in document["grant_types_supported"]


async def test_a_person_is_told_of_by_the_name_of_their_portal(apis: Provider, hoa: Browser) -> None:
    given = await granted(apis, hoa)
    claims = await apis.portal("dossiers-api").verify(
        (await ask(apis, "dossiers-api", given.access_token)).text
    )
    assert claims["token_introspection"]["sub"] == given.sub
    assert HOA.number not in str(claims)
    assert "sub" not in claims
