"""RFC 8725 §2 and §3: every JWT that confuses who verifies it, at every place where we read one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest

from tests.support.jwt_attacks import KINDS
from tests.support.jwt_places import Place, Places
from tests.support.logouts import LOOPBACK
from tests.support.on_sqlite import provider_on_sqlite
from tests.support.population import HOA
from tests.support.portals import ASSERTION_TYPE
from tests.support.provider import Ground
from tests.support.receiving_portal import receiving_portal
from tests.support.request_objects import enclosed

PLACES: Final = (
    "client_assertion at /token", "client_assertion at /introspect", "client_assertion at /revoke",
    "client_assertion at /jwks", "id_token_hint at /authorize", "id_token_hint at /logout", "request",
    "request at /par", "request_uri", "access token at /userinfo", "access token in the form of /userinfo",
    "token at /introspect", "token at /revoke",
    "subject_token", "software_statement",
)  # fmt: skip


BELIEVED: Final[Mapping[str, str]] = {
    "client_assertion at /jwks": "a client assertion for the key set",
    "subject_token": "an access token for an API",
    "software_statement": "a software statement",
}


def _believed(place: str) -> str:
    """The one kind of token that is believed at a place."""
    if place in BELIEVED:
        return BELIEVED[place]
    beginnings = {
        "client_assertion": "a client assertion",
        "id_token_hint": "an ID token",
        "request": "a request object",
    }
    return next((kind for start, kind in beginnings.items() if place.startswith(start)), "an access token")


@pytest.fixture(scope="module")
async def places(provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Places]:
    """A provider that knows everybody who is needed, and may fetch from this machine."""
    folder = tmp_path_factory.mktemp("attacks-jwt")
    async with (
        provider_on_sqlite(folder, provider_ground, outbound_networks=LOOPBACK) as provider,
        receiving_portal() as documents,
    ):
        browser = provider.browser()
        await provider.enter("enterprise", HOA, browser)
        yield Places(provider, browser, documents)


@pytest.fixture(scope="module")
async def by_name(places: Places) -> Mapping[str, Place]:
    """The places."""
    return await places.open()


def test_no_place_is_left_out(by_name: Mapping[str, Place]) -> None:
    assert set(by_name) == set(PLACES)


@pytest.mark.parametrize("name", PLACES)
async def test_control_a_genuine_token_is_believed(by_name: Mapping[str, Place], name: str) -> None:
    place = by_name[name]
    verdict = await place.present((await place.genuine()).token)
    assert verdict.believed, verdict


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", PLACES)
async def test_nobody_is_confused(by_name: Mapping[str, Place], name: str, kind: str) -> None:
    place = by_name[name]
    genuine = await place.genuine()
    verdicts = {attack: await place.present(forged(genuine)) for attack, forged in KINDS[kind].items()}
    assert [attack for attack, verdict in verdicts.items() if verdict.believed] == []
    told = {attack: (verdict.status, verdict.error) for attack, verdict in verdicts.items()}
    assert {attack: answer for attack, answer in told.items() if answer not in place.refusals} == {}
    assert (await place.present(genuine.token)).believed, "nothing of it used up the genuine one"


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_acts_by_an_actor_token(places: Places, by_name: Mapping[str, Place], kind: str) -> None:
    genuine = await by_name["subject_token"].genuine()
    tokens = {attack: forged(genuine) for attack, forged in KINDS[kind].items()}
    for attack, token in {**tokens, "the genuine one": genuine.token}.items():
        verdict = await places.actor(genuine.token, token)
        assert (verdict.believed, verdict.status) in {(False, 400), (False, 413)}, attack


@pytest.mark.parametrize("name", PLACES)
async def test_no_kind_of_token_is_taken_for_another(
    places: Places, by_name: Mapping[str, Place], name: str
) -> None:
    """RFC 8725 §3.11 and §3.12, between all kinds, plain and encrypted for us."""
    for kind, token in (await places.kinds()).items():
        verdict = await by_name[name].present(token)
        assert verdict.believed == (kind == _believed(name)), f"{kind}: {verdict}"
        assert verdict.status < 500, kind
    for kind, token in (await places.kinds()).items():
        verdict = await by_name[name].present(enclosed(token, places.encryption_key))
        opened = name.startswith(("id_token_hint", "request"))
        assert verdict.believed == (opened and kind == _believed(name)), f"{kind}, encrypted: {verdict}"
        assert verdict.status < 500, kind


@pytest.mark.parametrize("member", ["alg", "kid", "typ", "jku"])
async def test_what_a_stranger_writes_into_a_header_is_told_and_recorded_nowhere(
    places: Places, by_name: Mapping[str, Place], member: str
) -> None:
    """The alarm on every log and record listens for personal numbers."""
    genuine = await by_name["client_assertion at /token"].genuine()
    written: dict[str, Any] = {member: HOA.number}
    form = {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": genuine.strangers(**written),
    }
    response = await places.provider.http().post("/token", data=form)
    assert response.status_code == 401
    assert HOA.number not in response.text
    (*_, refused) = await places.provider.events("client.refused")
    assert HOA.number not in str(refused.details)
