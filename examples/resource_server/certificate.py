"""The certificate that a caller showed in the TLS handshake, and what it confirms (RFC 8705 §3)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.datastructures import Headers
from starlette.types import Scope

from .refusal import invalid_request

HEADER = "client-cert"
MALFORMED = (ValueError, x509.InvalidVersion)
_BINARY = re.compile(r":([A-Za-z0-9+/]+={0,2}):")
"""A byte sequence (RFC 9651 §3.3.5), as RFC 9440 §2.1 writes a certificate."""


class ClientCertificates:
    """Where certificates are found: in the header `Client-Cert` of *your* proxies, else in your own TLS listener.

    `proxies` are the addresses or networks from which connections come that only your proxy can open; it must ask for
    certificates and take the caller's own `Client-Cert` away. The header counts from nowhere else. It holds what
    RFC 9440 says, or an escaped PEM, which is what nginx has in `$ssl_client_escaped_cert`.

    The address is that of the connection. Let no server rewrite it from `X-Forwarded-For`: with uvicorn, say
    `proxy_headers=False`.
    """

    def __init__(self, proxies: Sequence[str] = ()) -> None:
        self._networks = [ip_network(proxy) for proxy in proxies]

    def find_thumbprint(self, scope: Scope) -> str:
        """`x5t#S256` of the caller's certificate, empty where none was shown.

        Whose it is and who issued it is no matter here: the token is bound to this one certificate, whose key the
        other end of the connection holds.

        Raises:
            Refused: a proxy sent several, or what is none.
        """
        der = self._handed_on(scope) if self._is_from_proxy(scope) else _shown(scope)
        return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode() if der else ""

    def _is_from_proxy(self, scope: Scope) -> bool:
        try:
            address = _plain(ip_address(scope["client"][0]))
        except (KeyError, TypeError, ValueError):
            return False
        return any(address in network for network in self._networks)

    def _handed_on(self, scope: Scope) -> bytes:
        sent = [value for value in Headers(scope=scope).getlist(HEADER) if value.strip()]
        if len(sent) > 1:
            raise invalid_request("Client-Cert was sent more than once")
        return _read_header(sent[0].strip()) if sent else b""


def _shown(scope: Scope) -> bytes:
    """What our own TLS listener was shown (ASGI TLS extension): the caller's own certificate comes first."""
    tls = (scope.get("extensions") or {}).get("tls") or {}
    leaf = next(iter(tls.get("client_cert_chain") or ()), None)
    return b"" if leaf is None else _read_pem(leaf)


def _read_header(value: str) -> bytes:
    binary = _BINARY.fullmatch(value)
    if binary is None:
        return _read_pem(unquote(value))
    try:
        der = base64.b64decode(binary[1], validate=True)
        x509.load_der_x509_certificate(der)
    except MALFORMED as error:
        raise invalid_request("Client-Cert is not a certificate as RFC 9440 writes it") from error
    return der


def _read_pem(text: str) -> bytes:
    try:
        (certificate,) = x509.load_pem_x509_certificates(text.encode())
    except MALFORMED as error:
        raise invalid_request("the client certificate is not one certificate in PEM") from error
    return certificate.public_bytes(Encoding.DER)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address as such, also where a socket for both families writes it as IPv6."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
