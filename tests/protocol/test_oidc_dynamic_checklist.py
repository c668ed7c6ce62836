"""The Dynamic OP plan of the OpenID Foundation's conformance suite, and of the Basic one what needs registration.

Each test is named after its module. The suite's client of the Dynamic plan authenticates by `private_key_jwt`.
"""

from __future__ import annotations

from typing import Any, Final

import jwt
import orjson
import pytest

from idp.oidc.client_keys import UNKNOWN_KEY_SECONDS
from keys import policy
from keys.seal import KeyEncryptionKey
from tests.support.images import png
from tests.support.installation import ISSUER, turn
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.portals import Portal, Registered
from tests.support.provider import NOW, Ground, Provider
from tests.support.receiving_portal import Received, receiving_portal, status
from tests.support.registering import PORTAL, ask, refused, registered
from tests.support.request_objects import private_key, public_jwk, signed, unsigned
from tests.support.suite import MODES, Suite, is_error_page, sent_on
from tests.support.suite_checks import check_key_set, check_token_error

TWO_HOSTS: Final = ["https://one.example/callback", "https://two.example/callback"]
TOKEN_ENDPOINT: Final = f"{ISSUER}/token"


def serving(document: Any) -> Any:
    """The answer of a client's server."""
    body = document.encode() if isinstance(document, str) else orjson.dumps(document)
    return lambda _: status(200, "Content-Type: application/json", body=body)


def key_set(alg: str = "ES256", kid: str = "k1") -> dict[str, Any]:
    """The client's keys as it publishes them."""
    return {"keys": [public_jwk(alg, kid=kid)]}


async def client(provider: Provider, mode: str = "query", **metadata: Any) -> Suite:
    """A client that has registered itself, and signs its assertions unless it says otherwise."""
    signs: dict[str, Any] = {"token_endpoint_auth_method": "private_key_jwt", "jwks": key_set()}
    asked = signs | metadata
    if "jwks_uri" in metadata:
        del asked["jwks"]
    made = await registered(provider, **asked)
    key: Any = private_key() if asked["token_endpoint_auth_method"] == "private_key_jwt" else None
    return Suite(provider, mode, made.at_work(key))


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    """The Basic plan with registration is run in both modes as well."""
    return str(request.param)


async def test_oidcc_idtoken_signature(sandbox: Provider, mode: str) -> None:
    """Registered without an algorithm: RS256 (Registration §2)."""
    suite = await client(sandbox, mode, token_endpoint_auth_method="client_secret_basic")
    assert suite.portal.registered.metadata["id_token_signed_response_alg"] == "RS256"
    tokens = await suite.flow()
    kid = jwt.get_unverified_header(tokens.id_token)["kid"]
    assert [key["alg"] for key in check_key_set(await sandbox.http().get("/jwks")) if key["kid"] == kid] == [
        "RS256"
    ]


async def test_oidcc_idtoken_unsigned(sandbox: Provider) -> None:
    """Left out by the suite: it is not announced, and cannot be had."""
    document = (await sandbox.http().get("/.well-known/openid-configuration")).json()
    assert "none" not in document["id_token_signing_alg_values_supported"]
    refused(await ask(sandbox, **PORTAL, id_token_signed_response_alg="none"), "invalid_client_metadata")


async def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(
    sandbox: Provider, mode: str
) -> None:
    """Rejected: nobody may send unsigned objects who did not register `none`."""
    async with receiving_portal() as server:
        uri = server.at("127.0.0.1", "/unsigned")
        suite = await client(sandbox, mode, request_uris=[uri])
        server.answer = serving(unsigned({"state": "inside"}))
        await suite.refused("request_uri_not_supported", request_uri=uri)


async def test_oidcc_idtoken_rs256(sandbox: Provider) -> None:
    suite = await client(sandbox, id_token_signed_response_alg="RS256")
    assert jwt.get_unverified_header((await suite.flow()).id_token)["alg"] == "RS256"


async def test_oidcc_userinfo_rs256(sandbox: Provider) -> None:
    document = (await sandbox.http().get("/.well-known/openid-configuration")).json()
    assert "RS256" in document["userinfo_signing_alg_values_supported"]
    suite = await client(sandbox, userinfo_signed_response_alg="RS256")
    tokens = await suite.flow()
    answer = await suite.portal.userinfo(tokens.access_token)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jwt")
    assert jwt.get_unverified_header(answer.text)["alg"] == "RS256"
    claims = await suite.portal.verify(answer.text)
    assert (claims["sub"], claims["iss"], claims["aud"]) == (tokens.sub, ISSUER, suite.client_id)
    assert "nonce" not in claims


async def test_oidcc_ensure_redirect_uri_in_authorization_request(sandbox: Provider) -> None:
    suite = await client(sandbox, redirect_uris=TWO_HOSTS)
    asked = suite.ask("redirect_uri")
    assert is_error_page(await suite.arrive(suite.browser(), asked.address), "redirect_uri_mismatch")


async def test_oidcc_redirect_uri_query_ok(sandbox: Provider) -> None:
    registered_uri = "https://self.example/callback?x=1&y=a%20b"
    suite = await client(sandbox, redirect_uris=[registered_uri])
    asked, visit = await suite.send()
    visit = await suite.walk(visit)
    assert visit.address.startswith(f"{registered_uri}&code=")
    await suite.finish(asked, visit)
    await suite.refused("login_required", prompt="none")


@pytest.mark.parametrize("asked", ["?x=2", "?y=1", ""])
async def test_oidcc_redirect_uri_query_mismatch(sandbox: Provider, asked: str) -> None:
    suite = await client(sandbox, redirect_uris=["https://self.example/callback?x=1"])
    _, visit = await suite.send(redirect_uri=f"https://self.example/callback{asked}")
    assert is_error_page(visit, "redirect_uri_mismatch")


@pytest.mark.parametrize(
    "registered_uri", ["https://self.example/callback", "https://self.example/callback?x=1"]
)
async def test_oidcc_redirect_uri_query_added(sandbox: Provider, registered_uri: str) -> None:
    suite = await client(sandbox, redirect_uris=[registered_uri])
    _, visit = await suite.send(
        redirect_uri=f"{registered_uri}{'&' if '?' in registered_uri else '?'}foo=bar"
    )
    assert is_error_page(visit, "redirect_uri_mismatch")


async def test_oidcc_redirect_uri_regfrag(sandbox: Provider) -> None:
    response = await ask(sandbox, **PORTAL | {"redirect_uris": ["https://self.example/callback#fragment"]})
    refused(response, "invalid_redirect_uri", "fragment")


async def test_oidcc_discovery_endpoint_verification(sandbox: Provider) -> None:
    """All but the implicit flow, which the plan demands and we decline; the rest: `test_oidc_config_checklist`."""
    document = (await sandbox.http().get("/.well-known/openid-configuration")).json()
    assert document["registration_endpoint"] == f"{ISSUER}/register"
    assert document["response_types_supported"] == ["code"]
    assert not {"implicit", "password"} & set(document["grant_types_supported"])
    for name in ("id_token", "userinfo", "request_object"):
        assert "RS256" in document[f"{name}_signing_alg_values_supported"]


async def test_oidcc_server(sandbox: Provider) -> None:
    suite = await client(sandbox)
    assert await suite.told(await suite.flow())


async def test_oidcc_registration_logo_uri(sandbox: Provider) -> None:
    """Shown from our copy; on every page of the way: `test_oidc_registration_card`."""
    async with receiving_portal() as server:
        server.answer = lambda _: status(200, "Content-Type: image/png", body=png())
        suite = await client(sandbox, logo_uri=server.at("127.0.0.1", "/logo.png"))
    _, visit = await suite.send()
    assert f'src="/logo/{suite.client_id}?' in visit.text
    shown = await sandbox.http().get(f"/logo/{suite.client_id}")
    assert (shown.status_code, shown.content) == (200, png())


async def test_oidcc_registration_policy_uri(sandbox: Provider) -> None:
    _, visit = await (await client(sandbox, policy_uri="https://self.example/policy")).send()
    assert '<a id="policy_uri" href="https://self.example/policy"' in visit.text


async def test_oidcc_registration_tos_uri(sandbox: Provider) -> None:
    _, visit = await (await client(sandbox, tos_uri="https://self.example/terms")).send()
    assert '<a id="tos_uri" href="https://self.example/terms"' in visit.text


async def test_oidcc_registration_jwks_uri(sandbox: Provider) -> None:
    async with receiving_portal() as server:
        server.answer = serving(key_set())
        suite = await client(sandbox, jwks_uri=server.at("127.0.0.1", "/jwks"))
        assert "registration_notes" not in suite.portal.registered.metadata
        assert await suite.told(await suite.flow())
        assert {seen.path for seen in server.received} == {"/jwks"}


async def test_oidcc_registration_sector_uri(sandbox: Provider) -> None:
    """Clients of one sector see one subject."""
    async with receiving_portal() as server:
        server.answer = serving([*TWO_HOSTS, "https://three.example/callback"])
        more: dict[str, Any] = {
            "subject_type": "pairwise",
            "sector_identifier_uri": server.at("127.0.0.1", "/sector"),
        }
        one = await client(sandbox, redirect_uris=TWO_HOSTS, **more)
        other = await client(sandbox, redirect_uris=["https://three.example/callback"], **more)
        assert [seen.path for seen in server.received] == ["/sector", "/sector"]
    third = await client(sandbox, redirect_uris=["https://three.example/callback"])
    subs = [(await suite.flow()).sub for suite in (one, other, third)]
    assert subs[0] == subs[1] != subs[2]


@pytest.mark.parametrize(
    "document", [["https://another.example/callback"], [], {}, {"redirect_uris": TWO_HOSTS}, "no JSON"]
)
async def test_oidcc_registration_sector_bad(sandbox: Provider, document: Any) -> None:
    async with receiving_portal() as server:
        server.answer = serving(document)
        uri = server.at("127.0.0.1", "/sector")
        response = await ask(sandbox, **PORTAL | {"redirect_uris": TWO_HOSTS, "sector_identifier_uri": uri})
    refused(response, "invalid_client_metadata", "sector_identifier_uri")


async def test_oidcc_server_rotate_keys(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A key that is due signs from the next moment; the last one stays published while its tokens live."""
    async with provider_on_sqlite(tmp_path_factory.mktemp("rotation"), provider_ground) as provider:
        provider.clock.now = NOW - 86_400 + policy.ACTIVE_LIFETIME + 60
        before = Suite(provider, "query")
        first = await before.flow()
        kek = KeyEncryptionKey.read_file(provider_ground.kek_file)
        await turn(provider.db, kek, int(provider.clock()), issuer=ISSUER)
        worker = await provider.another_worker()
        portal = provider.portal("dossiers", app=worker)
        keys = {key["kid"] for key in check_key_set(await portal.http.get("/jwks"))}
        browser = provider.browser(app=worker)
        asked, visit = await before.send(browser)
        visit = await before.walk(visit)
        second = await portal.tokens(asked, visit)
        old, new = (jwt.get_unverified_header(tokens.id_token)["kid"] for tokens in (first, second))
        assert old != new
        assert {old, new} <= keys


async def test_oidcc_refresh_token_rp_key_rotation(sandbox: Provider) -> None:
    """The client's new key is looked for at its address; the old one is then no more."""
    async with receiving_portal() as server:
        server.answer = serving(key_set())
        suite = await client(
            sandbox,
            jwks_uri=server.at("127.0.0.1", "/jwks"),
            grant_types=["authorization_code", "refresh_token"],
        )
        tokens = await suite.flow(scope="openid offline_access", prompt="consent")
        server.answer = serving(key_set("EdDSA", "k2"))
        sandbox.clock.advance(UNKNOWN_KEY_SECONDS)
        response = await _refresh(suite.portal, tokens.refresh_token, "EdDSA", "k2")
        assert response.status_code == 200, response.text
        again = await _refresh(suite.portal, response.json()["refresh_token"], "ES256", "k1")
        check_token_error(again, "invalid_client")


async def _refresh(portal: Portal, token: str, alg: str, kid: str) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    claims = jwt.decode(portal.assertion(), options={"verify_signature": False})
    assertion = jwt.encode(claims, private_key(alg), alg, headers={"kid": kid})
    typed = {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
    return await portal.http.post("/token", data={**form, **typed, "client_assertion": assertion})


async def _by_reference(sandbox: Provider, alg: str) -> None:
    """An object at a registered address is fetched, and what stands in it holds."""
    async with receiving_portal() as server:
        registered_uri = (
            f"{server.at('127.0.0.1', '/object')}#{'x' * 43}"  # as the suite does: no digest of it
        )
        keys = {"keys": [*key_set()["keys"], public_jwk("RS256", kid="rs")]}
        suite = await client(
            sandbox, request_uris=[registered_uri], request_object_signing_alg=alg, jwks=keys
        )
        asked = suite.ask()
        inside = {"iss": suite.client_id, "aud": ISSUER, **asked.parameters}
        text = unsigned(inside) if alg == "none" else signed(inside, alg, kid="rs")
        server.answer = _object(text)
        outside = {name: asked.parameters[name] for name in ("client_id", "response_type", "scope")}
        query = outside | {"request_uri": registered_uri, "state": "outside", "nonce": "outside"}
        visit = await sent_on(await suite.browser().post("/authorize", list(query.items())))
        await suite.finish(asked, visit)


def _object(text: str) -> Any:
    def answer(_: Received) -> bytes:
        return status(200, "Content-Type: application/oauth-authz-req+jwt", body=text.encode())

    return answer


async def test_oidcc_request_uri_unsigned(sandbox: Provider) -> None:
    """Left out by the suite, which goes by what is announced; of who registered `none` it is taken."""
    document = (await sandbox.http().get("/.well-known/openid-configuration")).json()
    assert "none" not in document["request_object_signing_alg_values_supported"]
    await _by_reference(sandbox, "none")


async def test_oidcc_request_uri_signed_rs256(sandbox: Provider) -> None:
    document = (await sandbox.http().get("/.well-known/openid-configuration")).json()
    assert document["request_uri_parameter_supported"] is True
    assert "RS256" in document["request_object_signing_alg_values_supported"]
    await _by_reference(sandbox, "RS256")


@pytest.mark.parametrize("inner", ["registered", "foreign"])
async def test_oidcc_ensure_request_object_with_redirect_uri(
    sandbox: Provider, mode: str, inner: str
) -> None:
    """The address inside counts, or a page says that it cannot; never the one outside."""
    suite = await client(sandbox, mode, redirect_uris=TWO_HOSTS, request_object_signing_alg="none")
    asked = suite.ask()
    foreign = {"redirect_uri": "https://foreign.example/callback"} if inner == "foreign" else {}
    inside = unsigned(dict(asked.parameters) | foreign)
    outside = [("redirect_uri", TWO_HOSTS[1]), ("request", inside)]
    outside += [(name, asked.parameters[name]) for name in ("client_id", "response_type", "scope")]
    visit = await sent_on(await suite.browser().post("/authorize", outside))
    if inner == "foreign":
        assert is_error_page(visit, "redirect_uri_mismatch")
    else:
        visit = await suite.walk(visit)
        assert visit.address.startswith(TWO_HOSTS[0])
        await suite.finish(asked, visit)


async def test_oidcc_refresh_token(sandbox: Provider) -> None:
    grants = ["authorization_code", "refresh_token"]
    suite = await client(sandbox, grant_types=grants, response_types=["code"])
    assert "offline_access" in suite.portal.registered.metadata["scope"].split()
    tokens = await suite.flow(scope="openid offline_access", prompt="consent")
    other = await client(sandbox, grant_types=grants)
    check_token_error(await other.portal.refresh(tokens.refresh_token), "invalid_grant")
    refreshed = await suite.portal.refresh(tokens.refresh_token)
    assert (refreshed.status_code, refreshed.headers["cache-control"]) == (200, "no-store")
    again = await suite.portal.read(refreshed)
    for name in ("iss", "sub", "aud", "auth_time"):
        assert again.claims[name] == tokens.claims[name]


@pytest.mark.parametrize("audience", [ISSUER, TOKEN_ENDPOINT, [ISSUER, TOKEN_ENDPOINT]])
async def test_oidcc_ensure_client_assertion_with_iss_aud_succeeds(sandbox: Provider, audience: Any) -> None:
    suite = await client(sandbox)
    portal = _Addressed(suite.portal.registered, sandbox.http(), ISSUER, sandbox.clock, audience)
    asked, visit = await suite.send()
    visit = await suite.walk(visit)
    assert (await portal.tokens(asked, visit)).sub


class _Addressed(Portal):
    """A client whose assertions are for this audience."""

    def __init__(self, registered: Registered, http: Any, issuer: str, clock: Any, audience: Any) -> None:
        super().__init__(registered, http, issuer, clock)
        self.audience = audience

    def assertion(self, **changes: Any) -> str:
        return super().assertion(**{"aud": self.audience, **changes})
