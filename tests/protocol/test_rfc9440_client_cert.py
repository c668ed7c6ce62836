"""RFC 9440: a certificate that our own proxy hands on is believed; what anybody else writes there is nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response

from idp.http import responses, routing
from idp.http.access_log import BufferedAccessLog
from idp.http.edge import Arrival, Edge
from idp.http.peer_certificate import MOST_IN_CHAIN
from idp.pages.render import Pages
from idp.settings import Settings
from keys.certificate import read_certificate
from tests.support.certificates import Wish, issued, root, self_signed

ISSUER = "https://sso.example.vn"
MTLS = "https://mtls.sso.example.vn"
PROXY, STRANGER = "192.0.2.1", "198.51.100.7"
ROOT = root()
BETWEEN = issued(Wish("CN=Between", authority=True), ROOT)
CLIENT = issued(Wish("CN=portal,O=Cục Quản lý,C=VN"), BETWEEN)
OTHER = self_signed(Wish("CN=other"))

Sent = list[tuple[str, str]]


async def who(_: Request, arrival: Arrival) -> Response:
    shown = arrival.certificate
    return responses.json(None if shown is None else {"x5t": shown.x5t_s256, "chain": len(shown.chain)})


@asynccontextmanager
async def service() -> AsyncIterator[Callable[[Arrival], Arrival]]:
    yield lambda arrival: arrival


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages.load()


def edge(pages: Pages, mtls_url: str) -> Edge[Arrival]:
    return Edge(
        (routing.json("/who", GET=who),),
        settings=Settings(issuer=ISSUER, mtls_url=mtls_url, trusted_proxies=(f"{PROXY}/32",)),
        pages=pages,
        access_log=BufferedAccessLog(),
        open_service=service,
    )


async def ask(
    pages: Pages, headers: Sent, *, base: str = MTLS, peer: str = PROXY, mtls_url: str = MTLS
) -> httpx2.Response:
    app = edge(pages, mtls_url)
    transport = httpx2.ASGITransport(app=app, client=(peer, 50000))
    async with app.running(), httpx2.AsyncClient(transport=transport, base_url=base) as client:
        return await client.get("/who", headers=headers)


def told(holder: Any, chain: int = 0) -> dict[str, object]:
    return {"x5t": read_certificate(holder.der).x5t_s256, "chain": chain}


FORMS: dict[str, tuple[Sent, dict[str, object]]] = {
    "as RFC 9440": ([("client-cert", CLIENT.header)], told(CLIENT)),
    "with its chain": (
        [("client-cert", CLIENT.header), ("client-cert-chain", f"{BETWEEN.header}, {ROOT.header}")],
        told(CLIENT, 2),
    ),
    "with its chain in two lines": (
        [
            ("client-cert", CLIENT.header),
            ("client-cert-chain", BETWEEN.header),
            ("client-cert-chain", ROOT.header),
        ],
        told(CLIENT, 2),
    ),
    "with an empty chain": ([("client-cert", CLIENT.header), ("client-cert-chain", "")], told(CLIENT)),
    "as nginx": ([("client-cert", CLIENT.escaped)], told(CLIENT)),
    "as load balancers, with the chain": (
        [("client-cert", quote(CLIENT.pem + BETWEEN.pem, safe="+=/"))],
        told(CLIENT, 1),
    ),
}


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_is_read(pages: Pages, form: str) -> None:
    headers, expected = FORMS[form]
    answer = await ask(pages, headers)
    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize(
    "headers", [[], [("client-cert", "")], [("client-cert", ""), ("client-cert-chain", "")]]
)
async def test_nobody_showed_a_certificate(pages: Pages, headers: Sent) -> None:
    assert (await ask(pages, headers)).json() is None


async def test_a_stranger_writes_what_he_likes(pages: Pages) -> None:
    assert (await ask(pages, [("client-cert", CLIENT.header)], peer=STRANGER)).json() is None
    assert (await ask(pages, [("client-cert", "nonsense")] * 2, peer=STRANGER)).json() is None


@pytest.mark.parametrize(
    "base",
    [
        ISSUER,
        "https://mtls.sso.example.vn:444",
        "https://other.example.vn",
        "https://sso.example.vn.evil.example",
    ],
)
async def test_on_no_other_host_is_the_header_read(pages: Pages, base: str) -> None:
    assert (await ask(pages, [("client-cert", CLIENT.header)], base=base)).json() is None
    assert (await ask(pages, [("client-cert", "nonsense")], base=base)).json() is None


async def test_an_address_with_a_port_of_its_own(pages: Pages) -> None:
    url = "https://sso.example.vn:9443"
    assert (await ask(pages, [("client-cert", CLIENT.header)], base=url, mtls_url=url)).json() == told(CLIENT)
    assert (await ask(pages, [("client-cert", CLIENT.header)], base=ISSUER, mtls_url=url)).json() is None


async def test_the_host_is_compared_as_hosts_are(pages: Pages) -> None:
    headers = [("host", "MTLS.sso.example.vn"), ("client-cert", CLIENT.header)]
    assert (await ask(pages, headers)).json() == told(CLIENT)


async def test_an_installation_without_mutual_tls_reads_nothing(pages: Pages) -> None:
    assert (await ask(pages, [("client-cert", CLIENT.header)], mtls_url="")).json() is None


BINARY = CLIENT.header.strip(":")
UNKNOWN_VERSION = b64encode(CLIENT.der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x42")).decode()
MALFORMED: dict[str, Sent] = {
    "twice": [("client-cert", CLIENT.header), ("client-cert", OTHER.header)],
    "twice the same": [("client-cert", CLIENT.header)] * 2,
    "two in one line": [("client-cert", f"{CLIENT.header}, {OTHER.header}")],
    "no colons": [("client-cert", BINARY)],
    "one colon": [("client-cert", f":{BINARY}")],
    "quoted": [("client-cert", f'"{BINARY}"')],
    "base64url": [("client-cert", ":MII-_w==:")],
    "text behind it": [("client-cert", f"{CLIENT.header};verified=1")],
    "no certificate": [("client-cert", ":AAAA:")],
    "not base64": [("client-cert", ":A:")],
    "cut off": [("client-cert", f":{BINARY[:400]}:")],
    "of a version that there is not": [("client-cert", f":{UNKNOWN_VERSION}:")],
    "a chain alone": [("client-cert-chain", BETWEEN.header)],
    "a chain that is none": [("client-cert", CLIENT.header), ("client-cert-chain", "nonsense")],
    "a chain with a gap": [
        ("client-cert", CLIENT.header),
        ("client-cert-chain", f"{BETWEEN.header},,{ROOT.header}"),
    ],
    "a chain too long": [
        ("client-cert", CLIENT.header),
        ("client-cert-chain", ",".join([BETWEEN.header] * (MOST_IN_CHAIN + 1))),
    ],
    "escaped and cut off": [("client-cert", CLIENT.escaped[:300])],
    "escaped, and something else": [("client-cert", CLIENT.escaped + quote("\nhello"))],
    "a key": [("client-cert", CLIENT.escaped.replace("CERTIFICATE", "PUBLIC%20KEY"))],
}


@pytest.mark.parametrize("why", MALFORMED)
async def test_what_our_proxy_sends_and_is_no_certificate(pages: Pages, why: str) -> None:
    answer = await ask(pages, MALFORMED[why])
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert BINARY[:20] not in answer.text
