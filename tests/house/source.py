"""Our own source as data, for the tests that police it: files, syntax trees, imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("idp", "federation", "keys", "admin_ui", "migrations")
_NOT_OURS = {"var", "build", "dist", "htmlcov", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Module:
    """One file of a package: its dotted name, where it stands, and its syntax tree."""

    name: str
    path: Path
    tree: ast.Module


@dataclass(frozen=True, slots=True)
class Import:
    """One module imports another (or a name from it), at the top or inside a function."""

    importer: str
    imported: str


def _is_ours(path: Path) -> bool:
    folders = path.relative_to(ROOT).parts
    hidden = any(part.startswith(".") for part in folders[:1]) and folders[0] != ".ci"
    return (
        not hidden
        and not _NOT_OURS & set(folders)
        and not any(part.endswith(".egg-info") for part in folders)
    )


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project, without what was built or is data of this machine."""
    return tuple(sorted(path for path in ROOT.rglob("*") if _is_ours(path) and path.is_file()))


def python_files() -> tuple[Path, ...]:
    """Every Python file of the project."""
    return tuple(path for path in files() if path.suffix == ".py")


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> tuple[Module, ...]:
    """Every module of our packages: the product, without tests, examples and bench."""
    ours = [path for path in python_files() if path.relative_to(ROOT).parts[0] in PACKAGES]
    return tuple(Module(_dotted(path), path, ast.parse(path.read_text(encoding="utf-8"))) for path in ours)


def in_room(name: str, room: str) -> bool:
    """Whether a dotted name is a room or stands in it."""
    return name == room or name.startswith(f"{room}.")


def _from_module(node: ast.ImportFrom, module: Module) -> str:
    """Absolute name of what `from ... import` names."""
    if not node.level:
        return node.module or ""
    package = module.name.split(".")
    if module.path.name != "__init__.py":
        package = package[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def imports_of(module: Module) -> Iterator[Import]:
    """Every import of a module, wherever it stands; `from a import b` may mean the module a.b, so it is `a.b`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(module.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _from_module(node, module)
            yield from (Import(module.name, f"{base}.{alias.name}") for alias in node.names)


@cache
def imports() -> tuple[Import, ...]:
    """Every import of our packages."""
    return tuple(found for module in modules() for found in imports_of(module))
