"""No address that a client registers leads us into our own network, whatever it is called and wherever it moves to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from idp.http import outbound
from idp.http.outbound import AddressNotAllowed, AnswerLate, Outbound, OutboundError
from idp.http.outbound_addresses import Resolve, is_public, resolve_by_system
from tests.support.receiving_portal import ReceivingPortal, receiving_portal, status

LOOPBACK = ("127.0.0.0/8",)
FORM = {"logout_token": "a.b.c"}
NAME = "portal.example"


@pytest.fixture
async def portal() -> AsyncIterator[ReceivingPortal]:
    async with receiving_portal() as running:
        yield running


def resolver(*answers: Sequence[str]) -> tuple[Resolve, list[str]]:
    """A name server that gives one answer after the other, and who asked it."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - "this host" of RFC 1122
        "10.0.0.1",
        "100.64.0.1",  # behind a carrier's translation
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",  # the metadata service of clouds
        "172.16.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2001:db8::1",
        "2001:0:7f00:1::1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "3fff::1",
        "5f00::1",
        "ff02::1",
    ],
)
async def test_an_address_that_is_not_public_is_not_called(address: str) -> None:
    assert not is_public(ip_address(address))
    resolve, asked = resolver([address])
    with pytest.raises(AddressNotAllowed):
        await Outbound(resolve=resolve).post_form(f"http://{NAME}/", FORM)
    assert asked == [NAME]


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "203.162.0.1", "2001:dc8::1", "64:ff9b::101:101", "2002:101:101::"]
)
def test_an_address_that_everybody_reaches_may_be_called(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "017700000001", "[::1]"]
)
async def test_no_spelling_of_this_machine_gets_through(host: str) -> None:
    async def resolve(name: str, port: int) -> Sequence[str]:
        spelled = {"127.1", "2130706433", "0x7f000001", "017700000001"}  # as a system's library reads them
        return ["127.0.0.1"] if name in spelled else await resolve_by_system(name, port)

    with pytest.raises(AddressNotAllowed):
        await Outbound(resolve=resolve).post_form(f"http://{host}:8080/", FORM)


async def test_a_form_is_posted_to_an_allowed_network(portal: ReceivingPortal) -> None:
    assert await Outbound(LOOPBACK).post_form(portal.uri, FORM) == 200
    (request,) = portal.received
    assert (request.path, request.host) == ("/logout", f"127.0.0.1:{portal.port}")
    assert request.content_type == "application/x-www-form-urlencoded"
    assert request.form == {"logout_token": ["a.b.c"]}


async def test_another_network_stays_closed(portal: ReceivingPortal) -> None:
    with pytest.raises(AddressNotAllowed):
        await Outbound(["10.20.0.0/16", "::1/128"]).post_form(portal.uri, FORM)
    assert portal.received == []


async def test_a_name_is_resolved_once_and_that_address_is_called(portal: ReceivingPortal) -> None:
    """A name that leads elsewhere a moment later (DNS rebinding) is not asked a second time."""
    resolve, asked = resolver(["127.0.0.1"], ["10.0.0.1"])
    assert await Outbound(LOOPBACK, resolve=resolve).post_form(portal.at(NAME), FORM) == 200
    assert asked == [NAME]
    assert portal.received[0].host == f"{NAME}:{portal.port}"


async def test_of_several_addresses_only_allowed_ones_are_called(portal: ReceivingPortal) -> None:
    resolve, _ = resolver(["10.0.0.1", "127.0.0.9", "127.0.0.1"])
    assert await Outbound(["127.0.0.1/32"], resolve=resolve).post_form(portal.at(NAME), FORM) == 200


async def test_where_one_address_does_not_listen_the_next_is_called(portal: ReceivingPortal) -> None:
    resolve, _ = resolver(["127.0.0.77", "127.0.0.1"])
    assert await Outbound(LOOPBACK, resolve=resolve).post_form(portal.at(NAME), FORM) == 200


@pytest.mark.parametrize("code", [204, 301, 302, 307, 308, 400, 500, 503])
async def test_the_status_is_told_and_no_redirect_followed(portal: ReceivingPortal, code: int) -> None:
    portal.answer = lambda _: status(code, f"Location: {portal.at('127.0.0.1', '/secret')}")
    assert await Outbound(LOOPBACK).post_form(portal.uri, FORM) == code
    assert [request.path for request in portal.received] == ["/logout"]


async def test_a_body_is_not_read(portal: ReceivingPortal) -> None:
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b"x" * 0xFFFF
    portal.answer = lambda _: endless
    assert await Outbound(LOOPBACK).post_form(portal.uri, FORM) == 200


@pytest.mark.parametrize(
    "answer", [None, b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000]
)
async def test_what_is_no_answer_is_said_so(portal: ReceivingPortal, answer: bytes | None) -> None:
    portal.answer = lambda _: answer
    with pytest.raises(OutboundError) as failed:
        await Outbound(LOOPBACK).post_form(portal.uri, FORM)
    assert failed.value.code == "unreachable"


async def test_nobody_listens() -> None:
    async with receiving_portal() as gone:
        uri = gone.uri
    with pytest.raises(OutboundError):
        await Outbound(LOOPBACK).post_form(uri, FORM)


async def test_who_does_not_answer_is_not_waited_for(
    portal: ReceivingPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "WHOLE_SECONDS", 0.2)
    portal.gate.clear()
    with pytest.raises(AnswerLate):
        await Outbound(LOOPBACK).post_form(portal.uri, FORM)


async def test_a_name_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "WHOLE_SECONDS", 0.1)

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(AnswerLate):
        await Outbound(resolve=resolve).post_form(f"https://{NAME}/", FORM)


async def test_a_name_without_an_address_is_unreachable() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    with pytest.raises(OutboundError) as failed:
        await Outbound(resolve=resolve).post_form(f"https://{NAME}/", FORM)
    assert failed.value.code == "unreachable"


async def test_no_proxy_of_the_environment_is_used(
    portal: ReceivingPortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await Outbound(LOOPBACK).post_form(portal.uri, FORM) == 200


@pytest.fixture(scope="module")
def certified(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], tuple[ssl.SSLContext, ssl.SSLContext]]:
    """Contexts of a server with a certificate for a name, and of a client that trusts it."""

    def make(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        file = _certificate(name, tmp_path_factory.mktemp("tls"))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(file)
        return server, ssl.create_default_context(cafile=file)

    return make


def _certificate(name: str, folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "tls.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


async def test_the_certificate_must_be_of_the_name_although_the_address_is_called(
    certified: Callable[[str], tuple[ssl.SSLContext, ssl.SSLContext]],
) -> None:
    resolve, _ = resolver(["127.0.0.1"])
    server, trusting = certified(NAME)
    async with receiving_portal(server) as portal:
        caller = Outbound(LOOPBACK, tls=trusting, resolve=resolve)
        assert await caller.post_form(portal.at(NAME), FORM) == 200
        for uri, stranger in (
            (portal.at("other.example"), caller),
            (portal.at(NAME), Outbound(LOOPBACK, resolve=resolve)),
        ):
            with pytest.raises(OutboundError) as failed:
                await stranger.post_form(uri, FORM)
            assert failed.value.code == "unreachable"
        assert len(portal.received) == 1
