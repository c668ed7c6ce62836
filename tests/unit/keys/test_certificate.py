"""What a certificate says is read once, and two spellings of a name are one name."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from keys import base64url
from keys.certificate import InvalidCertificate, read_certificate, read_distinguished_name
from tests.support.certificates import Wish, self_signed

NAME = "CN=portal,O=Sở Y tế\\, Hà Nội,C=VN"


def test_everything_that_a_client_may_be_known_by() -> None:
    wish = Wish(
        NAME,
        dns=("portal.example.vn", "*.example.vn"),
        uris=("https://portal.example.vn/id",),
        ips=("192.0.2.7", "2001:db8::7"),
        emails=("portal@example.vn",),
    )
    holder = self_signed(wish)
    read = read_certificate(holder.der, (b"further",))
    assert read.der == holder.der
    assert read.chain == (b"further",)
    assert read.x5t_s256 == base64url.encode_text(hashlib.sha256(holder.der).digest())
    assert read_distinguished_name(read.subject_dn) == holder.certificate.subject
    assert (read.san_dns, read.san_uri, read.san_ip, read.san_email) == (
        tuple(wish.dns),
        tuple(wish.uris),
        tuple(wish.ips),
        tuple(wish.emails),
    )
    assert read.not_after - read.not_before == 3600 + 86400


def test_a_certificate_without_other_names() -> None:
    read = read_certificate(self_signed(Wish(NAME, plain=True)).der)
    assert (read.san_dns, read.san_uri, read.san_ip, read.san_email, read.chain) == ((), (), (), (), ())


@pytest.mark.parametrize("der", [b"", b"0", b"\x30\x00", b"-----BEGIN CERTIFICATE-----"])
def test_octets_that_are_no_certificate(der: bytes) -> None:
    with pytest.raises(InvalidCertificate, match="not a well-formed"):
        read_certificate(der)


def test_a_version_that_there_is_not() -> None:
    """RFC 5280 §4.1.2.1."""
    der = self_signed(Wish(NAME)).der
    assert der.count(b"\xa0\x03\x02\x01\x02") == 1
    with pytest.raises(InvalidCertificate, match="well-formed"):
        read_certificate(der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x42"))


def test_nothing_may_follow_a_certificate() -> None:
    with pytest.raises(InvalidCertificate):
        read_certificate(self_signed(Wish(NAME)).der + b"\x00")


@pytest.mark.parametrize(
    ("key", "accepted"),
    [
        (rsa.generate_private_key(65537, 1024), False),  # noqa: S505 - refused here
        (rsa.generate_private_key(65537, 2048), True),
        (ec.generate_private_key(ec.SECP192R1()), False),
        (ec.generate_private_key(ec.SECP384R1()), True),
        (ed25519.Ed25519PrivateKey.generate(), True),
    ],
)
def test_weak_keys_are_refused(key: Any, *, accepted: bool) -> None:
    name, now = x509.Name.from_rfc4514_string("CN=portal"), datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(1))
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    if accepted:
        assert read_certificate(signed).der == signed
    else:
        with pytest.raises(InvalidCertificate, match="key of a certificate"):
            read_certificate(signed)


@pytest.mark.parametrize(
    "spelling",
    [
        NAME,
        "cn=portal,o=Sở Y tế\\, Hà Nội,c=VN",
        "2.5.4.3=portal,2.5.4.10=Sở Y tế\\2C Hà Nội,2.5.4.6=VN",
        "CN=#0c06706f7274616c,O=Sở Y tế\\, Hà Nội,C=#1302564e",
        "CN=por\\74al,O=Sở Y tế\\, Hà Nội,C=VN",
    ],
)
def test_spellings_of_one_name(spelling: str) -> None:
    assert read_distinguished_name(spelling) == read_distinguished_name(NAME)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=portal,O=A,C=VN", "CN=portal,O=B,C=VN"),
        ("CN=portal,O=A,C=VN", "C=VN,O=A,CN=portal"),
        ("CN=portal,O=A", "CN=portal\\,O=A"),
        ("CN=portal,O=A", "CN=portal+O=A"),
        ("CN=portal", "CN=Portal"),
        ("CN=portal", "OU=portal"),
        ("CN=portal", "CN=portal,CN=portal"),
        ("CN=a\\,O=#0c0142", "CN=a,O=B"),
    ],
)
def test_names_that_are_not_the_same(one: str, other: str) -> None:
    assert read_distinguished_name(one) != read_distinguished_name(other)


@pytest.mark.parametrize("short", ["emailAddress", "E", "1.2.840.113549.1.9.1"])
def test_short_names_that_tools_print(short: str) -> None:
    name = read_distinguished_name(f"{short}=portal@example.vn,CN=portal")
    assert name == read_distinguished_name(
        "1.2.840.113549.1.9.1=#1611706f7274616c406578616d706c652e766e,CN=portal"
    )


@pytest.mark.parametrize(
    "text",
    ["", "portal", "/C=VN/CN=portal", "C = VN, CN = portal", "CN=portal,", "nickname=portal", "CN=#0c", "=x"],
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(InvalidCertificate, match="istinguished name"):
        read_distinguished_name(text)
