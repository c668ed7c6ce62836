"""Authorization details (RFC 9396) as a person reads them: what a service may do, line by line, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from idp.pages.i18n import Message, msg


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailFact:
    """One member of a detail with its values; values out of a closed list have words below."""

    member: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailLine:
    """One thing that a service may do, by its type."""

    type: str
    facts: tuple[DetailFact, ...]


TYPE_TEXT: Final[Mapping[str, Message]] = MappingProxyType(
    {"vn_mandate": msg("Act in the name of your organisation")}
)

MEMBER_TEXT: Final[Mapping[tuple[str, str], Message]] = MappingProxyType(
    {
        ("vn_mandate", "vn_organisation"): msg("Organisation"),
        ("vn_mandate", "organisation"): msg("Enterprise or tax code"),
        ("vn_mandate", "role"): msg("You act as"),
        ("vn_mandate", "joint"): msg("How you may act"),
        ("vn_mandate", "actions"): msg("What the service may do"),
        ("vn_mandate", "procedures"): msg("For which procedures"),
        ("vn_mandate", "until"): msg("Until the end of"),
        ("vn_mandate", "locations"): msg("Only at these systems"),
    }
)

MEMBER_VALUE_TEXT: Final[Mapping[tuple[str, str, str], Message]] = MappingProxyType(
    {
        ("vn_mandate", "role", "legal_representative"): msg("Legal representative"),
        ("vn_mandate", "role", "head"): msg("Head"),
        ("vn_mandate", "joint", "true"): msg("only together with another legal representative"),
        ("vn_mandate", "actions", "file"): msg("file applications"),
        ("vn_mandate", "actions", "sign"): msg("sign documents"),
        ("vn_mandate", "actions", "pay"): msg("pay fees and charges"),
        ("vn_mandate", "actions", "view"): msg("see files and their results"),
    }
)
"""Other values are shown as they are."""

ABSENT_TEXT: Final[Mapping[tuple[str, str], Message]] = MappingProxyType(
    {("vn_mandate", "procedures"): msg("all procedures of this service")}
)
"""What it means that a member is not there; where nothing is said of it, it is not shown."""

DAYS: Final = frozenset({("vn_mandate", "until")})
"""Members that are days, written as people write them."""
