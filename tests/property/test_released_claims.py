"""Nobody is told more than was asked for, registered, agreed to and held by the register."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from idp.assurance import AccountLevel
from idp.oidc.claims.matching import matches
from idp.oidc.claims.release import (
    CLAIMS,
    Place,
    Release,
    RequestedClaims,
    claim_values,
    lead_of,
    released_claims,
    requested_claims,
)
from idp.oidc.client import Client
from idp.oidc.scope import CLAIM_SCOPE, SCOPES
from idp.registers.birth_date import BirthDate
from idp.registers.types import Person, SubjectType
from idp.store.contacts import Contact, ContactKind
from tests.support.oidc_rules import client, person, release, representation, request

SCOPES_OF_CLAIMS: Final = [name for name in SCOPES if SCOPES[name].claims]
PERSONS_BY_CONSENT: Final = [name for name in SCOPES_OF_CLAIMS if not SCOPES[name].needs_statutory_task]

HOW: Final = [
    "null", '{"essential":true}', '{"value":"male"}', '{"values":[true,"Đặng Thị Hoà","1984-05-17"]}',
    '{"essential":true,"value":{"region":"Hà Nội"}}', '{"value":"+84912345678"}',
]  # fmt: skip
CONTACTS: Final = {
    ContactKind.PHONE_NUMBER: Contact("+84912345678", 1, None),
    ContactKind.EMAIL: Contact("hoa@thu.example", 1, 1),
}

_births = st.builds(
    lambda day, precision: BirthDate(day.year, *(day.month, day.day)[:precision]),
    st.dates(date(1920, 1, 1), date(2026, 11, 1)),
    st.integers(0, 2),
)
_persons = st.builds(
    person,
    birth_date=_births,
    family_name=st.sampled_from([None, "Niê"]),
    middle_name=st.sampled_from([None, "", "Thị"]),
    residence=st.sampled_from([None, person().residence]),
    subject_type=st.sampled_from(SubjectType),
)


@st.composite
def clients(draw: st.DrawFn) -> Client:
    if draw(st.booleans()):
        scopes = draw(st.sets(st.sampled_from(SCOPES_OF_CLAIMS)))
        return client(scope=" ".join(["openid", *sorted(scopes)]))
    scopes = draw(st.sets(st.sampled_from(PERSONS_BY_CONSENT)))
    return client(scope=" ".join(["openid", *sorted(scopes)]), legal_basis="consent")


@st.composite
def requests(draw: st.DrawFn) -> tuple[Client, RequestedClaims]:
    sender = draw(clients())
    scope = ["openid", *sorted(draw(st.sets(st.sampled_from(sender.scope))) - {"openid"})]
    claims = st.dictionaries(st.sampled_from(sorted(CLAIMS)), st.sampled_from(HOW))
    places = [
        ",".join(f'"{name}":{how}' for name, how in draw(claims).items()) for _ in ("userinfo", "id_token")
    ]
    text = f'{{"userinfo":{{{places[0]}}},"id_token":{{{places[1]}}}}}'
    locales = draw(st.sampled_from(["", "vi", "en", "fr en-GB vi"]))
    asked = request(by=sender, scope=" ".join(scope), claims=text, claims_locales=locales)
    return sender, requested_claims(asked, sender)


def _is_something(value: Any) -> bool:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return value not in (None, "", {}, []) and all(_is_something(member) for member in members)


@given(
    requests(),
    st.sets(st.sampled_from(sorted(CLAIMS))),
    _persons,
    st.builds(
        release,
        account_level=st.sampled_from(AccountLevel),
        representation=st.sampled_from([None, representation()]),
        contacts=st.sampled_from([{}, CONTACTS]),
    ),
)
def test_released_is_part_of_agreed(
    asked: tuple[Client, RequestedClaims],
    agreed: set[str],
    holder: Person,
    circumstances: Release,
) -> None:
    sender, wanted = asked
    granted = wanted.granted(agreed)
    places: tuple[Place, Place] = ("userinfo", "id_token")
    for place in places:
        released = released_claims(holder, granted, place, circumstances)
        assert set(released) <= set(granted.at(place))
        for name, value in released.items():
            assert lead_of(name) in agreed
            assert matches(value, granted.values_at(place).get(name, [value]))  # type: ignore[list-item]
            assert CLAIM_SCOPE[name] in sender.scope
            assert (
                not SCOPES[CLAIM_SCOPE[name]].needs_statutory_task or sender.legal_basis == "statutory_task"
            )
            assert SCOPES[CLAIM_SCOPE[name]].account_level.value <= circumstances.account_level.value
            assert _is_something(value), name


@given(requests())
def test_who_agrees_to_everything_grants_everything(asked: tuple[Client, RequestedClaims]) -> None:
    _, wanted = asked
    assert wanted.granted(wanted.leads) == wanted
    assert wanted.granted(()) == RequestedClaims()
    assert RequestedClaims.from_json(wanted.to_json()) == wanted
    assert wanted.essential <= set(wanted.names)
    assert wanted.essential_leads <= set(wanted.leads)


@given(_births, st.dates(date(2026, 1, 1), date(2060, 1, 1)))
def test_ages_are_never_more_than_certain(birth: BirthDate, today: date) -> None:
    names = [f"age_over_{years}" for years in (14, 16, 18, 60)]
    released = claim_values(person(birth_date=birth), names, release(today=today))
    latest = date(birth.year, birth.month or 12, birth.day or 28)
    for name in names:
        years = int(name.removeprefix("age_over_"))
        if released[name]:
            assert today - latest >= timedelta(days=365 * years)
