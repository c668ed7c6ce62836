"""Files and functions stay small: quality is lost in the tail, so the tail is policed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median, quantiles

import pytest

from tests.house.source import PACKAGES, ROOT, in_room, modules, python_files

LONGEST_FILE = 400
MEDIAN_FUNCTION = 10
P95_FUNCTION = 30
LONGEST_FUNCTION = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Size:
    """One function and its lines."""

    name: str
    lines: int


def lines_of(function: Function) -> int:
    """Lines of a function from `def` to its end, without its docstring."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if documented else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


def functions_of(package: str) -> Iterator[Size]:
    """Every function of a package."""
    for module in modules():
        if in_room(module.name, package):
            for node in ast.walk(module.tree):
                if isinstance(node, Function):
                    yield Size(f"{module.name}:{node.name}", lines_of(node))


def p95(lines: list[int]) -> float:
    """The 95th percentile."""
    return quantiles(lines, n=20)[-1] if len(lines) > 1 else float(sum(lines))


def test_no_file_is_long() -> None:
    counted = {
        path.relative_to(ROOT): path.read_text(encoding="utf-8").count("\n") for path in python_files()
    }
    assert {str(path): lines for path, lines in counted.items() if lines >= LONGEST_FILE} == {}


@pytest.mark.parametrize("package", [package for package in PACKAGES if package != "migrations"])
def test_functions_are_short(package: str) -> None:
    sizes = list(functions_of(package))
    lines = [size.lines for size in sizes]
    assert [size for size in sizes if size.lines > LONGEST_FUNCTION] == []
    assert median(lines or [0]) <= MEDIAN_FUNCTION
    assert p95(lines) <= P95_FUNCTION


def test_control_a_function_is_measured_without_its_docstring() -> None:
    source = 'def f(a):\n    """One.\n\n    Two.\n    """\n    b = a\n    return b\n'
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert lines_of(function) == 3
