"""One authorization detail: a JSON object whose `type` says what its other members mean (RFC 9396 §2).

Readers of single members are for the types' modules. What is not understood to the last character is refused (§5): a
person is asked in words for what the object says, and nothing of it may stay unsaid.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final, TypeAlias

from idp.errors import InvalidAuthorizationDetails
from idp.registers.calendar import VIET_NAM

Detail: TypeAlias = Mapping[str, Any]
"""As JSON has it: as it was read from a request, or as it was granted."""

MOST_TEXTS: Final = 20
"""In a list: a token with five such lists still fits into what proxies take of a header."""

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def fault(what: str) -> InvalidAuthorizationDetails:
    """The error, in one sentence; it never repeats what the client sent."""
    return InvalidAuthorizationDetails(f"authorization_details: {what}")


def check_members(detail: Detail, known: Collection[str]) -> None:
    """Refuse members that the type does not know.

    Raises:
        InvalidAuthorizationDetails: there is one (§5).
    """
    if not detail.keys() <= set(known):
        raise fault(f"members of {detail['type']} are {', '.join(sorted(known))}")


def read_texts(detail: Detail, name: str, form: re.Pattern[str], example: str) -> tuple[str, ...]:
    """A list of distinct texts of a form; empty where the member is absent.

    Raises:
        InvalidAuthorizationDetails: it is there, and is none, or is empty.
    """
    if name not in detail:
        return ()
    value = detail[name]
    good = isinstance(value, list) and all(isinstance(one, str) and form.fullmatch(one) for one in value)
    if not good or not 0 < len(value) <= MOST_TEXTS or len(set(value)) < len(value):
        raise fault(f"{name} must be 1 to {MOST_TEXTS} different texts such as {example}")
    return tuple(value)


def read_choices(detail: Detail, name: str, closed: Collection[str]) -> tuple[str, ...]:
    """Some of a closed list, in the order of that list.

    Raises:
        InvalidAuthorizationDetails: absent, empty, or something else.
    """
    value = detail.get(name)
    good = isinstance(value, list) and all(isinstance(one, str) and one in closed for one in value)
    if not good or not value or len(set(value)) < len(value):
        raise fault(f"{name} must be a list of some of {', '.join(closed)}, each once")
    return tuple(one for one in closed if one in value)


def read_text(detail: Detail, name: str, form: re.Pattern[str], what: str) -> str:
    """A text of a form; empty where the member is absent.

    Raises:
        InvalidAuthorizationDetails: it is there and is none.
    """
    if name not in detail:
        return ""
    value = detail[name]
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise fault(f"{name} must be {what}")
    return value


def read_day(detail: Detail, name: str) -> str:
    """A calendar day as `YYYY-MM-DD` (RFC 3339 §5.6).

    Raises:
        InvalidAuthorizationDetails: absent, or no day.
    """
    value = detail.get(name)
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise fault(f"{name} must be a day such as 2026-12-31")


def end_of(day: str) -> int:
    """The first moment after a day in Viet Nam (epoch seconds)."""
    return int(datetime.combine(date.fromisoformat(day) + timedelta(days=1), time.min, VIET_NAM).timestamp())
