"""Who may import whom: a module imports from its own room or from below; some rooms do not know each other.

The table is the architecture. Each rule has a control: an import that must be refused.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.house.source import Import, imports, in_room, modules

LEVELS = {
    # 7 roots: they wire and start; nobody imports them
    "idp.app": 7,
    "idp.cli": 7,
    "idp.jobs": 7,
    "admin_ui": 7,
    "migrations": 7,
    # 6 endpoints: parse, call, answer
    "idp.endpoints": 6,
    "federation.endpoints": 6,
    # 5 edge: Starlette and Jinja from here up
    "idp.http": 5,
    "idp.pages": 5,
    # 4 conversation
    "idp.interaction": 4,
    # 3 rules
    "idp.oidc": 3,
    "idp.authentication": 3,
    "idp.accounts": 3,
    "idp.custody": 3,
    # 2 parties
    "federation": 2,
    # 1 records, on what is handed down to them, on the store
    "idp.registers": 1.5,
    "idp.audit": 1.5,
    "idp.context": 1.2,
    "idp.store": 1,
    # 0 ground
    "idp.errors": 0,
    "idp.settings": 0,
    "idp.assurance": 0,
    "keys": 0,
    "idp": 0,
}
STRANGERS = (
    {"idp.oidc", "idp.authentication", "idp.accounts", "idp.custody"},
    {"idp.registers", "idp.audit"},
    {"idp.endpoints", "federation.endpoints"},
)


def room_of(name: str) -> str | None:
    """The room a dotted name stands in, the longest that fits; `None` for what is not ours."""
    return max((room for room in LEVELS if in_room(name, room)), key=len, default=None)


def violation(found: Import) -> str | None:
    """Why an import is not allowed."""
    importer, imported = room_of(found.importer), room_of(found.imported)
    if importer is None or imported is None or importer == imported:
        return None
    if imported == "idp" and found.imported.count(".") <= 1:
        return None  # the package itself: its docstring
    if importer == "keys":
        return f"{found.importer} imports {found.imported}: keys imports nothing of ours"
    if LEVELS[imported] > LEVELS[importer]:
        return f"{found.importer} imports {found.imported}, which stands above it"
    if any({importer, imported} <= group for group in STRANGERS):
        return f"{found.importer} imports {found.imported}: these rooms do not know each other"
    return None


def violations(found: Iterable[Import]) -> list[str]:
    """All that is not allowed."""
    return [reason for one in found if (reason := violation(one))]


def test_no_module_imports_from_above() -> None:
    assert violations(imports()) == []


def test_every_module_has_a_room() -> None:
    lost = [one.name for one in modules() if room_of(one.name) in {None, "idp"} and one.name != "idp"]
    assert lost == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("idp.store.sessions", "idp.oidc.pkce"),
        ("idp.oidc.pkce", "idp.http.responses"),
        ("idp.oidc.pkce", "idp.accounts.activation"),
        ("idp.authentication.password", "idp.oidc.client"),
        ("idp.audit.log", "idp.registers.population"),
        ("idp.errors", "idp.store.schema"),
        ("keys.keyring", "idp.errors"),
        ("keys.keyring", "idp.settings"),
        ("idp.endpoints.token", "idp.app"),
        ("idp.endpoints.token", "federation.endpoints.fetch"),
        ("federation.trust_chain", "federation.endpoints.fetch"),
        ("idp.interaction.steps", "idp.pages.render"),
    ],
)
def test_control_a_forbidden_import_is_found(importer: str, imported: str) -> None:
    assert violation(Import(importer, imported))


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("idp.endpoints.token", "idp.oidc.grants.authorization_code"),
        ("idp.oidc.id_token", "keys.keyring"),
        ("idp.cli.serve", "idp.app"),
        ("idp.store.sessions", "idp.store.schema"),
        ("idp.oidc.pkce", "hashlib"),
    ],
)
def test_control_a_lawful_import_passes(importer: str, imported: str) -> None:
    assert violation(Import(importer, imported)) is None
