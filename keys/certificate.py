"""What a client's TLS certificate says (RFC 5280), read once into a value: whose it is, and its digest (RFC 8705 §3.1).

Who read it here has proven nothing but that the other end of a TLS connection holds its key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from keys import base64url

_REMEMBERED: Final = 256
"""Certificates of a worker: a client shows the same one with every request."""

LEAST_RSA_BITS: Final = 2048
LEAST_CURVE_BITS: Final = 224

_TYPES: Final[Mapping[str, x509.ObjectIdentifier]] = {
    "C": NameOID.COUNTRY_NAME,
    "CN": NameOID.COMMON_NAME,
    "DC": NameOID.DOMAIN_COMPONENT,
    "E": NameOID.EMAIL_ADDRESS,
    "EMAIL": NameOID.EMAIL_ADDRESS,
    "EMAILADDRESS": NameOID.EMAIL_ADDRESS,
    "GIVENNAME": NameOID.GIVEN_NAME,
    "GN": NameOID.GIVEN_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "ORGANIZATIONIDENTIFIER": NameOID.ORGANIZATION_IDENTIFIER,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "POSTALCODE": NameOID.POSTAL_CODE,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "SN": NameOID.SURNAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "STREET": NameOID.STREET_ADDRESS,
    "SURNAME": NameOID.SURNAME,
    "TITLE": NameOID.TITLE,
    "UID": NameOID.USER_ID,
}
"""Short names of attributes: those of RFC 4514 §3, and the ones that OpenSSL and Java print."""

_MALFORMED: Final = (
    ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip
_STRING_TAGS: Final = frozenset({0x0C, 0x13, 0x16})  # X.690: UTF8String, PrintableString, IA5String
_TYPE: Final = re.compile(r"(^|(?<!\\)[,+])([A-Za-z][A-Za-z0-9-]*)(?==)")
_ENCODED: Final = re.compile(r"(^|(?<!\\)[,+])([A-Za-z0-9.-]+)=#((?:[0-9A-Fa-f]{2})+)(?=[,+]|$)")
_SPECIAL: Final = re.compile(r'([\\"+,;<>#= ])')


class InvalidCertificate(ValueError):
    """Octets that are no certificate, or a name that is none; the message is one sentence for the client."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that the other end of a connection showed, and whose key it holds. Times are epoch seconds."""

    der: bytes = field(repr=False)
    x5t_s256: str
    """SHA-256 of the DER octets, base64url: the confirmation method of RFC 8705 §3.1."""
    subject_dn: str
    """The subject as RFC 4514 writes it: the most specific attribute first."""
    san_dns: tuple[str, ...]
    san_uri: tuple[str, ...]
    san_ip: tuple[str, ...]
    san_email: tuple[str, ...]
    not_before: int
    not_after: int
    chain: tuple[bytes, ...] = field(default=(), repr=False)
    """Further certificates (DER) that came with it, in the order they came; nobody has verified them."""


def thumbprint_of(der: bytes) -> str:
    """SHA-256 of a certificate, base64url (RFC 8705 §3.1 `x5t#S256`)."""
    return base64url.encode_text(hashlib.sha256(der).digest())


def _alternatives(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _check_strength(certificate: x509.Certificate) -> None:
    """FAPI 2.0 Security Profile §5.4.1."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        strong = key.key_size >= (LEAST_RSA_BITS if isinstance(key, rsa.RSAPublicKey) else LEAST_CURVE_BITS)
    else:
        strong = isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)
    if not strong:
        raise InvalidCertificate(
            f"The key of a certificate is RSA of {LEAST_RSA_BITS} bits, a curve of {LEAST_CURVE_BITS}, or EdDSA,"
            " at least."
        )


@lru_cache(_REMEMBERED)
def read_certificate(der: bytes, chain: tuple[bytes, ...] = ()) -> Certificate:
    """Read one certificate from DER.

    Raises:
        InvalidCertificate: anything else than one well-formed X.509 certificate, or of a weak key.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        _check_strength(certificate)
        names = _alternatives(certificate) or x509.SubjectAlternativeName([])
        return Certificate(
            der=der,
            x5t_s256=thumbprint_of(der),
            subject_dn=certificate.subject.rfc4514_string(),
            san_dns=tuple(names.get_values_for_type(x509.DNSName)),
            san_uri=tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
            san_ip=tuple(str(address) for address in names.get_values_for_type(x509.IPAddress)),
            san_email=tuple(names.get_values_for_type(x509.RFC822Name)),
            not_before=int(certificate.not_valid_before_utc.timestamp()),
            not_after=int(certificate.not_valid_after_utc.timestamp()),
            chain=chain,
        )
    except InvalidCertificate:
        raise
    except _MALFORMED as error:
        raise InvalidCertificate("The client certificate is not a well-formed X.509 certificate.") from error


def _decoded(match: re.Match[str]) -> str:
    """An attribute whose value stands as its BER encoding (RFC 4514 §2.4), written as text instead."""
    octets = bytes.fromhex(match[3])
    if len(octets) < 2 or octets[0] not in _STRING_TAGS or octets[1] != len(octets) - 2:
        raise ValueError(match[0])
    value = _SPECIAL.sub(r"\\\1", octets[2:].decode())
    return f"{match[1]}{match[2]}={value}"


def _spelled(match: re.Match[str]) -> str:
    known = _TYPES.get(match[2].upper())
    return match[0] if known is None else f"{match[1]}{known.dotted_string}"


@lru_cache(_REMEMBERED)
def read_distinguished_name(text: str) -> x509.Name:
    """A name as RFC 4514 writes it, so that two spellings of one name are equal; values are compared as they are.

    Raises:
        InvalidCertificate: another notation, or an attribute whose short name is not known.
    """
    try:
        name = x509.Name.from_rfc4514_string(_TYPE.sub(_spelled, _ENCODED.sub(_decoded, text)))
    except ValueError as error:
        raise InvalidCertificate(
            "A distinguished name is written as RFC 4514 says: CN=...,O=...,C=VN."
        ) from error
    if not name.rdns:
        raise InvalidCertificate("A distinguished name has at least one attribute.")
    return name
