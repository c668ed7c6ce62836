"""The certificate that a client proved itself with in the TLS handshake: with us, or with our own proxy in front.

A proxy of ours hands it on as RFC 9440 says, or as nginx and the load balancers of clouds write it (PEM, escaped as in
an address). It is believed from trusted proxies alone, and on the host of `IDP_MTLS_URL` alone, where the proxy asks
for certificates: on every other host nobody takes the caller's own header away. Whoever reaches our own listener
has shown the certificate to us, as the TLS extension of ASGI tells; no header of theirs is read.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from typing import Final
from urllib.parse import unquote, urlsplit

from starlette.types import Scope

from idp.http.client_address import UNKNOWN, TrustedProxies
from idp.http.refusal import malformed
from keys.certificate import Certificate, InvalidCertificate, read_certificate

CERTIFICATE: Final = b"client-cert"
CHAIN: Final = b"client-cert-chain"

MOST_IN_CHAIN: Final = 8
"""Certificates between a client's and its root; real chains have one or two."""

_BINARY: Final = re.compile(r":([A-Za-z0-9+/]+={0,2}):")
"""A byte sequence (RFC 9651 §3.3.5)."""
_PEM: Final = re.compile(r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")
_ESCAPED: Final = "-----BEGIN%20"
_DEFAULT_PORT: Final = 443


class PeerCertificates:
    """Where the certificates of callers are found. Without `mtls_url` nobody has one."""

    def __init__(self, mtls_url: str, proxies: TrustedProxies) -> None:
        self._host = authority_of(mtls_url).encode() if mtls_url else b""
        self._proxies = proxies

    def read(self, scope: Scope) -> Certificate | None:
        """The caller's certificate, or None where there is none.

        Raises:
            Refusal: 400, our proxy sent what is no certificate, or several.
        """
        if not self._host:
            return None
        client = scope.get("client")
        if self._proxies.trusts(client[0] if client else UNKNOWN):
            return _handed_on(scope) if self._is_asking(scope) else None
        return _shown(scope)

    def _is_asking(self, scope: Scope) -> bool:
        hosts = [value.lower() for name, value in scope["headers"] if name == b"host"]
        return hosts == [self._host]


def authority_of(url: str) -> str:
    """Host and port as a `Host` header has them: the port only where it is not the standard one."""
    parts = urlsplit(url)
    host = parts.netloc.lower()
    return host.removesuffix(f":{_DEFAULT_PORT}") if parts.scheme == "https" else host


def _handed_on(scope: Scope) -> Certificate | None:
    """What our proxy says; an empty header is how some of them say that there was no certificate."""
    sent = [value.decode("latin-1").strip() for name, value in scope["headers"] if name == CERTIFICATE]
    chain = [value.decode("latin-1") for name, value in scope["headers"] if name == CHAIN]
    further = _read_chain(",".join(filter(str.strip, chain)))
    if not any(sent):
        if further:
            raise malformed("Client-Cert-Chain without Client-Cert (RFC 9440 section 2.3)")
        return None
    if len(sent) > 1:
        raise malformed("Client-Cert was sent more than once (RFC 9440 section 2.2)")
    if sent[0].startswith(_ESCAPED):
        leaf, *also = _read_pem(unquote(sent[0]))
        return _read(leaf, (*also, *further))
    return _read(_read_binary(sent[0]), further)


def _shown(scope: Scope) -> Certificate | None:
    """What our own listener was shown (ASGI TLS extension: the client's certificate first)."""
    tls = scope.get("extensions", {}).get("tls", {})
    ders = tuple(der for pem in tls.get("client_cert_chain", ()) for der in _read_pem(pem))
    return _read(ders[0], ders[1:]) if ders else None


def _read_binary(text: str) -> bytes:
    match = _BINARY.fullmatch(text)
    if match is None:
        raise malformed("Client-Cert is not a certificate as RFC 9440 section 2.1 writes it")
    return _decode(match[1])


def _read_chain(text: str) -> tuple[bytes, ...]:
    return tuple(_read_binary(member.strip(" \t")) for member in text.split(",")) if text else ()


def _read_pem(text: str) -> tuple[bytes, ...]:
    found, end = [], 0
    while end < len(text):
        match = _PEM.match(text, end)
        if match is None:
            raise malformed("Client-Cert is not a certificate in PEM")
        found.append(_decode("".join(match[1].split())))
        end = match.end()
    return tuple(found)


def _decode(text: str) -> bytes:
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise malformed("the certificate in Client-Cert is not base64") from error


def _read(der: bytes, chain: tuple[bytes, ...]) -> Certificate:
    if len(chain) > MOST_IN_CHAIN:
        raise malformed(f"more than {MOST_IN_CHAIN} certificates in a chain")
    try:
        return read_certificate(der, chain)
    except InvalidCertificate as error:
        raise malformed(str(error)) from error
