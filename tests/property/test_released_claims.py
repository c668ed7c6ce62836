"""Nobody is told more than was asked for, registered, agreed to and held by the register."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from idp.assurance import AccountLevel
from idp.oidc.claims import CLAIM_COMPANIONS, CLAIMS, RequestedClaims, claim_values, requested_claims
from idp.oidc.client import Client
from idp.oidc.scope import CLAIM_SCOPE, SCOPES
from idp.registers.birth_date import BirthDate
from idp.registers.types import Person, Representation, SubjectType
from tests.support.oidc_rules import client, person, release, representation, request

LEADS: Final = {claim: lead for lead, claims in CLAIM_COMPANIONS.items() for claim in claims}
SCOPES_OF_CLAIMS: Final = [name for name in SCOPES if SCOPES[name].claims]
PERSONS_BY_CONSENT: Final = [name for name in SCOPES_OF_CLAIMS if not SCOPES[name].needs_statutory_task]

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
    claims = st.dictionaries(st.sampled_from(sorted(CLAIMS)), st.sampled_from(["null", '{"essential":true}']))
    places = [
        ",".join(f'"{name}":{how}' for name, how in draw(claims).items()) for _ in ("userinfo", "id_token")
    ]
    text = f'{{"userinfo":{{{places[0]}}},"id_token":{{{places[1]}}}}}'
    return sender, requested_claims(request(by=sender, scope=" ".join(scope), claims=text), sender)


def _is_something(value: Any) -> bool:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return value not in (None, "", {}, []) and all(_is_something(member) for member in members)


@given(
    requests(),
    st.sets(st.sampled_from(sorted(CLAIMS))),
    _persons,
    st.sampled_from(AccountLevel),
    st.sampled_from([None, representation()]),
)
def test_released_is_part_of_agreed(
    asked: tuple[Client, RequestedClaims],
    agreed: set[str],
    holder: Person,
    level: AccountLevel,
    acting: Representation | None,
) -> None:
    sender, wanted = asked
    granted = wanted.granted(agreed)
    circumstances = release(account_level=level, representation=acting)
    for names in (granted.userinfo, granted.id_token):
        released = claim_values(holder, names, circumstances)
        assert set(released) <= set(names)
        for name, value in released.items():
            assert LEADS.get(name, name) in agreed
            assert CLAIM_SCOPE[name] in sender.scope
            assert (
                not SCOPES[CLAIM_SCOPE[name]].needs_statutory_task or sender.legal_basis == "statutory_task"
            )
            assert SCOPES[CLAIM_SCOPE[name]].account_level.value <= level.value
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
