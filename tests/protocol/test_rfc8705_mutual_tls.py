"""RFC 8705 at the endpoints: clients that authenticate by certificate, and tokens that are bound to one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
import jwt
import pytest

from idp.oidc.discovery import ENDPOINTS
from keys.certificate import thumbprint_of
from tests.support.browsing import Browser
from tests.support.certificates import CLIENTS, Holder, Wish, issued, root, self_signed
from tests.support.certified import NAME, by_itself, by_name, machine, request_of
from tests.support.devices import add_clients
from tests.support.installation import ISSUER
from tests.support.on_sqlite import on_sqlite, provider_on_sqlite
from tests.support.population import HOA
from tests.support.portals import REGISTRATIONS, Portal, Tokens
from tests.support.provider import NOW, Ground, Provider
from tests.support.registering import PORTAL as PORTAL_ITSELF
from tests.support.registering import ask as ask_to_register
from tests.support.registering import initial_token, registered

MTLS: Final = "https://mtls.sso.example.vn"
PROXY: Final = "127.0.0.1"
ROOT: Final = root(at=NOW)
CERTIFIED: Final = issued(Wish(NAME, usage=CLIENTS, at=NOW, ends=1 << 24), ROOT)
FIRST, SECOND, STRANGER = (self_signed(Wish("CN=portal", at=NOW, ends=1 << 24)) for _ in range(3))

PORTAL: Final = {
    **REGISTRATIONS["dossiers"],
    "client_id": "holder",
    "redirect_uris": ["https://holder.example/callback"],
    "post_logout_redirect_uris": [],
    "client_uri": "https://holder.example/",
    "token_endpoint_auth_method": "self_signed_tls_client_auth",
    "tls_client_certificate_bound_access_tokens": True,
    "jwks": {"keys": [FIRST.jwk("one"), SECOND.jwk("two")]},
}
"""A portal with two certificates, as while it changes from one to the other."""
STRONGEST: Final = {
    **{name: value for name, value in REGISTRATIONS["ministry"].items() if name != "profile"},
    "client_id": "strongest",
    "redirect_uris": ["https://strongest.example/callback"],
    "post_logout_redirect_uris": [],
    "client_uri": "https://strongest.example/",
    "token_endpoint_auth_method": "tls_client_auth",
    "tls_client_auth_subject_dn": NAME,
    "tls_client_certificate_bound_access_tokens": True,
}
"""A portal of the profile that new clients get, which signs nothing."""


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider behind a proxy that asks for certificates."""
    folder: Path = tmp_path_factory.mktemp("mtls")
    (folder / "authorities.pem").write_text(ROOT.pem, encoding="ascii")
    async with provider_on_sqlite(
        folder,
        provider_ground,
        mtls_url=MTLS,
        trusted_proxies=(f"{PROXY}/32",),
        client_ca_file=folder / "authorities.pem",
    ) as provider:
        await add_clients(
            provider,
            by_name(),
            by_itself("alone", FIRST),
            by_itself("other", SECOND),
            machine("signer", token_endpoint_auth_method="private_key_jwt"),
            machine(
                "unbound",
                profile="oidc",
                token_endpoint_auth_method="self_signed_tls_client_auth",
                jwks={"keys": [FIRST.jwk()]},
                tls_client_certificate_bound_access_tokens=False,
            ),
            PORTAL,
            STRONGEST,
        )
        yield provider


def http(service: Provider, holder: Holder | None) -> httpx2.AsyncClient:
    """A program that connects with a certificate, or without; our proxy hands it on."""
    headers = {} if holder is None else {"client-cert": holder.header}
    return httpx2.AsyncClient(transport=service.transport(PROXY), base_url=MTLS, headers=headers)


def showing(service: Provider, client_id: str, holder: Holder | None) -> Portal:
    """A client that connects with a certificate."""
    return Portal(service.registered[client_id], http(service, holder), ISSUER, service.clock)


async def ask(service: Provider, client_id: str, holder: Holder | None) -> httpx2.Response:
    return await http(service, holder).post("/token", data=dict(request_of(client_id)))


def confirmation(token: str) -> Any:
    return jwt.decode(token, options={"verify_signature": False}).get("cnf")


def check_refused(answer: httpx2.Response, error: str, status: int) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text


@pytest.mark.parametrize(("client_id", "holder"), [("certified", CERTIFIED), ("alone", FIRST)])
async def test_a_token_is_bound_to_the_certificate_that_it_was_given_to(
    service: Provider, client_id: str, holder: Holder
) -> None:
    answer = await ask(service, client_id, holder)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["token_type"] == "Bearer"  # §3: the scheme stays
    assert confirmation(body["access_token"]) == {"x5t#S256": thumbprint_of(holder.der)}


async def test_a_signed_assertion_proves_the_client_and_any_certificate_binds(service: Provider) -> None:
    portal = showing(service, "signer", STRANGER)
    answer = await portal.post("/token", grant_type="client_credentials")
    assert answer.status_code == 200, answer.text
    assert confirmation(answer.json()["access_token"]) == {"x5t#S256": thumbprint_of(STRANGER.der)}


async def test_what_is_to_be_bound_is_not_given_without_a_certificate(service: Provider) -> None:
    portal = showing(service, "signer", None)
    answer = await portal.post("/token", grant_type="client_credentials")
    check_refused(answer, "invalid_request", 400)
    assert "mtls_endpoint_aliases" in answer.json()["error_description"]


async def test_a_client_may_authenticate_by_certificate_and_have_tokens_that_are_not_bound(
    service: Provider,
) -> None:
    answer = await ask(service, "unbound", FIRST)
    assert confirmation(answer.json()["access_token"]) is None


@pytest.mark.parametrize(
    ("client_id", "holder"),
    [
        ("certified", FIRST),
        ("alone", CERTIFIED),
        ("alone", SECOND),
        ("other", FIRST),
        ("alone", STRANGER),
        ("alone", None),
        ("certified", None),
        ("nobody", FIRST),
    ],
)
async def test_another_clients_certificate_or_none(
    service: Provider, client_id: str, holder: Holder | None
) -> None:
    check_refused(await ask(service, client_id, holder), "invalid_client", 401)


async def test_a_certificate_without_a_client_id(service: Provider) -> None:
    answer = await http(service, FIRST).post("/token", data={"grant_type": "client_credentials"})
    check_refused(answer, "invalid_client", 401)


async def test_a_header_of_the_callers_own_is_nothing(service: Provider) -> None:
    stranger = httpx2.AsyncClient(
        transport=service.transport("198.51.100.7"), base_url=MTLS, headers={"client-cert": FIRST.header}
    )
    check_refused(await stranger.post("/token", data=dict(request_of("alone"))), "invalid_client", 401)
    elsewhere = httpx2.AsyncClient(
        transport=service.transport(PROXY), base_url=ISSUER, headers={"client-cert": FIRST.header}
    )
    check_refused(await elsewhere.post("/token", data=dict(request_of("alone"))), "invalid_client", 401)


async def test_what_the_proxy_cannot_have_meant(service: Provider) -> None:
    answer = await http(service, None).post(
        "/token", data=dict(request_of("alone")), headers={"client-cert": "nonsense"}
    )
    check_refused(answer, "invalid_request", 400)


async def test_refusals_are_in_the_audit(service: Provider) -> None:
    before = len(await service.events("client.refused"))
    await ask(service, "alone", STRANGER)
    *_, last = await service.events("client.refused")
    assert len(await service.events("client.refused")) == before + 1
    assert (last.client_id, last.outcome) == ("alone", "invalid_client")
    assert "x5c" in last.details["why"]


@pytest.fixture(scope="module")
async def hoa(service: Provider) -> Browser:
    """The browser of somebody who has logged in."""
    browser = service.browser()
    await service.enter("dossiers", HOA, browser)
    return browser


async def entered(service: Provider, hoa: Browser, holder: Holder = FIRST) -> Tokens:
    asked, visit = await service.enter("holder", HOA, hoa)
    return await showing(service, "holder", holder).tokens(asked, visit)


async def test_a_persons_token_is_bound_and_opens_userinfo_with_the_certificate(
    service: Provider, hoa: Browser
) -> None:
    tokens = await entered(service, hoa)
    assert confirmation(tokens.access_token) == {"x5t#S256": thumbprint_of(FIRST.der)}
    answer = await showing(service, "holder", FIRST).userinfo(tokens.access_token)
    assert answer.status_code == 200, answer.text
    assert answer.json()["sub"] == tokens.sub


@pytest.mark.parametrize("holder", [SECOND, STRANGER, None])
async def test_nobody_else_opens_userinfo_with_it(
    service: Provider, hoa: Browser, holder: Holder | None
) -> None:
    tokens = await entered(service, hoa)
    answer = await showing(service, "holder", holder).userinfo(tokens.access_token)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_nor_at_the_address_where_nobody_asks_for_certificates(service: Provider, hoa: Browser) -> None:
    tokens = await entered(service, hoa)
    answer = await service.http().get(
        "/userinfo",
        headers={"authorization": f"Bearer {tokens.access_token}", "client-cert": FIRST.header},
    )
    assert answer.status_code == 401


async def test_nor_by_a_form(service: Provider, hoa: Browser) -> None:
    tokens = await entered(service, hoa)
    answer = await http(service, None).post("/userinfo", data={"access_token": tokens.access_token})
    assert answer.status_code == 401


async def test_a_code_is_for_the_client_that_shows_its_certificate(service: Provider, hoa: Browser) -> None:
    asked, visit = await service.enter("holder", HOA, hoa)
    refused = await showing(service, "holder", STRANGER).redeem(asked, visit.code)
    check_refused(refused, "invalid_client", 401)
    answer = await showing(service, "holder", FIRST).redeem(asked, visit.code)
    assert answer.status_code == 200, answer.text


async def test_who_changes_the_certificate_goes_on_with_the_refresh_token(
    service: Provider, hoa: Browser
) -> None:
    tokens = await entered(service, hoa, FIRST)
    answer = await showing(service, "holder", SECOND).refresh(tokens.refresh_token)
    assert answer.status_code == 200, answer.text
    renewed = answer.json()["access_token"]
    assert confirmation(renewed) == {"x5t#S256": thumbprint_of(SECOND.der)}
    assert (await showing(service, "holder", SECOND).userinfo(renewed)).status_code == 200
    assert (await showing(service, "holder", FIRST).userinfo(renewed)).status_code == 401


async def test_a_refresh_token_alone_is_nothing(service: Provider, hoa: Browser) -> None:
    tokens = await entered(service, hoa)
    for holder in (None, STRANGER):
        answer = await showing(service, "holder", holder).refresh(tokens.refresh_token)
        check_refused(answer, "invalid_client", 401)


async def test_introspection_tells_what_a_token_is_bound_to(service: Provider, hoa: Browser) -> None:
    tokens = await entered(service, hoa)
    told = await showing(service, "holder", FIRST).introspect(tokens.access_token)
    assert told["active"] is True
    assert told["token_type"] == "Bearer"
    assert told["cnf"] == {"x5t#S256": thumbprint_of(FIRST.der)}


async def test_revocation_is_the_clients(service: Provider, hoa: Browser) -> None:
    tokens = await entered(service, hoa)
    refused = await showing(service, "holder", STRANGER).post("/revoke", token=tokens.access_token)
    check_refused(refused, "invalid_client", 401)
    await showing(service, "holder", FIRST).revoke(tokens.access_token)
    assert (await showing(service, "holder", FIRST).userinfo(tokens.access_token)).status_code == 401


async def test_a_fapi_login_by_certificate_alone(service: Provider, hoa: Browser) -> None:
    """FAPI 2.0 Security Profile §5.3.2.1: pushed, redeemed and used with one certificate, and no signature."""
    portal = showing(service, "strongest", CERTIFIED)
    asked = portal.ask()
    pushed = await portal.post("/par", **asked.parameters)
    assert pushed.status_code == 201, pushed.text
    refused = await showing(service, "strongest", FIRST).post("/par", **asked.parameters)
    check_refused(refused, "invalid_client", 401)
    name = urlencode({"client_id": "strongest", "request_uri": pushed.json()["request_uri"]})
    visit = await service.settle(await hoa.open(f"{ISSUER}/authorize?{name}"))
    tokens = await portal.tokens(asked, visit)
    assert confirmation(tokens.access_token) == {"x5t#S256": thumbprint_of(CERTIFIED.der)}
    assert (await portal.userinfo(tokens.access_token)).json()["sub"] == tokens.sub


async def test_what_is_said_of_it(service: Provider) -> None:
    metadata = (await service.http().get("/.well-known/openid-configuration")).json()
    assert metadata["tls_client_certificate_bound_access_tokens"] is True
    methods = {"tls_client_auth", "self_signed_tls_client_auth"}
    for name in ("token", "revocation", "introspection"):
        assert methods <= set(metadata[f"{name}_endpoint_auth_methods_supported"])
    aliases = metadata["mtls_endpoint_aliases"]
    for name, address in aliases.items():
        assert address == MTLS + ENDPOINTS[name]
        assert metadata[name] == ISSUER + ENDPOINTS[name]
    for_browsers = {"authorization_endpoint", "end_session_endpoint", "jwks_uri", "registration_endpoint"}
    assert aliases.keys() == ENDPOINTS.keys() - for_browsers


@on_sqlite
async def test_where_nobody_asks_for_certificates_nothing_is_said(provider: Provider) -> None:
    metadata = (await provider.http().get("/.well-known/openid-configuration")).json()
    assert "mtls_endpoint_aliases" not in metadata
    assert "tls_client_certificate_bound_access_tokens" not in metadata
    assert not any(
        "tls_client_auth" in method for method in metadata["token_endpoint_auth_methods_supported"]
    )


async def test_a_portal_registers_its_certificate_itself(service: Provider) -> None:
    token = await initial_token(service, uses=2, kinds=["server"], profiles=["fapi2"])
    mine = await registered(
        service,
        token,
        token_endpoint_auth_method="self_signed_tls_client_auth",
        tls_client_certificate_bound_access_tokens=True,
        jwks={"keys": [STRANGER.jwk()]},
    )
    assert mine.told["tls_client_certificate_bound_access_tokens"] is True
    assert mine.told["jwks"]["keys"][0]["x5c"] == STRANGER.jwk()["x5c"]
    answer = await http(service, STRANGER).post(
        "/token", data={"grant_type": "authorization_code", "code": "none", "client_id": mine.client_id}
    )
    assert answer.json()["error"] in {"invalid_grant", "invalid_request"}  # who it is was believed
    named = await registered(
        service,
        token,
        token_endpoint_auth_method="tls_client_auth",
        tls_client_auth_san_dns="self.example",
        tls_client_certificate_bound_access_tokens=True,
    )
    assert named.told["tls_client_auth_san_dns"] == "self.example"


@on_sqlite
async def test_where_nobody_asks_for_certificates_none_is_registered(provider: Provider) -> None:
    token = await initial_token(provider, kinds=["server"], profiles=["fapi2"])
    answer = await ask_to_register(
        provider,
        token,
        **PORTAL_ITSELF,
        token_endpoint_auth_method="self_signed_tls_client_auth",
        tls_client_certificate_bound_access_tokens=True,
        jwks={"keys": [STRANGER.jwk()]},
    )
    check_refused(answer, "invalid_client_metadata", 400)
    assert "IDP_MTLS_URL" in answer.json()["error_description"]
