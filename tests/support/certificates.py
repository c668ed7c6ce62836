"""Certificates of clients and of servers, made up for a test."""

from __future__ import annotations

import ipaddress
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from keys.jwk import public_members

CLIENTS = ExtendedKeyUsageOID.CLIENT_AUTH
SERVERS = ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Holder:
    """A certificate, its private key (P-256), and the authorities between it and its root."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    above: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def header(self) -> str:
        """As RFC 9440 §2.1 writes it."""
        return f":{b64encode(self.der).decode()}:"

    @property
    def escaped(self) -> str:
        """As nginx writes it (`$ssl_client_escaped_cert`)."""
        return quote(self.pem, safe="")

    def jwk(self, kid: str = "certified") -> dict[str, Any]:
        """The key with its certificate (RFC 7517 §4.7)."""
        x5c = [b64encode(self.der).decode()]
        return {**public_members(self.key.public_key()), "kid": kid, "use": "sig", "x5c": x5c}

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Files with the certificate and what stands above it, and with the key."""
        chain, key = folder / f"{name}.crt", folder / f"{name}.key"
        above = "".join(one.public_bytes(Encoding.PEM).decode() for one in self.above)
        chain.write_text(self.pem + above, encoding="ascii")
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return chain, key


def _names(
    dns: Sequence[str], uris: Sequence[str], ips: Sequence[str], emails: Sequence[str]
) -> x509.ExtensionType:
    return x509.SubjectAlternativeName(
        [
            *map(x509.DNSName, dns),
            *map(x509.UniformResourceIdentifier, uris),
            *(x509.IPAddress(ipaddress.ip_address(ip)) for ip in ips),
            *map(x509.RFC822Name, emails),
        ]
    )


@dataclass(frozen=True)
class Wish:
    """What a certificate is to say; `begins` and `ends` are seconds from `at`, which is now unless it is named."""

    subject: str
    dns: Sequence[str] = ()
    uris: Sequence[str] = ()
    ips: Sequence[str] = ()
    emails: Sequence[str] = ()
    usage: ObjectIdentifier | None = None
    authority: bool = False
    depth: int | None = None
    """Authorities that may follow below it."""
    begins: int = -3600
    ends: int = 86400
    at: int | None = None
    plain: bool = False
    """Without any extension, as old tools make them."""


def _sign(wish: Wish, issuer: Holder | None, key: ec.EllipticCurvePrivateKey | None = None) -> Holder:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name.from_rfc4514_string(wish.subject)
    now = datetime.fromtimestamp(int(time.time()) if wish.at is None else wish.at, UTC)
    signer = key if issuer is None else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(seconds=wish.begins))
        .not_valid_after(now + timedelta(seconds=wish.ends))
    )
    if not wish.plain:
        builder = _extended(builder, wish, key.public_key(), signer.public_key())
    above = () if issuer is None else (issuer.certificate, *issuer.above)
    return Holder(builder.sign(signer, hashes.SHA256()), key, above)


def _extended(
    builder: x509.CertificateBuilder,
    wish: Wish,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    usages = {
        "digital_signature": not wish.authority,
        "key_cert_sign": wish.authority,
        "crl_sign": wish.authority,
    }
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
              "decipher_only")  # fmt: skip
    builder = (
        builder.add_extension(x509.BasicConstraints(wish.authority, wish.depth), critical=True)
        .add_extension(x509.KeyUsage(**usages, **dict.fromkeys(others, False)), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )
    if wish.usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([wish.usage]), critical=False)
    if any((wish.dns, wish.uris, wish.ips, wish.emails)):
        builder = builder.add_extension(_names(wish.dns, wish.uris, wish.ips, wish.emails), critical=False)
    return builder


def self_signed(wish: Wish, *, key: ec.EllipticCurvePrivateKey | None = None) -> Holder:
    """A certificate that vouches for itself; of a fresh key unless one is named."""
    return _sign(wish, None, key)


def issued(wish: Wish, issuer: Holder) -> Holder:
    """A certificate by an authority."""
    return _sign(wish, issuer)


def root(subject: str = "CN=Test Root,O=Test Authority,C=VN", *, at: int | None = None) -> Holder:
    """An authority that nobody stands above."""
    return self_signed(Wish(subject, authority=True, at=at))


def server(host: str = "localhost") -> Holder:
    """A server's certificate for this machine; it is its own root."""
    return self_signed(Wish(f"CN={host}", dns=(host,), ips=("127.0.0.1",), usage=SERVERS))
