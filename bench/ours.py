"""Our own provider as a target: laid out by the commands an operator uses, with a small invented population."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from bench.client_keys import ClientKeys
from bench.processes import BenchError, Command, free_port
from bench.store import Store
from bench.target import REDIRECT_URI, BenchClient, Login, PageRule, Target
from idp.accounts.activation import ProvenCode, check_code, redeem
from idp.accounts.issuing import issue_activation_code
from idp.authentication.hashing import PasswordHasher
from idp.cli.runtime import open_runtime
from idp.settings import read_settings

PEOPLE_WITH_ACCOUNT: Final = 64
PASSWORD: Final = "lối nhỏ qua đồi chè 1742"
USUAL_PORT: Final = 9490
ROOT: Final = Path(__file__).resolve().parents[1]
MOTCUA: Final = str(Path(sys.executable).with_name("motcua"))

_AUDIENCE: Final = "https://api.example.vn/"
_OWNER: Final = MappingProxyType({"owner": "Cơ quan đo tải", "sector": "do-tai"})
_COMMON: Final[Mapping[str, Any]] = MappingProxyType(
    {**_OWNER, "profile": "oidc", "token_endpoint_auth_method": "client_secret_basic"}
)
_LOGINS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": "openid profile",
        "legal_basis": "statutory_task",
        "legal_reference": "Nghị định 69/2024/NĐ-CP",
        "purpose": "Đo tải hệ thống",
    }
)
_PORTAL: Final[Mapping[str, Any]] = MappingProxyType({**_COMMON, **_LOGINS})
_MACHINE: Final[Mapping[str, Any]] = MappingProxyType(
    {
        **_COMMON,
        "application_type": "machine",
        "grant_types": ["client_credentials"],
        "response_types": [],
        "scope": "ho-so:doc",
        "audience": [_AUDIENCE],
    }
)


CLIENTS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "cc_rs256": {**_MACHINE, "access_token_signed_response_alg": "RS256"},
        "cc_es256": {**_MACHINE, "access_token_signed_response_alg": "ES256"},
        # The peers' access tokens of people are opaque: ours are signed with the cheap algorithm, the ID token with
        # the one that is compared.
        "web": {**_PORTAL, "id_token_signed_response_alg": "RS256"},
        "web_es256": {**_PORTAL, "id_token_signed_response_alg": "ES256"},
        # The standard profile, with nothing chosen: FAPI 2.0, whose tokens are bound by DPoP.
        "fapi": {**_OWNER, **_LOGINS},
        "refresh": {
            **_PORTAL,
            "id_token_signed_response_alg": "RS256",
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid profile offline_access",
        },
    }
)
"""Key of a bench client -> what is registered, for `fapi` with its keys."""

PAGES: Final = (
    PageRule('name="password"', {"personal_number": "{{username}}", "password": "{{password}}"}),
    PageRule('name="decision"', {"decision": "continue"}),
)


@dataclass(frozen=True, slots=True)
class Installation:
    """Where our provider keeps its things during a measurement."""

    folder: Path
    database: str
    registers: str
    port: int = USUAL_PORT

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings; all others are as they come."""
        return {
            "IDP_ISSUER": f"http://127.0.0.1:{self.port}",
            "IDP_LISTEN": f"127.0.0.1:{self.port}",
            "IDP_DATABASE_URL": self.database,
            "IDP_REGISTERS_URL": self.registers,
            "IDP_KEK_FILE": str(self.folder / "kek"),
        }

    @property
    def commands(self) -> Sequence[Sequence[str]]:
        """What an operator does to set an installation up, in this order."""
        files = str(self.folder / "registers")
        officers = [str(self.folder / f"officer-{number}.key") for number in (1, 2)]
        by_both = [part for officer in officers for part in ("--officer", officer)]
        first = str(self.folder / "first-keys.json")
        return (
            ("keys", "create-kek", str(self.folder / "kek")),
            ("migrate",),
            *(("keys", "officer", officer, "--no-passphrase") for officer in officers),
            ("keys", "ceremony", first, "--template", *by_both),
            ("keys", "ceremony", first, *by_both),
            ("registers", "generate", files, "--people", "5000", "--organisations", "300"),
            ("registers", "load", files),
        )

    @property
    def server(self) -> Sequence[str]:
        """How the provider is started; `{workers}` is filled in."""
        return ("serve", "--workers", "{workers}")


def set_up(store: Store, folder: Path) -> Target:
    """Set everything up and describe it as a target.

    Raises:
        BenchError: a command failed; its sentence is passed on.
    """
    installation = Installation(
        folder, store.create("motcua"), store.create("registers"), free_port(USUAL_PORT)
    )
    for name in ("kek", "officer-1.key", "officer-2.key", "first-keys.json"):
        (folder / name).unlink(missing_ok=True)
    for command in installation.commands:
        run_motcua(command, installation.environment)
    registered = {key: _register(installation, key) for key in CLIENTS}
    numbers = list(_fit_numbers(folder / "registers" / "people.csv", PEOPLE_WITH_ACCOUNT))
    asyncio.run(_give_accounts(installation, numbers))
    return Target(
        name="motcua",
        about="Một Cửa: audit and throttling on, ES256 access tokens, argon2id m=19456 t=2 p=1",
        base_url=f"http://127.0.0.1:{installation.port}",
        server=Command((MOTCUA, *installation.server), installation.environment, ROOT),
        clients=registered,
        people=[Login(number, PASSWORD) for number in numbers],
        pages=PAGES,
    )


def run_motcua(command: Sequence[str], environment: Mapping[str, str], given: str | None = None) -> str:
    """Run one command of ours; what it printed.

    Raises:
        BenchError: it failed.
    """
    done = subprocess.run(
        [MOTCUA, *command],
        env={**os.environ, **environment},
        cwd=ROOT,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError(f"motcua {' '.join(command)}: {done.stderr.strip()[-1000:]}")
    return done.stdout


def _register(installation: Installation, key: str) -> BenchClient:
    client_id = f"bench-{key.replace('_', '-')}"
    metadata = {**CLIENTS[key], "client_id": client_id, "client_name": f"Đo tải {key}"}
    keys = ClientKeys() if key == "fapi" else None
    if keys is not None:
        metadata["jwks"] = keys.set
    answer = run_motcua(("clients", "add", "-", "--json"), installation.environment, json.dumps(metadata))
    # `offline_access` is given only with fresh consent (OpenID Connect Core §11).
    authorize = {"prompt": "consent"} if key == "refresh" else {}
    secret = json.loads(answer).get("client_secret", "")
    return BenchClient(client_id, secret, str(metadata["scope"]), keys, authorize=authorize)


def _fit_numbers(people: Path, count: int) -> Iterator[str]:
    """Personal numbers of grown people whom nothing keeps from logging in."""
    now = datetime.now(UTC).date()
    with people.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            fit = (
                row["status"] == "alive"
                and row["card_status"] == "valid"
                and (row["card_expires_on"] or "9999") > (now + timedelta(days=30)).isoformat()
                and 20 <= now.year - int(row["birth_date"][:4]) <= 60
            )
            if fit and count > 0:
                count -= 1
                yield row["personal_number"]
    if count > 0:
        raise BenchError("The invented population has too few grown people.")


async def _give_accounts(installation: Installation, numbers: Sequence[str]) -> None:
    """Accounts through an officer's code, as for everybody; the one password is hashed once."""
    hasher = PasswordHasher()
    try:
        verifier = await hasher.hash(PASSWORD)
    finally:
        hasher.close()
    async with open_runtime(read_settings(installation.environment)) as context:
        for number in numbers:
            issued = await issue_activation_code(context, number, "bench")
            proven = await check_code(context, number, issued.code)
            browser = secrets.token_bytes(32)
            if not isinstance(proven, ProvenCode) or not await redeem(context, proven, verifier, browser):
                raise BenchError("An account could not be activated.")
