"""Client certificates that our own TLS listener lets through the handshake beside those of known authorities.

OpenSSL, as Python gives it to us, checks a client's certificate in the handshake or asks for none; it cannot, as nginx
can (`optional_no_ca`), ask for one and leave the judgement to us. So what clients have registered themselves is made
known to it. That opens a door and no more: who a certificate stands for is decided afterwards, by rules that read no
store of OpenSSL's. What was let through once is let through until the worker ends, then refused by those rules.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
from collections.abc import Iterable

from keys.certificate import InvalidCertificate, read_certificate

logger = logging.getLogger("motcua.certificates")


class AcceptedCertificates:
    """The registered certificates of a worker, and the TLS context of its listener, if it has one that asks for any."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None
        self._known: set[bytes] = set()
        self._authorities: frozenset[str] = frozenset()

    @property
    def wanted(self) -> bool:
        """Whether a listener asks for certificates, so that somebody has to tell it the registered ones."""
        return self._context is not None

    def attach(self, context: ssl.SSLContext) -> None:
        """The context of the listener, the authorities of `IDP_CLIENT_CA_FILE` in it already."""
        self._context = context
        known = context.get_ca_certs(binary_form=True)
        self._authorities = frozenset(read_certificate(der).subject_dn for der in known)

    def accept(self, certificates: Iterable[bytes]) -> None:
        """Let these (DER) through from now on; those that it knows already cost nothing."""
        if self._context is None:
            return
        for der in certificates:
            digest = hashlib.sha256(der).digest()
            if digest not in self._known:
                self._known.add(digest)
                self._load(self._context, der, digest)

    def _load(self, context: ssl.SSLContext, der: bytes, digest: bytes) -> None:
        """One that bears an authority's name is left out: it could be taken for the issuer of others' certificates."""
        try:
            if read_certificate(der).subject_dn in self._authorities:
                logger.warning(
                    "registered certificate %s bears an authority's name: not loaded", digest.hex()
                )
                return
            context.load_verify_locations(cadata=der)
        except (InvalidCertificate, ssl.SSLError) as error:
            logger.warning("registered certificate %s was not loaded: %s", digest.hex(), error)
