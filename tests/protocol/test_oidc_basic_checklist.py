"""The Basic OP plan of the OpenID Foundation's conformance suite with static clients, module by module.

Each test is named after its module, and is run in both response modes: the plan for `form_post` has the same modules.
What is about the person stands in `test_oidc_basic_checklist_person`, what needs a client that registers itself in
`test_oidc_dynamic_checklist`.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.support.contacts import EMAIL, PHONE_NUMBER, note_contacts
from tests.support.population import HOA
from tests.support.request_objects import unsigned
from tests.support.suite import Suite, is_error_page, sent_on
from tests.support.suite_checks import PROFILE, check_answer, check_id_token, check_key_set, check_token_error

CONTACTS = {
    "email": EMAIL,
    "email_verified": False,
    "phone_number": PHONE_NUMBER,
    "phone_number_verified": True,
}


async def test_oidcc_server(suite: Suite) -> None:
    check_key_set(await suite.provider.http().get("/jwks"))
    tokens = await suite.flow()
    assert await suite.told(tokens)


async def test_oidcc_response_type_missing(suite: Suite) -> None:
    asked = suite.ask("response_type")
    visit = await suite.arrive(suite.browser(), asked.address)
    check_answer(asked, visit)
    assert visit.error in {"invalid_request", "unsupported_response_type"}


async def test_oidcc_userinfo_get(suite: Suite) -> None:
    assert await suite.told(await suite.flow(), "header")


async def test_oidcc_userinfo_post_header(suite: Suite) -> None:
    assert await suite.told(await suite.flow(), "post header")


async def test_oidcc_userinfo_post_body(suite: Suite) -> None:
    assert await suite.told(await suite.flow(), "post body")


async def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(suite: Suite) -> None:
    asked = suite.ask("nonce")
    tokens = await suite.finish(asked, await suite.arrive(suite.browser(), asked.address))
    assert "nonce" not in tokens.claims


async def test_oidcc_scope_profile(suite: Suite) -> None:
    tokens = await suite.flow(scope="openid profile")
    assert set(await suite.told(tokens)) >= PROFILE


async def test_oidcc_scope_address(suite: Suite) -> None:
    tokens = await suite.of("hospital").flow(scope="openid address")
    assert (await suite.told(tokens))["address"]["formatted"]


async def _scope_of_contacts(suite: Suite, scope: str, lead: str) -> None:
    await note_contacts(suite.provider, HOA)
    tokens = await suite.of("hospital").flow(scope=f"openid {scope}")
    own = {name: value for name, value in CONTACTS.items() if name.startswith(lead)}
    assert await suite.told(tokens) == {"sub": tokens.sub, "subject_type": "citizen", **own}


async def test_oidcc_scope_email(suite: Suite) -> None:
    await _scope_of_contacts(suite, "email", "email")


async def test_oidcc_scope_phone(suite: Suite) -> None:
    await _scope_of_contacts(suite, "phone", "phone_number")


async def test_oidcc_scope_all(suite: Suite) -> None:
    await note_contacts(suite.provider, HOA)
    tokens = await suite.of("hospital").flow(scope="openid profile email address phone")
    assert tokens.body["scope"] == "openid profile email address phone"
    assert set(await suite.told(tokens)) >= PROFILE | {"address", *CONTACTS}


async def test_oidcc_alternate_happy_flow(suite: Suite) -> None:
    browser = suite.browser()
    first = await suite.flow(browser, scope="openid profile")
    asked = suite.ask(scope="profile openid")
    turned = urlencode(list(reversed(parse_qsl(urlsplit(asked.address).query))))
    second = await suite.finish(asked, await suite.arrive(browser, f"/authorize?{turned}"))
    assert await suite.told(first) == await suite.told(second)
    assert first.claims.keys() == second.claims.keys()


async def test_oidcc_ensure_request_with_unknown_parameter_succeeds(suite: Suite) -> None:
    await suite.flow(extra="foobar")


async def _code_reuse(suite: Suite, wait: int) -> None:
    asked, visit = await suite.send()
    tokens = await suite.finish(asked, visit := await suite.walk(visit))
    suite.provider.clock.advance(wait)
    check_token_error(await suite.portal.redeem(asked, visit.code), "invalid_grant")
    assert (await suite.portal.userinfo(tokens.access_token)).status_code == 401, "nor what it gave before"
    check_token_error(await suite.portal.refresh(tokens.refresh_token), "invalid_grant")


async def test_oidcc_codereuse(suite: Suite) -> None:
    await _code_reuse(suite, 0)


async def test_oidcc_codereuse_30seconds(suite: Suite) -> None:
    await _code_reuse(suite, 30)


async def test_oidcc_ensure_registered_redirect_uri(suite: Suite) -> None:
    _, visit = await suite.send(redirect_uri="https://dossiers.example/other")
    assert is_error_page(visit, "redirect_uri_mismatch")


async def test_oidcc_ensure_post_request_succeeds(suite: Suite) -> None:
    asked = suite.ask()
    visit = await sent_on(await suite.browser().post("/authorize", list(asked.parameters.items())))
    await suite.finish(asked, visit)


async def test_oidcc_server_client_secret_post(suite: Suite) -> None:
    old = suite.of("legacy-post")
    asked = old.ask("code_challenge", "code_challenge_method")
    tokens = await old.finish(asked, await old.arrive(old.browser(), asked.address))
    assert await old.told(tokens)


async def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(
    suite: Suite,
) -> None:
    """Rejected: this client is not registered for it; one that is stands in `test_oidc_request_object`."""
    inside = unsigned({"state": "inside", "nonce": "inside"})
    await suite.refused("request_not_supported", request=inside)


async def test_oidcc_ensure_request_object_with_redirect_uri(suite: Suite) -> None:
    """Neither address is gone to with a code; who may send objects: `test_oidc_request_object`."""
    inside = unsigned({"redirect_uri": "https://dossiers.example/inside"})
    await suite.refused("request_not_supported", request=inside)
    _, visit = await suite.send(request=inside, redirect_uri="https://dossiers.example/outside")
    assert is_error_page(visit, "redirect_uri_mismatch")


async def test_oidcc_claims_essential(suite: Suite) -> None:
    tokens = await suite.flow(scope="openid", claims='{"userinfo":{"name":{"essential":true}}}')
    assert (await suite.told(tokens))["name"] == HOA.name


async def test_oidcc_refresh_token(suite: Suite) -> None:
    document = (await suite.provider.http().get("/.well-known/openid-configuration")).json()
    assert {"refresh_token"} <= set(document["grant_types_supported"])
    library = suite.of("library")
    asked, visit = await library.send(scope="openid profile offline_access", prompt="consent")
    first = await library.finish(asked, visit)
    suite.provider.clock.advance(10)
    response = await library.portal.refresh(first.refresh_token)
    assert (response.status_code, response.json()["token_type"]) == (200, "Bearer")
    assert "no-store" in response.headers["cache-control"]
    second = await library.portal.read(response)
    for name in ("iss", "sub", "aud", "auth_time", "acr", "amr", "sid"):
        assert second.claims[name] == first.claims[name]
    assert second.claims["iat"] == first.claims["iat"] + 10
    assert not second.claims.keys() & {"nonce", "azp"}
    check_id_token(second, library.ask("nonce"), suite.provider.clock(), alg="ES256")
    check_token_error(await suite.portal.refresh(second.refresh_token), "invalid_grant")
    assert (await library.portal.refresh(second.refresh_token)).status_code == 200, "nor is the owner harmed"


async def test_oidcc_ensure_request_with_valid_pkce_succeeds(suite: Suite) -> None:
    """Also of a client that may do without."""
    old = suite.of("legacy-basic")
    asked, visit = await old.send(scope="openid profile")
    assert asked.parameters["code_challenge_method"] == "S256"
    await old.finish(asked, visit)
