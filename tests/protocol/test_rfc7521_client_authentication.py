"""RFC 6749 §2.3, RFC 7521 §4.2, OpenID Connect Core §9: who asks, at every endpoint that only clients call."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, quote_plus

import httpx2
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from idp.store import clients, versions
from idp.store.database import step
from tests.support.installation import ISSUER
from tests.support.on_sqlite import on_sqlite
from tests.support.portals import ASSERTION_TYPE, REGISTRATIONS
from tests.support.provider import Provider

pytestmark = on_sqlite

ENDPOINTS: Final = ("/token", "/revoke", "/introspect")
FORM: Final = {"grant_type": "client_credentials", "token": "x"}
PASSPHRASE: Final = "mật khẩu+50%: á&=/?"
STRANGE: Final = "Cong.cu~so_9-"


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header with both halves as they are given."""
    return {"authorization": f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"}


def encoded(client_id: str, secret: str) -> dict[str, str]:
    """The header as RFC 6749 §2.3.1 wants it."""
    return basic(quote_plus(client_id), quote_plus(secret))


@pytest.fixture(scope="module", autouse=True)
async def strange_client(service: Provider) -> None:
    """A machine whose id and secret need every care that an encoding can take."""
    metadata = {**REGISTRATIONS["api"], "client_id": STRANGE}
    await service.db.write(
        clients.add(
            STRANGE,
            orjson.dumps(metadata).decode(),
            secret_digest=hashlib.sha256(PASSPHRASE.encode()).digest(),
            now=int(service.clock()),
        )
    )


async def ask(
    service: Provider,
    path: str = "/token",
    form: Mapping[str, str | Sequence[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx2.Response:
    return await service.http().post(path, data={**FORM, **(form or {})}, headers=headers or {})


def secret_of(service: Provider, client_id: str) -> str:
    secret = service.registered[client_id].secret
    assert secret
    return secret


def check_refused(response: httpx2.Response, *, challenged: bool) -> None:
    """RFC 6749 §5.2: 401 `invalid_client`, with a challenge for who used the header."""
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client"), response.text
    told = f'error="invalid_client", error_description="{response.json()["error_description"]}"'
    expected = f'Basic realm="{ISSUER}", {told}' if challenged else None
    assert response.headers.get("www-authenticate") == expected
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "headers",
    [
        encoded(STRANGE, PASSPHRASE),
        basic(quote(STRANGE, safe=""), quote(PASSPHRASE, safe="")),
        basic(STRANGE.replace("-", "%2D").replace("C", "%43"), quote_plus(PASSPHRASE).lower()),
        {"authorization": encoded(STRANGE, PASSPHRASE)["authorization"].replace("Basic", "bAsIc")},
    ],
)
async def test_basic_in_every_spelling_of_the_encoding(
    service: Provider, path: str, headers: Mapping[str, str]
) -> None:
    assert (await ask(service, path, headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    ("client_id", "status"),
    [("api", 200), ("machine-es256", 200), ("machine-rs256", 200), ("legacy-post", 400), ("app", 400)],
)
async def test_each_registered_method_is_taken(
    service: Provider, path: str, client_id: str, status: int
) -> None:
    response = await service.portal(client_id).post(path, **FORM)
    if path == "/introspect" and client_id == "app":
        check_refused(response, challenged=False)
    elif path == "/token":
        # these two may not use the grant type, which they are told once it is clear who they are
        assert response.status_code == status
        assert response.json().get("error") == (None if status == 200 else "unauthorized_client")
    else:
        assert response.status_code == 200


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "headers",
    [
        basic(STRANGE, PASSPHRASE),  # not encoded: the plus sign reads as a space
        encoded(STRANGE, PASSPHRASE + " "),
        encoded(STRANGE, PASSPHRASE.upper()),
        encoded(STRANGE, ""),
        encoded(STRANGE.lower(), PASSPHRASE),
        encoded("", PASSPHRASE),
        encoded("nobody", PASSPHRASE),
        encoded("app", ""),
        encoded("machine-es256", "x"),
        encoded("legacy-post", "x"),
        {"authorization": "Basic"},
        {"authorization": "Basic "},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic YQ"},
        {"authorization": f"Basic {base64.b64encode(b'no-colon').decode()}"},
        {"authorization": f"Basic {base64.b64encode(b'bytes:' + bytes([0xFF, 0xFE])).decode()}"},
        basic(STRANGE, "%FF%FE"),
        basic("%00", "x"),
        {"authorization": f"Basic {base64.b64encode(bytes(1) + b':x').decode()}"},
        {"authorization": "Bearer abc"},
        {"authorization": "abc"},
        {"authorization": ""},
    ],
)
async def test_basic_that_proves_nothing(service: Provider, path: str, headers: Mapping[str, str]) -> None:
    check_refused(await ask(service, path, headers=headers), challenged=True)


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"client_id": ""},
        {"client_id": "nobody"},
        {"client_id": STRANGE},
        {"client_id": STRANGE, "client_secret": PASSPHRASE},  # registered for the header
        {"client_id": "machine-es256"},
        {"client_id": "legacy-post"},
        {"client_id": "legacy-post", "client_secret": ""},
        {"client_id": "legacy-post", "client_secret": "guess"},
        {"client_id": "app", "client_secret": "guess"},
        {"client_secret": "guess"},
    ],
)
async def test_fields_that_prove_nothing(service: Provider, path: str, form: Mapping[str, str]) -> None:
    check_refused(await ask(service, path, form), challenged=False)


async def test_a_secret_in_the_body_is_for_who_registered_so(service: Provider) -> None:
    post, header = secret_of(service, "legacy-post"), secret_of(service, "legacy-basic")
    good = await ask(service, "/revoke", {"client_id": "legacy-post", "client_secret": post})
    assert good.status_code == 200
    check_refused(await ask(service, "/revoke", headers=encoded("legacy-post", post)), challenged=True)
    wrong = await ask(service, "/revoke", {"client_id": "legacy-basic", "client_secret": header})
    check_refused(wrong, challenged=False)


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_one_method_at_a_time(service: Provider, path: str) -> None:
    assertion = {
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": service.portal("machine-es256").assertion(),
    }
    header = encoded(STRANGE, PASSPHRASE)
    both: Sequence[tuple[Mapping[str, str], Mapping[str, str]]] = (
        ({"client_id": STRANGE, "client_secret": PASSPHRASE}, header),
        ({"client_secret": PASSPHRASE}, header),
        (assertion, header),
        ({"client_assertion_type": ASSERTION_TYPE}, header),
        ({**assertion, "client_id": "machine-es256", "client_secret": "x"}, {}),
        ({"client_id": "nobody"}, header),
    )
    for form, headers in both:
        response = await ask(service, path, form, headers)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    named = await ask(service, path, {"client_id": STRANGE}, header)
    assert named.status_code == 200, "naming oneself is no second method"


@pytest.mark.parametrize("name", ["client_id", "client_secret", "client_assertion"])
async def test_credentials_are_given_once(service: Provider, name: str) -> None:
    form = {"client_id": "legacy-post", "client_secret": "x", name: ["one", "two"]}
    response = await ask(service, form=form)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


def signed(key: Any, algorithm: str, **changes: object) -> dict[str, str]:
    """A form with an assertion of `machine-es256` by some key."""
    now = 1_795_305_600
    claims = {"iss": "machine-es256", "sub": "machine-es256", "aud": ISSUER, "jti": "j", "exp": now + 60}
    token = jwt.encode(claims | changes, key, algorithm, headers={"kid": "k1"})
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}


def unsigned(payload: str) -> dict[str, str]:
    segment = base64.urlsafe_b64encode(payload.encode()).rstrip(b"=").decode()
    token = f"eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.{segment}.{'A' * 86}"
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}


FOREIGN: Final = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    "form",
    [
        signed(FOREIGN, "ES256"),
        signed(rsa.generate_private_key(65537, 2048), "RS256"),
        signed("x" * 32, "HS256"),
        signed(None, "none"),
        signed(FOREIGN, "ES256", sub="nobody", iss="nobody"),
        signed(FOREIGN, "ES256", sub="app", iss="app"),
        signed(FOREIGN, "ES256", sub=STRANGE, iss=STRANGE),
        unsigned('{"sub":"machine-es256"}'),
        unsigned('{"sub":"\\u0000"}'),
        unsigned('{"sub":"\\ud800"}'),
        unsigned('{"sub":7}'),
        unsigned('{"sub":""}'),
        unsigned("{}"),
        unsigned("[]"),
        unsigned("{"),
        {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "x"},
        {"client_assertion_type": ASSERTION_TYPE, "client_assertion": ""},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {**signed(FOREIGN, "ES256"), "client_id": "other"},
    ],
)
async def test_assertions_that_prove_nothing(service: Provider, form: Mapping[str, str]) -> None:
    check_refused(await ask(service, form=form), challenged=False)


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_an_assertion_is_good_once_and_anywhere(service: Provider, path: str) -> None:
    used = service.portal("machine-es256").credentials()[0]
    assert (await ask(service, path, used)).status_code == 200
    for again in ENDPOINTS:
        check_refused(await ask(service, again, used), challenged=False)


@pytest.mark.parametrize(
    ("claims", "taken"),
    [
        ({"aud": ISSUER}, True),
        ({"aud": f"{ISSUER}/token"}, True),
        ({"aud": [ISSUER]}, True),
        ({"aud": f"{ISSUER}/introspect"}, False),
        ({"aud": [ISSUER, "https://elsewhere.example"]}, False),
        ({"exp": 1_795_305_600 - 61}, False),
        ({"exp": 1_795_305_600 + 3600}, False),
        ({"nbf": 1_795_305_600 + 61}, False),
        ({"jti": ""}, False),
        ({"sub": "machine-rs256"}, False),
        ({"iss": "machine-rs256"}, False),
    ],
)
async def test_what_an_assertion_says(service: Provider, claims: Mapping[str, Any], *, taken: bool) -> None:
    assertion = service.portal("machine-es256").assertion(**claims)
    response = await ask(
        service, form={"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    )
    assert response.status_code == (200 if taken else 401)


async def test_an_assertion_that_failed_may_be_used(service: Provider) -> None:
    form = service.portal("machine-es256").credentials()[0]
    broken = {**form, "client_assertion": form["client_assertion"][:-4] + "AAAA"}
    check_refused(await ask(service, form=broken), challenged=False)
    assert (await ask(service, form=form)).status_code == 200


async def test_a_stranger_cannot_tell_why(service: Provider) -> None:
    answers = {
        (await ask(service, form=form, headers=headers)).text
        for form, headers in (
            ({}, encoded("nobody", "x")),
            ({}, encoded(STRANGE, "x")),
            ({}, encoded("app", "x")),
            ({}, encoded("machine-es256", "x")),
            ({"client_id": "nobody"}, {}),
            ({"client_id": STRANGE, "client_secret": "x"}, {}),
        )
    }
    assert len(answers) == 1


async def test_our_audit_log_can(service: Provider) -> None:
    await ask(service, headers=encoded(STRANGE, "a-guess-nobody-made"))
    await ask(service, headers=encoded("nobody-we-know", "x"))
    known, unknown = (await service.events("client.refused"))[-2:]
    assert (known.outcome, known.client_id) == ("invalid_client", STRANGE)
    assert known.details["method"] == "client_secret_basic"
    assert unknown.client_id is None
    assert "a-guess-nobody-made" not in str(known)
    assert "nobody-we-know" not in str(unknown)


@pytest.mark.parametrize("client_id", ["api", "machine-es256", "app", "legacy-post"])
async def test_a_disabled_client_proves_nothing(provider: Provider, client_id: str) -> None:
    disabled = step(clients.DISABLE, client=client_id, now=int(provider.clock()))
    await provider.db.write(disabled, versions.changed(versions.CLIENTS))
    for path in ENDPOINTS:
        response = await provider.portal(client_id).post(path, **FORM)
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("headers", [basic("%00", "x"), basic("\x00", "x"), basic("%ed%a0%80", "x")])
async def test_ids_that_no_database_takes(provider: Provider, headers: Mapping[str, str]) -> None:
    check_refused(await ask(provider, headers=headers), challenged=True)
    check_refused(await ask(provider, form=unsigned('{"sub":"\\u0000"}')), challenged=False)
