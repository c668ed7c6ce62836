"""The parameter `authorization_details` of a request (RFC 9396 §2, §5): read to the last character, or refused."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any, Final, Never

import orjson

from idp.oidc.authorization_details.detail import MOST_TEXTS, Detail, check_members, fault
from idp.oidc.authorization_details.detail_type import COMMON, LOCATIONS, TYPE, DetailType
from idp.oidc.authorization_details.table import TYPES
from idp.oidc.client import Client

NAME: Final = "authorization_details"

LONGEST: Final = 4096
"""Characters of the parameter."""

MOST: Final = 5
"""Details in one request: a person has to read each of them."""


def read_details(text: str, client: Client, resources: Collection[str]) -> tuple[Detail, ...]:
    """What an authorization request asks for; `resources` are those that it names (RFC 8707), if any.

    Raises:
        InvalidAuthorizationDetails: no JSON, of a type that is unknown or not registered for this client, malformed, or
            for a resource that no token of this grant could be for (§5).
    """
    details = tuple(map(_read, _objects(text)))
    within = [one for one in client.audience if not resources or one in resources]
    for detail in details:
        if detail[TYPE] not in client.authorization_details_types:
            raise fault(f"this client is not registered for the type {detail[TYPE]}")
        if not set(detail.get(LOCATIONS, ())) <= set(within):
            raise fault(f"{LOCATIONS} must be among the resources that this client may ask tokens for")
    return details


def read_narrower(text: str) -> tuple[tuple[Detail, Detail], ...]:
    """What a token request asks for: each detail with what it repeats of what we added (§6).

    Raises:
        InvalidAuthorizationDetails: as `read_details`.
    """
    return tuple(map(_taken_apart, _objects(text)))


def _taken_apart(sent: Detail) -> tuple[Detail, Detail]:
    repeated = _type_of(sent).enriched & sent.keys()
    asked = {name: value for name, value in sent.items() if name not in repeated}
    return _read(asked), {name: sent[name] for name in repeated}


def _type_of(sent: Detail) -> DetailType:
    known = sent.get(TYPE)
    if not isinstance(known, str) or known not in TYPES:
        raise fault(f"{TYPE} must be one of {', '.join(TYPES)}")
    return TYPES[known]


def _read(sent: Detail) -> Detail:
    kind = _type_of(sent)
    check_members(sent, kind.members | set(COMMON))
    return {TYPE: sent[TYPE], **kind.read(sent), **_locations(sent)}


def _locations(sent: Detail) -> dict[str, list[str]]:
    """§2.2; they are compared with what is registered, so their form need not be looked at."""
    if LOCATIONS not in sent:
        return {}
    value = sent[LOCATIONS]
    good = isinstance(value, list) and all(isinstance(one, str) and one for one in value)
    if not good or not 0 < len(value) <= MOST_TEXTS or len(set(value)) < len(value):
        raise fault(f"{LOCATIONS} must be 1 to {MOST_TEXTS} different addresses of resources")
    return {LOCATIONS: sorted(value)}


def _objects(text: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise fault("is not JSON, or names a member twice") from None
    if not isinstance(value, list) or not 0 < len(value) <= MOST or not all(map(_is_object, value)):
        raise fault(f"must be a list of 1 to {MOST} objects")
    return value


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """RFC 8259 §4: which of two members of one name counts, readers do not agree upon."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member twice")
    return members


def _no_constant(name: str) -> Never:
    """`NaN` and its kin are no JSON (RFC 8259 §6)."""
    raise ValueError(name)


def details_text(details: Iterable[Detail]) -> str:
    """The text to keep; empty where there are none."""
    kept = [dict(one) for one in details]
    return orjson.dumps(kept).decode() if kept else ""


def kept_details(text: str) -> tuple[Detail, ...]:
    """What `details_text` wrote, of the types that are known today."""
    if not text:
        return ()
    return tuple(one for one in orjson.loads(text) if one[TYPE] in TYPES)
