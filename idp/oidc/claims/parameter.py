"""The `claims` parameter (OpenID Connect Core §5.5): single claims asked for, by place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import orjson

from idp.errors import InvalidRequest

MAX_CLAIMS: Final = 100
MAX_VALUES: Final = 20
MAX_VALUE_LENGTH: Final = 500
Value: TypeAlias = str | int | bool | Mapping[str, object]
"""A value to compare a claim with; an object names members of an object."""


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """How one claim is asked for (§5.5.1)."""

    essential: bool = False
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """Claims asked for in the two places where they can be given."""

    userinfo: Mapping[str, ClaimRequest] = field(default_factory=dict)
    id_token: Mapping[str, ClaimRequest] = field(default_factory=dict)


NO_CLAIMS: Final = ClaimsRequest()


def _read_values(name: str, member: Mapping[str, object]) -> tuple[Value, ...]:
    listed = member.get("values", [])
    if not isinstance(listed, list):
        raise InvalidRequest(f"claims: values of {name} must be a list")
    values = [member["value"], *listed] if member.get("value") is not None else listed
    if len(values) > MAX_VALUES or not all(map(_is_value, values)):
        raise InvalidRequest(
            f"claims: values of {name} must be at most {MAX_VALUES} short texts, whole numbers, booleans or objects"
            " of texts"
        )
    return tuple(values)


def _is_value(value: object) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(map(_is_text, (*value, *value.values())))
    return isinstance(value, (str, int)) and len(str(value)) <= MAX_VALUE_LENGTH


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_VALUE_LENGTH


def _read_claim(name: str, member: object) -> ClaimRequest:
    if member is None:
        return ClaimRequest()
    if not isinstance(member, dict):
        raise InvalidRequest(f"claims: {name} must be null or an object")
    essential = member.get("essential", False)
    if not isinstance(essential, bool):
        raise InvalidRequest(f"claims: essential of {name} must be true or false")
    return ClaimRequest(essential, _read_values(name, member))


def _read_place(document: Mapping[str, object], place: str) -> dict[str, ClaimRequest]:
    members = document.get(place)
    if members is None:
        return {}
    if not isinstance(members, dict) or len(members) > MAX_CLAIMS:
        raise InvalidRequest(f"claims: {place} must be an object of at most {MAX_CLAIMS} claims")
    return {name: _read_claim(name, member) for name, member in members.items()}


def read_claims(text: str) -> ClaimsRequest:
    """The parameter as sent. Members other than `userinfo` and `id_token` are ignored, as §5.5 demands.

    Raises:
        InvalidRequest: not JSON, not of the form of §5.5, or larger than anybody needs.
    """
    if not text:
        return NO_CLAIMS
    try:
        document = orjson.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest("claims is not JSON") from None
    if not isinstance(document, dict):
        raise InvalidRequest("claims must be an object")
    return ClaimsRequest(_read_place(document, "userinfo"), _read_place(document, "id_token"))


def _place_as_json(place: Mapping[str, ClaimRequest]) -> dict[str, object]:
    return {
        name: {"essential": claim.essential, "values": list(claim.values)} for name, claim in place.items()
    }


def claims_as_json(claims: ClaimsRequest) -> str:
    """The text that `read_claims` reads back to the same request."""
    if claims == NO_CLAIMS:
        return ""
    document = {"userinfo": _place_as_json(claims.userinfo), "id_token": _place_as_json(claims.id_token)}
    return orjson.dumps(document).decode("utf-8")
