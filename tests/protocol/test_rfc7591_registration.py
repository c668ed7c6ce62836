"""RFC 7591: who may register a client, what is registered, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from idp.oidc.registration_vouchers import forget, revoke_token
from idp.store import registration_schema as schema
from idp.store import registrations
from keys.backends.software import SoftwareSigner
from tests.support.databases import fresh_database
from tests.support.installation import ISSUER
from tests.support.provider import Ground, Provider, running_provider
from tests.support.registering import (
    PORTAL,
    REGISTER,
    ask,
    bearer,
    initial_token,
    loads,
    registered,
)

KEYS = {"keys": [SoftwareSigner.generate("ES256").public_jwk()]}
APP = {
    "application_type": "native",
    "redirect_uris": ["vn.example.app:/callback"],
    "client_name": "Ứng dụng tự đăng ký",
}


@pytest.fixture(scope="module")
async def sandbox(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider where anybody may register."""
    folder = tmp_path_factory.mktemp("sandbox")
    async with (
        fresh_database("sqlite", "provider", folder) as database_url,
        fresh_database("sqlite", "registers", folder) as registers_url,
        running_provider(database_url, registers_url, provider_ground, open_registration=ISSUER) as provider,
    ):
        yield provider


def refused(response: httpx2.Response, error: str, *words: str) -> None:
    """An answer of RFC 7591 §3.2.2."""
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    body = loads(response)
    assert body["error"] == error, body
    assert all(word in body["error_description"] for word in words), body


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
            "legacy": False,
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
        {"authorization_signed_response_alg": "ES256"},
        {"backchannel_token_delivery_mode": "ping"},
        {"dpop_bound_access_tokens": True},
        {"tls_client_certificate_bound_access_tokens": True},
        {"require_pushed_authorization_requests": True},
        {"authorization_details_types": ["payment"]},
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


# 5: what attackers try


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"scope": "openid profile address"}, "address"),
        ({"scope": "openid legacy_dvcqg"}, "legacy_dvcqg"),
        ({"scope": "openid procedures:read"}, "procedures:read"),
        ({"owner": "Bộ Công an"}, "owner"),
        ({"sector": "bo-cong-an"}, "sector"),
        ({"legal_basis": "consent"}, "legal_basis"),
        ({"legal_reference": "Luật khác"}, "legal_reference"),
        ({"purpose": "Tặng quà"}, "purpose"),
        ({"purpose#en": "A gift"}, "purpose#en"),
        ({"legacy": True}, "legacy"),
        ({"resources": ["https://api.example"]}, "resources"),
        ({"key_set_addresses": ["198.51.100.0/24"]}, "key_set_addresses"),
        ({"may_act": ["ministry"]}, "may_act"),
        ({"audience": ["https://api.example"]}, "audience"),
        ({"sector_identifier_uri": "https://self.example/sector"}, "sector_identifier_uri"),
        ({"logo_uri": "https://ministry.example/logo.png"}, "logo_uri"),
        ({"policy_uri": "https://ministry.example/policy"}, "policy_uri"),
        ({"tos_uri": "https://ministry.example/tos"}, "tos_uri"),
        ({"client_uri": "https://ministry.example/"}, "client_uri"),
        (
            {"application_type": "machine", "grant_types": ["client_credentials"], "redirect_uris": []},
            "machine",
        ),
    ],
)
async def test_nothing_goes_beyond_the_terms(service: Provider, metadata: dict[str, Any], says: str) -> None:
    response = await ask(service, await initial_token(service), **PORTAL | metadata)
    refused(response, "invalid_client_metadata", says)


async def test_what_the_terms_say_may_be_repeated(service: Provider) -> None:
    said = {"owner": "Cơ quan tự đăng ký", "sector": "tu-dang-ky", "legacy": False, "may_act": []}
    await registered(service, await initial_token(service), **said)


@pytest.mark.parametrize(
    "metadata",
    [
        {"redirect_uris": ["https://evil.example/callback"]},
        {"post_logout_redirect_uris": ["https://evil.example/bye"]},
        {"backchannel_logout_uri": "https://evil.example/logout"},
        {"initiate_login_uri": "https://evil.example/start"},
        {"jwks_uri": "https://evil.example/jwks", "token_endpoint_auth_method": "private_key_jwt"},
        {"request_uris": ["https://evil.example/request"]},
        {"redirect_uris": ["https://self.example/callback", "https://self.example.evil.example/callback"]},
    ],
)
async def test_a_stolen_token_leads_to_its_hosts_only(service: Provider, metadata: dict[str, Any]) -> None:
    token = await initial_token(service, hosts=["self.example"])
    refused(await ask(service, token, **PORTAL | metadata), "invalid_client_metadata", "evil.example")


@pytest.mark.parametrize(
    "name",
    [
        "Cổng dịch vụ công của Bộ",
        "CỔNG DỊCH VỤ CÔNG CỦA BỘ",
        "Cổng  dịch-vụ công của Bộ!",
        "Cong dich vu cong cua Bo",
        "C\u1ed5ng d\u1ecbch v\u1ee5 c\u00f4ng c\u1ee7a B0\u0323",
        "Сổng dịch vụ công của Bộ",
        "Portal ministry",
        "P0RTAL MlNlSTRY",
        "Một Cửa",
    ],
)
async def test_nobody_registers_a_name_of_another(service: Provider, name: str) -> None:
    token = await initial_token(service, uses=3)
    for metadata in ({"client_name": name}, {"client_name": "Cổng khác", "client_name#en": name}):
        refused(await ask(service, token, **PORTAL | metadata), "invalid_client_metadata", "client_name")


async def test_one_owner_may_call_several_clients_alike(service: Provider) -> None:
    token = await initial_token(service, uses=2, owner="Cơ quan mẫu")
    for _ in range(2):
        await registered(service, token, client_name="Cổng dịch vụ công của Bộ")


async def test_wrong_tokens_are_counted_and_the_right_one_works_all_the_same(one: Provider) -> None:
    token, address = await initial_token(one), "203.0.113.77"
    statuses = [(await ask(one, f"guess-{number}", address, **PORTAL)).status_code for number in range(32)]
    assert (statuses[:30], statuses[30:]) == ([401] * 30, [429, 429])
    assert len(await one.events("registration.refused")) == 30
    assert (await ask(one, token, address, **PORTAL)).status_code == 201


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b'{"client_name":"x"}', "text/plain", 415),
        (b'{"client_name":"x"}', "application/x-www-form-urlencoded", 415),
        (b'{"client_name":"x"}', "multipart/form-data", 415),
        (b'{"client_name":"x"}', "application/json; charset=utf-16", 415),
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"x"', "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b'{"a":NaN}', "application/json", 400),
        (b'{"a":"\\ud800"}', "application/json", 400),
        (b'{"client_name":"x","client_name":"y"}', "application/json", 400),
        (b'{"jwks":{"keys":[],"keys":[]}}', "application/json", 400),
        (b"[" * 30_000, "application/json", 400),
        (b'{"a":' * 9_000 + b"1" + b"}" * 9_000, "application/json", 400),
        (b'{"a":' + b"9" * 6_000 + b"}", "application/json", 400),
        (b"{" + b",".join(b'"%d":1' % number for number in range(101)) + b"}", "application/json", 400),
        (b'{"client_name":"' + b"x" * 66_000 + b'"}', "application/json", 413),
    ],
    ids=range(18),
)
async def test_bodies_that_are_none(service: Provider, body: bytes, media: str, status: int) -> None:
    headers = {**bearer(await initial_token(service)), "content-type": media}
    response = await service.http().post(REGISTER, content=body, headers=headers)
    assert response.status_code == status, response.text
    assert "error" in loads(response)


async def test_a_body_must_not_be_compressed(service: Provider) -> None:
    headers = {**bearer(await initial_token(service)), "content-type": "application/json"}
    response = await service.http().post(
        REGISTER, content=b"x", headers={**headers, "content-encoding": "gzip"}
    )
    assert response.status_code == 415


# a sandbox: open registration


async def test_in_a_sandbox_anybody_registers(sandbox: Provider) -> None:
    told = (await registered(sandbox)).told
    assert (told["sector"], told["legal_basis"], told["legacy"]) == ("self.example", "consent", True)
    assert "pid" not in told["scope"].split()
    assert {"openid", "profile", "address"} <= set(told["scope"].split())


@pytest.mark.parametrize(
    ("method", "kind_is_legacy"),
    [("client_secret_post", True), ("client_secret_basic", True), ("none", False)],
)
async def test_in_a_sandbox_old_ways_may_be_tried(
    sandbox: Provider,
    method: str,
    kind_is_legacy: bool,  # noqa: FBT001 - a column of the table
) -> None:
    told = (await registered(sandbox, token_endpoint_auth_method=method)).told
    assert told["legacy"] is kind_is_legacy


@pytest.mark.parametrize(
    "metadata",
    [{"scope": "openid pid"}, {"client_name": "Cổng dịch vụ công của Bộ"}, {"owner": "Bộ Công an"}],
)
async def test_a_sandbox_has_terms_too(sandbox: Provider, metadata: dict[str, Any]) -> None:
    refused(await ask(sandbox, **PORTAL | metadata), "invalid_client_metadata")


async def test_in_a_sandbox_a_wrong_token_is_still_wrong(sandbox: Provider) -> None:
    assert (await ask(sandbox, "wrong", **PORTAL)).status_code == 401


async def test_pages_of_other_sites_cannot_register_anybody(sandbox: Provider) -> None:
    """Without a question of the browser a page can send these types only (Fetch Standard, CORS-safelisted)."""
    origin = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        response = await sandbox.http().post(
            REGISTER,
            content=b'{"redirect_uris":["https://evil.example/"]}',
            headers={**origin, "content-type": media},
        )
        assert response.status_code == 415
    question = await sandbox.http().options(
        REGISTER, headers={**origin, "access-control-request-method": "POST"}
    )
    assert "access-control-allow-origin" not in question.headers


async def test_a_sandbox_is_not_filled_from_one_address(sandbox: Provider) -> None:
    address = "203.0.113.90"
    statuses = [(await ask(sandbox, "", address, **PORTAL)).status_code for _ in range(62)]
    assert (statuses.count(201), statuses[-1]) == (60, 429)
    assert (await ask(sandbox, "", "203.0.113.91", **PORTAL)).status_code == 201


async def test_old_clients_of_a_sandbox_are_forgotten(sandbox: Provider) -> None:
    client = await registered(sandbox)
    assert await forget(sandbox.context(), older_than=60, operator="operator-1") == 0
    sandbox.clock.advance(61)
    assert await forget(sandbox.context(), older_than=60, operator="operator-1") > 0
    assert (await client.manage("GET")).status_code == 401
    assert client.client_id in {event.client_id for event in await sandbox.events("client.removed")}


async def test_whoever_registers_is_noted_in_the_access_log(service: Provider) -> None:
    client = await registered(service, await initial_token(service))
    assert service.log.kept[-1]["client_id"] == client.client_id
    assert service.log.kept[-1]["route"] == REGISTER


def test_tokens_are_not_kept() -> None:
    """Only digests are: no table has a column for anything else."""
    columns = {*schema.initial_access_tokens.c.keys(), *schema.registrations.c.keys()}
    assert {name for name in columns if "token" in name} == {"token_id", "token_digest"}
