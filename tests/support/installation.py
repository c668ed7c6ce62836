"""Keys and secrets of a fresh installation, kept as `motcua keys generate` keeps them."""

from __future__ import annotations

from collections.abc import Iterable

from idp.store.database import Database, NothingChanged, Step, required
from keys.lifecycle import Made, make_missing
from keys.seal import KeyEncryptionKey
from keys.store import Statement


def steps(statements: Iterable[Statement]) -> list[Step]:
    """The statements as steps of a write that must all touch something."""
    return [required(statement.query, **statement.values) for statement in statements]


async def establish(db: Database, kek: KeyEncryptionKey, now: int) -> Made:
    """Make and keep what is missing; who comes second looks again."""
    while True:
        made = await make_missing(db, kek, now)
        try:
            await db.write(*steps(made.kept))
        except NothingChanged:
            continue
        return made
