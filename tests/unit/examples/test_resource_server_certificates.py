"""Tokens that are bound to a certificate, at an API (RFC 8705 §3, RFC 9440): every wrong way is a row."""

from __future__ import annotations

import base64
import hashlib
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from examples.resource_server import ClientCertificates
from tests.support.dpop import encoded
from tests.unit.examples.guarded import PUBLIC, Scene, blamed

PROXY = "10.0.0.5"
BOUND = replace(PUBLIC, certificates=ClientCertificates(["10.0.0.0/24", "fd00::/8"]))
OTHERS = (401, "Bearer", "invalid_token")


def make_certificate(name: str) -> x509.Certificate:
    """A certificate that its holder made for themselves."""
    key, subject = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
    )
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    return made.not_valid_before(now).not_valid_after(now + timedelta(1)).sign(key, hashes.SHA256())


OWN, OTHER = make_certificate("portal"), make_certificate("other")
DER = OWN.public_bytes(Encoding.DER)
PEM = OWN.public_bytes(Encoding.PEM).decode()
OF_NO_VERSION = DER.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020105"), 1)
CNF = {"x5t#S256": encoded(hashlib.sha256(DER).digest())}


def header(certificate: x509.Certificate = OWN) -> tuple[str, str]:
    """As a proxy hands it on (RFC 9440 §2.1)."""
    return "Client-Cert", f":{base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()}:"


async def ask(
    *headers: tuple[str, str], peer: str | None = PROXY, chain: list[str] | None = None, **changes: Any
) -> httpx2.Response:
    """One request that comes from `peer`, to an API behind a proxy."""
    scene = Scene(api=BOUND, peer=None if peer is None else (peer, 4000))
    token = scene.token(**{"cnf": CNF} | changes)
    tls = {} if chain is None else {"tls": {"client_cert_chain": chain}}
    return await scene.ask(("authorization", f"Bearer {token}"), *headers, extensions=tls)


@pytest.mark.parametrize(
    "headers",
    [
        [header()],
        [("client-cert", header()[1])],
        [("Client-Cert", f" {header()[1]} ")],
        [("Client-Cert", quote(PEM, safe=""))],
        [("Client-Cert", quote(PEM))],
        [header(), ("Client-Cert-Chain", header(OTHER)[1])],
        [("Client-Cert", ""), header()],
    ],
    ids=range(7),
)
async def test_the_certificate_that_a_proxy_hands_on(headers: list[tuple[str, str]]) -> None:
    assert (await ask(*headers)).status_code == 200


@pytest.mark.parametrize("peer", [PROXY, "::ffff:10.0.0.5", "fd00::1"])
async def test_the_proxys_address_in_every_notation(peer: str) -> None:
    assert (await ask(header(), peer=peer)).status_code == 200


@pytest.mark.parametrize("peer", ["10.0.1.5", "203.0.113.9", "::1", "unix", "", None])
async def test_a_header_from_anybody_else_says_nothing(peer: str | None) -> None:
    assert blamed(await ask(header(), peer=peer)) == OTHERS
    assert blamed(await ask(header(), ("X-Forwarded-For", PROXY), peer=peer)) == OTHERS


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Client-Cert", "")],
        [header(OTHER)],
        [("X-Client-Cert", header()[1])],
        [("Client-Cert-Chain", header()[1])],
    ],
    ids=range(5),
)
async def test_no_certificate_or_another_one(headers: list[tuple[str, str]]) -> None:
    assert blamed(await ask(*headers)) == OTHERS


@pytest.mark.parametrize(
    "value",
    [
        "x",
        ":x:",
        "::",
        ":AAAA:",
        header()[1][1:-1],
        header()[1].replace(":", ""),
        f"{header()[1]}, {header(OTHER)[1]}",
        f"{header()[1]};a=1",
        f":{base64.b64encode(DER + b'x').decode()}:",
        f":{base64.b64encode(PEM.encode()).decode()}:",
        quote(PEM + OTHER.public_bytes(Encoding.PEM).decode()),
        quote("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
        f":{base64.b64encode(OF_NO_VERSION).decode()}:",
        quote(ssl.DER_cert_to_PEM_cert(OF_NO_VERSION)),
        "é",
    ],
    ids=range(15),
)
async def test_what_is_no_certificate(value: str) -> None:
    assert blamed(await ask(("Client-Cert", value)))[::2] == (400, "invalid_request")


async def test_two_headers_are_refused() -> None:
    assert blamed(await ask(header(), header()))[::2] == (400, "invalid_request")
    assert blamed(await ask(header(OTHER), header()))[::2] == (400, "invalid_request")


async def test_our_own_tls_listener() -> None:
    """From whom our own server has shaken hands with, its header is nothing, and the certificate is what TLS says."""
    stranger = "203.0.113.9"
    other = OTHER.public_bytes(Encoding.PEM).decode()
    assert (await ask(peer=stranger, chain=[PEM])).status_code == 200
    assert (await ask(peer=stranger, chain=[PEM, other])).status_code == 200
    assert (await ask(header(OTHER), peer=stranger, chain=[PEM])).status_code == 200
    for chain in ([], [other], [other, PEM]):
        assert blamed(await ask(header(), peer=stranger, chain=chain)) == OTHERS
    assert blamed(await ask(peer=stranger, chain=["no PEM"]))[::2] == (400, "invalid_request")


async def test_a_proxys_own_certificate_is_not_its_callers() -> None:
    assert blamed(await ask(peer=PROXY, chain=[PEM])) == OTHERS


@pytest.mark.parametrize(
    "cnf",
    [{"x5t#S256": ""}, {"x5t#S256": 7}, {"x5t#S256": "é"}, {"x5t": CNF["x5t#S256"]}],
    ids=["empty", "a number", "not ASCII", "by SHA-1's name"],
)
async def test_a_binding_that_is_none(cnf: dict[str, Any]) -> None:
    assert blamed(await ask(header(), cnf=cnf)) == OTHERS


async def test_an_api_that_looks_for_no_certificates_takes_no_such_tokens() -> None:
    scene = Scene(peer=(PROXY, 1))
    response = await scene.ask(("authorization", f"Bearer {scene.token(cnf=CNF)}"), header())
    assert blamed(response) == (401, "DPoP", "invalid_token")


async def test_a_token_bound_to_both_needs_both() -> None:
    scene = Scene(api=BOUND, peer=(PROXY, 1))
    token = scene.token(cnf={"jkt": scene.key.jkt, **CNF})
    with_token = ("authorization", f"DPoP {token}")
    assert (await scene.ask(with_token, ("dpop", scene.proof(token)), header())).status_code == 200
    assert (await scene.ask(with_token, ("dpop", scene.proof(token)))).status_code == 401
    assert (await scene.ask(with_token, ("dpop", scene.proof(token)), header(OTHER))).status_code == 401
    assert (await scene.ask(with_token, header())).status_code == 401
    assert (await scene.ask(("authorization", f"Bearer {token}"), header())).status_code == 401


async def test_a_certificate_does_not_replace_a_proof() -> None:
    scene = Scene(api=BOUND, peer=(PROXY, 1))
    response = await scene.ask(("authorization", f"DPoP {scene.token(cnf=CNF)}"), header())
    assert blamed(response) == (401, "DPoP", "invalid_token")


def test_a_proxy_that_is_no_address_is_noticed_when_the_application_is_built() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        ClientCertificates(["proxy.example"])
