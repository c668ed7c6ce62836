"""An exception becomes one answer, and what the caller must not know stays here."""

from __future__ import annotations

import base64
import logging
import sqlite3
from typing import Any

import pytest

from idp.errors import (
    InsufficientScope,
    InvalidClient,
    InvalidDpopProof,
    InvalidGrant,
    InvalidToken,
    PageError,
    TemporarilyUnavailable,
    Unavailable,
    UseDpopNonce,
)
from idp.store.database import DatabaseError
from keys.jose import SignerUnavailable
from keys.keyring import NoActiveKey
from keys.lint import LintRefused


def busy() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


class Deadlock(Exception):
    """As PostgreSQL says it."""

    sqlstate = "40P01"


class UniqueViolation(Exception):
    """As PostgreSQL says it."""

    sqlstate = "23505"


async def test_an_oauth_error_is_json_with_its_code(door: Any) -> None:
    door.failure = InvalidGrant("the code was used", detail="grant 7")
    answer = await door.visit("POST", "/fails")
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_grant", "error_description": "the code was used"}
    assert answer.headers["cache-control"] == "no-store"
    assert "grant 7" not in answer.text


async def test_a_client_is_challenged_only_where_it_used_the_header(door: Any) -> None:
    door.failure = InvalidClient("unknown")
    basic = base64.b64encode(b"a:b").decode()
    with_header = await door.visit("POST", "/fails", headers={"authorization": f"Basic {basic}"})
    without = await door.visit("POST", "/fails")
    assert with_header.status_code == without.status_code == 401
    assert with_header.headers["www-authenticate"] == (
        'Basic realm="https://id.example.vn", error="invalid_client", error_description="unknown"'
    )
    assert "www-authenticate" not in without.headers


@pytest.mark.parametrize(
    ("error", "status", "challenge"),
    [
        (InvalidToken(), 401, 'Bearer realm="https://id.example.vn"'),
        (
            InvalidToken('it "expired"'),
            401,
            'Bearer realm="https://id.example.vn", error="invalid_token", error_description="it ?expired?"',
        ),
        (
            InsufficientScope("needs openid"),
            403,
            'Bearer realm="https://id.example.vn", error="insufficient_scope", error_description="needs openid"',
        ),
    ],
)
async def test_bearer_challenges(door: Any, error: Exception, status: int, challenge: str) -> None:
    door.failure = error
    answer = await door.visit("GET", "/fails")
    assert answer.status_code == status
    assert answer.headers["www-authenticate"] == challenge


@pytest.mark.parametrize("error", [InvalidDpopProof("no jti"), UseDpopNonce("old")])
async def test_a_proof_that_is_refused_is_a_bad_request_to_the_authorization_server(
    door: Any, error: InvalidDpopProof | UseDpopNonce
) -> None:
    door.failure = error
    answer = await door.visit("POST", "/fails")
    assert (answer.status_code, answer.json()["error"]) == (400, error.error)
    assert "www-authenticate" not in answer.headers


async def test_a_page_error_is_a_page_in_the_persons_language(door: Any) -> None:
    door.failure = PageError("stale_interaction", 400, detail="interaction 7", way_on="/account")
    vietnamese = await door.visit("GET", "/page-fails")
    english = await door.visit("GET", "/page-fails", headers={"accept-language": "en"})
    chosen = await door.visit("GET", "/page-fails", headers={"cookie": "motcua-language=en"})
    assert vietnamese.status_code == 400
    assert vietnamese.headers["content-language"] == "vi"
    assert vietnamese.headers["x-request-id"] in vietnamese.text
    assert "/account" in vietnamese.text
    assert "interaction 7" not in vietnamese.text
    assert "This page has expired" in english.text
    assert chosen.headers["content-language"] == "en"


async def test_an_oauth_error_on_a_page_is_a_page(door: Any) -> None:
    door.failure = TemporarilyUnavailable("later")
    answer = await door.visit("GET", "/page-fails")
    assert answer.status_code == 503
    assert "text/html" in answer.headers["content-type"]
    assert "temporarily_unavailable: later" in answer.text


async def test_a_page_error_for_a_program_is_json(door: Any) -> None:
    door.failure = PageError("csrf_failed", 403)
    answer = await door.visit("GET", "/fails")
    assert answer.status_code == 403
    assert answer.json() == {"error": "invalid_request"}


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("queue"),
        DatabaseError("x"),
        ConnectionRefusedError(),
        TimeoutError(),
        busy(),
        Deadlock(),
        SignerUnavailable("The module does not answer."),
        NoActiveKey("no active key for id_token with ES256"),
    ],
)
async def test_what_passes_is_503_and_worth_another_try(door: Any, error: Exception) -> None:
    door.failure = error
    document = await door.visit("GET", "/fails")
    page = await door.visit("GET", "/page-fails")
    for answer in (document, page):
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
    assert document.json() == {"error": "temporarily_unavailable"}


@pytest.mark.parametrize(
    "error",
    [KeyError("secret"), UniqueViolation("secret"), PageError("secret-page", 500), LintRefused("secret")],
)
async def test_a_fault_of_ours_is_logged_and_never_shown(
    door: Any, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    door.failure = error
    with caplog.at_level(logging.INFO, "motcua"):
        page = await door.visit("GET", "/page-fails")
    assert page.status_code == 500
    assert "secret" not in page.text
    if not isinstance(error, PageError):
        assert caplog.records[0].exc_info is not None
        assert vars(caplog.records[0])["request_id"] == page.headers["x-request-id"]


async def test_details_go_to_our_log(door: Any, caplog: pytest.LogCaptureFixture) -> None:
    door.failure = InvalidGrant("no", detail="family revoked")
    with caplog.at_level(logging.INFO, "motcua"):
        await door.visit("POST", "/fails")
    assert "invalid_grant: family revoked" in caplog.text
