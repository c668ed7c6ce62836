"""Secrets, public clients, and exactly one method at a time."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from urllib.parse import quote_plus

import pytest

from idp.errors import InvalidClient, InvalidRequest, OAuthError
from idp.oidc.client import Client
from idp.oidc.client_authentication import ASSERTION_TYPE, prove_client, read_credentials, secret_digest
from idp.oidc.client_keys import ClientKeys
from tests.support.oidc_rules import ISSUER, NOW, TOKEN_ENDPOINT, client
from tests.support.remote import NOWHERE
from tests.support.signing import at_once

SECRET = "s3cret+ %/:ü"
BASIC = client(secret_digest=secret_digest(SECRET))
POST = client(
    token_endpoint_auth_method="client_secret_post",
    profile="legacy",
    legacy_until="2027-06-30",
    secret_digest=secret_digest(SECRET),
)
PUBLIC = client(token_endpoint_auth_method="none")


def basic(client_id: str = "portal", secret: str = SECRET, scheme: str = "Basic") -> str:
    joined = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"{scheme} {b64encode(joined.encode()).decode()}"


def prove(registered: Client | None, header: str | None = None, **form: str) -> str:
    credentials = read_credentials(header, form)
    keys = ClientKeys(NOWHERE)
    proven = at_once(
        prove_client(credentials, registered, keys, issuer=ISSUER, endpoints=(TOKEN_ENDPOINT,), now=NOW)
    )
    assert proven.client is registered
    assert proven.assertion is None
    return proven.method


def test_each_method_proves_its_client() -> None:
    assert prove(BASIC, basic()) == "client_secret_basic"
    assert prove(BASIC, basic(scheme="bAsIc"), client_id="portal") == "client_secret_basic"
    assert prove(POST, client_id="portal", client_secret=SECRET) == "client_secret_post"
    assert prove(PUBLIC, client_id="portal") == "none"


@pytest.mark.parametrize(
    ("registered", "header", "form"),
    [
        (BASIC, basic(secret="wrong"), {}),
        (BASIC, basic(secret=""), {}),
        (BASIC, None, {"client_id": "portal"}),
        (BASIC, None, {"client_id": "portal", "client_secret": SECRET}),
        (POST, basic(), {}),
        (POST, None, {"client_id": "portal", "client_secret": "wrong"}),
        (PUBLIC, basic(), {}),
        (PUBLIC, None, {"client_id": "portal", "client_secret": "x"}),
        (client(), basic(), {}),
        (client(), basic(secret=""), {}),
        (None, basic(), {}),
        (None, None, {"client_id": "portal"}),
        (None, None, {}),
        (BASIC, basic("other"), {}),
    ],
)
def test_not_proven(registered: Client | None, header: str | None, form: dict[str, str]) -> None:
    with pytest.raises(InvalidClient):
        prove(registered, header, **form)


def test_a_stranger_cannot_tell_an_unknown_client_from_a_wrong_secret() -> None:
    said = []
    for registered in (BASIC, None, PUBLIC):
        with pytest.raises(InvalidClient) as refused:
            prove(registered, basic(secret="wrong"))
        said.append(refused.value.description)
    assert len(set(said)) == 1


def test_who_shows_the_right_secret_is_told_how_to_send_it() -> None:
    with pytest.raises(InvalidClient, match="used client_secret_post, registered client_secret_basic"):
        prove(BASIC, client_id="portal", client_secret=SECRET)


def test_a_disabled_client_is_nobody() -> None:

    with pytest.raises(InvalidClient):
        prove(replace(BASIC, disabled_at=NOW - 1), basic())


@pytest.mark.parametrize(
    ("header", "form"),
    [
        (basic(), {"client_id": "portal", "client_secret": SECRET}),
        (basic(), {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "x"}),
        (None, {"client_id": "portal", "client_secret": SECRET, "client_assertion": "x"}),
        (basic(), {"client_id": "other"}),
    ],
)
def test_two_methods_or_two_names_at_once(header: str | None, form: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        read_credentials(header, form)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Bearer abc",
        "Basic !!!",
        "Basic " + b64encode(b"no-colon").decode(),
        "Basic " + b64encode(b"\xff:\xff").decode(),
        "Basic " + b64encode(b"%ff:x").decode(),
        "Digest username=x",
    ],
)
def test_headers_that_cannot_be_read(header: str) -> None:
    with pytest.raises(OAuthError):
        read_credentials(header, {})


def test_secrets_do_not_show() -> None:
    assert SECRET not in repr(read_credentials(basic(), {}))
