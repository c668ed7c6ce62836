"""RFC 7591 §5: what somebody tries who has a token, or none."""

from __future__ import annotations

from typing import Any, Final

import pytest

from idp.oidc.grant_types import DEVICE_CODE
from keys.backends.software import SoftwareSigner
from tests.support.installation import ISSUER
from tests.support.on_sqlite import on_sqlite
from tests.support.provider import Provider
from tests.support.registering import PORTAL, REGISTER, ask, bearer, initial_token, loads, refused, registered

pytestmark = on_sqlite

APP: Final[dict[str, Any]] = {
    "application_type": "native",
    "token_endpoint_auth_method": "none",
    "redirect_uris": ["vn.example.app:/callback"],
}


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
        ({"legacy_until": "2099-01-01"}, "legacy_until"),
        ({"resources": ["https://api.example"]}, "resources"),
        ({"key_set_addresses": ["198.51.100.0/24"]}, "key_set_addresses"),
        ({"may_act": ["ministry"]}, "may_act"),
        ({"authorization_details_types": ["vn_mandate"]}, "authorization_details_types"),
        ({"audience": ["https://api.example"]}, "audience"),
        ({"sector_identifier_uri": "https://self.example/sector"}, "sector_identifier_uri"),
        ({"logo_uri": "https://ministry.example/logo.png"}, "logo_uri"),
        ({"policy_uri": "https://ministry.example/policy"}, "policy_uri"),
        ({"tos_uri": "https://ministry.example/tos"}, "tos_uri"),
        ({"client_uri": "https://ministry.example/"}, "client_uri"),
        ({"initiate_login_uri": "https://ministry.example/start"}, "initiate_login_uri"),
        ({**APP, "logo_uri": "https://ministry.example/logo.png"}, "logo_uri"),
        (
            {"application_type": "machine", "grant_types": ["client_credentials"], "redirect_uris": []},
            "machine",
        ),
    ],
)
async def test_nothing_goes_beyond_the_terms(service: Provider, metadata: dict[str, Any], says: str) -> None:
    response = await ask(service, await initial_token(service), **PORTAL | metadata)
    refused(response, "invalid_client_metadata", says)


async def test_terms_that_name_no_profile_leave_no_choice(service: Provider) -> None:
    """Apps, which keep no key, are held to less; a portal beside them is not."""
    token = await initial_token(service, uses=4, profiles=None)
    keys = {"jwks": {"keys": [SoftwareSigner.generate("ES256").public_jwk()]}}
    assert (await registered(service, token, **keys)).told["profile"] == "fapi2"
    assert (await registered(service, token, **APP)).told["profile"] == "oidc"
    response = await ask(service, token, **PORTAL, **keys, profile="oidc")
    refused(response, "invalid_client_metadata", "terms of this registration: fapi2")


async def test_what_the_terms_say_may_be_repeated(service: Provider) -> None:
    said = {"owner": "Cơ quan tự đăng ký", "sector": "tu-dang-ky", "legacy_until": "", "may_act": []}
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
        "Cơ quan mẫu",
    ],
)
async def test_nobody_registers_a_name_of_another(service: Provider, name: str) -> None:
    token = await initial_token(service, uses=3)
    for metadata in ({"client_name": name}, {"client_name": "Cổng khác", "client_name#en": name}):
        refused(await ask(service, token, **PORTAL | metadata), "invalid_client_metadata", "client_name")


@pytest.mark.parametrize(
    "metadata",
    [
        {"redirect_uris": [f"{ISSUER}/account/sessions/end"]},
        {"redirect_uris": [ISSUER]},
        {"redirect_uris": [f"{ISSUER}?x"]},
        {"redirect_uris": [f"{ISSUER}:443/authorize"]},
        {"post_logout_redirect_uris": [f"{ISSUER}/logout"]},
        {"initiate_login_uri": f"{ISSUER}/authorize"},
        {"backchannel_logout_uri": f"{ISSUER}/revoke"},
    ],
)
async def test_our_own_addresses_are_nobodys(service: Provider, metadata: dict[str, Any]) -> None:
    response = await ask(service, await initial_token(service), **PORTAL | metadata)
    refused(response, "invalid_client_metadata", "ours")


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


@pytest.mark.parametrize(
    "metadata",
    [
        {"redirect_uris": ["https://ministry.example/callback"]},
        {
            "redirect_uris": ["https://ministry.example/callback"],
            "application_type": "native",
            "token_endpoint_auth_method": "none",
        },
    ],
)
async def test_devices_do_not_carry_tokens_of_another_sector_away(
    service: Provider, metadata: dict[str, Any]
) -> None:
    """An address proves a sector only to whom the answer goes there; a device is answered wherever it is."""
    token = await initial_token(service, sector=None)
    both = {"grant_types": ["authorization_code", DEVICE_CODE]}
    client = await registered(service, token, **metadata, **both)
    assert client.told["sector"] == client.client_id


async def test_nobody_adds_devices_to_the_sector_of_an_address(service: Provider) -> None:
    client = await registered(service, await initial_token(service, sector=None))
    assert client.told["sector"] == "self.example"
    response = await client.put(grant_types=["authorization_code", DEVICE_CODE])
    refused(response, "invalid_client_metadata", "sector")


async def test_a_sector_document_is_not_for_devices(service: Provider) -> None:
    """It lists the addresses of the portal that it belongs to, and everybody can read it."""
    both = {"grant_types": ["authorization_code", DEVICE_CODE]}
    listed = {"sector_identifier_uri": "https://ministry.example/sector"}
    response = await ask(service, await initial_token(service, sector=None), **PORTAL | both | listed)
    refused(response, "invalid_client_metadata", "sector_identifier_uri", "device")


async def test_devices_are_of_the_sector_of_a_host_that_the_terms_name(service: Provider) -> None:
    token = await initial_token(service, sector=None, hosts=["self.example"])
    client = await registered(service, token, grant_types=["authorization_code", DEVICE_CODE])
    assert client.told["sector"] == "self.example"


async def test_an_app_shows_pages_of_the_hosts_that_the_terms_name(service: Provider) -> None:
    token = await initial_token(service, hosts=["self.example"])
    policy = "https://self.example/policy"
    assert (await registered(service, token, **APP, policy_uri=policy)).told["policy_uri"] == policy
