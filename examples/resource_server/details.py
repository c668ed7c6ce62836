"""What the entries of `authorization_details` (RFC 9396) in a token allow: `vn_mandate`, and others made like it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

VIETNAM = timezone(timedelta(hours=7))


def details_of(
    claims: Mapping[str, Any],
    kind: str,
    *,
    action: str = "",
    procedure: str = "",
    organisation: str = "",
    location: str,
    now: float,
) -> list[Mapping[str, Any]]:
    """The entries of one type that allow an action, in a procedure, for an organisation, at an API, now.

    An entry without `actions` allows none, one without `vn_organisation` is for no organisation. `locations`,
    `procedures` and `until`, the last day in Viet Nam, limit it where it has them; a limit that cannot be read is one
    that is not met. `now` is in epoch seconds.
    """
    stated = claims.get("authorization_details")
    return [
        entry
        for entry in (stated if isinstance(stated, list) else [])
        if isinstance(entry, dict)
        and entry.get("type") == kind
        and (not action or action in _texts(entry.get("actions")))
        and (not organisation or organisation in _codes(entry.get("vn_organisation")))
        and ("locations" not in entry or location in _texts(entry["locations"]))
        and ("procedures" not in entry or procedure in _texts(entry["procedures"]))
        and ("until" not in entry or _is_today_or_later(entry["until"], now))
    ]


def _texts(value: object) -> list[object]:
    """The members of an array; a text is not an array of letters."""
    return value if isinstance(value, list) else []


def _codes(organisation: object) -> list[object]:
    """By which an organisation is known: of each scheme one."""
    known = _texts(organisation.get("id")) if isinstance(organisation, dict) else []
    return [one.get("value") for one in known if isinstance(one, dict)]


def _is_today_or_later(day: object, now: float) -> bool:
    today = datetime.fromtimestamp(now, UTC).astimezone(VIETNAM).date()
    try:
        return isinstance(day, str) and date.fromisoformat(day) >= today
    except ValueError:
        return False
