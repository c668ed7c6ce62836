"""What may be told about a person: what a client asks for, and what is released of what was granted.

Every claim has one function in one table. A claim that the register does not hold is absent: never null, never empty,
never invented.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import orjson

from idp.assurance import AccountLevel, AuthenticationLevel
from idp.oidc.authorization_request import AuthorizationRequest
from idp.oidc.claims.address import address, address_in_english, residence
from idp.oidc.claims.contacts import CONTACT_CLAIMS, contact_value, contact_verified
from idp.oidc.claims.languages import TAGGED, in_preferred_languages
from idp.oidc.claims.matching import Values, mismatched
from idp.oidc.claims.parameter import ClaimRequest, Value
from idp.oidc.client import Client
from idp.oidc.organisation import mandate_claim, organisation_claim
from idp.oidc.scope import CLAIM_SCOPE, SCOPES
from idp.registers.birth_date import Precision, age_over, birthdate_claim
from idp.registers.names import name_ascii
from idp.registers.types import Person, Representation, SubjectType
from idp.store.contacts import ContactKind, Contacts

CLAIM_COMPANIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "name": ("family_name", "middle_name", "given_name", "name_ascii"),
        "birthdate": ("vn_birthdate_precision",),
        "address": ("vn_residence",),
        "phone_number": ("phone_number_verified",),
        "email": ("email_verified",),
        "vn_organisation": ("vn_mandate",),
    }
)
"""Claims that say nothing beyond another one: a person is asked once for all of them, under the first one's name."""

TOLD_AT_LOGIN: Final = frozenset({"vn_organisation", "vn_mandate"})
"""Claims of a scope that stand in the ID token as well: for whom a person acts is part of who has come."""

TOLD_BY_USERINFO_ONLY: Final = frozenset({"vn_personal_id", "SoDinhDanh"})
"""The personal number stands in no ID token, whatever a request says: as a hint it comes back in addresses and logs."""

Place: TypeAlias = Literal["userinfo", "id_token"]

_LEAD: Final = {claim: lead for lead, companions in CLAIM_COMPANIONS.items() for claim in companions}


def lead_of(claim: str) -> str:
    """The name under which a person is asked for a claim: without its language, and of companions the lead's."""
    untagged = TAGGED.get(claim, claim)
    return _LEAD.get(untagged, untagged)


@dataclass(frozen=True, slots=True)
class RequestedClaims:
    """Names of claims by the place where they are given; in the order of the scopes' table, each once.

    `..._values` are the values of which a claim must have one to be given there (Core §5.5.1).
    """

    userinfo: tuple[str, ...] = ()
    id_token: tuple[str, ...] = ()
    essential: frozenset[str] = frozenset()
    userinfo_values: Values = field(default_factory=dict)
    id_token_values: Values = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, wherever they are given."""
        return _in_order({*self.userinfo, *self.id_token})

    @property
    def leads(self) -> tuple[str, ...]:
        """What a person is asked: companions stand under their lead, also when it was not itself requested."""
        return tuple(dict.fromkeys(map(lead_of, self.names)))

    @property
    def essential_leads(self) -> frozenset[str]:
        """The leads that the client cannot do without."""
        return frozenset(map(lead_of, self.essential))

    def granted(self, leads: Collection[str]) -> RequestedClaims:
        """What remains when a person agreed to these leads."""
        return self._where(lambda name: lead_of(name) in leads)

    def narrowed(self, granted: Collection[str], scope: Collection[str]) -> RequestedClaims:
        """What remains within a part of the granted scope; single claims, of no granted scope, remain."""
        lost = set(granted) - set(scope)
        return self._where(lambda name: CLAIM_SCOPE[name] not in lost)

    def open_to(self, client: Client) -> RequestedClaims:
        """What remains of what was granted to a client that is registered for less today."""
        return self._where(lambda name: may_ask(client, name))

    def _where(self, kept: Callable[[str], bool]) -> RequestedClaims:
        return RequestedClaims(
            tuple(filter(kept, self.userinfo)),
            tuple(filter(kept, self.id_token)),
            frozenset(filter(kept, self.essential)),
            {name: values for name, values in self.userinfo_values.items() if kept(name)},
            {name: values for name, values in self.id_token_values.items() if kept(name)},
        )

    def at(self, place: Place) -> tuple[str, ...]:
        """The claims that are given in one place."""
        return self.userinfo if place == "userinfo" else self.id_token

    def values_at(self, place: Place) -> Values:
        """The values of which claims must have one to be given there."""
        return self.userinfo_values if place == "userinfo" else self.id_token_values

    def to_json(self) -> str:
        """The text to keep with a grant."""
        kept = {
            "userinfo": self.userinfo,
            "id_token": self.id_token,
            "essential": sorted(self.essential),
            "userinfo_values": self.userinfo_values,
            "id_token_values": self.id_token_values,
        }
        return orjson.dumps({name: value for name, value in kept.items() if value}).decode("utf-8")

    @classmethod
    def from_json(cls, text: str) -> RequestedClaims:
        """What was kept with a grant."""
        kept: dict[str, Any] = orjson.loads(text)
        return cls(
            tuple(kept.get("userinfo", ())),
            tuple(kept.get("id_token", ())),
            frozenset(kept.get("essential", ())),
            _tuples(kept.get("userinfo_values", {})),
            _tuples(kept.get("id_token_values", {})),
        )


def _tuples(values: Mapping[str, list[Value]]) -> Values:
    return {name: tuple(listed) for name, listed in values.items()}


def _in_order(names: Collection[str]) -> tuple[str, ...]:
    return tuple(claim for claim in CLAIM_SCOPE if claim in names)


def may_ask(client: Client, claim: str) -> bool:
    """Whether a client registered the scope of a claim, and the ground that the scope needs."""
    scope = CLAIM_SCOPE.get(claim)
    if scope is None or scope not in client.scope:
        return False
    return client.legal_basis == "statutory_task" or not SCOPES[scope].needs_statutory_task


def _asked_singly(place: Mapping[str, ClaimRequest], client: Client) -> dict[str, ClaimRequest]:
    return {name: asked for name, asked in place.items() if may_ask(client, name)}


def requested_claims(request: AuthorizationRequest, client: Client) -> RequestedClaims:
    """What a request asks for: the claims of its scopes from UserInfo (Core §5.4), single ones where it says (§5.5).

    What this client may not ask for is passed over, as the unknown is (§5.5). `claims_locales` adds what can be told
    in these languages (§5.2).
    """
    of_scopes = {claim for scope in request.scope for claim in SCOPES[scope].claims if may_ask(client, claim)}
    if not (request.claims.userinfo or request.claims.id_token or request.claims_locales):
        return RequestedClaims(_in_order(of_scopes), _in_order(of_scopes & TOLD_AT_LOGIN))
    at_userinfo = _asked_singly(request.claims.userinfo, client)
    everywhere = _asked_singly(request.claims.id_token, client)
    at_login = {name: asked for name, asked in everywhere.items() if name not in TOLD_BY_USERINFO_ONLY}
    at_userinfo = {name: asked for name, asked in everywhere.items() if name not in at_login} | at_userinfo
    userinfo, id_token = of_scopes | at_userinfo.keys(), (of_scopes & TOLD_AT_LOGIN) | at_login.keys()
    return RequestedClaims(
        _in_order(userinfo | in_preferred_languages(userinfo, request.claims_locales)),
        _in_order(id_token | in_preferred_languages(id_token, request.claims_locales)),
        frozenset(name for name, asked in (*at_userinfo.items(), *everywhere.items()) if asked.essential),
        {name: asked.values for name, asked in at_userinfo.items() if asked.values},
        {name: asked.values for name, asked in at_login.items() if asked.values},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The circumstances of one release: to whom, when, and on the strength of which account and login.

    `representation` is the organisation acted for, None when acting for oneself; `contacts` are there where they
    were looked up for this release.
    """

    subject: str
    today: date
    account_level: AccountLevel
    authentication_level: AuthenticationLevel
    representation: Representation | None = None
    contacts: Contacts = field(default_factory=dict)


def _personal_id(person: Person, _: Release) -> dict[str, str]:
    """A bare number means nothing: a household business has the same twelve digits as its owner."""
    foreigner = person.subject_type is SubjectType.FOREIGNER
    return {"scheme": "vn_foreigner_id" if foreigner else "vn_pin", "value": person.personal_number}


def _age_over(years: int) -> Callable[[Person, Release], bool]:
    return lambda person, release: age_over(person.birth_date, years, release.today)


def _full_birth_date(person: Person, _: Release) -> str | None:
    """`yyyyMMdd`, as portals of the former system read it; absent where the register knows no day."""
    return str(person.birth_date).replace("-", "") if person.birth_date.precision is Precision.DAY else None


def _organisation(_: Person, release: Release) -> dict[str, object] | None:
    return None if release.representation is None else organisation_claim(release.representation)


def _mandate(_: Person, release: Release) -> dict[str, object] | None:
    return None if release.representation is None else mandate_claim(release.representation)


def _contact(claim: str, kind: ContactKind) -> Callable[[Person, Release], object]:
    tell = contact_verified if claim.endswith("_verified") else contact_value
    return lambda _, release: tell(release.contacts, kind)


_UNTAGGED: Final[Mapping[str, Callable[[Person, Release], object]]] = MappingProxyType(
    {
        "name": lambda person, _: person.name,
        "family_name": lambda person, _: person.family_name,
        "middle_name": lambda person, _: person.middle_name,
        "given_name": lambda person, _: person.given_name,
        "name_ascii": lambda person, _: name_ascii(person.name),
        "birthdate": lambda person, _: birthdate_claim(person.birth_date),
        "vn_birthdate_precision": lambda person, _: person.birth_date.precision.value,
        "gender": lambda person, _: person.sex.value,
        "vn_personal_id": _personal_id,
        "age_over_14": _age_over(14),
        "age_over_16": _age_over(16),
        "age_over_18": _age_over(18),
        "age_over_60": _age_over(60),
        "address": lambda person, _: address(person),
        "vn_residence": lambda person, _: residence(person),
        **{name: _contact(name, kind) for name, kind in CONTACT_CLAIMS.items()},
        "vn_organisation": _organisation,
        "vn_mandate": _mandate,
        # the few that portals of the former national portal read, under the names they know
        "SoDinhDanh": lambda person, _: person.personal_number,
        "HoVaTen": lambda person, _: person.name,
        "NgayThangNamSinh": _full_birth_date,
        "LoaiTaiKhoan": lambda _, release: 1 if release.representation is None else 2,
        "TechID": lambda _, release: release.subject,
        "loAs": lambda _, release: f"LoA{release.authentication_level.value}",
        "IAL": lambda _, release: int(release.account_level.value),
    }
)
"""How each claim is read from a record. Never here: ethnicity, religion, blood group, marital status, family."""

CLAIMS: Final[Mapping[str, Callable[[Person, Release], object]]] = MappingProxyType(
    {
        **_UNTAGGED,
        **{tagged: _UNTAGGED[claim] for tagged, claim in TAGGED.items()},
        "address#en": lambda person, _: address_in_english(person),
    }
)
"""The same with the claims in a language (Core §5.2); what the register says, it says in Vietnamese."""


_NEEDED_LEVEL: Final = {claim: SCOPES[scope].account_level.value for claim, scope in CLAIM_SCOPE.items()}


def within_level(claim: str, account_level: AccountLevel) -> bool:
    """The ceiling: an account of level 01 gives no claim of level 02, however strong the login was."""
    return account_level.value >= _NEEDED_LEVEL[claim]


def claim_values(person: Person, granted: Collection[str], release: Release) -> dict[str, object]:
    """The values of granted claims; nothing else, and only what the register holds and the account's level allows."""
    found = {
        name: CLAIMS[name](person, release)
        for name in _in_order(granted)
        if within_level(name, release.account_level)
    }
    return {name: value for name, value in found.items() if value is not None and value != ""}


def released_claims(
    person: Person, asked: RequestedClaims, place: Place, release: Release
) -> dict[str, object]:
    """What is told in one place: values that were granted, but for those asked for with another value (§5.5.1)."""
    told = claim_values(person, asked.at(place), release)
    withheld = mismatched(told, asked.values_at(place))
    return {
        name: value for name, value in told.items() if name not in withheld and lead_of(name) not in withheld
    }
