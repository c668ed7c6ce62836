"""`motcua logouts` shows what portals were not told of, and begins anew with it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from idp.store import accounts
from idp.store.database import Database, open_database, step
from idp.store.schema import audit_events, logout_outbox
from keys.seal import create_kek_file

AT = 1_795_305_600


def row(client_id: str, state: str, **more: Any) -> dict[str, Any]:
    """A row of the outbox."""
    return {
        "cause_id": "c1",
        "session_id": "s1",
        "client_id": client_id,
        "account_id": "a1",
        "state": state,
        "attempts": 30,
        "next_attempt_at": AT + 60,
        "created_at": AT,
        "last_error": "status_500" if state == "failed" else None,
        "delivered_at": AT + 1 if state == "delivered" else None,
    } | more


async def _open() -> Database:
    return await open_database(os.environ["IDP_DATABASE_URL"])


async def _fill(rows: list[dict[str, Any]]) -> None:
    db = await _open()
    await db.write(
        accounts.add("a1", "p-1", "02", AT), *(step(insert(logout_outbox).values(one)) for one in rows)
    )
    await db.close()


async def _events() -> list[dict[str, Any]]:
    db = await _open()
    found = await db.fetch_all(audit_events.select().where(audit_events.c.kind == "logout.retried"))
    await db.close()
    return [json.loads(one["details"]) for one in found]


@pytest.fixture
def laid_out(environment: Path, run: Any) -> Path:
    """A database and the key that opens it; nothing here signs."""
    create_kek_file(environment / "kek")
    assert run("migrate").exit_code == 0
    return environment


@pytest.fixture
def filled(laid_out: Path) -> Path:
    """An outbox with something of every state."""
    rows = [row("one", "failed"), row("two", "failed"), row("three", "waiting"), row("four", "delivered")]
    asyncio.run(_fill(rows))
    return laid_out


def test_an_empty_outbox_is_said_so(laid_out: Path, run: Any) -> None:
    assert run("logouts", "list").output == "None.\n"
    assert json.loads(run("logouts", "list", "--json").output) == []
    assert run("logouts", "retry").output == "Nothing had been given up.\n"


def test_what_failed_is_listed_with_its_reason(filled: Path, run: Any) -> None:
    listed = json.loads(run("logouts", "list", "--failed", "--json").output)
    assert [(one["client_id"], one["state"], one["last_error"]) for one in listed] == [
        ("one", "failed", "status_500"),
        ("two", "failed", "status_500"),
    ]
    assert listed[0].keys() == {
        "client_id", "session_id", "state", "attempts", "last_error", "created_at", "next_attempt_at",
        "delivered_at",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ((), {"one", "two", "three", "four"}),
        (("--waiting",), {"three"}),
        (("--client", "two"), {"two"}),
        (("--failed", "--client", "four"), set()),
    ],
)
def test_the_list_is_narrowed(filled: Path, run: Any, arguments: tuple[str, ...], shown: set[str]) -> None:
    listed = json.loads(run("logouts", "list", "--json", *arguments).output)
    assert {one["client_id"] for one in listed} == shown


def test_a_person_reads_a_table(filled: Path, run: Any) -> None:
    head, *lines = run("logouts", "list").output.splitlines()
    assert head.split()[:2] == ["PORTAL", "SESSION"]
    assert len(lines) == 4
    assert len(run("logouts", "list", "--limit", "2").output.splitlines()) == 3


def test_one_portals_are_begun_anew_and_then_all(filled: Path, run: Any) -> None:
    assert json.loads(run("logouts", "retry", "--client", "one", "--json").output) == {"retried": 1}
    assert run("logouts", "retry").output == "1 will be told again.\n"
    waiting = json.loads(run("logouts", "list", "--waiting", "--json").output)
    assert {(one["client_id"], one["attempts"]) for one in waiting} == {("one", 0), ("two", 0), ("three", 30)}
    events = asyncio.run(_events())
    assert [one["count"] for one in events] == [1, 1]
    assert all(one["operator"] for one in events)
