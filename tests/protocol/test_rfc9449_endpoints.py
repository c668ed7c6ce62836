"""RFC 9449 at the endpoints: what is bound to a key, what it opens, and what a client is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import httpx2
import jwt
import pytest

from keys.policy import FAPI_ALGORITHMS
from tests.support import delegation, devices
from tests.support.browsing import Browser
from tests.support.devices import SPA, TV, Device, add_clients
from tests.support.dpop import DpopKey, DpopPortal
from tests.support.dpop_clients import HOLDER, MACHINE
from tests.support.installation import ISSUER
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.portals import API, Tokens
from tests.support.provider import Ground, Provider

ALGS: Final = f'algs="{" ".join(FAPI_ALGORITHMS)}"'


@pytest.fixture(scope="module")
async def service(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Provider]:
    """A provider with clients that hold keys; its clock stands."""
    async with provider_on_sqlite(tmp_path_factory.mktemp("dpop"), provider_ground) as provider:
        await add_clients(provider, HOLDER, MACHINE, SPA, TV)
        yield provider


@pytest.fixture(scope="module")
async def hoa(service: Provider) -> Browser:
    """The browser of somebody who has logged in."""
    browser = service.browser()
    await service.enter("dossiers", HOA, browser)
    return browser


async def entered(service: Provider, hoa: Browser, portal: DpopPortal, **changes: str) -> Tokens:
    """The tokens of a person who went to a portal that holds a key."""
    asked, visit = await service.enter(portal.client_id, HOA, hoa, **changes)
    return await portal.tokens(asked, visit)


@pytest.fixture
def holder(service: Provider) -> DpopPortal:
    """The portal, with a key that nobody has seen."""
    return DpopPortal.of(service.portal("holder"))


@pytest.fixture
def machine(service: Provider) -> DpopPortal:
    """The machine, with a key that nobody has seen."""
    return DpopPortal.of(service.portal("machine-fapi"))


@pytest.fixture
async def given(service: Provider, hoa: Browser, holder: DpopPortal) -> Tokens:
    """What the portal was given."""
    return await entered(service, hoa, holder)


def check_bound(body: Mapping[str, Any], key: DpopKey) -> None:
    """A token response of §5, with a token of §6.1."""
    assert body["token_type"] == "DPoP"
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert claims["cnf"] == {"jkt": key.jkt}


def check_refused(response: httpx2.Response, error: str, status: int = 400) -> None:
    """A refusal of the authorization server (RFC 6749 §5.2)."""
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert response.headers["cache-control"] == "no-store"


def check_challenged(response: httpx2.Response, error: str) -> None:
    """A refusal of a protected resource (§7.1)."""
    check_refused(response, error, 401)
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith(f'DPoP realm="{ISSUER}", error="{error}"'), challenge
    assert challenge.endswith(ALGS), challenge


async def test_a_code_gives_bound_tokens(holder: DpopPortal, given: Tokens) -> None:
    check_bound(given.body, holder.holder.key)
    assert "cnf" not in given.claims
    answer = await holder.userinfo(given.access_token)
    assert (answer.status_code, answer.json()["sub"]) == (200, given.sub)


async def test_who_need_not_send_a_proof_may(service: Provider, hoa: Browser) -> None:
    portal = DpopPortal.of(service.portal("dossiers"))
    check_bound((await entered(service, hoa, portal)).body, portal.holder.key)
    plain = await service.tokens("dossiers", HOA, hoa)
    assert plain.body["token_type"] == "Bearer"


async def test_without_a_proof_there_is_no_token(service: Provider, hoa: Browser) -> None:
    asked, visit = await service.enter("holder", HOA, hoa)
    check_refused(await service.portal("holder").redeem(asked, visit.code), "invalid_dpop_proof")


async def test_a_bad_proof_uses_nothing_up(service: Provider, hoa: Browser, holder: DpopPortal) -> None:
    asked, visit = await service.enter("holder", HOA, hoa)
    elsewhere = holder.holder.key.proof("POST", f"{ISSUER}/userinfo", service.clock())
    fields, headers = holder.credentials()
    form = {
        "grant_type": "authorization_code",
        "code": visit.code,
        "redirect_uri": holder.redirect_uri,
        "code_verifier": asked.verifier,
    }
    refused = await holder.http.post(
        "/token", data={**fields, **form}, headers={**headers, "dpop": elsewhere}
    )
    check_refused(refused, "invalid_dpop_proof")
    assert (await holder.redeem(asked, visit.code)).status_code == 200


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke", "/device_authorization"])
async def test_a_proof_works_once_wherever_it_is_sent(service: Provider, path: str) -> None:
    portal = service.portal("tv" if path == "/device_authorization" else "dossiers")
    proof = DpopKey.fresh().proof("POST", ISSUER + path, service.clock())
    fields, headers = portal.credentials()
    form = {**fields, "token": "x", "grant_type": "refresh_token", "refresh_token": "x", "scope": "openid"}
    answers = [await portal.http.post(path, data=form, headers={**headers, "dpop": proof}) for _ in range(2)]
    assert answers[0].json().get("error") != "invalid_dpop_proof" if answers[0].content else True
    check_refused(answers[1], "invalid_dpop_proof")
    assert "used before" in answers[1].json()["error_description"]


async def test_two_proofs_are_one_too_many(service: Provider, machine: DpopPortal) -> None:
    fields, _ = machine.credentials()
    key, now = machine.holder.key, service.clock()
    proofs = [("dpop", key.proof("POST", f"{ISSUER}/token", now)) for _ in range(2)]
    form = {**fields, "grant_type": "client_credentials"}
    check_refused(await machine.http.post("/token", data=form, headers=proofs), "invalid_request")


async def test_a_nonce_is_asked_for_and_followed(machine: DpopPortal) -> None:
    first = await machine.post_once("/token", grant_type="client_credentials")
    check_refused(first, "use_dpop_nonce")
    assert machine.holder.wants_again(first)
    second = await machine.post_once("/token", grant_type="client_credentials")
    check_bound(second.json(), machine.holder.key)
    assert second.headers["dpop-nonce"] == machine.holder.nonce
    assert second.headers["cache-control"] == "no-store"


async def test_who_is_told_to_use_a_nonce_has_used_nothing_up(service: Provider, machine: DpopPortal) -> None:
    """The same assertion, and the same `jti`, with a nonce: some clients repeat all but the proof, some its claims."""
    fields, _ = machine.credentials()
    form = {**fields, "grant_type": "client_credentials"}
    key, now = machine.holder.key, service.clock()
    without = {"dpop": key.proof("POST", f"{ISSUER}/token", now, jti="again")}
    first = await machine.http.post("/token", data=form, headers=without)
    check_refused(first, "use_dpop_nonce")
    nonce = first.headers["dpop-nonce"]
    again = {"dpop": key.proof("POST", f"{ISSUER}/token", now, jti="again", nonce=nonce)}
    assert (await machine.http.post("/token", data=form, headers=again)).status_code == 200
    check_refused(await machine.http.post("/token", data=form, headers=again), "invalid_client", 401)


async def test_there_is_one_nonce_on_every_answer_to_a_proof(service: Provider, machine: DpopPortal) -> None:
    stranger = {"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x"}
    answers = [
        await machine.post_once("/token", grant_type="client_credentials"),
        await machine.http.post("/token", data=stranger, headers={"dpop": "not a proof"}),
        await service.http().get("/userinfo", headers={"authorization": "DPoP x", "dpop": "not a proof"}),
    ]
    for answer in answers:
        assert len(answer.headers.get_list("dpop-nonce")) == 1
    plain = await service.portal("machine-es256").post("/token", grant_type="client_credentials")
    assert "dpop-nonce" not in plain.headers


async def test_a_machine_has_bound_tokens(machine: DpopPortal) -> None:
    response = await machine.post("/token", grant_type="client_credentials", resource=API)
    check_bound(response.json(), machine.holder.key)


async def test_introspection_tells_what_a_token_is_bound_to(holder: DpopPortal, given: Tokens) -> None:
    told = await holder.introspect(given.access_token)
    assert (told["token_type"], told["cnf"]) == ("DPoP", {"jkt": holder.holder.key.jkt})


async def test_introspection_of_other_tokens_is_as_before(service: Provider, hoa: Browser) -> None:
    plain = await service.tokens("dossiers", HOA, hoa)
    told = await service.portal("dossiers").introspect(plain.access_token)
    assert (told["token_type"], "cnf" in told) == ("Bearer", False)


async def test_a_device_has_bound_tokens(service: Provider) -> None:
    device = await devices.ask(service)
    await devices.let_in(service, service.browser(), device, HOA)
    portal = DpopPortal.of(device.portal)
    body = (await Device(portal, device.codes).poll()).json()
    check_bound(body, portal.holder.key)
    assert (await portal.userinfo(body["access_token"])).status_code == 200
    thief = DpopPortal.of(device.portal)
    check_refused(await thief.refresh(body["refresh_token"]), "invalid_grant")
    assert (await portal.refresh(body["refresh_token"])).status_code == 200


async def test_a_token_that_is_exchanged_is_bound_to_who_acts(service: Provider) -> None:
    await delegation.admit(service)
    asked, visit = await service.enter("filing", HOA)
    filing = DpopPortal.of(service.portal("filing"))
    handed = (await filing.redeem(asked, visit.code, resource=delegation.DOSSIERS)).json()
    check_bound(handed, filing.holder.key)
    api = DpopPortal.of(service.portal("dossiers-api"))
    form = {
        "grant_type": delegation.EXCHANGE,
        "subject_token": handed["access_token"],
        "subject_token_type": delegation.ACCESS_TOKEN,
        "resource": delegation.TAXES,
    }
    check_bound((await api.post("/token", **form)).json(), api.holder.key)
    unproven = await service.portal("dossiers-api").post("/token", **form)
    check_refused(unproven, "invalid_request")


async def test_the_key_of_a_code_can_be_named_ahead(service: Provider, hoa: Browser) -> None:
    right, wrong = (DpopPortal.of(service.portal("holder")) for _ in range(2))
    for portal, error in ((wrong, "invalid_grant"), (right, None)):
        asked, visit = await service.enter("holder", HOA, hoa, dpop_jkt=right.holder.key.jkt)
        response = await portal.redeem(asked, visit.code)
        assert response.json().get("error") == error


async def test_a_code_that_is_bound_needs_a_proof(service: Provider, hoa: Browser) -> None:
    asked, visit = await service.enter("dossiers", HOA, hoa, dpop_jkt=DpopKey.fresh().jkt)
    check_refused(await service.portal("dossiers").redeem(asked, visit.code), "invalid_dpop_proof")


async def test_a_key_that_is_named_by_no_thumbprint(service: Provider, hoa: Browser) -> None:
    _, visit = await service.portal("holder").send(hoa, dpop_jkt="not-a-thumbprint")
    assert visit.given["error"] == "invalid_request"


async def test_a_client_that_authenticates_may_change_its_key(
    service: Provider, holder: DpopPortal, given: Tokens
) -> None:
    other = DpopPortal.of(service.portal("holder"))
    refreshed = await other.refresh(given.refresh_token)
    check_bound(refreshed.json(), other.holder.key)
    unproven = await service.portal("holder").refresh(refreshed.json()["refresh_token"])
    check_refused(unproven, "invalid_dpop_proof")
    assert (await holder.refresh(refreshed.json()["refresh_token"])).status_code == 200


async def test_a_refresh_token_of_a_public_client_is_bound(service: Provider, hoa: Browser) -> None:
    app = DpopPortal.of(service.portal("spa"))
    token = (await entered(service, hoa, app)).refresh_token
    thief = DpopPortal.of(service.portal("spa"))
    check_refused(await thief.refresh(token), "invalid_grant")
    check_refused(await service.portal("spa").refresh(token), "invalid_dpop_proof")
    refreshed = (await app.refresh(token)).json()
    check_bound(refreshed, app.holder.key)
    check_refused(await thief.refresh(refreshed["refresh_token"]), "invalid_grant")
    assert (await app.refresh(refreshed["refresh_token"])).status_code == 200


async def test_a_public_client_binds_its_refresh_token_with_its_first_proof(
    service: Provider, hoa: Browser
) -> None:
    plain = await service.tokens("spa", HOA, hoa)
    app = DpopPortal.of(service.portal("spa"))
    bound = (await app.refresh(plain.refresh_token)).json()
    check_bound(bound, app.holder.key)
    check_refused(await service.portal("spa").refresh(bound["refresh_token"]), "invalid_dpop_proof")


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP", "dPoP"])
async def test_the_scheme_in_any_letters(holder: DpopPortal, given: Tokens, scheme: str) -> None:
    assert (await holder.userinfo_once(given.access_token, scheme)).status_code == 200


async def test_a_bound_token_is_no_bearer_token(service: Provider, holder: DpopPortal, given: Tokens) -> None:
    check_challenged(await holder.userinfo_once(given.access_token, "Bearer"), "invalid_token")
    check_challenged(await service.portal("holder").userinfo(given.access_token), "invalid_token")
    in_form = await holder.http.post(
        "/userinfo",
        data={"access_token": given.access_token},
        headers=holder.holder.header("POST", "/userinfo", access_token=given.access_token),
    )
    check_challenged(in_form, "invalid_token")


async def test_a_bearer_token_does_not_pass_for_a_bound_one(
    service: Provider, hoa: Browser, holder: DpopPortal
) -> None:
    plain = await service.tokens("dossiers", HOA, hoa)
    check_challenged(await holder.userinfo_once(plain.access_token), "invalid_token")


async def test_a_token_alone_opens_nothing(holder: DpopPortal, given: Tokens) -> None:
    answer = await holder.http.get("/userinfo", headers={"authorization": f"DPoP {given.access_token}"})
    check_challenged(answer, "invalid_dpop_proof")


async def test_a_token_with_another_key_opens_nothing(service: Provider, given: Tokens) -> None:
    thief = DpopPortal.of(service.portal("holder"))
    check_challenged(await thief.userinfo_once(given.access_token), "invalid_token")


async def test_a_proof_of_userinfo_works_once(service: Provider, holder: DpopPortal, given: Tokens) -> None:
    headers = {
        "authorization": f"DPoP {given.access_token}",
        **holder.holder.header("GET", "/userinfo", access_token=given.access_token),
    }
    assert (await service.http().get("/userinfo", headers=headers)).status_code == 200
    check_challenged(await service.http().get("/userinfo", headers=headers), "invalid_dpop_proof")


UNFIT: Final[Mapping[str, Mapping[str, Any]]] = {
    "without ath": {"ath": None},
    "for another token": {"ath": "x" * 43},
    "for another method": {"htm": "POST"},
    "for another address": {"htu": f"{ISSUER}/token"},
    "an hour old": {"iat": 1},
    "without jti": {"jti": None},
}


@pytest.mark.parametrize("changes", UNFIT.values(), ids=UNFIT.keys())
async def test_proofs_that_userinfo_refuses(
    service: Provider, holder: DpopPortal, given: Tokens, changes: Mapping[str, Any]
) -> None:
    proof = holder.holder.key.proof(
        "GET", f"{ISSUER}/userinfo", service.clock(), access_token=given.access_token, **changes
    )
    headers = {"authorization": f"DPoP {given.access_token}", "dpop": proof}
    check_challenged(await service.http().get("/userinfo", headers=headers), "invalid_dpop_proof")


async def test_the_query_of_a_request_is_none_of_its_address(
    service: Provider, holder: DpopPortal, given: Tokens
) -> None:
    headers = {
        "authorization": f"DPoP {given.access_token}",
        **holder.holder.header("GET", "/userinfo", access_token=given.access_token),
    }
    assert (await service.http().get("/userinfo?a=b", headers=headers)).status_code == 200


async def test_the_host_that_a_proxy_names_says_nothing(
    service: Provider, holder: DpopPortal, given: Tokens
) -> None:
    token = given.access_token
    inner = holder.holder.key.proof("GET", "http://10.0.0.7/userinfo", service.clock(), access_token=token)
    headers = {"authorization": f"DPoP {token}", "host": "10.0.0.7"}
    refused = await service.http().get("/userinfo", headers={**headers, "dpop": inner})
    check_challenged(refused, "invalid_dpop_proof")
    good = holder.holder.header("GET", "/userinfo", access_token=token)
    assert (await service.http().get("/userinfo", headers=headers | good)).status_code == 200


async def test_what_is_said_without_a_token(service: Provider) -> None:
    bare = await service.http().get("/userinfo")
    assert bare.headers["www-authenticate"] == f'Bearer realm="{ISSUER}", DPoP {ALGS}'


async def test_scripts_may_send_proofs_and_read_nonces(service: Provider) -> None:
    preflight = {
        "origin": "https://spa.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "dpop",
    }
    told = await service.http().request("OPTIONS", "/token", headers=preflight)
    assert "dpop" in told.headers["access-control-allow-headers"].split(", ")
    answer = await service.http().post("/token", data={}, headers={"origin": "https://spa.example"})
    assert "dpop-nonce" in answer.headers["access-control-expose-headers"].split(", ")


async def test_discovery_tells_what_proofs_are_signed_with(service: Provider) -> None:
    document = (await service.http().get("/.well-known/openid-configuration")).json()
    assert document["dpop_signing_alg_values_supported"] == list(FAPI_ALGORITHMS)


async def test_a_proof_that_was_seen_before_is_in_the_audit(service: Provider, machine: DpopPortal) -> None:
    fields, _ = machine.credentials()
    proof = {"dpop": "not a proof"}
    before = len(await service.events("client.refused"))
    await machine.http.post("/token", data={**fields, "grant_type": "client_credentials"}, headers=proof)
    events = await service.events("client.refused")
    assert len(events) == before + 1
    assert (events[-1].outcome, events[-1].client_id) == ("invalid_dpop_proof", "machine-fapi")
