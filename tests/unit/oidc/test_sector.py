"""OpenID Connect Core §8.1, Registration §5: who names a sector proves that it is his."""

from __future__ import annotations

import pytest

from idp.errors import InvalidClientMetadata
from idp.oidc.sector import check_sector, sector_of
from tests.support.oidc_rules import client
from tests.support.remote import NOWHERE, Web

URI = "https://vung.example.gov.vn/sector.json"
CALLBACKS = ["https://a.example.gov.vn/callback", "https://b.example.gov.vn/callback"]
PORTAL = client(sector_identifier_uri=URI, redirect_uris=CALLBACKS)


async def test_a_document_that_lists_all_addresses_is_good() -> None:
    web = Web()
    web.put_json(URI, [*reversed(CALLBACKS), "https://c.example.gov.vn/other"])
    await check_sector(web.fetch, PORTAL)
    assert web.asked == [URI]


async def test_nothing_is_asked_where_nothing_is_registered() -> None:
    await check_sector(NOWHERE, client())


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "does not list"),
        (CALLBACKS[:1], "does not list https://b."),
        ([f"{one}/" for one in CALLBACKS], "does not list"),
        ([one.upper() for one in CALLBACKS], "does not list"),
        ({"redirect_uris": CALLBACKS}, "array"),
        ([*CALLBACKS, 1], "array"),
        (CALLBACKS[0], "array"),
        (None, "array"),
    ],
)
async def test_a_document_that_does_not_is_refused(document: object, reason: str) -> None:
    web = Web()
    web.put_json(URI, document)
    with pytest.raises(InvalidClientMetadata, match=reason):
        await check_sector(web.fetch, PORTAL)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [(b"[", 200, "not_json"), (b"[]", 302, "status_302"), (b" " * 70_000, 200, "unreachable")],
)
async def test_without_a_document_nothing_is_registered(body: bytes, status: int, reason: str) -> None:
    web = Web()
    web.put(URI, body, status=status)
    with pytest.raises(InvalidClientMetadata, match=f"cannot be fetched: {reason}"):
        await check_sector(web.fetch, PORTAL)


def test_the_sector_is_the_host() -> None:
    assert sector_of("https://vung.example.gov.vn:8443/a/b.json") == "vung.example.gov.vn"
    assert sector_of("http://localhost:9101/sector.json") == "localhost"


@pytest.mark.parametrize("uri", ["https://bo-tu-phap/sector.json", "http://vung.example.gov.vn/"])
def test_no_host_takes_the_sector_of_a_ministry(uri: str) -> None:
    with pytest.raises(InvalidClientMetadata):
        sector_of(uri)
