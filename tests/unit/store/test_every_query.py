"""Every construct of the store is understood by both databases."""

import importlib
import pkgutil

import pytest
from sqlalchemy import Executable

import idp.store
from idp.store.awaiting import Answers
from idp.store.database import Database


def _constructs() -> list[tuple[str, Executable]]:
    found = []
    for module in pkgutil.iter_modules(idp.store.__path__):
        names = vars(importlib.import_module(f"idp.store.{module.name}"))
        held = {name: value for name, value in names.items() if name.isupper()}
        held |= {
            f"{name}.{one}": query
            for name, value in held.items()
            if isinstance(value, Answers)
            for one, query in vars(value).items()
        }
        found += [
            (f"{module.name}.{name}", value) for name, value in held.items() if isinstance(value, Executable)
        ]
    return found


CONSTRUCTS = _constructs()


def test_the_store_has_queries() -> None:
    assert len(CONSTRUCTS) > 40


@pytest.mark.parametrize(("name", "construct"), CONSTRUCTS, ids=[name for name, _ in CONSTRUCTS])
async def test_database_prepares(db: Database, name: str, construct: Executable) -> None:
    await db.prepare(construct)
