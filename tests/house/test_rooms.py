"""Each tool has its rooms: SQL in the stores, HTTP at the edge, JOSE and private keys in keys, print in commands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

import pytest

from tests.house.source import Import, Module, imports, in_room, modules

STORES = (
    "idp.store",
    "keys.store",
    "keys.sealed",
    "keys.tables",
    "idp.registers",
    "federation.store",
    "migrations",
)
EDGE = ("idp.http", "idp.pages", "idp.endpoints", "federation.endpoints", "idp.app", "idp.cli", "admin_ui")
ROOMS_OF = {
    "sqlalchemy": STORES,
    "sqlite3": STORES,
    "asyncpg": STORES,
    "alembic": ("idp.store.migrate", "migrations"),
    "starlette": EDGE,
    "uvicorn": ("idp.app", "idp.cli", "admin_ui"),
    "jinja2": ("idp.pages", "admin_ui"),
    "click": ("idp.cli",),
    "joserfc": ("keys",),
    "httpx2": ("idp.http.outbound", "idp.cli.served_keys"),
    "cryptography": ("keys",),
    "pkcs11": ("keys.backends",),
    "authlib": ("federation", "idp.oidc.registration"),  # the client; the validators of RFC 7591
    "argon2": ("idp.authentication",),
    "zxcvbn": ("idp.authentication",),
    "segno": ("idp.pages",),
    "jwt": (),
    "babel": ("idp.pages.catalogue",),
    "contextvars": (),
    "starlette.middleware.base": (),
    "sqlalchemy.orm": (),
}
_SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s.+\sSET|DELETE\s+FROM|CREATE\s+TABLE)\s", re.DOTALL
)


def misplaced(found: Iterable[Import]) -> list[str]:
    """Imports of a tool outside its rooms."""
    return [
        f"{one.importer} imports {one.imported}"
        for one in found
        for tool, rooms in ROOMS_OF.items()
        if in_room(one.imported, tool) and not any(in_room(one.importer, room) for room in rooms)
    ]


def sql_texts(module: Module) -> list[str]:
    """Strings that are SQL statements."""
    return [
        f"{module.name}:{node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _SQL.match(node.value)
    ]


def calls_of(module: Module, function: str) -> list[str]:
    """Places where a function is called by its bare name."""
    return [
        f"{module.name}:{node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function
    ]


def globals_of(module: Module) -> list[str]:
    """Places where a function writes a module's name."""
    return [f"{module.name}:{node.lineno}" for node in ast.walk(module.tree) if isinstance(node, ast.Global)]


def test_tools_stay_in_their_rooms() -> None:
    assert misplaced(imports()) == []


def test_sql_is_written_in_the_stores_only() -> None:
    outside = [one for one in modules() if not any(in_room(one.name, room) for room in STORES)]
    assert [place for module in outside for place in sql_texts(module)] == []


def test_statements_are_constructs_and_not_text() -> None:
    inside = [one for one in modules() if not in_room(one.name, "migrations")]
    assert [place for module in inside for place in calls_of(module, "text")] == []


def test_only_commands_print() -> None:
    quiet = [one for one in modules() if not in_room(one.name, "idp.cli")]
    assert [place for module in quiet for place in calls_of(module, "print")] == []


def test_no_function_writes_a_global() -> None:
    assert [place for module in modules() for place in globals_of(module)] == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("idp.oidc.scope", "sqlalchemy.select"),
        ("idp.oidc.scope", "starlette.requests.Request"),
        ("idp.oidc.id_token", "joserfc.jwt"),
        ("idp.http.cookies", "cryptography.fernet"),
        ("idp.http.edge", "starlette.middleware.base.BaseHTTPMiddleware"),
        ("idp.store.clients", "sqlalchemy.orm.Session"),
    ],
)
def test_control_a_misplaced_tool_is_found(importer: str, imported: str) -> None:
    assert misplaced([Import(importer, imported)])


def test_control_what_a_syntax_tree_shows_is_found() -> None:
    source = 'def f():\n    global x\n    print(text("a"))\n    return "SELECT a FROM b WHERE c"\n'
    module = Module("idp.oidc.scope", modules()[0].path, ast.parse(source))
    assert sql_texts(module)
    assert calls_of(module, "text")
    assert calls_of(module, "print")
    assert globals_of(module)
