"""Mutual TLS through a real nginx, set up as the README says: what clients show there reaches us, and no more."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import jwt
import pytest

from idp.store import versions
from keys.certificate import thumbprint_of
from tests.support.certificates import CLIENTS, SERVERS, Holder, Wish, issued, self_signed
from tests.support.certified import (
    BETWEEN,
    NAME,
    ROOT,
    alone,
    by_itself,
    by_name,
    machine,
    request_of,
    trusting,
)
from tests.support.databases import fresh_database
from tests.support.nginx import nginx
from tests.support.portals import register
from tests.support.provider import Ground
from tests.support.served import PATIENCE, ServedProvider, free_port, served_provider

ISSUER_HOST: Final = "sso.example.gov.vn"
MTLS_HOST: Final = "mtls.sso.example.gov.vn"
FIRST, SECOND, STRANGER = alone(), alone(), alone()
CERTIFIED: Final = issued(Wish(NAME, usage=CLIENTS), BETWEEN)
CLIENTS_OF_TEST: Final = (
    by_itself("first", FIRST),
    by_itself("second", SECOND),
    by_name(),
    machine("signer", token_endpoint_auth_method="private_key_jwt"),
)


@dataclass(frozen=True)
class Behind:
    """A provider behind nginx on a port."""

    provider: ServedProvider
    port: int
    certificate: Path
    folder: Path

    def send(
        self,
        path: str,
        holder: Holder | None = None,
        *,
        host: str = MTLS_HOST,
        name: str = "",
        tls: ssl.SSLContext | None = None,
        **more: Any,
    ) -> httpx2.Response:
        """A request to a host; `name` is the one of the handshake, where that is another."""
        context = tls or trusting(self.certificate, holder, self.folder)
        headers = {"host": host, **more.pop("headers", {})}
        method = "POST" if "data" in more else "GET"
        with httpx2.Client(verify=context, timeout=PATIENCE, trust_env=False) as client:
            return client.request(
                method,
                f"https://127.0.0.1:{self.port}{path}",
                headers=headers,
                extensions={"sni_hostname": name or host},
                **more,
            )

    def ask(self, client_id: str, holder: Holder | None, **more: Any) -> httpx2.Response:
        return self.send("/token", holder, data=dict(request_of(client_id)), **more)


@pytest.fixture(scope="module")
async def behind(provider_ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Behind]:
    folder = tmp_path_factory.mktemp("nginx")
    certificate, key = self_signed(
        Wish(f"CN={ISSUER_HOST}", dns=(ISSUER_HOST, MTLS_HOST), usage=SERVERS)
    ).write(folder, "server")
    (folder / "authorities.pem").write_text(BETWEEN.pem + ROOT.pem, encoding="ascii")
    port = free_port()
    settings = {
        "IDP_MTLS_URL": f"https://{MTLS_HOST}",
        "IDP_TRUSTED_PROXIES": "127.0.0.1",
        "IDP_CLIENT_CA_FILE": str(folder / "authorities.pem"),
    }
    async with (
        fresh_database("sqlite", "provider", folder) as database_url,
        fresh_database("sqlite", "registers", folder) as registers_url,
        served_provider(database_url, registers_url, provider_ground, folder, settings=settings) as provider,
    ):
        steps = [register(metadata, int(time.time()))[1] for metadata in CLIENTS_OF_TEST]
        await provider.db.write(*steps, versions.changed(versions.CLIENTS))
        changes = {
            "server 127.0.0.1:9000": f"server 127.0.0.1:{provider.port}",
            "/etc/motcua/tls.crt": str(certificate),
            "/etc/motcua/tls.key": str(key),
            "listen 443": f"listen 127.0.0.1:{port}",
        }
        with nginx(folder, port, changes):
            yield Behind(provider, port, certificate, folder)


def bound_to(answer: httpx2.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return jwt.decode(answer.json()["access_token"], options={"verify_signature": False})["cnf"]


@pytest.mark.parametrize(
    ("client_id", "holder"), [("first", FIRST), ("second", SECOND), ("certified", CERTIFIED)]
)
def test_a_clients_certificate_reaches_us(behind: Behind, client_id: str, holder: Holder) -> None:
    assert bound_to(behind.ask(client_id, holder)) == {"x5t#S256": thumbprint_of(holder.der)}


@pytest.mark.parametrize("holder", [SECOND, STRANGER, CERTIFIED, None])
def test_another_certificate_or_none(behind: Behind, holder: Holder | None) -> None:
    answer = behind.ask("first", holder)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("host", [MTLS_HOST, ISSUER_HOST])
@pytest.mark.parametrize("header", [FIRST.header, FIRST.escaped])
def test_a_header_of_the_callers_own_is_taken_away(behind: Behind, header: str, host: str) -> None:
    answer = behind.ask("first", None, host=host, headers={"client-cert": header})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_nor_does_it_stand_beside_the_certificate_that_was_shown(behind: Behind) -> None:
    answer = behind.ask(
        "second", SECOND, headers={"client-cert": FIRST.header, "client-cert-chain": "nonsense"}
    )
    assert bound_to(answer) == {"x5t#S256": thumbprint_of(SECOND.der)}
    answer = behind.ask("first", SECOND, headers={"client-cert": FIRST.header})
    assert answer.status_code == 401


def test_who_shakes_hands_with_one_host_is_not_served_by_the_other(behind: Behind) -> None:
    answer = behind.ask(
        "first", None, host=MTLS_HOST, name=ISSUER_HOST, headers={"client-cert": FIRST.header}
    )
    assert answer.status_code == 421


def test_browsers_are_asked_for_nothing(behind: Behind) -> None:
    answer = behind.send("/.well-known/openid-configuration", FIRST, host=ISSUER_HOST)
    assert answer.status_code == 200
    assert answer.json()["mtls_endpoint_aliases"]["token_endpoint"] == f"https://{MTLS_HOST}/token"
    assert behind.ask("first", FIRST, host=ISSUER_HOST).status_code == 401


def test_a_token_opens_userinfo_for_nobody_else(behind: Behind) -> None:
    token = behind.ask("first", FIRST).json()["access_token"]
    for holder in (STRANGER, None):
        answer = behind.send("/userinfo", holder, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401


@pytest.mark.parametrize("host", [MTLS_HOST, ISSUER_HOST])
@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"])
def test_weak_suites_are_refused(behind: Behind, suite: str, host: str) -> None:
    context = ssl.create_default_context(cafile=behind.certificate)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    with pytest.raises(httpx2.TransportError, match=r"(?i)handshake failure"):
        behind.send("/jwks", host=host, tls=context)
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    assert behind.send("/jwks", host=host, tls=context).status_code == 200
