"""What is signed for a purpose is what tokens of that purpose are: each rule refuses, and every real token passes."""

from __future__ import annotations

from typing import Any

import pytest

from idp.oidc.access_token import PersonAccess, access_token_claims, machine_token_claims
from idp.oidc.claims.release import CLAIMS, TOLD_BY_USERINFO_ONLY
from idp.oidc.id_token import id_token_claims
from idp.oidc.logout_token import EVENT, logout_token_claims
from idp.oidc.userinfo import signed_userinfo_claims, userinfo_claims
from idp.registers.types import SubjectType
from keys import policy
from keys.backends.software import SoftwareSigner
from keys.lint import LOGOUT_EVENT, PERSONAL_NUMBERS, PROFILES, LintRefused, lint
from keys.policy import Purpose
from tests.support.oidc_rules import ISSUER, NOW, client, event, keyring, representation

SUBJECT = "s" * 43
API = "https://api.example.gov.vn"
MACHINE = client(
    "redirect_uris", "post_logout_redirect_uris", client_id="0123456789", application_type="machine",
    grant_types=["client_credentials"], scope="procedures:read", audience=[API, API + "/2"],
)  # fmt: skip


def id_token(nonce: str | None = "n" * 43, **released: object) -> dict[str, Any]:
    return id_token_claims(
        issuer=ISSUER, client_id="portal", subject=SUBJECT, subject_type=SubjectType.CITIZEN, event=event(),
        nonce=nonce, released=released, now=NOW,
    )  # fmt: skip


def access_token(*, organisation: bool = False) -> dict[str, Any]:
    access = PersonAccess(
        grant_id="g-1", subject=SUBJECT, audience=(ISSUER,), scope=("openid", "profile"), event=event(),
        representation=representation() if organisation else None,
    )  # fmt: skip
    return access_token_claims(access, client(), issuer=ISSUER, jti="j-1", now=NOW)


def machine_token() -> dict[str, Any]:
    return machine_token_claims(
        issuer=ISSUER,
        client=MACHINE,
        audience=MACHINE.audience,
        scope=("procedures:read",),
        jti="j-1",
        now=NOW,
    )


def userinfo(**released: object) -> dict[str, Any]:
    claims = userinfo_claims(subject=SUBJECT, subject_type=SubjectType.CITIZEN, released=released)
    return signed_userinfo_claims(claims, issuer=ISSUER, client_id="portal", now=NOW)


def logout_token() -> dict[str, Any]:
    return logout_token_claims(issuer=ISSUER, client_id="portal", subject=SUBJECT, session_id="sid", now=NOW)


def introspection() -> dict[str, Any]:
    return {"iss": ISSUER, "aud": "api", "iat": NOW, "token_introspection": {"active": False}}


def authorization_response() -> dict[str, Any]:
    return {"iss": ISSUER, "aud": "portal", "iat": NOW, "exp": NOW + 300, "code": "c" * 43, "state": "s"}


def refused_authorization() -> dict[str, Any]:
    told = {"error": "access_denied", "error_description": "The person went back."}
    return {"iss": ISSUER, "aud": "portal", "iat": NOW, "exp": NOW + 300, **told}


def entity_statement() -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "sub": ISSUER,
        "iat": NOW,
        "exp": NOW + 86_400,
        "jwks": {"keys": []},
        "metadata": {},
    }


def audit_checkpoint() -> dict[str, Any]:
    return {"iss": ISSUER, "iat": NOW, "size": 7, "root": "r" * 43}


REAL: list[tuple[Purpose, dict[str, Any]]] = [
    (Purpose.ID_TOKEN, id_token()),
    (Purpose.ID_TOKEN, id_token(nonce=None, name="Nguyễn Thị Ánh", vn_organisation={"id": "0100109106"})),
    (Purpose.ID_TOKEN, id_token(**dict.fromkeys(CLAIMS.keys() - TOLD_BY_USERINFO_ONLY, "told"))),
    (Purpose.ACCESS_TOKEN, access_token()),
    (Purpose.ACCESS_TOKEN, access_token(organisation=True)),
    (Purpose.ACCESS_TOKEN, machine_token()),
    (Purpose.USERINFO, userinfo()),
    (Purpose.USERINFO, userinfo(**dict.fromkeys(CLAIMS, "told"))),
    (Purpose.LOGOUT, logout_token()),
    (Purpose.INTROSPECTION, introspection()),
    (Purpose.AUTHORIZATION_RESPONSE, authorization_response()),
    (Purpose.AUTHORIZATION_RESPONSE, refused_authorization()),
    (Purpose.FEDERATION, entity_statement()),
    (Purpose.AUDIT, audit_checkpoint()),
]


def good(purpose: Purpose) -> dict[str, Any]:
    return next(claims for found, claims in REAL if found is purpose)


@pytest.mark.parametrize(("purpose", "claims"), REAL)
def test_every_real_token_passes(purpose: Purpose, claims: dict[str, Any]) -> None:
    lint(purpose, claims, ISSUER)


def test_every_purpose_that_signs_has_a_profile() -> None:
    assert PROFILES.keys() == policy.TOKEN_TYPES.keys() == {purpose for purpose, _ in REAL}
    with pytest.raises(LintRefused, match="encryption signs nothing"):
        lint(Purpose.ENCRYPTION, id_token(), ISSUER)


REQUIRED = [(purpose, name) for purpose, profile in PROFILES.items() for name in sorted(profile.required)]


@pytest.mark.parametrize(("purpose", "name"), REQUIRED)
def test_a_required_claim_that_is_missing_is_refused(purpose: Purpose, name: str) -> None:
    claims = {found: value for found, value in good(purpose).items() if found != name}
    with pytest.raises(LintRefused, match=f"{name} missing"):
        lint(purpose, claims, ISSUER)


@pytest.mark.parametrize("purpose", PROFILES)
@pytest.mark.parametrize(
    "name",
    [
        "password",
        "pin",
        "client_secret",
        "refresh_token",
        "account_id",
        "register_record_id",
        "personal_number",
    ],
)
def test_secrets_and_identifiers_of_ours_are_refused(purpose: Purpose, name: str) -> None:
    with pytest.raises(LintRefused, match=name) as refused:
        lint(purpose, {**good(purpose), name: "001184000123"}, ISSUER)
    assert "001184000123" not in str(refused.value)


@pytest.mark.parametrize("purpose", [purpose for purpose in PROFILES if purpose is not Purpose.USERINFO])
@pytest.mark.parametrize("name", sorted(TOLD_BY_USERINFO_ONLY))
def test_the_personal_number_is_told_by_userinfo_only(purpose: Purpose, name: str) -> None:
    with pytest.raises(LintRefused, match=name):
        lint(purpose, {**good(purpose), name: "001184000123"}, ISSUER)


@pytest.mark.parametrize(
    "purpose",
    [Purpose.ACCESS_TOKEN, Purpose.LOGOUT, Purpose.INTROSPECTION, Purpose.AUTHORIZATION_RESPONSE],
)
@pytest.mark.parametrize("name", ["name", "birthdate", "gender", "address", "amr"])
def test_nothing_about_a_person_stands_in_a_token_for_programs(purpose: Purpose, name: str) -> None:
    with pytest.raises(LintRefused, match=f"{name} do not belong"):
        lint(purpose, {**good(purpose), name: "told"}, ISSUER)


@pytest.mark.parametrize("claims_of", PROFILES)
@pytest.mark.parametrize("signed_for", PROFILES)
def test_the_claims_of_one_purpose_are_not_signed_for_another(
    claims_of: Purpose, signed_for: Purpose
) -> None:
    if claims_of is signed_for:
        lint(signed_for, good(claims_of), ISSUER)
    else:
        with pytest.raises(LintRefused):
            lint(signed_for, good(claims_of), ISSUER)


CHANGED: dict[str, tuple[Purpose, dict[str, Any], str]] = {
    "another issuer": (Purpose.ID_TOKEN, {"iss": "https://other.example"}, "`iss`"),
    "the issuer with a slash": (Purpose.ACCESS_TOKEN, {"iss": ISSUER + "/"}, "`iss`"),
    "no issuer": (Purpose.LOGOUT, {"iss": None}, "`iss`"),
    "an empty audience": (Purpose.ID_TOKEN, {"aud": ""}, "`aud`"),
    "an audience of nobody": (Purpose.ACCESS_TOKEN, {"aud": []}, "`aud`"),
    "an audience with a gap": (Purpose.ACCESS_TOKEN, {"aud": [API, ""]}, "`aud`"),
    "an audience that is no text": (Purpose.USERINFO, {"aud": 7}, "`aud`"),
    "an audience of numbers": (Purpose.USERINFO, {"aud": [7]}, "`aud`"),
    "an ID token for a day": (Purpose.ID_TOKEN, {"exp": NOW + 86_400}, "`exp`"),
    "an access token for longer than an hour": (Purpose.ACCESS_TOKEN, {"exp": NOW + 3601}, "`exp`"),
    "a logout token for longer than two minutes": (Purpose.LOGOUT, {"exp": NOW + 121}, "`exp`"),
    "a statement for longer than a day": (Purpose.FEDERATION, {"exp": NOW + 86_401}, "`exp`"),
    "expired when issued": (Purpose.ID_TOKEN, {"exp": NOW}, "`exp`"),
    "a time in milliseconds": (Purpose.ACCESS_TOKEN, {"exp": (NOW + 300) * 1000}, "`exp`"),
    "a time with a fraction": (Purpose.ACCESS_TOKEN, {"exp": NOW + 60.5}, "`exp`"),
    "a time as text": (Purpose.ID_TOKEN, {"iat": str(NOW)}, "`iat`"),
    "a time that is true": (Purpose.USERINFO, {"iat": True}, "`iat`"),
    "UserInfo that expires": (Purpose.USERINFO, {"exp": NOW + 60}, "exp must not"),
    "UserInfo with a nonce": (Purpose.USERINFO, {"nonce": "n"}, "nonce must not"),
    "an access token with a nonce": (Purpose.ACCESS_TOKEN, {"nonce": "n"}, "nonce do not belong"),
    "a logout token with a nonce": (Purpose.LOGOUT, {"nonce": "n"}, "nonce do not belong"),
    "a logout token of another event": (
        Purpose.LOGOUT,
        {"events": {"https://other.example": {}}},
        "`events`",
    ),
    "a logout token of two events": (Purpose.LOGOUT, {"events": {EVENT: {}, "x": {}}}, "`events`"),
    "a logout token of no event": (Purpose.LOGOUT, {"events": {}}, "`events`"),
    "an authorization response for longer than ten minutes": (
        Purpose.AUTHORIZATION_RESPONSE,
        {"exp": NOW + 601},
        "`exp`",
    ),
    "an authorization response about somebody": (
        Purpose.AUTHORIZATION_RESPONSE,
        {"sub": SUBJECT},
        "sub do not belong",
    ),
    "an ID token with a scope": (Purpose.ID_TOKEN, {"scope": "openid"}, "scope must not"),
    "an ID token with events": (Purpose.ID_TOKEN, {"events": {EVENT: {}}}, "events must not"),
    "an introspection that expires": (Purpose.INTROSPECTION, {"exp": NOW + 60}, "exp do not belong"),
    "no subject": (Purpose.ID_TOKEN, {"sub": ""}, "`sub`"),
    "a subject of another kind": (Purpose.USERINFO, {"sub": 7}, "`sub`"),
    "a personal number as the subject": (Purpose.ID_TOKEN, {"sub": "001184000123"}, "`sub` is a number"),
    "a telephone number as the subject": (Purpose.LOGOUT, {"sub": "0912345678"}, "`sub` is a number"),
    "an empty nonce": (Purpose.ID_TOKEN, {"nonce": ""}, "`nonce`"),
    "an empty jti": (Purpose.ACCESS_TOKEN, {"jti": ""}, "`jti`"),
    "no client": (Purpose.ACCESS_TOKEN, {"client_id": ""}, "`client_id`"),
    "no session": (Purpose.LOGOUT, {"sid": ""}, "`sid`"),
}


@pytest.mark.parametrize(("purpose", "changes", "rule"), CHANGED.values(), ids=CHANGED.keys())
def test_each_rule_refuses(purpose: Purpose, changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(LintRefused, match=rule) as refused:
        lint(purpose, good(purpose) | changes, ISSUER)
    assert str(refused.value).startswith(f"a token for {purpose} is not signed: ")


async def test_what_is_refused_is_not_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, asked = keyring(), []
    sign = SoftwareSigner.sign

    async def counted(signer: SoftwareSigner, signing_input: bytes) -> bytes:
        asked.append(signing_input)
        return await sign(signer, signing_input)

    monkeypatch.setattr(SoftwareSigner, "sign", counted)
    for purpose, changes, _ in CHANGED.values():
        if purpose in {Purpose.ID_TOKEN, Purpose.ACCESS_TOKEN, Purpose.USERINFO, Purpose.LOGOUT}:
            with pytest.raises(LintRefused):
                await ours.issue(purpose, good(purpose) | changes)
    assert asked == []
    for purpose in (Purpose.ID_TOKEN, Purpose.ACCESS_TOKEN, Purpose.USERINFO, Purpose.LOGOUT):
        token = await ours.issue(purpose, good(purpose))
        assert ours.verify_own(token, purpose=purpose) == good(purpose)
    assert len(asked) == 4


def test_no_token_outlives_the_publication_of_its_key() -> None:
    for profile in PROFILES.values():
        assert (profile.lifetime or 0) <= policy.RETIRING_LIFETIME


def test_the_names_agree_with_the_rules_of_the_protocol() -> None:
    assert PERSONAL_NUMBERS == TOLD_BY_USERINFO_ONLY
    assert LOGOUT_EVENT == EVENT
    assert not CLAIMS.keys() & PROFILES[Purpose.USERINFO].never
    assert CLAIMS.keys() & PROFILES[Purpose.ID_TOKEN].never == PERSONAL_NUMBERS
