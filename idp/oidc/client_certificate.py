"""Authentication by the certificate of the connection (RFC 8705 §2): by its name, or by being the registered one.

The handshake has proven that the caller holds the certificate's key; nothing here looks at that again.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from idp.errors import InvalidClient, InvalidClientMetadata
from idp.oidc.client import Client
from idp.oidc.client_keys import ClientKeys
from idp.oidc.metadata_fields import CERTIFICATE_NAMES
from idp.oidc.profile import TLS_METHODS
from idp.settings import Settings
from keys.authorities import Authorities, UntrustedCertificate
from keys.certificate import Certificate, InvalidCertificate, read_distinguished_name


def is_subject(text: str, certificate: Certificate) -> bool:
    """Whether this is the name of the certificate's subject, however it is spelled (RFC 4514)."""
    try:
        return read_distinguished_name(text) == read_distinguished_name(certificate.subject_dn)
    except InvalidCertificate:
        return False


_FITS: Final[Mapping[str, Callable[[str, Certificate], bool]]] = MappingProxyType(
    {
        "tls_client_auth_subject_dn": is_subject,
        "tls_client_auth_san_dns": lambda text, shown: text.lower() in map(str.lower, shown.san_dns),
        "tls_client_auth_san_uri": lambda text, shown: text in shown.san_uri,
        "tls_client_auth_san_ip": lambda text, shown: str(ipaddress.ip_address(text)) in shown.san_ip,
        "tls_client_auth_san_email": lambda text, shown: text in shown.san_email,
    }
)
"""How each registered name is found in a certificate (RFC 8705 §2.1.2)."""


async def verify_certificate(
    certificate: Certificate | None, client: Client, keys: ClientKeys, authorities: Authorities, now: int
) -> None:
    """That the caller's certificate is this client's, by the method that the client is registered for.

    Raises:
        InvalidClient: none was shown, or another one.
    """
    if certificate is None:
        raise InvalidClient(
            "this client authenticates by its certificate, and none was shown: connect with it, to the address in"
            " mtls_endpoint_aliases (RFC 8705 section 5)"
        )
    if client.token_endpoint_auth_method == "tls_client_auth":
        _verify_name(certificate, client, authorities, now)
    else:
        await _verify_registered(certificate, client, keys, now)


def _verify_name(certificate: Certificate, client: Client, authorities: Authorities, now: int) -> None:
    """RFC 8705 §2.1: an authority of ours says whose the certificate is, and it is the client's."""
    try:
        authorities.verify(certificate, now)
    except UntrustedCertificate as error:
        raise InvalidClient(
            "the certificate is not in its time, or not by an authority that certifies clients here",
            detail=f"certificate {certificate.x5t_s256}: {error}",
        ) from error
    name = next(name for name in CERTIFICATE_NAMES if getattr(client, name))
    if not _FITS[name](getattr(client, name), certificate):
        raise InvalidClient(
            f"the certificate has another name than the registered {name}",
            detail=f"certificate {certificate.x5t_s256}",
        )


async def _verify_registered(certificate: Certificate, client: Client, keys: ClientKeys, now: int) -> None:
    """RFC 8705 §2.2: the certificate itself is registered; who has signed it does not matter."""
    found = await keys.keys_certified(client, certificate.der)
    if found is None:
        raise InvalidClient(f"the keys at the jwks_uri of this client cannot be had: {keys.failure(client)}")
    if certificate.der not in found.certificates:
        raise InvalidClient("the certificate is in no x5c of the client's jwks (RFC 8705 section 2.2.2)")
    if not certificate.not_before <= now <= certificate.not_after:
        raise InvalidClient("the registered certificate is not valid at this time: register a new one")


def check_certificate_metadata(client: Client) -> None:
    """What a client registers of its certificate can be found in one.

    Raises:
        InvalidClientMetadata: with one sentence.
    """
    method = client.token_endpoint_auth_method
    named = [name for name in CERTIFICATE_NAMES if getattr(client, name)]
    if method == "tls_client_auth" and len(named) != 1:
        raise InvalidClientMetadata(
            f"tls_client_auth needs exactly one of {', '.join(CERTIFICATE_NAMES)} (RFC 8705 section 2.1.2)"
        )
    if method != "tls_client_auth" and named:
        raise InvalidClientMetadata(f"{named[0]} is for tls_client_auth")
    if method == "self_signed_tls_client_auth":
        _check_registered(client)
    _check_spelling(client)


def _check_registered(client: Client) -> None:
    if client.jwks is None and not client.jwks_uri:
        raise InvalidClientMetadata(
            "self_signed_tls_client_auth needs jwks or jwks_uri with the certificate of the client (RFC 8705 section"
            " 2.2.2)"
        )
    if client.jwks is not None and not client.jwks.certificates:
        raise InvalidClientMetadata(
            "self_signed_tls_client_auth needs a key in jwks with its certificate as x5c: base64 of the DER, of that"
            " very key (RFC 7517 section 4.7)"
        )


def _check_spelling(client: Client) -> None:
    try:
        if client.tls_client_auth_subject_dn:
            read_distinguished_name(client.tls_client_auth_subject_dn)
        if client.tls_client_auth_san_ip:
            ipaddress.ip_address(client.tls_client_auth_san_ip)
    except InvalidCertificate as error:
        raise InvalidClientMetadata(f"tls_client_auth_subject_dn: {error}") from error
    except ValueError as error:
        raise InvalidClientMetadata("tls_client_auth_san_ip must be an IP address") from error


def shows_certificates(client: Client) -> bool:
    """Whether it connects with a certificate: to authenticate, or to have its tokens bound (RFC 8705 §2, §3)."""
    by_certificate = client.token_endpoint_auth_method in TLS_METHODS
    return by_certificate or client.tls_client_certificate_bound_access_tokens


def methods_of(settings: Settings) -> frozenset[str]:
    """The methods of RFC 8705 that this installation can prove a client by."""
    if not settings.mtls_url:
        return frozenset()
    return TLS_METHODS if settings.client_ca_file is not None else TLS_METHODS - {"tls_client_auth"}


def check_listened_to(client: Client, settings: Settings) -> None:
    """Refuse to register a client whose certificate nobody here would ask for, or could judge.

    Raises:
        InvalidClientMetadata: the installation lacks a setting, which the sentence names.
    """
    if not shows_certificates(client):
        return
    if not settings.mtls_url:
        raise InvalidClientMetadata(
            "this installation asks no client for a certificate: its operator would set IDP_MTLS_URL"
        )
    method = client.token_endpoint_auth_method
    if method in TLS_METHODS - methods_of(settings):
        raise InvalidClientMetadata(
            f"{method}: this installation knows no authority that certifies clients: its operator would set"
            " IDP_CLIENT_CA_FILE"
        )
