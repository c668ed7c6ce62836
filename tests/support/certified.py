"""Machines that authenticate by a certificate, or have their tokens bound to one."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx2

from tests.support.certificates import Holder, Wish, issued, root, self_signed
from tests.support.portals import API

ROOT: Final = root()
BETWEEN: Final = issued(Wish("CN=Test Between,O=Test Authority,C=VN", authority=True), ROOT)
NAME: Final = "CN=certified,O=Trung tâm dữ liệu,C=VN"


def machine(client_id: str, **more: Any) -> dict[str, Any]:
    """The metadata of a machine of the strongest profile, whose tokens are bound to its certificate."""
    return {
        "client_id": client_id,
        "client_name": client_id,
        "owner": "Cơ quan mẫu",
        "sector": "may-chu",
        "application_type": "machine",
        "grant_types": ["client_credentials"],
        "scope": "procedures:read",
        "audience": [API],
        "tls_client_certificate_bound_access_tokens": True,
        **more,
    }


def by_name(client_id: str = "certified", **names: str) -> dict[str, Any]:
    """A machine whose certificate is by an authority (RFC 8705 §2.1)."""
    named = names or {"tls_client_auth_subject_dn": NAME}
    return machine(client_id, token_endpoint_auth_method="tls_client_auth", **named)


def by_itself(client_id: str, *holders: Holder) -> dict[str, Any]:
    """A machine that has registered its certificates (RFC 8705 §2.2)."""
    keys = [holder.jwk(f"k{number}") for number, holder in enumerate(holders)]
    return machine(client_id, token_endpoint_auth_method="self_signed_tls_client_auth", jwks={"keys": keys})


def alone(name: str = "CN=alone") -> Holder:
    """A certificate that vouches for itself."""
    return self_signed(Wish(name))


def request_of(client_id: str) -> Mapping[str, str]:
    """A token request that names the client and proves nothing (RFC 8705 §2)."""
    return {"grant_type": "client_credentials", "client_id": client_id}


def trusting(server: Path, holder: Holder | None, folder: Path) -> ssl.SSLContext:
    """TLS of a client that knows the server's certificate, and shows its own if it has one."""
    context = ssl.create_default_context(cafile=server)
    if holder is not None:
        context.load_cert_chain(*holder.write(folder, f"client-{holder.certificate.serial_number}"))
    return context


def connected(base: str, context: ssl.SSLContext) -> httpx2.Client:
    """A program that talks to an address by this TLS."""
    return httpx2.Client(base_url=base, verify=context, timeout=20, trust_env=False)
