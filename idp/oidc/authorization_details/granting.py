"""From what is asked for to what is granted, and to what a token carries of it (RFC 9396 §4, §6, §7, §9)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from idp.assurance import AccountLevel
from idp.oidc.authorization_details.detail import Detail, fault
from idp.oidc.authorization_details.detail_type import LOCATIONS, TYPE, Lack
from idp.oidc.authorization_details.request import read_narrower
from idp.oidc.authorization_details.table import TYPES
from idp.oidc.client import Client
from idp.registers.types import Representation


def acts_for_organisation(details: Iterable[Detail]) -> bool:
    """Whether only who acts for an organisation can grant them."""
    return any(TYPES[one[TYPE]].acts_for_organisation for one in details)


def needed_level(details: Iterable[Detail]) -> AccountLevel:
    """The account level below which nobody can grant them."""
    levels = [TYPES[one[TYPE]].account_level for one in details]
    return max(levels, key=lambda level: level.value, default=AccountLevel.LEVEL_01)


def check_terms(details: Iterable[Detail], now: int) -> None:
    """Check that they are not over, and not for longer than anybody may grant.

    Raises:
        InvalidAuthorizationDetails: one is.
    """
    for one in details:
        TYPES[one[TYPE]].check_term(one, now)


def find_lack(details: Iterable[Detail], representation: Representation | None) -> Lack | None:
    """Why they cannot be granted, all of them, by who acts in this representation, or for themselves; None if so."""
    lacks = (TYPES[one[TYPE]].lack(one, representation) for one in details)
    return next((lack for lack in lacks if lack is not None), None)


def grant_details(details: Iterable[Detail], representation: Representation | None) -> tuple[Detail, ...]:
    """They as they are granted: with what was not said, or was not ours to believe, filled in (§7.1)."""
    return tuple(TYPES[one[TYPE]].grant(one, representation) for one in details)


def nameless(details: Iterable[Detail]) -> tuple[Detail, ...]:
    """They as they are kept: without what names an organisation, whose code may be its owner's personal number."""
    return tuple(
        {name: value for name, value in one.items() if name not in TYPES[one[TYPE]].named} for one in details
    )


def covers(granted: Detail, asked: Detail) -> bool:
    """Whether what is asked is the same as what was granted, or less."""
    if granted[TYPE] != asked[TYPE] or not _within_locations(granted, asked):
        return False
    return TYPES[granted[TYPE]].covers(granted, asked)


def _within_locations(granted: Detail, asked: Detail) -> bool:
    if LOCATIONS not in granted:
        return True
    return set(asked.get(LOCATIONS, [""])) <= set(granted[LOCATIONS])


def last_end(details: Iterable[Detail]) -> int | None:
    """When the last of them ends (epoch seconds); None where there are none."""
    return max((TYPES[one[TYPE]].ends_at(one) for one in details), default=None)


def first_end(details: Iterable[Detail]) -> int | None:
    """When the first of them ends (epoch seconds); None where there are none."""
    return min((TYPES[one[TYPE]].ends_at(one) for one in details), default=None)


def open_to(details: Iterable[Detail], client: Client) -> tuple[Detail, ...]:
    """Those of types that the client is registered for still."""
    return tuple(one for one in details if one[TYPE] in client.authorization_details_types)


def alive(details: Iterable[Detail], now: int) -> tuple[Detail, ...]:
    """Those that are not over."""
    return tuple(one for one in details if TYPES[one[TYPE]].ends_at(one) > now)


def narrowed(details: Collection[Detail], text: str, now: int) -> tuple[Detail, ...]:
    """What a token is to carry of what was granted: all of it, or what the token request names (§6).

    Raises:
        InvalidAuthorizationDetails: malformed, or more than was granted.
    """
    if not text:
        return tuple(details)
    wanted = tuple(_narrowed(details, asked, repeated) for asked, repeated in read_narrower(text))
    check_terms(wanted, now)
    return wanted


def _narrowed(details: Iterable[Detail], asked: Detail, repeated: Detail) -> Detail:
    for granted in details:
        same = all(granted.get(name) == value for name, value in repeated.items())
        if same and covers(granted, asked):
            return {**granted, **asked}
    raise fault("beyond what was granted, or not in the form in which it was")


def for_audience(details: Iterable[Detail], audience: Collection[str], *, named: bool) -> tuple[Detail, ...]:
    """Those that a token for these resources carries (§9.1): one with `locations` is for those only.

    Raises:
        InvalidAuthorizationDetails: the token request `named` one that such a token does not carry.
    """
    kept = tuple(details)
    carried = tuple(one for one in kept if _is_for(one, audience))
    if named and len(carried) < len(kept):
        raise fault(f"the token is for none of the {LOCATIONS}: name them as resource")
    return carried


def told_to(resources: Collection[str], details: Iterable[Detail]) -> list[Detail]:
    """Those of a token that a resource is told of, which is known by these addresses (§9.2)."""
    return [one for one in details if _is_for(one, resources)]


def _is_for(detail: Detail, resources: Collection[str]) -> bool:
    return LOCATIONS not in detail or not set(detail[LOCATIONS]).isdisjoint(resources)


def noted(details: Iterable[Detail]) -> list[Mapping[str, object]]:
    """What the audit may say of them: nothing by which an organisation, or its owner, can be told."""
    return [
        {TYPE: one[TYPE], **{name: one[name] for name in TYPES[one[TYPE]].noted if name in one}}
        for one in details
    ]
