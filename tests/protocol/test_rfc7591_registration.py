"""RFC 7591: who may register a client, what is registered, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from idp.oidc.registration.vouchers import revoke_token
from idp.store import registration_schema as schema
from idp.store import registrations
from keys.backends.software import SoftwareSigner
from tests.support.installation import ISSUER
from tests.support.provider import Provider
from tests.support.registering import (
    PORTAL,
    REGISTER,
    ask,
    initial_token,
    loads,
    refused,
    registered,
)

KEYS = {"keys": [SoftwareSigner.generate("ES256").public_jwk()]}
APP = {
    "application_type": "native",
    "redirect_uris": ["vn.example.app:/callback"],
    "client_name": "Ứng dụng tự đăng ký",
}


# 3.2.1: what a client is told


async def test_a_client_is_told_everything_that_is_registered(service: Provider) -> None:
    response = await ask(service, await initial_token(service), **PORTAL, contacts=["it@self.example"])
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/json"
    assert (response.headers["cache-control"], response.headers["pragma"]) == ("no-store", "no-cache")
    told = loads(response)
    assert (
        told.items()
        >= {
            **PORTAL,
            "contacts": ["it@self.example"],
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_basic",
            "client_secret_expires_at": 0,
            "client_id_issued_at": int(service.clock()),
            "registration_client_uri": f"{ISSUER}/register/{told['client_id']}",
            "scope": "openid profile pid",
            "owner": "Cơ quan tự đăng ký",
            "sector": "tu-dang-ky",
            "profile": "oidc",
        }.items()
    )
    assert all(len(told[name]) >= 43 for name in ("client_secret", "registration_access_token"))
    (event,) = [
        one for one in await service.events("client.registered") if one.client_id == told["client_id"]
    ]
    assert event.details["vouched_by"].startswith("token:")
    assert not any(told[name] in str(event) for name in ("client_secret", "registration_access_token"))


@pytest.mark.parametrize(
    "metadata",
    [
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": KEYS},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://127.0.0.1:9/jwks"},
        {"token_endpoint_auth_method": "none"},
        APP,
        APP | {"token_endpoint_auth_method": "none"},
    ],
)
async def test_only_who_needs_a_secret_gets_one(service: Provider, metadata: dict[str, Any]) -> None:
    told = (await registered(service, await initial_token(service), **metadata)).told
    assert "client_secret" not in told
    assert "client_secret_expires_at" not in told


async def test_a_new_client_works_at_once(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    response = await service.http().post(
        "/token",
        data={"grant_type": "authorization_code", "code": "x", "redirect_uri": "y"},
        auth=(client.client_id, client.told["client_secret"]),
    )
    assert loads(response)["error"] == "invalid_grant", "the client is known, the code is not"


async def test_ids_and_secrets_are_never_the_same(service: Provider) -> None:
    token = await initial_token(service, uses=2)
    one, other = await registered(service, token), await registered(service, token)
    for name in ("client_id", "client_secret", "registration_access_token"):
        assert one.told[name] != other.told[name]


# 2: metadata are honoured, ignored where nobody knows them, and refused where they would have no effect


async def test_what_nobody_knows_is_ignored_and_not_echoed(service: Provider) -> None:
    sent = {
        "made_up": 1,
        "client_name#fr": "Portail",
        "tos_uri#fr": "x",
        "logo_uri": None,
        "policy_uri": None,
    }
    told = (await registered(service, await initial_token(service), **sent)).told
    assert not sent.keys() & told.keys()


@pytest.mark.parametrize(
    "metadata",
    [
        {"tls_client_auth_subject_dn": "CN=portal"},
        {"claims_redirect_uris": ["https://self.example/claims"]},
        {"use_mtls_endpoint_aliases": True},
        {"authorization_signed_response_alg": "none"},
        {"dpop_bound_access_tokens": "yes"},
        {"subject_type": "public"},
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"grant_types": ["implicit"]},
        {"grant_types": ["password"]},
        {"response_types": ["id_token"]},
        {"response_types": ["code"], "grant_types": ["client_credentials"]},
        {"id_token_signed_response_alg": "none"},
        {"id_token_signed_response_alg": "HS256"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": KEYS, "jwks_uri": "https://self.example/k"},
        {"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}, "token_endpoint_auth_method": "private_key_jwt"},
        {"jwks": "x"},
        {"jwks": {"keys": [KEYS["keys"][0] | {"nested": orjson.loads("[" * 300 + "]" * 300)}]}},
        {"contacts": "it@self.example"},
        {"contacts": ["x" * 2000]},
        {"contacts": [str(number) for number in range(60)]},
        {"client_name": "a\u202eb"},
        {"client_name": 7},
        {"client_name": "—"},
    ],
)  # fmt: skip
async def test_what_would_have_no_effect_is_refused(service: Provider, metadata: dict[str, Any]) -> None:
    response = await ask(service, await initial_token(service), **PORTAL | metadata)
    refused(response, "invalid_client_metadata")


@pytest.mark.parametrize("known", ["dpop_bound_access_tokens", "backchannel_user_code_parameter"])
async def test_what_is_refused_may_be_declined(service: Provider, known: str) -> None:
    await registered(service, await initial_token(service), **{known: False})


@pytest.mark.parametrize(
    "name",
    [
        "client_id",
        "client_secret",
        "client_id_issued_at",
        "registration_access_token",
        "registration_client_uri",
    ],
)
async def test_what_is_ours_to_say_cannot_be_chosen(service: Provider, name: str) -> None:
    refused(
        await ask(service, await initial_token(service), **PORTAL, **{name: "x"}), "invalid_request", name
    )


@pytest.mark.parametrize(
    "uris",
    [
        [],
        ["https://self.example/cb#here"],
        ["http://self.example/cb"],
        ["javascript:alert(1)"],
        ["https://self.example/*"],
        ["https://self.example\\@evil.example/"],
        ["https://a@self.example/cb"],
        "https://self.example/cb",
    ],
)
async def test_addresses_that_are_not_safe_are_refused(service: Provider, uris: object) -> None:
    response = await ask(service, await initial_token(service), **PORTAL | {"redirect_uris": uris})
    assert response.status_code == 400
    assert loads(response)["error"] in {"invalid_redirect_uri", "invalid_client_metadata"}


# 3: who may register


async def test_nobody_registers_without_a_token(service: Provider) -> None:
    response = await ask(service, **PORTAL)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == f'Bearer realm="{ISSUER}"'


@pytest.mark.parametrize("token", ["x", "x" * 5000, "Bearer", "đ", "a b", "' OR 1=1 --"])
async def test_a_guessed_token_is_nothing(service: Provider, token: str) -> None:
    headers = {b"authorization": b"Bearer " + token.encode()}
    response = await service.http("203.0.113.50").post(REGISTER, json=PORTAL, headers=headers)
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_a_registration_access_token_registers_nobody(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    assert (await ask(service, client.told["registration_access_token"], **PORTAL)).status_code == 401


async def test_a_token_is_used_up(service: Provider) -> None:
    token = await initial_token(service, uses=2)
    refused(await ask(service, token, **PORTAL | {"client_name": 7}), "invalid_client_metadata")
    statuses = [(await ask(service, token, **PORTAL)).status_code for _ in range(3)]
    assert statuses == [201, 201, 401], "a registration that is refused uses nothing up"


async def test_of_many_at_once_one_uses_up_the_last_use(service: Provider) -> None:
    token, before = await initial_token(service), len(await service.events("client.registered"))
    responses = await asyncio.gather(*(ask(service, token, **PORTAL) for _ in range(12)))
    assert sorted(one.status_code for one in responses) == [201] + [401] * 11
    assert len(await service.events("client.registered")) == before + 1


async def test_a_revoked_token_is_nothing_and_its_clients_can_be_disabled(service: Provider) -> None:
    token = await initial_token(service, uses=5)
    client = await registered(service, token)
    row = await registrations.find(service.db, client.client_id)
    assert row is not None
    token_id = row["vouched_by"].removeprefix("token:")
    assert await revoke_token(service.context(), token_id, operator="operator-1", with_clients=True) == 1
    assert (await ask(service, token, **PORTAL)).status_code == 401
    assert (await client.manage("GET")).status_code == 403


async def test_a_token_works_for_its_time(one: Provider) -> None:
    token = await initial_token(one, uses=5, days=1)
    one.clock.advance(86_399)
    await registered(one, token)
    one.clock.advance(1)
    assert (await ask(one, token, **PORTAL)).status_code == 401


async def test_whoever_registers_is_noted_in_the_access_log(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    assert service.log.kept[-1]["client_id"] == client.client_id
    assert service.log.kept[-1]["route"] == REGISTER


def test_tokens_are_not_kept() -> None:
    """Only digests are: no table has a column for anything else."""
    columns = {*schema.initial_access_tokens.c.keys(), *schema.registrations.c.keys()}
    assert {name for name in columns if "token" in name} == {"token_id", "token_digest"}
