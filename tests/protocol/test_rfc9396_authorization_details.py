"""RFC 9396: what a portal may do for a company, asked, shown, granted, carried by tokens, and ended."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
import pytest
from sqlalchemy import select

from idp.store.schema import consents, grants
from tests.support.browsing import Browser
from tests.support.delegation import DOSSIERS, TAXES, change, exchange, read
from tests.support.mandates import GRANTED, admit_agents, ask, details, given, mandate, meet
from tests.support.on_sqlite import on_sqlite
from tests.support.population import (
    HOA,
    HOA_BINH,
    KHANG,
    SAO_MAI,
    SONG_HONG,
)
from tests.support.provider import PASSWORD, Provider
from tests.support.request_objects import public_jwk, signed

pytestmark = on_sqlite


@pytest.fixture
async def agents(service: Provider) -> Provider:
    return await admit_agents(service)


@pytest.fixture
def browser(agents: Provider) -> Browser:
    return agents.browser()


async def test_the_whole_way(agents: Provider, browser: Browser) -> None:
    """§2 to §9: asked by the portal, shown in words, granted by the person, told to whom it concerns."""
    portal = agents.portal("agent")
    sent, visit = await ask(agents, browser, resource=DOSSIERS)
    visit = await visit.submit(personal_number=KHANG.number, password=PASSWORD)
    assert not visit.offers(acting_for="self"), "a mandate is given for an organisation"
    assert visit.offers(acting_for=HOA_BINH.record_id)
    assert not visit.offers(acting_for=SONG_HONG.record_id), "the portal named another one"
    visit = await visit.submit(acting_for=HOA_BINH.record_id)
    shown = ("Thực hiện thay mặt tổ chức", HOA_BINH.legal_name, HOA_BINH.code, "Người đại diện theo pháp luật",
             "nộp hồ sơ, ký văn bản", "1.001234", "31/12/2026")  # fmt: skip
    assert [words for words in shown if words not in visit.text] == []

    tokens = await portal.tokens(sent, await agents.settle(visit))
    assert tokens.body["authorization_details"] == [GRANTED]
    access = await portal.verify(tokens.access_token, audience=DOSSIERS)
    assert access["authorization_details"] == [GRANTED]
    assert "authorization_details" not in tokens.claims
    for client_id in ("agent", "dossiers-api"):
        told = await agents.portal(client_id).introspect(tokens.access_token)
        assert told["authorization_details"] == [GRANTED]
    assert (await portal.introspect(tokens.refresh_token))["authorization_details"] == [GRANTED]
    event = (await agents.events("authorization"))[-1]
    noted = {
        "type": "vn_mandate",
        "actions": ["file", "sign"],
        "procedures": ["1.001234"],
        "until": "2026-12-31",
    }
    assert event.details["authorization_details"] == [noted]
    assert HOA_BINH.code not in orjson.dumps(event.details).decode()


async def test_no_code_of_a_company_is_kept(agents: Provider) -> None:
    """That of a household business is its owner's personal number; what is kept has the register's own key."""
    await given(agents)
    kept = [
        *(row["authorization_details"] for row in await agents.db.fetch_all(select(grants))),
        *(row["asked"] for row in await agents.db.fetch_all(select(consents))),
    ]
    assert "vn_mandate" in "".join(kept)
    assert [text for text in kept if HOA_BINH.code in text or HOA_BINH.legal_name in text] == []


async def test_nothing_goes_without_a_tick(agents: Provider, browser: Browser) -> None:
    """The law is the ground of the information; what is done in somebody's name, they allow themselves."""
    asked = mandate(procedures=["1.000555"])
    _, visit = await ask(agents, browser, asked, asked | {"actions": ["file"]})
    visit = await meet(visit)
    for ticked in ([], ["1"], ["2"], ["1", "1"]):
        visit = await visit.submit(decision="continue", detail=ticked)
        assert (visit.status, visit.answer) == (400, None)
        assert 'href="#detail"' in visit.text
    visit = await visit.submit(decision="continue", detail=["1", "2"])
    assert visit.code


async def test_who_is_asked_agrees_to_all_of_it_or_goes_back(agents: Provider, browser: Browser) -> None:
    """Consent as the ground: a portal that asks for no information at all still asks."""
    sent, visit = await ask(agents, browser, client_id="bookkeeper", scope="openid")
    visit = await meet(visit)
    assert not visit.offers(claim="name")
    refused = await visit.submit(decision="allow")
    assert refused.status == 400
    assert (await refused.submit(decision="deny")).error == "access_denied"

    _, visit = await ask(agents, browser, client_id="bookkeeper", scope="openid profile")
    visit = await (await meet(visit)).submit(decision="allow", detail=["1"], claim=["gender"])
    sent, visit = await ask(agents, browser, client_id="bookkeeper", scope="openid")
    tokens = await agents.portal("bookkeeper").tokens(sent, visit)
    assert tokens.body["authorization_details"] == [GRANTED]
    page = await browser.open("/account")
    assert all(
        words in page.text for words in ("Thực hiện thay mặt tổ chức", HOA_BINH.legal_name, "31/12/2026")
    )


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", '[{"type":"payment"}]', details(mandate(more=1)), details(mandate("until")), "[" * 1500],
)
async def test_the_portal_is_told_what_is_no_detail(agents: Provider, browser: Browser, text: str) -> None:
    """§5: at once, without asking anybody."""
    sent, visit = await agents.portal("agent").send(browser, authorization_details=text)
    assert visit.given["error"] == "invalid_authorization_details"
    assert visit.given["state"] == sent.parameters["state"]


@pytest.mark.parametrize("until", ["2026-11-21", "2027-11-24"])
async def test_a_mandate_is_neither_over_nor_for_ever(agents: Provider, browser: Browser, until: str) -> None:
    asked = mandate(until=until)
    _, visit = await ask(agents, browser, asked)
    assert visit.error == "invalid_authorization_details"
    pushed = await agents.portal("agent").post(
        "/par", **agents.portal("agent").ask(authorization_details=details(asked)).parameters
    )
    elsewhere = await agents.portal("counter-screen").post(
        "/device_authorization", scope="openid", authorization_details=details(asked)
    )
    for answer in (pushed, elsewhere):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")


async def test_a_pushed_request_keeps_it_out_of_the_address(agents: Provider, browser: Browser) -> None:
    """§12, RFC 9126."""
    portal = agents.portal("agent")
    asked = portal.ask(authorization_details=details(), resource=DOSSIERS)
    pushed = (await portal.post("/par", **asked.parameters)).json()
    visit = await browser.open(
        f"{portal.issuer}/authorize?client_id=agent&request_uri={pushed['request_uri']}"
    )
    tokens = await portal.tokens(asked, await agents.settle(await meet(visit)))
    assert tokens.body["authorization_details"] == [GRANTED]


async def test_only_registered_types_may_be_asked_for(agents: Provider, browser: Browser) -> None:
    _, visit = await ask(agents, browser, client_id="filing")
    assert visit.error == "invalid_authorization_details"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"organisation": "0309999999"}, "mandate_lacking"),
        ({"actions": ["pay"]}, "mandate_lacking"),
        ({"organisation": SAO_MAI.code}, "organisation_dissolved"),
    ],
)
async def test_the_page_says_why_nobody_here_can_give_it(
    agents: Provider, browser: Browser, asked: Mapping[str, object], reason: str
) -> None:
    _, visit = await ask(agents, browser, mandate(**asked))
    visit = await meet(visit)
    assert visit.told("stop-reason") == reason
    assert (await visit.submit(decision="cancel")).error == "access_denied"


async def test_who_represents_nobody_gives_none(agents: Provider, browser: Browser) -> None:
    _, visit = await ask(agents, browser)
    assert (await meet(visit, HOA)).error == "access_denied"


async def test_where_none_is_named_the_person_says_which(agents: Provider, browser: Browser) -> None:
    sent, visit = await ask(agents, browser, mandate("organisation", "procedures"))
    visit = await meet(visit, company=SONG_HONG.record_id)
    assert "mọi thủ tục của dịch vụ này" in visit.text
    tokens = await agents.portal("agent").tokens(sent, await agents.settle(visit))
    (one,) = tokens.body["authorization_details"]
    assert (one["organisation"], one["vn_organisation"]["legal_name"]) == (
        SONG_HONG.code,
        SONG_HONG.legal_name,
    )
    _, visit = await ask(agents, browser, mandate("organisation", "procedures", organisation=HOA_BINH.code))
    assert not visit.offers(acting_for=SONG_HONG.record_id), (
        "a choice of before does not answer for another one"
    )


SAME_OR_LESS: list[dict[str, object]] = [
    {}, {"actions": ["sign"]}, {"until": "2026-12-30"}, {"locations": [TAXES]},
]  # fmt: skip
MORE: list[dict[str, object]] = [
    {"until": "2027-01-01"}, {"procedures": ["1.001235"]}, {"procedures": ["1.001234", "1.001235"]},
]  # fmt: skip


async def test_an_agreement_holds_for_the_same_and_for_less(agents: Provider, browser: Browser) -> None:
    await given(agents, mandate(procedures=["1.000777"]), mandate(), browser=browser)
    for changes in SAME_OR_LESS:
        _, visit = await ask(agents, browser, mandate(**changes), prompt="none")
        assert visit.code
    _, visit = await ask(agents, browser, mandate(procedures=["1.000777"]), mandate(actions=["file"]))
    assert visit.hops == 0
    for changes in MORE:
        _, visit = await ask(agents, browser, mandate(**changes), prompt="none")
        assert visit.error == "consent_required"
        _, visit = await ask(agents, browser, mandate(), mandate(**changes))
        assert visit.offers(decision="continue", detail="2")
    _, visit = await ask(agents, browser, mandate("procedures"), prompt="none")
    assert visit.error == "consent_required"
    _, visit = await ask(agents, browser, mandate(organisation=SONG_HONG.code), prompt="none")
    assert visit.error == "interaction_required"


async def test_agreements_stand_beside_each_other(agents: Provider) -> None:
    browser = agents.browser()
    await given(agents, mandate(procedures=["1.000111"]), browser=browser)
    await given(agents, mandate(procedures=["1.000222"]), browser=browser)
    await agents.settle((await agents.portal("agent").send(browser))[1])  # without any
    _, visit = await ask(agents, browser, *(mandate(procedures=[f"1.000{n}"]) for n in ("222", "111")))
    assert visit.hops == 0


LESS: list[dict[str, object]] = [{}, {"actions": ["file"]}, {"until": "2026-12-01"}]


@pytest.mark.parametrize("changes", LESS)
async def test_the_token_request_may_name_less(agents: Provider, changes: dict[str, object]) -> None:
    """§6: in the form of the request, or as it was granted."""
    for named in (mandate(**changes), GRANTED | changes):
        tokens = await given(agents, form={"authorization_details": details(named)})
        assert tokens.body["authorization_details"] == [GRANTED | changes]
        assert read(tokens.access_token)["authorization_details"] == [GRANTED | changes]


@pytest.mark.parametrize(
    "text",
    [
        details(mandate(actions=["file", "view"])), details(mandate(until="2027-01-01")), "[]", "x",
        details(mandate("procedures")), details(mandate(), mandate(procedures=["1.001235"])),
        details(GRANTED | {"role": "head"}), details(mandate(until="2026-11-21")),
    ],
)  # fmt: skip
async def test_no_request_gets_more_than_was_granted(agents: Provider, browser: Browser, text: str) -> None:
    """§8; the code is used up, a refresh token is not."""
    portal = agents.portal("agent")
    sent, visit = await ask(agents, browser)
    visit = await agents.settle(await meet(visit))
    refused = await portal.redeem(sent, visit.code, authorization_details=text)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_authorization_details")
    assert (await portal.redeem(sent, visit.code)).json()["error"] == "invalid_grant"
    tokens = await given(agents, browser=browser)
    refused = await portal.refresh(tokens.refresh_token, authorization_details=text)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_authorization_details")
    assert (await portal.refresh(tokens.refresh_token)).status_code == 200


async def test_a_portal_without_details_names_none(agents: Provider, browser: Browser) -> None:
    sent, visit = await agents.portal("agent").send(browser)
    visit = await agents.settle(await meet(visit))
    refused = await agents.portal("agent").redeem(sent, visit.code, authorization_details=details())
    assert refused.json()["error"] == "invalid_authorization_details"
    sent, visit = await agents.portal("agent").send(browser)
    tokens = await agents.portal("agent").tokens(sent, visit)
    assert "authorization_details" not in {*tokens.body, *read(tokens.access_token)}


async def test_no_client_grants_itself_any(agents: Provider) -> None:
    form = {"grant_type": "client_credentials", "authorization_details": details()}
    refused = await agents.portal("machine-es256").post("/token", **form)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_authorization_details")


async def test_each_refreshed_token_carries_what_its_request_names(agents: Provider) -> None:
    portal, tokens = agents.portal("agent"), await given(agents)
    less = await portal.refresh(
        tokens.refresh_token, authorization_details=details(mandate(actions=["sign"]))
    )
    assert less.json()["authorization_details"] == [GRANTED | {"actions": ["sign"]}]
    whole = await portal.refresh(less.json()["refresh_token"])
    assert whole.json()["authorization_details"] == [GRANTED]


async def test_a_token_carries_what_is_for_its_resource(agents: Provider) -> None:
    """§2.2, §9.1, §9.2: `locations`."""
    portal = agents.portal("agent")
    asked = [mandate(locations=[DOSSIERS]), mandate(actions=["file"], locations=[TAXES])]
    tokens = await given(agents, *asked, form={"resource": DOSSIERS})
    carried = read(tokens.access_token)["authorization_details"]
    assert [one["locations"] for one in carried] == [[DOSSIERS]]
    assert carried == tokens.body["authorization_details"]
    refresh_token = tokens.refresh_token
    beyond = await portal.refresh(refresh_token, resource=DOSSIERS, authorization_details=details(asked[1]))
    assert beyond.json()["error"] == "invalid_authorization_details"
    plain = (await portal.refresh(refresh_token)).json()
    assert "authorization_details" not in {*plain, *read(plain["access_token"])}, "it is for UserInfo"

    both = await agents.portal("agent").http.post(
        "/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": plain["refresh_token"],
            "resource": [DOSSIERS, TAXES],
        },
        headers=portal.credentials()[1],
    )
    token = both.json()["access_token"]
    assert len(read(token)["authorization_details"]) == 2
    told = [
        (await agents.portal(api).introspect(token))["authorization_details"]
        for api in ("dossiers-api", "taxes-api")
    ]
    assert [[one["actions"] for one in list_] for list_ in told] == [[["file", "sign"]], [["file"]]]


async def test_locations_are_resources_that_the_portal_may_reach(agents: Provider, browser: Browser) -> None:
    _, visit = await ask(agents, browser, mandate(locations=["https://api.noikhac.example"]))
    assert visit.error == "invalid_authorization_details"
    _, visit = await ask(agents, browser, mandate(locations=[TAXES]), resource=DOSSIERS)
    assert visit.error == "invalid_authorization_details"


async def test_an_exchange_carries_the_same_or_less(agents: Provider) -> None:
    """RFC 8693: from the API that was handed the token to the next."""
    asked = [mandate(), mandate(procedures=["1.000333"], locations=[DOSSIERS])]
    tokens = await given(agents, *asked, form={"resource": DOSSIERS})
    answer = (await exchange(agents, "dossiers-api", tokens.access_token)).json()
    assert answer["authorization_details"] == [GRANTED]
    assert read(answer["access_token"])["authorization_details"] == [GRANTED]
    less = details(mandate(actions=["file"]))
    answer = (await exchange(agents, "dossiers-api", tokens.access_token, authorization_details=less)).json()
    assert answer["authorization_details"] == [GRANTED | {"actions": ["file"]}]
    for more in (mandate(actions=["file", "pay"]), asked[1], mandate("procedures")):
        response = await exchange(
            agents, "dossiers-api", tokens.access_token, authorization_details=details(more)
        )
        assert response.json()["error"] == "invalid_authorization_details"
    again = (await exchange(agents, "taxes-api", str(answer["access_token"]), resource=DOSSIERS)).json()
    assert again["authorization_details"] == [GRANTED | {"actions": ["file"]}]


async def test_a_request_object_has_it_as_json(agents: Provider, browser: Browser) -> None:
    """§3, RFC 9101 §4."""
    await change(agents, "agent", jwks={"keys": [public_jwk()]})
    app = await agents.another_worker()
    portal, visitor = agents.portal("agent", app=app), agents.browser(app=app)
    claims = {**portal.ask(authorization_details="").parameters, "iss": "agent", "aud": portal.issuer}
    for value, error in (
        ([mandate()], None),
        (details(), None),
        ({}, "invalid_request_object"),
        ([[]], "invalid_authorization_details"),
    ):
        sent = portal.ask(
            request=signed(claims | {"authorization_details": value, "exp": int(agents.clock()) + 60})
        )
        visit = await visitor.open(sent.address)
        assert (
            visit.error == error if error else visit.offers(personal_number=KHANG.number, password=PASSWORD)
        )
    await change(agents, "agent", jwks=None)


async def test_it_is_announced(agents: Provider) -> None:
    """§10."""
    metadata = (await agents.http().get("/.well-known/oauth-authorization-server")).json()
    assert metadata["authorization_details_types_supported"] == ["vn_mandate"]
