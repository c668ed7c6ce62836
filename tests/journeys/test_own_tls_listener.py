"""Our own TLS listener, on real sockets: what it agrees to in handshakes, and the certificates that it asks for."""

from __future__ import annotations

import ssl
import subprocess
import time
import warnings
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import orjson
import pytest

from idp.store import versions
from keys.certificate import thumbprint_of
from tests.support.certificates import CLIENTS, Holder, Wish, issued, self_signed, server
from tests.support.certified import (
    BETWEEN,
    NAME,
    ROOT,
    alone,
    by_itself,
    by_name,
    connected,
    request_of,
    trusting,
)
from tests.support.databases import fresh_database
from tests.support.portals import register
from tests.support.provider import Ground
from tests.support.served import PATIENCE, ServedProvider, free_port, served_provider

RECOMMENDED: Final = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
OTHERS: Final = (
    "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-ARIA128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256", "AES128-GCM-SHA256",
    "AES128-SHA",
)  # fmt: skip

REFUSED: Final = r"(?i)eof occurred|handshake failure|protocol version"
"""What a client sees of a handshake that comes to nothing: the loop closes without another word, or the alert."""

FIRST, SECOND = alone(), alone()
"""Two that have the same name, and are different certificates."""
OLD: Final = self_signed(Wish("CN=old", begins=-7200, ends=-3600))
NAMESAKE: Final = self_signed(Wish("CN=Test Root,O=Test Authority,C=VN", authority=True))
CERTIFIED: Final = issued(Wish(NAME, usage=CLIENTS), BETWEEN)
CLIENTS_OF_TEST: Final = (
    by_itself("first", FIRST),
    by_itself("second", SECOND),
    by_itself("old", OLD),
    by_itself("namesake", NAMESAKE),
    by_name(),
)


@dataclass(frozen=True)
class Listening:
    """A provider with both listeners; `folder` has the server's certificate."""

    provider: ServedProvider
    mtls: str
    certificate: Path
    folder: Path

    def client(self, holder: Holder | None, *, base: str = "") -> httpx2.Client:
        return connected(base or self.mtls, trusting(self.certificate, holder, self.folder))

    def ask(self, client_id: str, holder: Holder | None) -> httpx2.Response:
        with self.client(holder) as client:
            return client.post("/token", data=dict(request_of(client_id)))

    def ask_until_let_through(self, client_id: str, holder: Holder) -> httpx2.Response:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.ask(client_id, holder)
            except httpx2.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    async def register(self, *clients: dict[str, Any]) -> None:
        steps = [register(metadata, int(time.time()))[1] for metadata in clients]
        await self.provider.db.write(*steps, versions.changed(versions.CLIENTS))


@pytest.fixture(scope="module")
async def listening(
    provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Listening]:
    folder = tmp_path_factory.mktemp("listening")
    files = server().write(folder, "server")
    (folder / "authorities.pem").write_text(ROOT.pem, encoding="ascii")
    port = free_port()
    mtls = f"https://localhost:{port}"
    settings = {
        "IDP_MTLS_URL": mtls,
        "IDP_MTLS_LISTEN": f"127.0.0.1:{port}",
        "IDP_CLIENT_CA_FILE": str(folder / "authorities.pem"),
    }
    async with (
        fresh_database("sqlite", "provider", folder) as database_url,
        fresh_database("sqlite", "registers", folder) as registers_url,
        served_provider(
            database_url, registers_url, provider_ground, folder, settings=settings, tls=files
        ) as provider,
    ):
        found = Listening(provider, mtls, files[0], folder)
        await found.register(*CLIENTS_OF_TEST)
        found.ask_until_let_through("second", SECOND)
        yield found


def bound_to(answer: httpx2.Response) -> dict[str, str]:
    """The confirmation in an access token."""
    token = answer.json()["access_token"].split(".")[1]
    confirmation: dict[str, str] = orjson.loads(urlsafe_b64decode(token + "=="))["cnf"]
    return confirmation


def limited(certificate: Path, version: ssl.TLSVersion, suites: str = "ALL:@SECLEVEL=0") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificate)
    context.set_ciphers(suites)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of the old versions: they are asked for to be refused
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("at", ["issuer", "mtls"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_present_versions(listening: Listening, version: ssl.TLSVersion, at: str) -> None:
    base = listening.mtls if at == "mtls" else listening.provider.issuer
    with connected(base, limited(listening.certificate, version)) as client:
        assert client.get("/jwks").status_code == 200


@pytest.mark.parametrize("at", ["issuer", "mtls"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_versions_of_the_past(listening: Listening, version: ssl.TLSVersion, at: str) -> None:
    base = listening.mtls if at == "mtls" else listening.provider.issuer
    context = limited(listening.certificate, version)
    with connected(base, context) as client, pytest.raises(httpx2.TransportError, match=REFUSED):
        client.get("/jwks")


@pytest.mark.parametrize("suite", RECOMMENDED)
def test_recommended_suites(listening: Listening, suite: str) -> None:
    context = limited(listening.certificate, ssl.TLSVersion.TLSv1_2, suite)
    with connected(listening.provider.issuer, context) as client:
        assert client.get("/jwks").status_code == 200


@pytest.mark.parametrize("suite", OTHERS)
def test_all_other_suites_are_refused(listening: Listening, suite: str) -> None:
    context = limited(listening.certificate, ssl.TLSVersion.TLSv1_2, f"{suite}:@SECLEVEL=0")
    refusal = pytest.raises(httpx2.TransportError, match=REFUSED)
    with connected(listening.provider.issuer, context) as client, refusal:
        client.get("/jwks")


def s_client(listening: Listening, sent: str, *options: str) -> str:
    address = listening.provider.issuer.removeprefix("https://")
    command = ["openssl", "s_client", "-connect", address, "-CAfile", str(listening.certificate), *options]
    ended = subprocess.run(command, input=sent, check=False, capture_output=True, text=True, timeout=PATIENCE)
    return ended.stdout + ended.stderr


def test_no_tickets_are_given_and_nothing_is_compressed(listening: Listening) -> None:
    for version in ("-tls1_2", "-tls1_3"):
        said = s_client(listening, "", version)
        assert "Verify return code: 0 (ok)" in said
        assert "session ticket" not in said.lower()
        assert "Compression: NONE" in said


def test_keys_are_not_agreed_on_again(listening: Listening) -> None:
    said = s_client(listening, "R\n", "-tls1_2")
    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said


@pytest.mark.parametrize(("client_id", "holder"), [("first", FIRST), ("second", SECOND)])
def test_a_registered_certificate(listening: Listening, client_id: str, holder: Holder) -> None:
    answer = listening.ask(client_id, holder)
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "Bearer"
    assert bound_to(answer) == {"x5t#S256": thumbprint_of(holder.der)}


def test_in_tls_1_2_as_well(listening: Listening) -> None:
    context = trusting(listening.certificate, FIRST, listening.folder)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with connected(listening.mtls, context) as client:
        assert client.post("/token", data=dict(request_of("first"))).status_code == 200


def test_a_certificate_by_an_authority_with_its_chain(listening: Listening) -> None:
    answer = listening.ask("certified", CERTIFIED)
    assert answer.status_code == 200, answer.text
    assert bound_to(answer) == {"x5t#S256": thumbprint_of(CERTIFIED.der)}


def test_another_clients_certificate(listening: Listening) -> None:
    answer = listening.ask("first", SECOND)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "x5c" in answer.json()["error_description"]


def test_no_certificate(listening: Listening) -> None:
    answer = listening.ask("first", None)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "mtls_endpoint_aliases" in answer.json()["error_description"]


def test_one_that_is_over_is_told_so(listening: Listening) -> None:
    answer = listening.ask_until_let_through("old", OLD)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "not valid at this time" in answer.json()["error_description"]


def test_the_listener_for_everybody_asks_for_none(listening: Listening) -> None:
    with listening.client(FIRST, base=listening.provider.issuer) as client:
        answer = client.post("/token", data=dict(request_of("first")))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("path", ["/par", "/token", "/userinfo", "/jwks", "/authorize", "/nowhere"])
def test_every_answer_says_the_time_once(listening: Listening, path: str) -> None:
    """RFC 9110 §6.6.1; clients of the FAPI profiles correct their clocks by it."""
    with listening.client(None, base=listening.provider.issuer) as client:
        (stated,) = client.get(path).headers.get_list("date")
    assert stated.endswith(" GMT")
    assert abs(parsedate_to_datetime(stated).timestamp() - time.time()) < PATIENCE


def test_a_header_is_nothing_here(listening: Listening) -> None:
    with listening.client(None) as client:
        answer = client.post("/token", data=dict(request_of("first")), headers={"client-cert": FIRST.header})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_what_nobody_has_registered_is_refused_in_the_handshake_until_it_is(
    listening: Listening,
) -> None:
    fresh = alone("CN=fresh")
    with pytest.raises(httpx2.TransportError):
        listening.ask("fresh", fresh)
    await listening.register(by_itself("fresh", fresh))
    assert listening.ask_until_let_through("fresh", fresh).status_code == 200


def test_one_that_bears_an_authoritys_name_stands_in_nobodys_way(listening: Listening) -> None:
    with pytest.raises(httpx2.TransportError):
        listening.ask("namesake", NAMESAKE)
    assert listening.ask("certified", CERTIFIED).status_code == 200
    assert "bears an authority's name" in listening.provider.log.read_text("utf-8")


def test_what_is_said_of_it(listening: Listening) -> None:
    with listening.client(None) as client:
        metadata = client.get("/.well-known/openid-configuration").json()
    assert metadata["tls_client_certificate_bound_access_tokens"] is True
    aliases = metadata["mtls_endpoint_aliases"]
    assert aliases["token_endpoint"] == f"{listening.mtls}/token"
    assert aliases["userinfo_endpoint"] == f"{listening.mtls}/userinfo"
    assert "authorization_endpoint" not in aliases
