"""`motcua registration`: tokens and issuers are told once, listed without secrets, withdrawn, and audited."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from keys.backends.software import SoftwareSigner

TERMS = {
    "owner": "Bộ Tư pháp",
    "sector": "bo-tu-phap",
    "scope": "openid profile",
    "purpose": "Điền sẵn tờ khai",
    "hosts": ["portal.example.vn"],
}


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "motcua.db")
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def issued(run: Any, *options: str, **changes: Any) -> dict[str, Any]:
    result = run("registration", "token", "-", "--json", *options, stdin=json.dumps(TERMS | changes))
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.output)
    return answer


def test_a_token_is_shown_once_and_kept_as_a_digest(run: Any, installed: Path) -> None:
    token = issued(run, "--uses", "3")["initial_access_token"]
    assert len(token) == 43
    for command in (("tokens",), ("tokens", "--json")):
        assert token not in run("registration", *command).output
    assert token.encode() not in (installed / "motcua.db").read_bytes()
    ((details,),) = rows(installed, "SELECT details FROM audit_events WHERE kind = 'registration.allowed'")
    assert json.loads(details).items() >= {"owner": "Bộ Tư pháp", "uses": 3}.items()


def test_tokens_are_listed_with_their_terms(run: Any, installed: Path) -> None:
    assert run("registration", "tokens").output == "None.\n"
    file = installed / "terms.json"
    file.write_text(json.dumps(TERMS))
    assert "shown this once" in run("registration", "token", str(file), "--days", "1").output
    (listed,) = json.loads(run("registration", "tokens", "--json").output)
    assert listed["terms"].items() >= (TERMS | {"kinds": ["server"], "trial": False}).items()
    assert (listed["uses_left"], listed["revoked_at"]) == (1, None)
    assert listed["expires_at"] - listed["issued_at"] == 86_400
    assert listed["token_id"] in run("registration", "tokens").output


def test_a_token_is_revoked_once(run: Any, installed: Path) -> None:
    token_id = issued(run)["token_id"]
    assert "is revoked" in run("registration", "revoke-token", token_id).output
    again = run("registration", "revoke-token", token_id)
    assert (again.exit_code, "withdrawn before" in again.output) == (1, True)
    assert json.loads(run("registration", "tokens", "--json").output)[0]["revoked_at"]
    assert len(rows(installed, "SELECT 1 FROM audit_events WHERE kind = 'registration.forbidden'")) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"owner": ""}, "owner"),
        ({"made_up": 1}, "made_up"),
        ({"scope": "profile"}, "openid"),
        ({"scope": "openid made-up"}, "made-up"),
        ({"scope": "openid pid"}, "statutory_task"),
        ({"legal_basis": "statutory_task"}, "legal_reference"),
        ({"purpose": ""}, "purpose"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["robot"]}, "kinds"),
        ({"scope": "openid procedures:read"}, "audience"),
        ({"audience": ["nothing"]}, "audience"),
        ({"hosts": ["https://portal.example.vn"]}, "hosts"),
        ({"hosts": ["portal.example.vn:8443"]}, "hosts"),
        ({"hosts": ["*.example.vn"]}, "hosts"),
        ({"sector": "Bộ"}, "sector"),
        ({"trial": "yes"}, "trial"),
    ],
)
def test_terms_that_cannot_be(run: Any, installed: Path, changes: dict[str, Any], says: str) -> None:
    result = run("registration", "token", "-", stdin=json.dumps(TERMS | changes))
    assert (result.exit_code, says in result.output) == (1, True), result.output
    assert rows(installed, "SELECT 1 FROM initial_access_tokens") == []


@pytest.mark.parametrize("text", ["", "[]", "{", "7"])
def test_terms_are_one_object(run: Any, installed: Path, text: str) -> None:
    result = run("registration", "token", "-", stdin=text)
    assert (result.exit_code, "Error: " in result.output) == (1, True)


def test_an_issuer_is_trusted_and_distrusted(run: Any, installed: Path) -> None:
    keys, issuer = installed / "keys.json", "https://registry.example"
    document = {"keys": [SoftwareSigner.generate("ES256").public_jwk()]}
    keys.write_text(json.dumps(document))
    assert run("registration", "issuers").output == "None.\n"
    told = run("registration", "trust", issuer, str(keys), "-", stdin=json.dumps(TERMS))
    assert told.exit_code == 0, told.output
    again = run("registration", "trust", issuer, str(keys), "-", stdin=json.dumps(TERMS))
    assert (again.exit_code, "already" in again.output) == (1, True)
    assert issuer in run("registration", "issuers").output
    (listed,) = json.loads(run("registration", "issuers", "--json").output)
    assert (listed["issuer"], listed["jwks"], listed["terms"]["owner"]) == (issuer, document, "Bộ Tư pháp")
    assert run("registration", "distrust", issuer).exit_code == 0
    assert run("registration", "distrust", issuer, "--with-clients").exit_code == 1
    assert run("registration", "issuers", "--json").output == "[]\n"


def test_an_issuer_needs_public_keys(run: Any, installed: Path) -> None:
    keys = installed / "keys.json"
    unusable: tuple[object, ...] = ({"keys": []}, {"keys": [{"kty": "oct", "k": "AAAA"}]}, [])
    for document in unusable:
        keys.write_text(json.dumps(document))
        told = run(
            "registration", "trust", "https://registry.example", str(keys), "-", stdin=json.dumps(TERMS)
        )
        assert told.exit_code == 1


def test_clients_that_are_not_there(run: Any, installed: Path) -> None:
    for command in ("new-access-token", "freeze"):
        told = run("registration", command, "nobody")
        assert (told.exit_code, "nobody is no client that manages itself" in told.output) == (1, True)
    assert run("registration", "clients").output == "None.\n"
    assert run("registration", "forget", "--days", "0").output == "Clients of the sandbox removed: 0.\n"


def test_clients_are_listed_with_who_vouched(run: Any, installed: Path) -> None:
    portal = {
        "client_id": "portal",
        "client_name": "Cổng",
        "owner": "Bộ Tư pháp",
        "sector": "a",
        "profile": "oidc",
    }
    described = portal | {"redirect_uris": ["https://portal.example.vn/cb"], "scope": "openid"}
    assert run("clients", "add", "-", stdin=json.dumps(described)).exit_code == 0
    connection = sqlite3.connect(installed / "motcua.db")
    connection.execute(
        "INSERT INTO registrations (client_id, access_digest, vouched_by, terms, registered_at)"
        " VALUES ('portal', randomblob(32), 'sandbox', '{}', 1)"
    )
    connection.commit()
    connection.close()
    (listed,) = json.loads(run("registration", "clients", "--json").output)
    assert listed.items() >= {"client_id": "portal", "client_name": "Cổng", "vouched_by": "sandbox"}.items()
    assert "sandbox" in run("registration", "clients").output
    told = run("registration", "new-access-token", "portal")
    assert (told.exit_code, "shown this once" in told.output) == (0, True)
    assert "Clients of the sandbox removed: 1." in run("registration", "forget").output
    assert run("clients", "list", "--json").output == "[]\n"
