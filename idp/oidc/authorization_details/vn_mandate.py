"""The type `vn_mandate`: a portal may do some things for an organisation, in the person's name, until a day.

The person acts in the office that the business register names them in, and can hand on no power that the office has
not. It is the register that says so at every use of a token, not the token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from idp.assurance import AccountLevel
from idp.oidc.authorization_details.detail import (
    Detail,
    end_of,
    fault,
    read_choices,
    read_day,
    read_text,
    read_texts,
)
from idp.oidc.authorization_details.detail_type import DetailType, Lack
from idp.oidc.organisation import organisation_id
from idp.registers.calendar import today
from idp.registers.types import IdentifierScheme, Power, Representation

NAME: Final = "vn_mandate"

ACTIONS: Final = tuple(power.value for power in Power)
"""The closed list of powers, in the order of the register."""

LONGEST: Final = 366
"""Days before the last one at most. An authority to represent that names no term ends after a year (Civil Code
91/2015/QH13 Art. 140, Art. 563); nobody should give a longer one on a page, between two others."""

_PROCEDURE: Final = re.compile(r"[0-9]\.[0-9]{6}(?:\.[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Z][0-9]{2})?")
"""A procedure's code in the national database of procedures; a province's or a ministry's own ends in its code."""

_CODE: Final = re.compile(r"[0-9]{10}(?:-[0-9]{3})?|[0-9]{12}")
"""An enterprise or tax code; that of a household business has the twelve digits of its owner's personal number."""

_CODES: Final = (IdentifierScheme.ENTERPRISE_CODE, IdentifierScheme.TAX_CODE)


def _read(detail: Detail) -> Detail:
    read: dict[str, object] = {"actions": list(read_choices(detail, "actions", ACTIONS))}
    if procedures := read_texts(detail, "procedures", _PROCEDURE, "1.001234"):
        read["procedures"] = sorted(procedures)
    if organisation := read_text(detail, "organisation", _CODE, "an enterprise or tax code"):
        read["organisation"] = organisation
    return {**read, "until": read_day(detail, "until")}


def _check_term(detail: Detail, now: int) -> None:
    day = today(now)
    if detail["until"] < day.isoformat():
        raise fault("until is over")
    if detail["until"] > (day + timedelta(days=LONGEST)).isoformat():
        raise fault(f"until can be {LONGEST} days from now at most")


def _codes(representation: Representation) -> tuple[str, ...]:
    """By which an organisation can be named; the one that people know it by first."""
    identifiers = representation.organisation.identifiers
    return tuple(one.value for scheme in _CODES for one in identifiers if one.scheme is scheme)


def _lack(detail: Detail, representation: Representation | None) -> Lack | None:
    if representation is None:
        return Lack.NO_ORGANISATION
    if "organisation" in detail and detail["organisation"] not in _codes(representation):
        return Lack.NOT_NAMED
    return None if set(detail["actions"]) <= representation.representative.powers else Lack.POWERS


def _grant(detail: Detail, representation: Representation | None) -> Detail:
    """The office may end before the day that is asked for; the mandate ends with it."""
    if representation is None:
        raise AssertionError("nobody gives a mandate of an organisation that they do not act for")
    office, codes = representation.representative, _codes(representation)
    until = detail["until"] if office.until is None else min(detail["until"], office.until.isoformat())
    granted: dict[str, object] = {**detail, "until": until}
    if codes:
        granted["organisation"] = detail.get("organisation", codes[0])
    granted["vn_organisation"] = {
        "id": organisation_id(representation),
        "legal_name": representation.organisation.legal_name,
    }
    granted["role"] = office.role.value
    granted["powers"] = sorted(power.value for power in office.powers)
    granted["joint"] = office.joint
    return granted


def _value(identifier: Mapping[str, str]) -> str:
    return identifier["value"]


def _covers(granted: Detail, asked: Detail) -> bool:
    """`asked` may have been granted already; then it is in the same office. Any code of the organisation names it."""
    if any(name in asked and asked[name] != granted[name] for name in ("role", "joint")):
        return False
    if "organisation" in asked and asked["organisation"] not in map(_value, granted["vn_organisation"]["id"]):
        return False
    if "procedures" in granted and not set(asked.get("procedures", ["any"])) <= set(granted["procedures"]):
        return False
    within: bool = set(asked["actions"]) <= set(granted["actions"]) and asked["until"] <= granted["until"]
    return within


VN_MANDATE: Final = DetailType(
    members=frozenset({"actions", "procedures", "organisation", "until"}),
    enriched=frozenset({"vn_organisation", "role", "powers", "joint"}),
    named=frozenset({"organisation", "vn_organisation"}),
    shown=(
        "vn_organisation",
        "organisation",
        "role",
        "joint",
        "actions",
        "procedures",
        "until",
        "locations",
    ),  # fmt: skip,
    noted=("actions", "procedures", "until"),
    account_level=AccountLevel.LEVEL_02,
    acts_for_organisation=True,
    read=_read,
    check_term=_check_term,
    lack=_lack,
    grant=_grant,
    covers=_covers,
    ends_at=lambda detail: end_of(detail["until"]),
)
"""Acting for an organisation needs an account of level 02 (Decree 69/2024 Art. 12), as the scope `org` does."""
