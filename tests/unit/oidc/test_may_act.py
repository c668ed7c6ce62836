"""What an operator is told about clients that a portal lets act."""

from __future__ import annotations

from typing import Any

import orjson

from idp.oidc.may_act import notes_on_actors
from idp.store import clients
from tests.support.delegation import ADMITTED, DOSSIERS, ELSEWHERE
from tests.support.oidc_rules import NOW, client
from tests.support.on_sqlite import on_sqlite

pytestmark = on_sqlite


async def register(db: Any, **changes: Any) -> None:
    metadata = {**ADMITTED["taxes-api"], **changes}
    await db.write(
        clients.add(metadata["client_id"], orjson.dumps(metadata).decode(), secret_digest=None, now=NOW)
    )


async def test_who_can_act_needs_no_note(db: Any) -> None:
    await register(db)
    assert await notes_on_actors(db, client(audience=[DOSSIERS], may_act=["taxes-api"])) == ()
    assert await notes_on_actors(db, client(audience=[DOSSIERS])) == ()


async def test_who_cannot_act_is_told_one_by_one(db: Any) -> None:
    await register(db, client_id="silent", grant_types=["client_credentials"])
    await register(db, client_id="elsewhere", audience=[ELSEWHERE])
    portal = client(audience=[DOSSIERS], may_act=["silent", "nobody", "elsewhere"])
    notes = await notes_on_actors(db, portal)
    assert [note.split()[1:3] for note in notes] == [
        ["silent", "is"],
        ["no", "client"],
        ["elsewhere", "calls"],
    ]
