"""Readers of single members of client metadata: a typed value, or one sentence that names the member.

Every one of them takes the whole document and the member's name, and raises `InvalidClientMetadata`, of addresses that
people are sent to `InvalidRedirectUri`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

import orjson

from idp.errors import InvalidClientMetadata, InvalidRedirectUri, InvalidScope
from idp.oidc.grant_types import AUTHORIZATION_CODE, CIBA, DEVICE_CODE, GRANT_TYPES
from idp.oidc.registered_uri import ApplicationType, UnusableUri, check_page_uri, check_redirect_uri
from idp.oidc.scope import read_scope
from keys.jose import InvalidJwkSet, JwkSet, read_jwk_set

MAX_TEXT: Final = 1000
MAX_LIST: Final = 50
MAX_SECONDS: Final = 1 << 33

CERTIFICATE_NAMES: Final = (
    "tls_client_auth_subject_dn", "tls_client_auth_san_dns", "tls_client_auth_san_uri", "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
)  # fmt: skip
"""What a certificate may be expected to be of (RFC 8705 §2.1.2)."""

_CLIENT_ID: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}"
)  # RFC 6749 §A.1, what needs no encoding anywhere
_SECTOR: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,98}[a-z0-9])?")
_SHA256: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def read_text(metadata: Mapping[str, object], name: str) -> str:
    """One line of text; empty where it is absent. Direction marks are refused: they make texts lie on a page."""
    value = metadata.get(name, "")
    if not isinstance(value, str) or len(value) > MAX_TEXT or _CONTROL.search(value):
        raise InvalidClientMetadata(f"{name} must be one line of text, at most {MAX_TEXT} characters")
    return value.strip()


def read_required_text(metadata: Mapping[str, object], name: str) -> str:
    """One line of text that says something."""
    if text := read_text(metadata, name):
        return text
    raise InvalidClientMetadata(f"{name} is missing")


def read_wording(metadata: Mapping[str, object], name: str) -> Mapping[str, str]:
    """A text in both languages (RFC 7591 §2.2): untagged it is Vietnamese; English falls back to it."""
    plain = read_text(metadata, name)
    vietnamese = read_text(metadata, f"{name}#vi") or plain
    return MappingProxyType({"vi": vietnamese, "en": read_text(metadata, f"{name}#en") or vietnamese})


def read_required_wording(metadata: Mapping[str, object], name: str) -> Mapping[str, str]:
    """A text in both languages, of which the Vietnamese one is there."""
    wording = read_wording(metadata, name)
    if wording["vi"]:
        return wording
    raise InvalidClientMetadata(f"{name} is missing")


def read_texts(metadata: Mapping[str, object], name: str) -> tuple[str, ...]:
    """A list of distinct texts; empty where it is absent."""
    value = metadata.get(name, [])
    if not isinstance(value, list) or len(value) > MAX_LIST:
        raise InvalidClientMetadata(f"{name} must be a list of at most {MAX_LIST} texts")
    texts = tuple(read_required_text({name: item}, name) for item in value)
    if len(set(texts)) < len(texts):
        raise InvalidClientMetadata(f"{name} holds one value twice")
    return texts


def read_choice(
    metadata: Mapping[str, object], name: str, allowed: Collection[str | None], default: str | None
) -> str | None:
    """One of a closed list."""
    value = metadata.get(name, default)
    if (value is None or isinstance(value, str)) and value in allowed:
        return value
    raise InvalidClientMetadata(f"{name} must be one of {', '.join(item for item in allowed if item)}")


def read_boolean(metadata: Mapping[str, object], name: str) -> bool:
    """True or false; false where it is absent."""
    value = metadata.get(name, False)
    if not isinstance(value, bool):
        raise InvalidClientMetadata(f"{name} must be true or false")
    return value


def read_optional_seconds(metadata: Mapping[str, object], name: str) -> int | None:
    """A span or a time in whole seconds, or None."""
    value = metadata.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MAX_SECONDS:
        raise InvalidClientMetadata(f"{name} must be a whole number of seconds")
    return value


def read_optional_day(metadata: Mapping[str, object], name: str) -> str:
    """A calendar day as `YYYY-MM-DD` (RFC 3339 §5.6), or empty."""
    text = read_text(metadata, name)
    if not text:
        return ""
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise InvalidClientMetadata(f"{name} must be a day, such as 2027-06-30")


def read_optional_object(metadata: Mapping[str, object], name: str) -> Mapping[str, object] | None:
    """A JSON object, or None."""
    value = metadata.get(name)
    if value is not None and not isinstance(value, dict):
        raise InvalidClientMetadata(f"{name} must be an object")
    return value


def read_keys(document: Mapping[str, object] | None) -> JwkSet | None:
    """The client's public keys (RFC 7517 §5)."""
    if document is None:
        return None
    try:
        orjson.dumps(document)  # it is kept as it is, and more can be read than written: 254 levels
        return read_jwk_set(document)
    except InvalidJwkSet as error:
        raise InvalidClientMetadata(f"jwks: {error}") from error
    except TypeError as error:
        raise InvalidClientMetadata("jwks is nested too deep, or holds what is not Unicode") from error


def is_client_id(text: str) -> bool:
    """Whether a client could be registered under it."""
    return _CLIENT_ID.fullmatch(text) is not None


def read_client_id(metadata: Mapping[str, object], name: str) -> str:
    """An identifier that survives every encoding it meets: in URLs, Basic credentials and commands."""
    value = metadata.get(name)
    if not isinstance(value, str) or not is_client_id(value):
        raise InvalidClientMetadata(f"{name} must be 1 to 100 of the characters A-Z a-z 0-9 . _ ~ -")
    return value


def read_client_ids(metadata: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Identifiers of other clients."""
    return tuple(read_client_id({name: one}, name) for one in read_texts(metadata, name))


def read_sector(metadata: Mapping[str, object], name: str) -> str:
    """The ministry or province within which a person has one `sub` (OpenID Connect Core §8.1), e.g. `bo-tu-phap`."""
    value = metadata.get(name)
    if not isinstance(value, str) or _SECTOR.fullmatch(value) is None:
        raise InvalidClientMetadata(f"{name} must be a name of lower-case letters, digits, dots and hyphens")
    return value


def read_grant_types(metadata: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Grant types; `authorization_code` where they are absent (RFC 7591 §2)."""
    values = read_texts(metadata, name) if name in metadata else (AUTHORIZATION_CODE,)
    if not values or not set(values) <= set(GRANT_TYPES):
        raise InvalidClientMetadata(f"{name} must be some of {', '.join(GRANT_TYPES)}")
    return values


def read_response_types(metadata: Mapping[str, object], name: str) -> tuple[str, ...]:
    """`code`, or nothing for clients that never redirect. Where absent, what the grant types mean (RFC 7591 §2.1)."""
    if name not in metadata:
        return ("code",) if AUTHORIZATION_CODE in read_grant_types(metadata, "grant_types") else ()
    values = read_texts(metadata, name)
    if values not in (("code",), ()):
        raise InvalidClientMetadata(f"{name} can only hold code: implicit and hybrid flows are not supported")
    return values


def read_scope_text(metadata: Mapping[str, object], name: str) -> tuple[str, ...]:
    """The scopes a client may ask for; `openid` where absent and people log in to it (RFC 7591 §2)."""
    if name not in metadata:
        granted = read_grant_types(metadata, "grant_types")
        return () if {AUTHORIZATION_CODE, DEVICE_CODE, CIBA}.isdisjoint(granted) else ("openid",)
    try:
        return read_scope(read_text(metadata, name))
    except InvalidScope as error:
        raise InvalidClientMetadata(error.description) from error


def read_page_uri(metadata: Mapping[str, object], name: str) -> str:
    """An address that people are shown, or nothing."""
    uri = read_text(metadata, name)
    if uri:
        try:
            check_page_uri(uri)
        except UnusableUri as error:
            raise InvalidClientMetadata(f"{name} {error}") from error
    return uri


def read_called_uri(metadata: Mapping[str, object], name: str) -> str:
    """An address that we call ourselves, or nothing (OpenID Connect Back-Channel Logout §2.2): as for the web.

    Where it leads is judged when it is called (`idp.http.outbound`): a name may lead elsewhere tomorrow.
    """
    return read_page_uri(metadata, name)


def read_resource_uris(metadata: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Addresses of protected resources, as they stand in the `aud` of access tokens (RFC 8707 §2)."""
    uris = read_texts(metadata, name)
    for uri in uris:
        read_page_uri({name: uri}, name)
    return uris


def read_request_uris(metadata: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Addresses of request objects, which we fetch (OpenID Connect Registration §2).

    Each may end in a fragment: the digest of what is there, base64url of SHA-256 (Core §6.2).
    """
    uris = read_texts(metadata, name)
    for uri in uris:
        address, _, digest = uri.partition("#")
        read_called_uri({name: address}, name)
        if "#" in uri and _SHA256.fullmatch(digest) is None:
            raise InvalidClientMetadata(f"{name}: the fragment of {address} is no SHA-256 in base64url")
    return uris


def check_client_uri(name: str, uri: str, application_type: ApplicationType) -> None:
    """An address that browsers are sent to.

    Raises:
        InvalidRedirectUri: it is not safe (RFC 7591 §3.2.2).
    """
    try:
        check_redirect_uri(uri, application_type)
    except UnusableUri as error:
        raise InvalidRedirectUri(f"{name}: {uri} {error}") from error
