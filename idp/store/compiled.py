"""Core constructs compiled once for a dialect and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine


@dataclass(frozen=True, slots=True)
class CompiledQuery:
    """SQL text for the driver, the order and types of its values, and the values fixed in the construct itself."""

    sql: str
    names: tuple[str, ...]
    types: tuple[TypeEngine[Any], ...]
    fixed: Mapping[str, Any]
    reads: bool
    returns: bool

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """Values in the order of the statement's placeholders."""
        if not self.fixed:
            return [values[name] for name in self.names]
        return [values[name] if name in values else self.fixed[name] for name in self.names]


class QueryCache:
    """Compiles each construct once; constructs live at module level, so identity is their name."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[int, tuple[Executable, CompiledQuery]] = {}

    def get(self, query: Executable) -> CompiledQuery:
        """The compiled form of a construct."""
        known = self._known.get(id(query))
        if known is None:
            known = (query, self._compile(query))
            self._known[id(query)] = known
        return known[1]

    def _compile(self, query: Executable) -> CompiledQuery:
        compiled: Any = query.compile(dialect=self._dialect)  # type: ignore[attr-defined]
        names = tuple(compiled.positiontup)
        reads = bool(getattr(query, "is_select", False))
        return CompiledQuery(
            sql=str(compiled),
            names=names,
            types=tuple(compiled.binds[name].type for name in names),
            fixed={name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required},
            reads=reads,
            returns=reads or bool(getattr(query, "_returning", ())),
        )
