"""A file says what it holds. A drawer without a label collects everything."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

import pytest

from tests.house.source import ROOT, modules, python_files

DRAWERS = {
    "base", "common", "core", "helper", "helpers", "interface", "interfaces", "manager", "managers", "misc",
    "service", "services", "stuff", "util", "utils",
}  # fmt: skip
TITLES = ("Helper", "Manager", "Util", "Utils", "Service", "Interface", "Impl")


def drawers_in(path: PurePosixPath) -> set[str]:
    """Folder and file names of a path that name nothing, also as part of a longer name."""
    words = {word for part in path.with_suffix("").parts for word in part.split("_")}
    return words & DRAWERS


def test_no_file_is_a_drawer() -> None:
    named = [PurePosixPath(path.relative_to(ROOT)) for path in python_files()]
    assert [str(path) for path in named if drawers_in(path)] == []


def test_no_class_has_an_empty_title() -> None:
    classes = [
        f"{module.name}.{node.name}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith(TITLES)
    ]
    assert classes == []


@pytest.mark.parametrize("path", ["idp/oidc/utils.py", "idp/core/token.py", "tests/test_helpers.py"])
def test_control_a_drawer_is_found(path: str) -> None:
    assert drawers_in(PurePosixPath(path))
