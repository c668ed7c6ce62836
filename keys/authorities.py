"""The authorities whose word about a client's name is taken (RFC 8705 §2.1, RFC 5280 §6).

Their file holds roots, and the authorities between them and clients: proxies hand on the client's certificate and
rarely its chain. Roots are those that signed themselves. We build and check the chain ourselves, whoever ended TLS: a
proxy need not know any authority, and what one knows opens nothing here. Lists of revoked certificates are not read:
who loses a key tells us, and the client is disabled or given another name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from keys.certificate import Certificate, read_certificate

LONGEST_CHAIN: Final = 4
"""Authorities between a client and a root, at most."""

GOOD_SECONDS: Final = 60
"""A chain that was found is looked for again after this long; the client's own certificate may end sooner."""

_REMEMBERED: Final = 1024


class UntrustedCertificate(Exception):
    """No authority of ours says whose this certificate is; the message is for the log."""


class Authorities:
    """Roots, and the authorities that they certify. Without roots nobody is believed."""

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        self.certificates = tuple(
            read_certificate(certificate.public_bytes(Encoding.DER)) for certificate in certificates
        )
        roots = [certificate for certificate in certificates if _signed_itself(certificate)]
        self._between = [certificate for certificate in certificates if certificate not in roots]
        self._store = Store(roots) if roots else None
        self._good_until: dict[tuple[bytes, ...], int] = {}

    @classmethod
    def read(cls, path: Path | None) -> Authorities:
        """The authorities of a file in PEM; none where no file is named.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds no certificate in PEM, or no root.
        """
        if path is None:
            return cls(())
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
        if not any(_signed_itself(certificate) for certificate in certificates):
            raise ValueError("none of its certificates signed itself: the root is missing")
        return cls(certificates)

    def verify(self, certificate: Certificate, now: int) -> None:
        """A chain from this certificate to a root, good at `now` (epoch seconds) for authenticating a TLS client.

        Raises:
            UntrustedCertificate: there is none.
        """
        if not certificate.not_before <= now <= certificate.not_after:
            raise UntrustedCertificate("it is not valid at this time")
        remembered = (certificate.der, *certificate.chain)
        if self._good_until.get(remembered, now) > now:
            return
        self._build(certificate, now)
        if len(self._good_until) >= _REMEMBERED:
            self._good_until.clear()
        self._good_until[remembered] = now + GOOD_SECONDS

    def _build(self, certificate: Certificate, now: int) -> None:
        if self._store is None:
            raise UntrustedCertificate("no authority is configured")
        policy = (
            PolicyBuilder()
            .store(self._store)
            .time(datetime.fromtimestamp(now, UTC).replace(tzinfo=None))
            .max_chain_depth(LONGEST_CHAIN)
            .extension_policies(ca_policy=_AUTHORITY, ee_policy=_LEAF)
        )
        try:
            sent = [x509.load_der_x509_certificate(one) for one in certificate.chain]
            leaf = x509.load_der_x509_certificate(certificate.der)
            policy.build_client_verifier().verify(leaf, [*sent, *self._between])
        except (VerificationError, ValueError, x509.InvalidVersion) as error:
            # What follows are names in certificates, which may be people's.
            raise UntrustedCertificate(str(error).partition(" (encountered")[0]) from error


NO_AUTHORITIES: Final = Authorities(())
"""Of an installation that certifies no clients."""


def _signed_itself(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _check_constraints(_: Policy, __: x509.Certificate, constraints: x509.BasicConstraints | None) -> None:
    if constraints is not None and constraints.ca:
        raise ValueError("it is an authority's own certificate")


def _check_key_usage(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.digital_signature:
        raise ValueError("its key is not for signatures (key usage)")


def _check_purpose(_: Policy, __: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    purposes = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if usage is not None and not purposes & set(usage):
        raise ValueError("its key is not for the authentication of clients (extended key usage)")


def _check_authority(_: Policy, __: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("an issuer is no authority (basic constraints)")


def _check_signing(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an issuer's key is not for certificates (key usage)")


# What RFC 5280 §6 asks of a chain. An authority that OpenSSL makes by itself says no key usage, which is allowed then.
_AUTHORITY: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _check_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _check_signing)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _check_purpose)
)
# Names of the Web, which the rules for sites want, are not what certificates of our clients need to hold.
_LEAF: Final = (
    ExtensionPolicy.permit_all()
    .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _check_constraints)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _check_key_usage)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _check_purpose)
)
