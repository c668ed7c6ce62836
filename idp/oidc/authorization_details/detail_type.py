"""What a type of authorization details consists of; `idp.oidc.authorization_details.table` lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from idp.assurance import AccountLevel
from idp.oidc.authorization_details.detail import Detail
from idp.registers.types import Representation

TYPE: Final = "type"
LOCATIONS: Final = "locations"
"""The resources that a detail is for (RFC 9396 §2.2), of every type; absent: all of the token's."""

COMMON: Final = (TYPE, LOCATIONS)


class Lack(StrEnum):
    """Why a person cannot grant a detail in the capacity in which they act."""

    NO_ORGANISATION = "no_organisation"
    NOT_NAMED = "not_named"
    POWERS = "powers"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailType:
    """One type: how it is read, who can grant it, and what of it is less.

    `members` are those that a request may hold besides the `COMMON` ones, `enriched` those that we add when it is
    granted (§7.1), `named` those of both by which an organisation can be told: they are not kept with a grant, which
    knows by the register's key for whom it is, and are filled in anew for each token. `shown` are those that a person
    is shown, in this order, `noted` those that stand in the audit. `acts_for_organisation`: only who acts for an
    organisation can grant it.

    `read` gives the members of a request in one form, or raises `InvalidAuthorizationDetails`. `check_term` raises it
    where a detail is over now (epoch seconds), or asks for too long. `lack` is why it cannot be granted by who acts in
    this representation, or for themselves, or None; it is asked of what was granted, too, as long as tokens of it live.
    `grant` adds what is `enriched`. `covers(granted, asked)` says whether what is asked is the same or less, as far as
    its own members go. `ends_at` is when it ends (epoch seconds).
    """

    members: frozenset[str]
    enriched: frozenset[str]
    named: frozenset[str]
    shown: tuple[str, ...]
    noted: tuple[str, ...]
    account_level: AccountLevel
    acts_for_organisation: bool
    read: Callable[[Detail], Detail]
    check_term: Callable[[Detail, int], None]
    lack: Callable[[Detail, Representation | None], Lack | None]
    grant: Callable[[Detail, Representation | None], Detail]
    covers: Callable[[Detail, Detail], bool]
    ends_at: Callable[[Detail], int]
