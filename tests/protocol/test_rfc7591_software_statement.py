"""RFC 7591 §2.3: software statements of issuers that an operator trusts; what they say wins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import jwt
import pytest

from idp.errors import InvalidClientMetadata
from idp.oidc.grant_types import DEVICE_CODE
from idp.oidc.registration.vouchers import NotThere, distrust_issuer, trust_issuer
from keys.backends.software import SoftwareSigner
from tests.support.installation import ISSUER
from tests.support.on_sqlite import on_sqlite
from tests.support.provider import Provider
from tests.support.registering import (
    PORTAL,
    SelfRegistered,
    ask,
    initial_token,
    loads,
    refused,
    software_statement,
    statement_key,
    terms,
)

pytestmark = on_sqlite

REGISTRY = "https://registry.example"
API_REGISTRY = "https://api-registry.example"
API = "https://api.example/"


@pytest.fixture
async def trusting(service: Provider) -> AsyncIterator[Provider]:
    """A provider that trusts an issuer."""
    keys = {"keys": [statement_key().public_jwk()]}
    await trust_issuer(service.context(), REGISTRY, keys, terms(), operator="operator-1")
    yield service
    await distrust_issuer(service.context(), REGISTRY, operator="operator-1", with_clients=False)


async def register(
    provider: Provider, statement: object, token: str = "", /, **metadata: Any
) -> httpx2.Response:
    return await ask(provider, token, "203.0.113.99", software_statement=statement, **metadata)


async def test_a_statement_vouches_and_is_returned_unchanged(trusting: Provider) -> None:
    statement = await software_statement()
    response = await register(trusting, statement)
    assert response.status_code == 201, response.text
    told = loads(response)
    assert (
        told.items()
        >= {**PORTAL, "software_id": "vn.example.portal", "software_statement": statement}.items()
    )
    assert not {"iss", "exp"} & told.keys()
    client = SelfRegistered(trusting, told)
    assert loads(await client.manage("GET"))["software_statement"] == statement
    (event,) = [
        one for one in await trusting.events("client.registered") if one.client_id == client.client_id
    ]
    assert event.details["vouched_by"] == f"statement:{REGISTRY}"


@pytest.mark.parametrize(
    "sent",
    [
        {"client_name": "Kẻ khác", "client_name#en": "Somebody else", "client_name#vi": "Kẻ khác"},
        {"redirect_uris": ["https://evil.example/"]},
        {"software_id": "another"},
    ],
)
async def test_what_the_statement_says_wins(trusting: Provider, sent: dict[str, Any]) -> None:
    told = loads(await register(trusting, await software_statement(), **sent, contacts=["a@self.example"]))
    assert (
        told.items() >= {**PORTAL, "software_id": "vn.example.portal", "contacts": ["a@self.example"]}.items()
    )
    assert not {name for name in told if name.startswith("client_name#")}


async def test_a_statement_holds_for_updates_too(trusting: Provider) -> None:
    client = SelfRegistered(trusting, loads(await register(trusting, await software_statement())))
    for statement in (None, client.told["software_statement"]):
        told = loads(
            await client.put(
                software_statement=statement, redirect_uris=["https://evil.example/"], contacts=["x"]
            )
        )
        assert (told["redirect_uris"], told["contacts"]) == (PORTAL["redirect_uris"], ["x"])
    newer = await software_statement(client_name="Tên mới của cổng")
    assert loads(await client.put(software_statement=newer))["client_name"] == "Tên mới của cổng"
    assert loads(await client.manage("GET"))["software_statement"] == newer


async def test_who_holds_a_statement_gets_nothing_without_its_redirect_uris(trusting: Provider) -> None:
    """Many hold it: what it says of addresses must not be passed by, neither by a device nor in the client's name."""
    keys = {"keys": [statement_key().public_jwk()]}
    await trust_issuer(
        trusting.context(), API_REGISTRY, keys, terms(scope="openid api:read", audience=[API]), operator="o"
    )
    plain = await software_statement(iss=API_REGISTRY)
    for passing_by in (DEVICE_CODE, "client_credentials"):
        grants = ["authorization_code", passing_by]
        refused(await register(trusting, plain, grant_types=grants), "invalid_client_metadata", "grant_types")
        client = SelfRegistered(trusting, loads(await register(trusting, plain)))
        refused(await client.put(grant_types=grants), "invalid_client_metadata", "grant_types")
        told = loads(await register(trusting, await software_statement(iss=API_REGISTRY, grant_types=grants)))
        assert told["grant_types"] == grants, "its maker may say so"
    token = await initial_token(trusting)
    response = await register(trusting, plain, token, grant_types=["authorization_code", DEVICE_CODE])
    assert response.status_code == 201, "the token vouches for who sends it"
    await distrust_issuer(trusting.context(), API_REGISTRY, operator="o", with_clients=False)


async def test_who_holds_a_statement_does_not_fill_the_table(trusting: Provider) -> None:
    statement, address = await software_statement(), "203.0.113.77"
    statuses = [
        (await ask(trusting, "", address, software_statement=statement)).status_code for _ in range(62)
    ]
    assert (statuses.count(201), statuses[-1]) == (60, 429)
    token = await initial_token(trusting)
    assert (await ask(trusting, token, address, software_statement=statement)).status_code == 201


async def test_a_statement_of_somebody_else_changes_nothing(trusting: Provider) -> None:
    other = SoftwareSigner.generate("ES256")
    await trust_issuer(
        trusting.context(),
        "https://other.example",
        {"keys": [other.public_jwk()]},
        terms(),
        operator="operator-1",
    )
    client = SelfRegistered(trusting, loads(await register(trusting, await software_statement())))
    foreign = await software_statement(other, iss="https://other.example")
    refused(await client.put(software_statement=foreign), "invalid_client_metadata", "issuer")
    await distrust_issuer(
        trusting.context(), "https://other.example", operator="operator-1", with_clients=False
    )


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": 1_700_000_000},
        {"exp": "1900000000"},
        {"exp": True},
        {"nbf": 1_890_000_000},
        {"iat": 1_890_000_000},
        {"aud": "https://another.example"},
        {"aud": ["https://another.example"]},
        {"aud": [{}]},
        {"redirect_uris": None},
        {"client_name": None},
        {"iss": None},
        {"iss": 7},
        {"iss": "https://registry.example\0"},
    ],
)
async def test_a_statement_that_is_not_good(trusting: Provider, claims: dict[str, Any]) -> None:
    refused(await register(trusting, await software_statement(**claims)), "invalid_software_statement")


@pytest.mark.parametrize("audience", [ISSUER, f"{ISSUER}/register", [ISSUER, "https://another.example"]])
async def test_a_statement_may_name_us(trusting: Provider, audience: object) -> None:
    assert (await register(trusting, await software_statement(aud=audience))).status_code == 201


async def test_a_statement_that_nobody_signed(trusting: Provider) -> None:
    good = await software_statement()
    header, payload, signature = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    foreign = await software_statement(SoftwareSigner.generate("ES256"))
    unsigned: tuple[object, ...] = (
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, "x" * 32, algorithm="HS256"),
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload[:-2]}.{signature}",
        foreign,
        "x",
        "",
        7,
        {},
        "a" * 20_000,
    )
    for bad in unsigned:
        refused(await register(trusting, bad), "invalid_software_statement")


async def test_an_issuer_that_nobody_trusts(trusting: Provider) -> None:
    statement = await software_statement(iss="https://unknown.example")
    refused(await register(trusting, statement), "unapproved_software_statement")
    refused(
        await register(trusting, statement, await initial_token(trusting), **PORTAL),
        "unapproved_software_statement",
    )


async def test_beside_a_token_the_terms_are_the_tokens(trusting: Provider) -> None:
    token = await initial_token(trusting, scope="openid")
    told = loads(await register(trusting, await software_statement(), token))
    assert (told["scope"], told["client_name"]) == ("openid", PORTAL["client_name"])
    token, more = await initial_token(trusting, scope="openid"), await software_statement(scope="openid pid")
    refused(await register(trusting, more, token), "invalid_client_metadata", "pid")


@pytest.mark.parametrize(
    "claims", [{"owner": "Bộ Công an"}, {"sector": "bo-cong-an"}, {"legacy_until": "2099-01-01"}]
)
async def test_an_issuer_does_not_go_beyond_its_terms(trusting: Provider, claims: dict[str, Any]) -> None:
    refused(await register(trusting, await software_statement(**claims)), "invalid_client_metadata")


async def test_an_issuer_is_distrusted_with_its_clients(one: Provider) -> None:
    keys = {"keys": [statement_key().public_jwk()]}
    await trust_issuer(one.context(), REGISTRY, keys, terms(), operator="operator-1")
    with pytest.raises(InvalidClientMetadata, match="already"):
        await trust_issuer(one.context(), REGISTRY, keys, terms(), operator="operator-1")
    client = SelfRegistered(one, loads(await register(one, await software_statement())))
    assert await distrust_issuer(one.context(), REGISTRY, operator="operator-1", with_clients=True) == 1
    refused(await register(one, await software_statement()), "unapproved_software_statement")
    assert (await client.manage("GET")).status_code == 403
    with pytest.raises(NotThere):
        await distrust_issuer(one.context(), REGISTRY, operator="operator-1", with_clients=True)


@pytest.mark.parametrize("keys", [[], {}, {"keys": []}, {"keys": [{"kty": "oct", "k": "AAAA"}]}])
async def test_an_issuer_has_public_keys(service: Provider, keys: object) -> None:
    with pytest.raises(InvalidClientMetadata):
        await trust_issuer(service.context(), "https://keyless.example", keys, terms(), operator="operator-1")
