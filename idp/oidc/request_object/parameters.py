"""The parameters in a request object, and what becomes of those beside it (OpenID Connect Core §6.1, RFC 9101 §6.3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import orjson

from idp.errors import InvalidRequestObject
from idp.oidc.authorization_details import request as authorization_details
from idp.oidc.authorization_request import KNOWN_PARAMETERS, read_parameters
from idp.oidc.client import Client
from idp.oidc.parameters import REPEATABLE, Parameters

REFERENCES: Final = frozenset({"request", "request_uri"})
NUMBERS: Final = frozenset({"max_age", "requested_expiry"})
"""They stand in an object as numbers, or as texts (RFC 9101 §4, CIBA Core §7.1.1)."""
SAME: Final = ("client_id", "response_type")
"""They stand outside as well, since without them it is no OAuth request, and say the same (Core §6.1, RFC 9101 §5)."""


def merge(outside: Parameters, claims: Mapping[str, object], client: Client) -> Parameters:
    """The parameters that count. Of a client that must sign, those in the object only (RFC 9101 §6.3).

    Of others, what stands in the object takes the place of what stands outside (Core §6.1); a fault stays a fault.

    Raises:
        InvalidRequestObject: a reference within it, a value of the wrong kind, or another client or response type.
        PageError: as `read_parameters`.
    """
    inside = read_parameters(known_pairs(claims, KNOWN_PARAMETERS))
    for name in SAME:
        if name in outside and inside.get(name, outside[name]) != outside[name]:
            raise InvalidRequestObject(f"{name} in the request object is another than outside")
    if client.require_signed_request_object:
        return inside
    kept = {name: value for name, value in outside.items() if name not in claims and name not in REFERENCES}
    faults = {**outside.faults, **inside.faults}
    values = {**kept, **inside}
    return Parameters({name: value for name, value in values.items() if name not in faults}, faults)


def known_pairs(claims: Mapping[str, object], known: Collection[str]) -> list[tuple[str, str]]:
    """The known parameters as they would stand in an address; other claims mean nothing here.

    Raises:
        InvalidRequestObject: a reference within it, or a value of the wrong kind.
    """
    if REFERENCES & claims.keys():
        raise InvalidRequestObject(
            "request and request_uri cannot stand in a request object (RFC 9101 section 4)"
        )
    return [(name, text) for name, value in claims.items() if name in known for text in _texts(name, value)]


def _texts(name: str, value: object) -> list[str]:
    """A parameter's value as text (RFC 9101 §4: numbers and objects stand in the object as JSON has them)."""
    match value:
        case str():
            return [value]
        case int() if name in NUMBERS and not isinstance(value, bool):
            return [str(value)]
        case dict() if name in {"claims", "registration"}:
            return [_written(name, value)]
        case list() if name == authorization_details.NAME:
            return [_written(name, value)]
        case list() if name in REPEATABLE and all(isinstance(item, str) for item in value):
            return list(value)
    raise InvalidRequestObject(f"{name} in the request object is not of the kind that it has to be")


def _written(name: str, value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:  # more is read than written: 254 levels
        raise InvalidRequestObject(f"{name} in the request object is nested too deep") from error
