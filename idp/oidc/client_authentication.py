"""How a client proves who it is, at every endpoint that only clients call (RFC 6749 §2.3, OpenID Connect Core §9)."""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_plus

import orjson

from idp.errors import InvalidClient, InvalidRequest
from idp.oidc.client import Client
from idp.oidc.client_assertion import CheckedAssertion, verify_assertion
from idp.oidc.client_certificate import verify_certificate
from idp.oidc.client_keys import ClientKeys
from idp.oidc.metadata_fields import is_client_id
from idp.oidc.profile import SECRET_METHODS, TLS_METHODS, AuthenticationMethod
from keys import base64url
from keys.authorities import NO_AUTHORITIES, Authorities
from keys.certificate import Certificate
from keys.jose import InvalidToken, read_compact

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CREDENTIAL_PARAMETERS: Final = frozenset(
    {"client_id", "client_secret", "client_assertion", "client_assertion_type"}
)
ASSERTION_LIMIT: Final = 8192
"""Characters of `client_assertion`: pass it to the reader of the form."""

_NOBODY: Final = hashlib.sha256(b"").digest()
_FAILED: Final = (
    "client authentication failed: unknown client_id, wrong secret, or another method than the "
    "token_endpoint_auth_method that is registered"
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What was presented, by one method; nothing of it is proven."""

    method: AuthenticationMethod
    unverified_client_id: str
    secret: str = field(default="", repr=False)
    assertion: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """A client that proved who it is. Made by `prove_client` only.

    `assertion` is there for `private_key_jwt`: it is good once, so burn its `jti_digest` before anything is given.
    """

    client: Client
    method: AuthenticationMethod
    assertion: CheckedAssertion | None


def _possible(unverified_client_id: str) -> str:
    """An id that could be registered; any other (a NUL among it) no database need be asked for."""
    if not is_client_id(unverified_client_id):
        raise InvalidClient(_FAILED, detail="a client id that nobody can have")
    return unverified_client_id


def _read_basic(header: str) -> tuple[str, str]:
    """RFC 6749 §2.3.1: both halves are form-encoded before they are joined, which many clients forget to undo."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("the Authorization header must be Basic here")
    try:
        text = b64decode(encoded.strip(), validate=True).decode("utf-8")
        client_id, secret = text.split(":", 1)
        return _possible(unquote_plus(client_id, errors="strict")), unquote_plus(secret, errors="strict")
    except (ValueError, binascii.Error) as error:
        raise InvalidClient("the Basic credentials cannot be read (RFC 6749 section 2.3.1)") from error


def _unverified_subject(assertion: str) -> str:
    """Who an assertion says it is of: only good for looking up the keys that it has to be verified with."""
    try:
        claims = orjson.loads(base64url.decode(read_compact(assertion).payload_segment))
    except (InvalidToken, ValueError) as error:
        raise InvalidClient("client_assertion is not a JWT", detail=str(error)) from error
    subject = claims.get("sub") if isinstance(claims, dict) else None
    if not isinstance(subject, str) or not subject:
        raise InvalidClient("client_assertion has no sub (RFC 7523 section 3)")
    return _possible(subject)


def _read_assertion(form: Mapping[str, str]) -> Credentials:
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise InvalidClient(f"client_assertion_type must be {ASSERTION_TYPE}")
    assertion = form.get("client_assertion", "")
    subject = _unverified_subject(assertion)
    if form.get("client_id", subject) != subject:
        raise InvalidClient("client_id is not the sub of client_assertion (RFC 7521 section 4.2)")
    return Credentials("private_key_jwt", subject, assertion=assertion)


def _presented(authorization_header: str | None, form: Mapping[str, str]) -> set[str]:
    presented = {
        "Basic": authorization_header is not None,
        "client_secret": "client_secret" in form,
        "client_assertion": "client_assertion" in form or "client_assertion_type" in form,
    }
    return {name for name, there in presented.items() if there}


def read_credentials(authorization_header: str | None, form: Mapping[str, str]) -> Credentials:
    """The credentials of a request: exactly one method (RFC 6749 §2.3). `form` holds no parameter twice.

    Raises:
        InvalidRequest: several methods at once.
        InvalidClient: none at all, or unreadable.
    """
    presented = _presented(authorization_header, form)
    if len(presented) > 1:
        raise InvalidRequest("more than one method of client authentication (RFC 6749 section 2.3)")
    if authorization_header is not None:
        client_id, secret = _read_basic(authorization_header)
        if form.get("client_id", client_id) != client_id:
            raise InvalidRequest("client_id is not the one of the Authorization header")
        return Credentials("client_secret_basic", client_id, secret=secret)
    if "client_assertion" in presented:
        return _read_assertion(form)
    client_id = form.get("client_id", "")
    if not client_id:
        raise InvalidClient("no client authentication was presented")
    client_id = _possible(client_id)
    if "client_secret" in form:
        return Credentials("client_secret_post", client_id, secret=form["client_secret"])
    return Credentials("none", client_id)


def secret_digest(secret: str) -> bytes:
    """What is kept of a client secret. It has 256 random bits, so a fast hash hides it well enough."""
    return hashlib.sha256(secret.encode("utf-8")).digest()


def _check_secret(credentials: Credentials, client: Client | None) -> None:
    """Compared in constant time, and also where there is nothing to compare with."""
    registered = client.secret_digest if client else None
    fits = hmac.compare_digest(secret_digest(credentials.secret), registered or _NOBODY)
    if registered is None or not fits:
        raise InvalidClient(_FAILED, detail=f"secret of {credentials.unverified_client_id}")


async def prove_client(
    credentials: Credentials,
    client: Client | None,
    keys: ClientKeys,
    *,
    issuer: str,
    endpoints: Sequence[str],
    now: int,
    certificate: Certificate | None = None,
    authorities: Authorities = NO_AUTHORITIES,
) -> AuthenticatedClient:
    """The client that these credentials prove. `client` is the one registered under their id, None if there is none.

    `endpoints` are those of ours that assertions may name in the place of the issuer, where the client's profile lets
    them. `certificate` is that of the connection; `authorities` are those that certify clients.

    Raises:
        InvalidClient: unknown, disabled, another method than registered (RFC 7591 §2), or not proven.
    """
    registered, method = _registered(credentials, client, now)
    assertion = None
    if method in TLS_METHODS:
        await verify_certificate(certificate, registered, keys, authorities, now)
    elif method == "private_key_jwt":
        assertion = await verify_assertion(
            credentials.assertion,
            registered,
            keys,
            audiences=_audiences(registered, issuer, endpoints),
            now=now,
        )
    elif method in SECRET_METHODS and not credentials.secret:
        raise InvalidClient(_FAILED, detail=f"empty secret of {registered.client_id}")
    return AuthenticatedClient(registered, method, assertion)


def _audiences(client: Client, issuer: str, endpoints: Sequence[str]) -> Sequence[str]:
    """FAPI 2.0 Security Profile §5.3.2.1: the issuer only; else what clients of many years send, too (RFC 9126 §2)."""
    return (issuer,) if client.security.lone_audience else (issuer, *endpoints)


def _registered(
    credentials: Credentials, client: Client | None, now: int
) -> tuple[Client, AuthenticationMethod]:
    """The client, and how it proves itself; a secret that was sent is checked here, as it comes first."""
    if credentials.secret:
        _check_secret(credentials, client)
    if client is None or client.client_id != credentials.unverified_client_id:
        raise InvalidClient(_FAILED, detail=f"no client {credentials.unverified_client_id}")
    if client.is_stopped(now):
        raise InvalidClient(_FAILED, detail=f"client {client.client_id} is disabled, or over")
    method = client.token_endpoint_auth_method
    if method in TLS_METHODS and credentials.method == "none":
        return client, method  # RFC 8705 §2: the request says who, the connection proves it
    if method != credentials.method:
        methods = f"used {credentials.method}, registered {method}"
        # Who has shown the right secret may know what is registered.
        description = f"token_endpoint_auth_method: {methods}" if credentials.secret else _FAILED
        raise InvalidClient(description, detail=f"{client.client_id} {methods}")
    return client, method
