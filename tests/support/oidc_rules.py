"""Sample clients, people, organisations and keys for tests of the protocol's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any, Final

import orjson

from idp.assurance import AccountLevel, AuthenticationLevel
from idp.oidc.authentication_event import AuthenticationEvent
from idp.oidc.authorization_request import AuthorizationRequest, read_authorization_request, read_parameters
from idp.oidc.claims.release import Release
from idp.oidc.client import Client
from idp.oidc.client_metadata import read_client
from idp.oidc.redirect_uri import prove_target
from idp.registers.birth_date import read_birth_date
from idp.registers.types import (
    Address,
    CardStatus,
    Identifier,
    IdentifierScheme,
    LegalRepresentative,
    Organisation,
    OrganisationStatus,
    OrganisationType,
    Person,
    PersonStatus,
    Power,
    Representation,
    RepresentativeRole,
    Sex,
    SubjectType,
)
from keys.backends.software import SoftwareSigner
from keys.keyring import Keyring
from keys.policy import Purpose, SecretPurpose, State
from keys.seal import KeyEncryptionKey
from keys.store import StoredKey, StoredSecret
from tests.support.installation import bare_keyring

ISSUER: Final = "https://sso.example.gov.vn"
TOKEN_ENDPOINT: Final = f"{ISSUER}/token"
NOW: Final = 1_800_000_000
REDIRECT_URI: Final = "https://portal.example.gov.vn/callback"
CHALLENGE: Final = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636 appendix B
VERIFIER: Final = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

BASE_METADATA: Final[dict[str, Any]] = {
    "client_id": "portal",
    "client_name": "Cổng dịch vụ công",
    "client_name#en": "Public service portal",
    "owner": "Bộ Tư pháp",
    "sector": "bo-tu-phap",
    "profile": "oidc",
    "redirect_uris": [REDIRECT_URI],
    "post_logout_redirect_uris": ["https://portal.example.gov.vn/bye"],
    "token_endpoint_auth_method": "client_secret_basic",
    "scope": "openid profile pid age address phone email org",
    "legal_basis": "statutory_task",
    "legal_reference": "Luật Lý lịch tư pháp số 28/2009/QH12",
    "purpose": "Xác định người yêu cầu",
}


def metadata(*without: str, **changes: Any) -> dict[str, Any]:
    """The metadata of a good web client, changed; `without` names members that are left out."""
    changed = BASE_METADATA | changes
    return {name: value for name, value in changed.items() if name not in without}


def client(*without: str, secret_digest: bytes | None = None, **changes: Any) -> Client:
    """A registered client."""
    return read_client(metadata(*without, **changes), now=NOW, secret_digest=secret_digest)


PARAMETERS: Final[dict[str, str]] = {
    "response_type": "code",
    "client_id": "portal",
    "redirect_uri": REDIRECT_URI,
    "scope": "openid profile",
    "state": "af0ifjsldkj",
    "nonce": "n-0S6_WzA2Mj",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


def pairs(*without: str, **changes: str) -> Sequence[tuple[str, str]]:
    """The parameters of a good authorization request, changed."""
    return [(name, value) for name, value in (PARAMETERS | changes).items() if name not in without]


def request(*without: str, by: Client | None = None, **changes: str) -> AuthorizationRequest:
    """An authorization request, read as the endpoint reads it."""
    sender = by or client()
    parameters = read_parameters(pairs(*without, **changes))
    return read_authorization_request(parameters, sender, prove_target(sender, parameters, ISSUER))


def person(**changes: Any) -> Person:
    """A citizen with everything that the register can hold."""
    return replace(
        Person(
            record_id="r-1",
            personal_number="001184000123",
            name="Đặng Thị Hoà",
            family_name="Đặng",
            middle_name="Thị",
            given_name="Hoà",
            birth_date=read_birth_date("1984-05-17"),
            sex=Sex.FEMALE,
            nationality="VNM",
            subject_type=SubjectType.CITIZEN,
            residence=Address("01", "00004", "Số 5 ngõ 12", date(2026, 1, 1)),
            status=PersonStatus.ALIVE,
            card_status=CardStatus.VALID,
            card_expires_on=date(2034, 5, 17),
        ),
        **changes,
    )


def representation(**changes: Any) -> Representation:
    """A company with two legal representatives, of whom this is one."""
    organisation = Organisation(
        record_id="o-1",
        identifiers=(
            Identifier(IdentifierScheme.ENTERPRISE_CODE, "0100109106"),
            Identifier(IdentifierScheme.TAX_CODE, "0100109106"),
        ),
        legal_name="CÔNG TY TNHH HOÀ BÌNH",
        type=OrganisationType.LLC_MULTI_MEMBER,
        status=OrganisationStatus.ACTIVE,
        established_on=date(2019, 3, 1),
        head_office=None,
        as_of_at=1_795_309_200,
    )
    office = LegalRepresentative(
        person_id="r-1",
        organisation_id="o-1",
        role=RepresentativeRole.LEGAL_REPRESENTATIVE,
        title="Giám đốc",
        powers=frozenset({Power.SIGN, Power.FILE}),
        joint=False,
        since=date(2019, 3, 1),
        until=None,
    )
    return Representation(organisation, replace(office, **changes))


def release(**changes: Any) -> Release:
    """A release to the sample client, for an account proofed in person."""
    return replace(
        Release(
            subject="pairwise",
            today=date(2026, 11, 22),
            account_level=AccountLevel.LEVEL_02,
            authentication_level=AuthenticationLevel.ONE,
        ),
        **changes,
    )


def event() -> AuthenticationEvent:
    """A login by password, a minute ago."""
    return AuthenticationEvent(auth_time=NOW - 60, amr=("pwd",), level=AuthenticationLevel.ONE, sid="s-1")


_PURPOSES: Final = (Purpose.ID_TOKEN, Purpose.ACCESS_TOKEN, Purpose.USERINFO)


def keyring(name: str = "ours") -> Keyring:
    """An installation's keys; another name gives another installation's."""
    return _keyring(name)


@cache
def _keyring(name: str) -> Keyring:
    kek = KeyEncryptionKey.of(name.encode().ljust(32, b"."))
    kept = []
    for purpose in _PURPOSES:
        signer = SoftwareSigner.generate("ES256")
        sealed = kek.seal(signer.to_pkcs8(), purpose=purpose.value, name=signer.kid)
        jwk = orjson.dumps(signer.public_jwk()).decode()
        kept.append(StoredKey(signer.kid, purpose, "ES256", State.ACTIVE, jwk, sealed, NOW, published_at=NOW))
    secret = kek.seal(bytes(32), purpose="secret", name=SecretPurpose.PAIRWISE.value)
    return bare_keyring(kept, [StoredSecret(SecretPurpose.PAIRWISE, secret)], kek, NOW)
