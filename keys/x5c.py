"""The certificate of a published key (RFC 7517 §4.7 `x5c`)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from keys.certificate import read_certificate
from keys.signatures import PublicKey


def read_x5c(jwk: Mapping[str, object], public_key: PublicKey) -> bytes | None:
    """The key's own certificate (DER), the first of its `x5c`; None where there is none that is of this key.

    A key verifies signatures without one, so a certificate that is unfit is passed over and spoils no set.
    """
    chain = jwk.get("x5c")
    if not isinstance(chain, list) or not chain or not isinstance(chain[0], str):
        return None
    try:
        certificate = read_certificate(b64decode(chain[0], validate=True))  # base64, not base64url
        certified = x509.load_der_x509_certificate(certificate.der).public_key()
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return None
    return certificate.der if certified == public_key else None
