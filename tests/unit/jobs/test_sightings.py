"""What workers noticed is added up in the database, whoever is down in between, and goes when it is old."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import Any, Final

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from idp.jobs.purge import purge_expired
from idp.jobs.sightings import MOST_TOLD, keep_last_sightings, keep_sightings, read_addresses
from idp.oidc.client_cache import ClientCache
from idp.oidc.client_keys import ClientKeys
from idp.oidc.key_sightings import Fetcher, Sightings
from idp.store import clients as stored_clients
from idp.store import purge, readiness
from idp.store.database import Database, DatabaseError, Step, step
from keys.keyring import PreparedJwks
from tests.support.oidc_rules import ISSUER, NOW, metadata
from tests.support.portals import Registered, register
from tests.support.remote import NOWHERE, Web

JWKS_URI: Final = f"{ISSUER}/jwks"
SET: Final = PreparedJwks(orjson.dumps({"keys": [{"kid": "a"}, {"kid": "b"}]}), '"one"', 900)
NEXT: Final = PreparedJwks(orjson.dumps({"keys": [{"kid": "b"}, {"kid": "c"}]}), '"two"', 900)
STRANGER: Final = Fetcher("", "Java", "198.51.100.0/24")
OTHER_KEY: Final = ec.generate_private_key(ec.SECP256R1())


async def add_client(
    db: Database, client_id: str = "portal", *, disabled_at: int | None = None, **more: Any
) -> Registered:
    described = metadata(client_id=client_id, **{"token_endpoint_auth_method": "private_key_jwt"} | more)
    registered, kept = register(described, NOW)
    await db.write(kept)
    if disabled_at is not None:
        await db.write(step(stored_clients.DISABLE, client=client_id, now=disabled_at))
    return registered


def assertion(key: Any, **changes: Any) -> str:
    claims = {
        "iss": "portal",
        "sub": "portal",
        "aud": JWKS_URI,
        "exp": NOW + 60,
        "jti": secrets.token_urlsafe(8),
    } | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, "ES256", headers={"kid": "k1"})


async def keep(db: Database, sightings: Sightings) -> None:
    await keep_sightings(db, sightings, ClientCache(db), ClientKeys(NOWHERE), jwks_uri=JWKS_URI)


async def fetches(db: Database) -> dict[tuple[str, str, str, str], tuple[int, int, int, int]]:
    return {
        (row["client_id"], row["agent"], row["network"], row["etag"]): (
            row["first_at"],
            row["last_at"],
            row["fetches"],
            row["bad_assertions"],
        )
        for row in await readiness.find_fetches(db)
    }


async def test_two_workers_add_up(db: Any) -> None:
    one, other = Sightings(), Sightings()
    known = Fetcher("portal", "Java", "203.0.113.0/24")
    one.fetched(SET, known, "", NOW)
    one.fetched(SET, STRANGER, "", NOW)
    one.used("portal", NOW)
    other.fetched(SET, known, "", NOW - 5)
    other.fetched(NEXT, known, "", NOW + 7)
    other.fetched(SET, STRANGER, "", NOW + 9)
    other.used("portal", NOW + 3)
    await asyncio.gather(keep(db, one), keep(db, other))
    one.fetched(SET, STRANGER, "", NOW + 20)
    await keep(db, one)
    await keep(db, one)
    assert await fetches(db) == {
        ("portal", "", "", "one"): (NOW - 5, NOW, 2, 0),
        ("portal", "", "", "two"): (NOW + 7, NOW + 7, 1, 0),
        ("", "Java", "198.51.100.0/24", "one"): (NOW, NOW + 20, 3, 0),
    }
    assert {row["etag"]: row["kids"] for row in await readiness.find_sets(db)} == {"one": "a b", "two": "b c"}
    assert await readiness.find_activity(db) == {"portal": NOW + 3}
    assert one.known_sets <= {"one", "two"}


async def test_a_signed_query_is_its_clients(db: Any) -> None:
    portal = await add_client(db)
    sightings = Sightings()
    token = assertion(portal.private_key)
    for _ in range(2):  # the same one again changes nothing but the count
        sightings.fetched(SET, STRANGER, token, NOW)
    await keep(db, sightings)
    assert await fetches(db) == {("portal", "", "", "one"): (NOW, NOW, 2, 0)}


async def test_a_signed_query_may_be_by_a_key_at_jwks_uri(db: Any) -> None:
    key, web, address = ec.generate_private_key(ec.SECP256R1()), Web(), "https://portal.example.gov.vn/jwks"
    public = jwt.get_algorithm_by_name("ES256").to_jwk(key.public_key(), as_dict=True)
    web.put_json(address, {"keys": [{**public, "kid": "k1"}]})
    described = metadata(token_endpoint_auth_method="private_key_jwt", jwks_uri=address)
    document = orjson.dumps(described).decode()
    await db.write(stored_clients.add("portal", document, secret_digest=None, now=NOW))
    sightings = Sightings()
    sightings.fetched(SET, STRANGER, assertion(key), NOW)
    await keep_sightings(db, sightings, ClientCache(db), ClientKeys(web.fetch), jwks_uri=JWKS_URI)
    assert await fetches(db) == {("portal", "", "", "one"): (NOW, NOW, 1, 0)}


BAD_CLAIMS: Final[dict[str, dict[str, Any]]] = {
    "for the token endpoint": {"aud": f"{ISSUER}/token"},
    "for the issuer": {"aud": ISSUER},
    "for two": {"aud": [JWKS_URI, ISSUER]},
    "expired": {"exp": NOW - 61},
    "too long": {"exp": NOW + 3600},
    "without an end": {"exp": None},
    "without jti": {"jti": None},
    "two parties": {"iss": "other"},
    "nobody": {"iss": "nobody", "sub": "nobody"},
    "disabled": {"iss": "gone", "sub": "gone"},
    "without keys": {"iss": "keyless", "sub": "keyless"},
    "no client id": {"iss": "a b", "sub": "a b"},
}
BAD_TEXTS: Final = ("x", "079085001234", "ế.ế.ế", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwb3J0YWwifQ.AA", "." * 8000)


async def check_bad(db: Database, bad: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="motcua.readiness")
    sightings = Sightings()
    sightings.fetched(SET, STRANGER, bad, NOW)
    sightings.fetched(SET, STRANGER, bad, NOW)
    await keep(db, sightings)
    assert await fetches(db) == {("", "Java", "198.51.100.0/24", "one"): (NOW, NOW, 2, 2)}
    (told,) = [record.getMessage() for record in caplog.records if record.name == "motcua.readiness"]
    assert STRANGER.network in told
    assert "079085001234" not in told


@pytest.mark.parametrize("name", BAD_CLAIMS)
async def test_a_bad_assertion_is_a_strangers(db: Any, name: str, caplog: pytest.LogCaptureFixture) -> None:
    portal = await add_client(db)
    await add_client(db, "gone", disabled_at=NOW)
    await add_client(db, "keyless", token_endpoint_auth_method="client_secret_basic")
    await check_bad(db, assertion(portal.private_key, **BAD_CLAIMS[name]), caplog)


@pytest.mark.parametrize("bad", BAD_TEXTS)
async def test_what_is_no_assertion_is_a_strangers(
    db: Any, bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    await check_bad(db, bad, caplog)


async def test_our_log_says_whose_set_up_is_wrong_and_does_not_fill(
    db: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="motcua.readiness")
    portal = await add_client(db)
    sightings = Sightings()
    sightings.fetched(SET, STRANGER, assertion(portal.private_key, exp=NOW - 999), NOW)
    for number in range(15):
        await add_client(db, f"portal-{number}")
        claimed = {"iss": f"portal-{number}", "sub": f"portal-{number}"}
        sightings.fetched(SET, STRANGER, assertion(OTHER_KEY, **claimed), NOW)
    await keep(db, sightings)
    told = [record.getMessage() for record in caplog.records if record.name == "motcua.readiness"]
    assert len(told) == MOST_TOLD
    assert any("in the name of portal-9: client_assertion: it cannot be verified" in line for line in told)


async def test_another_key_is_a_strangers(db: Any, caplog: pytest.LogCaptureFixture) -> None:
    await add_client(db)
    await check_bad(db, assertion(OTHER_KEY), caplog)


async def test_a_bad_assertion_from_a_registered_address_is_still_its_clients(db: Any) -> None:
    sightings = Sightings()
    sightings.fetched(SET, Fetcher("portal", "Java", "203.0.113.0/24"), "x", NOW)
    await keep(db, sightings)
    assert await fetches(db) == {("portal", "", "", "one"): (NOW, NOW, 1, 1)}


class Failing:
    """A database whose writes fail until it is mended."""

    def __init__(self, inner: Database) -> None:
        self.name = inner.name
        self.fetch_one, self.fetch_all = inner.fetch_one, inner.fetch_all
        self.append, self.prepare, self.close = inner.append, inner.prepare, inner.close
        self.mended = False
        self._inner = inner

    async def write(self, *steps: Step) -> None:
        if not self.mended:
            raise DatabaseError("away")
        await self._inner.write(*steps)


async def test_nothing_is_lost_or_counted_twice_while_the_database_is_away(db: Any) -> None:
    portal = await add_client(db)
    failing, sightings = Failing(db), Sightings()
    for _ in range(3):
        sightings.fetched(SET, STRANGER, assertion(portal.private_key), NOW)
        sightings.fetched(SET, STRANGER, "", NOW)
        with pytest.raises(DatabaseError):
            await keep(failing, sightings)
    await keep_last_sightings(lambda: keep(failing, sightings))  # at the end of a worker it stops nobody
    failing.mended = True
    await keep(failing, sightings)
    assert {key: found[2] for key, found in (await fetches(db)).items()} == {
        ("portal", "", "", "one"): 3,
        ("", "Java", "198.51.100.0/24", "one"): 3,
    }


async def test_stale_keys_are_kept_of_registered_clients_only(db: Any) -> None:
    await add_client(db)
    sightings = Sightings()
    for client_id in ("portal", "portal", "forged"):
        sightings.showed_stale_key(client_id, "access_token", "a", NOW)
    await keep(db, sightings)
    (row,) = await readiness.find_stale_uses(db)
    assert (row["client_id"], row["kind"], row["shown"], row["uses"]) == ("portal", "access_token", "a", 2)


async def test_the_addresses_of_enabled_clients(db: Any) -> None:
    await add_client(db, "a", key_set_addresses=["203.0.113.0/28"])
    await add_client(db, "b", key_set_addresses=["203.0.113.1"], disabled_at=NOW)
    await add_client(db, "c")
    book = await read_addresses(db)
    assert [book.owner(address) for address in ("203.0.113.1", "203.0.113.99")] == ["a", ""]


async def test_clients_without_addresses_are_not_even_read(db: Any) -> None:
    """Thousands may have registered themselves, and every worker looks after every change."""
    await add_client(db, "a", key_set_addresses=["203.0.113.0/28"])
    await add_client(db, "b")
    assert await stored_clients.key_set_addresses(db) == [("a", ["203.0.113.0/28"])]
    rows = await db.fetch_all(stored_clients.WITH_ADDRESSES)
    assert [row["client_id"] for row in rows] == ["a"]


async def test_old_counts_go_and_the_sets_nobody_needs_go_with_them(db: Any) -> None:
    late = NOW + readiness.KEPT + purge.KEPT_AFTER_EXPIRY
    await add_client(db)
    sightings = Sightings()
    sightings.fetched(SET, STRANGER, "", NOW)
    sightings.showed_stale_key("portal", "introspection", "a", NOW)
    sightings.used("portal", NOW)
    sightings.fetched(NEXT, STRANGER, "", late)
    await keep(db, sightings)
    await purge_expired(db, late)
    assert len(await fetches(db)) == 2
    await purge_expired(db, late + 1)
    assert {key[3] for key in await fetches(db)} == {"two"}
    assert [row["etag"] for row in await readiness.find_sets(db)] == ["two"]
    assert not await readiness.find_stale_uses(db)
    assert not await readiness.find_activity(db)


async def test_rows_about_strangers_are_bounded_and_the_frequent_stay(db: Any) -> None:
    known = [readiness.add_fetch(readiness.Fetch("portal", "", "", "one"), readiness.Seen(NOW, NOW, 1))]
    often = replace(readiness.Seen(NOW - 60, NOW - 60), count=9)
    rows = [
        readiness.add_fetch(readiness.Fetch("", "Java", f"10.{n >> 8}.{n & 255}.0/24", "one"), seen)
        for n in range(readiness.MOST_UNKNOWN + 30)
        for seen in [often if n % 2 else readiness.Seen(NOW, NOW, 1)]
    ]
    await db.write(*known, *rows)
    await purge_expired(db, NOW)
    left = await fetches(db)
    assert len(left) == readiness.MOST_UNKNOWN + 1
    assert ("portal", "", "", "one") in left
    assert sum(found[2] == 9 for found in left.values()) == (readiness.MOST_UNKNOWN + 30) // 2
