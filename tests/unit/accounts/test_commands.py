"""`motcua accounts`, as an officer types it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from idp.accounts.issuing import Hindrance
from idp.accounts.locking import LockReason
from idp.cli.accounts import LOCK_REASONS
from idp.cli.accounts_runtime import HINDRANCES
from idp.cli.main import motcua
from idp.store import audit, authenticators
from idp.store.database import Row, open_database
from keys.seal import create_kek_file
from tests.support.installation import ELLIPTIC, ISSUER, install
from tests.support.persons import NUMBER, InventedPerson, open_session, register

Run = Callable[..., Result]
FAR = 4_000_000_000  # epoch seconds: these sessions outlive the test


@pytest.fixture
def run(database_url: str, registers_url: str, tmp_path: Path) -> Run:
    async def fill() -> None:
        registers = await open_database(registers_url)
        await register(registers, InventedPerson(card_expires_on=None))
        await register(registers, InventedPerson("001184000021", "p-2", status="deceased"))
        await registers.close()

    create_kek_file(tmp_path / "kek")
    asyncio.run(fill())
    asyncio.run(install(database_url, tmp_path / "kek", int(time.time()), issuer=ISSUER, keys=ELLIPTIC))
    environment = {
        "IDP_DATABASE_URL": database_url,
        "IDP_REGISTERS_URL": registers_url,
        "IDP_KEK_FILE": str(tmp_path / "kek"),
        "IDP_ISSUER": ISSUER,
    }

    def runner(*arguments: str) -> Result:
        return CliRunner().invoke(motcua, list(arguments), env=environment)

    return runner


def told(result: Result) -> str:
    """The one sentence of a failure."""
    assert result.exit_code == 1, result.output
    (line,) = result.output.splitlines()
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


def test_an_account_from_its_code_to_its_lock(run: Run, database_url: str) -> None:
    issued = run("accounts", "activate", NUMBER, "--officer", "CA-0421", "--json")
    assert issued.exit_code == 0, issued.output
    answer = orjson.loads(issued.output)
    assert answer["activate_at"] == "https://sso.example.gov.vn/activate"
    assert len(answer["code"]) == 11
    spoken = run("accounts", "activate", NUMBER)
    assert spoken.output.startswith("Code: ")
    assert "https://sso.example.gov.vn/activate" in spoken.output

    assert run("accounts", "lock", NUMBER, "--reason", "own_request").exit_code == 0
    assert (
        told(run("accounts", "lock", NUMBER, "--reason", "own_request")) == "The account is locked already."
    )
    assert told(run("accounts", "activate", NUMBER)) == HINDRANCES["account_locked"]
    assert run("accounts", "unlock", NUMBER).output == "The account is unlocked.\n"
    assert told(run("accounts", "unlock", NUMBER)) == "The account is not locked."

    async def history() -> list[Row]:
        db = await open_database(database_url)
        rows = await audit.history(db, answer["account_id"])
        await db.close()
        return list(rows)

    assert "CA-0421" in {orjson.loads(row["details"])["officer"] for row in asyncio.run(history())}


def test_sessions_are_listed_and_ended(run: Run, database_url: str) -> None:
    account_id = orjson.loads(run("accounts", "activate", NUMBER, "--json").output)["account_id"]

    async def log_in() -> None:
        db = await open_database(database_url)
        for name in ("one", "two", "three"):
            await db.write(open_session(name, account_id, FAR))
        await db.close()

    asyncio.run(log_in())
    listed = run("accounts", "sessions", NUMBER)
    assert listed.output.count("Firefox, Android") == 3
    left = orjson.loads(run("accounts", "sessions", NUMBER, "--end", "two", "--json").output)
    assert {one["session_id"] for one in left} == {"one", "three"}
    assert (
        told(run("accounts", "sessions", NUMBER, "--end", "two")) == "This account has no such live session."
    )
    assert run("accounts", "sessions", NUMBER, "--end", "all").output == "No live session.\n"


def test_an_authenticator_of_a_lost_phone_is_removed(run: Run, database_url: str) -> None:
    account_id = orjson.loads(run("accounts", "activate", NUMBER, "--json").output)["account_id"]

    async def add_app() -> None:
        db = await open_database(database_url)
        await db.write(
            open_session("one", account_id, FAR),
            authenticators.begin(account_id, "one", b"sealed", 1),
            authenticators.confirm(account_id, "one", b"sealed", 1, 1),
        )
        await db.close()

    assert told(run("accounts", "remove-authenticator", NUMBER)) == "This person has no authenticator app."
    asyncio.run(add_app())
    removed = run("accounts", "remove-authenticator", NUMBER, "--officer", "CA-0421", "--json")
    assert orjson.loads(removed.output) == {"account_id": account_id, "authenticator": False}
    assert run("accounts", "sessions", NUMBER).output == "No live session.\n"


def test_failures_are_one_sentence(run: Run) -> None:
    assert told(run("accounts", "activate", "001184000018")) == HINDRANCES["unknown_number"]
    assert told(run("accounts", "activate", "001184000021")) == HINDRANCES["deceased"]
    assert told(run("accounts", "lock", "12", "--reason", "death")) == HINDRANCES["unknown_number"]
    assert told(run("accounts", "sessions", NUMBER)).startswith("This person has no account; ")


def test_every_reason_has_its_words() -> None:
    assert HINDRANCES.keys() == {hindrance.value for hindrance in Hindrance}
    assert LOCK_REASONS.keys() == {reason.value for reason in LockReason}


@pytest.mark.parametrize("command", ["activate", "lock", "unlock", "sessions", "remove-authenticator"])
def test_help_says_what_happens(command: str) -> None:
    helped = CliRunner().invoke(motcua, ["accounts", command, "--help"])
    assert helped.exit_code == 0
    assert "NUMBER" in helped.output
    assert "--officer" in helped.output


def test_how_a_person_can_be_reached(run: Run) -> None:
    assert run("accounts", "activate", NUMBER).exit_code == 0
    assert run("accounts", "contact", NUMBER).output.startswith("Neither a telephone number")
    assert told(run("accounts", "contact", NUMBER, "--email", "hoa@")).startswith("This is no e-mail address")
    assert "goes with" in run("accounts", "contact", NUMBER, "--verified").output
    noted = run("accounts", "contact", NUMBER, "--phone-number", "0912 345 678", "--verified", "--json")
    phone = orjson.loads(noted.output)["phone_number"]
    assert (phone["value"], phone["verified_at"]) == ("+84912345678", phone["changed_at"])
    shown = run("accounts", "contact", NUMBER, "--email", "hoa@thu.example").output.splitlines()
    assert [line.split()[:2] for line in shown[1:]] == [
        ["phone_number", "+84912345678"],
        ["email", "hoa@thu.example"],
    ]
    assert shown[2].endswith("no")
    left = run("accounts", "contact", NUMBER, "--remove", "phone_number", "--json")
    assert orjson.loads(left.output).keys() == {"email"}
    again = run("accounts", "contact", NUMBER, "--remove", "phone_number")
    assert told(again) == "This account has no phone_number."
    assert told(run("accounts", "contact", "12")) == HINDRANCES["unknown_number"]
