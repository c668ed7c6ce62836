"""Who fetched the key set is known afterwards, whichever way they came; nothing of a person is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import httpx2
import jwt
import orjson
from sqlalchemy import bindparam, select, update

from idp.app import build
from idp.store import readiness
from idp.store.database import step
from idp.store.readiness_schema import key_set_fetches, key_sets, stale_key_uses
from idp.store.schema import clients
from keys.policy import State
from tests.support.installation import ISSUER
from tests.support.population import HOA
from tests.support.provider import HOME, Provider

JWKS_URI: Final = f"{ISSUER}/jwks"
REGISTER_AGAIN: Final = (
    update(clients).where(clients.c.client_id == bindparam("client")).values(metadata=bindparam("changed"))
)
OFFICE: Final = "203.0.113.77"
OFFICE_6: Final = "2001:db8:1:2::77"
AGENT: Final = {"user-agent": "python-requests/2.32.3 079085001234"}


@asynccontextmanager
async def worker(provider: Provider) -> AsyncIterator[Any]:
    """A worker that stops at the end, and so has written down what it noticed."""
    app = build(provider.settings, access_log=provider.log, clock=provider.clock)
    async with app.running():
        yield app


def caller(provider: Provider, app: Any, address: str = HOME) -> httpx2.AsyncClient:
    transport = provider.transport(address, app)
    return httpx2.AsyncClient(transport=transport, base_url=ISSUER, headers=AGENT)


async def kept(provider: Provider) -> dict[tuple[str, str, str], tuple[int, int]]:
    rows = await readiness.find_fetches(provider.db)
    return {
        (row["client_id"], row["agent"], row["network"]): (row["fetches"], row["bad_assertions"])
        for row in rows
    }


async def test_unknown_fetchers_are_counted_by_program_and_network(provider: Provider) -> None:
    async with worker(provider) as app:
        first = await caller(provider, app).get("/jwks")
        again = await caller(provider, app).get("/jwks", headers={"if-none-match": first.headers["etag"]})
        await caller(provider, app).head("/jwks")
        await caller(provider, app).get("/jwks", headers={"if-none-match": "*"})
        await caller(provider, app, OFFICE).get("/jwks")
        await caller(provider, app, OFFICE_6).get("/jwks")
    assert again.status_code == 304
    assert await kept(provider) == {
        ("", "python-requests", "198.51.100.0/24"): (2, 0),
        ("", "python-requests", "203.0.113.0/24"): (1, 0),
        ("", "python-requests", "2001:db8:1::/48"): (1, 0),
    }
    (known,) = await readiness.find_sets(provider.db)
    assert first.headers["etag"] == f'"{known["etag"]}"'
    assert known["kids"].split() == [key["kid"] for key in first.json()["keys"]]


async def test_signed_fetches_are_their_clients(provider: Provider) -> None:
    ministry, machine = provider.portal("ministry"), provider.portal("machine-rs256")
    async with worker(provider) as app:
        http = caller(provider, app, OFFICE)
        for portal in (ministry, machine):
            response = await http.get("/jwks", params={"client_assertion": portal.assertion(aud=JWKS_URI)})
            assert response.status_code == 200
        for bad in (ministry.assertion(), ministry.assertion(aud=JWKS_URI, iss="province"), "x"):
            response = await http.get("/jwks", params={"client_assertion": bad})
            assert response.status_code == 200
    assert await kept(provider) == {
        ("ministry", "", ""): (1, 0),
        ("machine-rs256", "", ""): (1, 0),
        ("", "python-requests", "203.0.113.0/24"): (3, 3),
    }


async def test_a_signature_at_the_key_set_is_worth_nothing_elsewhere(provider: Provider) -> None:
    machine = provider.portal("machine-es256")
    form = machine.credentials()[0] | {"grant_type": "client_credentials"}
    assertion = machine.assertion(aud=JWKS_URI)
    refused = await machine.http.post("/token", data=form | {"client_assertion": assertion})
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


async def test_a_registered_address_is_its_clients(provider: Provider) -> None:
    metadata = dict(provider.registered["dossiers"].metadata) | {
        "key_set_addresses": [OFFICE, "2001:db8:1::/48"]
    }
    await provider.db.write(step(REGISTER_AGAIN, client="dossiers", changed=orjson.dumps(metadata).decode()))
    async with worker(provider) as app:
        for address in (OFFICE, OFFICE_6, HOME):
            await caller(provider, app, address).get("/jwks")
    assert await kept(provider) == {
        ("dossiers", "", ""): (2, 0),
        ("", "python-requests", "198.51.100.0/24"): (1, 0),
    }


def age(app: Any, token: str, state: State) -> None:
    """The key of a token gets another state in this worker, as when it is rotated."""
    shared = app._surroundings.__self__  # noqa: SLF001 - as a reload of the keys would
    kid = jwt.get_unverified_header(token)["kid"]
    keys = shared.keyring._keys  # noqa: SLF001 - as above
    keys[kid] = replace(keys[kid], state=state)
    shared.keyring._verified.clear()  # noqa: SLF001 - as above


async def test_tokens_of_old_keys_show_who_presents_them(provider: Provider) -> None:
    await provider.open_account(HOA)
    browser = provider.browser()
    tokens = await provider.tokens("dossiers", HOA, browser)
    async with worker(provider) as app:
        dossiers = provider.portal("dossiers", app=app)
        await dossiers.userinfo(tokens.access_token)
        for state, answered in ((State.RETIRING, 200), (State.RETIRED, 401), (State.REVOKED, 401)):
            age(app, tokens.access_token, state)
            age(app, tokens.id_token, state)
            assert (await dossiers.userinfo(tokens.access_token)).status_code == answered
            assert (await dossiers.introspect(tokens.access_token))["active"] is (answered == 200)
            await provider.portal("api", app=app).introspect(tokens.access_token)
            hinted = dossiers.ask(prompt="none", id_token_hint=tokens.id_token).address
            await provider.browser(app=app).open(hinted)
            await provider.browser(app=app).open(f"/logout?id_token_hint={tokens.id_token}")
    rows = await readiness.find_stale_uses(provider.db)
    id_kid, access_kid = (
        jwt.get_unverified_header(token)["kid"] for token in (tokens.id_token, tokens.access_token)
    )
    assert {(row["client_id"], row["kind"], row["shown"]): row["uses"] for row in rows} == {
        ("dossiers", "access_token", access_kid): 3,
        ("dossiers", "introspection", access_kid): 3,
        ("api", "introspection", access_kid): 3,
        ("dossiers", "id_token_hint", id_kid): 6,
    }


async def test_the_use_of_a_client_is_known(provider: Provider) -> None:
    async with worker(provider) as app:
        response = await provider.portal("machine-es256", app=app).post(
            "/token", grant_type="client_credentials"
        )
        assert response.status_code == 200
        await provider.portal("machine-rs256", app=app).post("/token", grant_type="nothing")
    assert await readiness.find_activity(provider.db) == {"machine-es256": int(provider.clock())}


async def test_nothing_of_a_person_is_kept(provider: Provider) -> None:
    async with worker(provider) as app:
        await caller(provider, app, OFFICE).get(f"/jwks?client_assertion={HOA.number}")
        await caller(provider, app, OFFICE).get("/jwks", headers={b"user-agent": HOA.name.encode()})
        await caller(provider, app, OFFICE).get("/jwks", headers={"if-none-match": f'"{HOA.number}"'})
    tables = (key_set_fetches, key_sets, stale_key_uses)
    text = ""
    for table in tables:
        for row in await provider.db.fetch_all(select(table)):
            text += " ".join(str(row[column.name]) for column in table.columns) + "\n"
    assert "203.0.113.0/24" in text
    for personal in (OFFICE, HOA.number, "079085001234", HOA.name):
        assert personal not in text
