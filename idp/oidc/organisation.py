"""Acting for an organisation: the person stays the subject, the organisation is context (no `sub` of its own)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from idp.registers.calendar import VIET_NAM
from idp.registers.types import Representation


def _instant(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")


def organisation_id(representation: Representation) -> list[dict[str, str]]:
    """The organisation's identifiers, each under its scheme: a bare value can equal a person's number."""
    return [
        {"scheme": identifier.scheme.value, "value": identifier.value}
        for identifier in representation.organisation.identifiers
    ]


def organisation_claim(representation: Representation) -> dict[str, object]:
    """`vn_organisation`: which organisation, as the business register stated it at `as_of` (UTC)."""
    organisation = representation.organisation
    return {
        "id": organisation_id(representation),
        "legal_name": organisation.legal_name,
        "type": organisation.type.value,
        "status": organisation.status.value,
        "as_of": _instant(organisation.as_of_at),
    }


def mandate_claim(representation: Representation) -> dict[str, object]:
    """`vn_mandate`: in what office the person acts, with which powers, and until when (`exp`, epoch seconds)."""
    office = representation.representative
    mandate: dict[str, object] = {
        "role": office.role.value,
        "powers": sorted(power.value for power in office.powers),
        "joint": office.joint,
    }
    if office.title:
        mandate["title"] = office.title
    if office.until is not None:
        end = datetime.combine(office.until + timedelta(days=1), time.min, VIET_NAM)
        mandate["exp"] = int(end.timestamp())
    return mandate
