"""Statements of several requests sent as one.

A round trip costs ten times what a row costs. So what arrives while a statement is under way is sent together: reads
of one query as one read, inserts as one insert, and changes of a single row as one change, which is also one commit for
all of them. The texts are made from the compiled statement; what does not have one of these shapes is sent alone.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.types import BigInteger, Integer, LargeBinary, SmallInteger, String, TypeEngine

from idp.store.compiled import CompiledQuery
from idp.store.database import Row

POSITION: Final = "group_position"
"""Name of the column that says to whose statement a row belongs, from 1."""

_PLACEHOLDER: Final = re.compile(r"\$(\d+)\b")
_INSERT: Final = re.compile(r"(INSERT INTO \w+ \([\w, ]+\)) VALUES \(((?:(?! ON CONFLICT ).)+)\)", re.DOTALL)
_UPDATE: Final = re.compile(r"(UPDATE \w+ SET .+?)\s+WHERE (.+?)\s+RETURNING (.+)", re.DOTALL)
_ONCE: Final = re.compile(
    r"(INSERT INTO (\w+) \(([\w, ]+)\)) VALUES \(((?:(?! ON CONFLICT ).)+)\)"
    r"( ON CONFLICT DO NOTHING) RETURNING \2\.(\w+)",
    re.DOTALL,
)
_WRITE: Final = re.compile(r"(?:INSERT INTO|UPDATE) (\w+)\b")
_LOOKS_ELSEWHERE: Final = re.compile(r"\b(?:SELECT|FROM)\b")
_EQUALITY: Final = re.compile(r"\w+\.\w+ = \$(\d+)::\w+")
_ARRAYS: Final[tuple[tuple[type[TypeEngine[Any]], str], ...]] = (
    (String, "text"),
    (BigInteger, "bigint"),
    (SmallInteger, "smallint"),
    (Integer, "integer"),
    (LargeBinary, "bytea"),
)


@dataclass(frozen=True, slots=True)
class GroupedChange:
    """One statement that changes a row for each of many. `keys` are the positions of the values that name its row."""

    sql: str
    keys: tuple[int, ...]

    def key(self, arguments: Sequence[object]) -> Hashable:
        """Two statements with different keys cannot touch one row."""
        return tuple(arguments[position] for position in self.keys)


def grouped_read(compiled: CompiledQuery) -> str | None:
    """A read that takes an array of each value and gives the first row of each position; None if there is no such."""
    source = _source(compiled.types, 1)
    if source is None or not compiled.reads or " FOR UPDATE" in compiled.sql:
        return None
    # LIMIT keeps the planner from joining all at once: each position is looked up as the single read would be.
    lookup = _on_columns(compiled.sql, "q")
    return (
        f"SELECT q.{POSITION}, found.* FROM {source} WITH ORDINALITY AS q({_columns(compiled)}, {POSITION}),"  # noqa: S608 - made of compiled statements only
        f" LATERAL (SELECT * FROM ({lookup}) AS one LIMIT 1) AS found"
    )


def grouped_change(compiled: CompiledQuery) -> GroupedChange | None:
    """What changes one row and tells of it, for arrays of values; None for any other statement."""
    return grouped_update(compiled) or grouped_once(compiled)


def grouped_update(compiled: CompiledQuery) -> GroupedChange | None:
    """An update for arrays of values, where the statement finds its row by plain equalities; None if it does not."""
    source, shape = _source(compiled.types, 1), _UPDATE.fullmatch(compiled.sql)
    if source is None or shape is None:
        return None
    head, condition, returning = (_on_columns(part, "q") for part in shape.groups())
    keys = tuple(int(found) - 1 for found in _EQUALITY.findall(shape[2]))
    if not keys or "(" in condition or " OR " in condition or " FROM " in head or "WHERE" in returning:
        return None
    return GroupedChange(
        f"{head} FROM {source} WITH ORDINALITY AS q({_columns(compiled)}, {POSITION})"
        f" WHERE {condition} RETURNING q.{POSITION}, {returning}",
        keys,
    )


def grouped_once(compiled: CompiledQuery) -> GroupedChange | None:
    """An insert for arrays of values that tells who was first, by one column that it is given; None for any other."""
    source, shape = _source(compiled.types, 1), _ONCE.fullmatch(compiled.sql)
    if source is None or shape is None:
        return None
    head, _, columns, values, unless, told = shape.groups()
    placeholders = [int(found) for found in _PLACEHOLDER.findall(values)]
    names = columns.split(", ")
    if len(placeholders) != len(names) or told not in names:
        return None
    key = placeholders[names.index(told)]
    return GroupedChange(
        f"WITH q AS (SELECT * FROM {source} WITH ORDINALITY AS q({_columns(compiled)}, {POSITION})),"  # noqa: S608 - made of compiled statements only
        f" done AS ({head} SELECT {_on_columns(values, 'q')} FROM q{unless} RETURNING {told})"
        f" SELECT q.{POSITION}, done.* FROM done JOIN q ON q.v{key} = done.{told}",
        (key - 1,),
    )


def grouped_insert(queries: Sequence[CompiledQuery]) -> str | None:
    """Inserts into several tables as one statement with an array of each value; None if one is no plain insert."""
    parts: list[str] = []
    first = 1
    for number, compiled in enumerate(queries):
        source, shape = _source(compiled.types, first), _INSERT.fullmatch(compiled.sql)
        if source is None or shape is None:
            return None
        alias = f"q{number}"
        values = _on_columns(shape[2], alias)
        parts.append(f"{shape[1]} SELECT {values} FROM {source} AS {alias}({_columns(compiled)})")  # noqa: S608 - as above
        first += len(compiled.types)
    *others, last = parts
    before = ", ".join(f"i{number} AS ({part})" for number, part in enumerate(others))
    return f"WITH {before} {last}" if before else last


def grouped_write(queries: Sequence[CompiledQuery], required: Sequence[bool]) -> GroupedChange | None:
    """Writes of one shape as one statement: a required update that finds its row by plain equalities, and inserts.

    It tells the positions whose update touched a row; the others have inserted nothing. None for any other shape.
    """
    if len(queries) < 2 or not required[0] or any(required[1:]):
        return None
    update = grouped_update(queries[0])
    if update is None:
        return None
    parts = [f"changed AS ({update.sql})"]
    first = len(queries[0].types) + 1
    for number, compiled in enumerate(queries[1:]):
        source, shape = _source(compiled.types, first), _INSERT.fullmatch(compiled.sql)
        if source is None or shape is None:
            return None
        alias = f"q{number}"
        parts.append(
            f"i{number} AS ({shape[1]} SELECT {_on_columns(shape[2], alias)} FROM {source}"  # noqa: S608 - as above
            f" WITH ORDINALITY AS {alias}({_columns(compiled)}, {POSITION})"
            f" JOIN changed ON changed.{POSITION} = {alias}.{POSITION})"
        )
        first += len(compiled.types)
    return GroupedChange(f"WITH {', '.join(parts)} SELECT {POSITION} FROM changed", update.keys)  # noqa: S608 - as above


def merged_write(queries: Sequence[CompiledQuery], required: Sequence[bool]) -> str | None:
    """A whole transaction as one statement; None where a step could see what another does.

    Every part works on the state before the statement, so no two parts may look at one table; the caller makes sure
    that steps on one table find different rows. A required step that touches nothing divides by zero, which undoes all.
    """
    parts: list[str] = []
    first = 0
    for number, compiled in enumerate(queries):
        if _WRITE.match(compiled.sql) is None or _LOOKS_ELSEWHERE.search(compiled.sql):
            return None
        counted = "" if compiled.returns else " RETURNING 1"
        parts.append(f"s{number} AS ({_shifted(compiled.sql, first)}{counted})")
        first += len(compiled.names)
    touched = [f"1 / (SELECT count(*) FROM s{number})" for number, one in enumerate(required) if one]  # noqa: S608 - made of numbers
    return f"WITH {', '.join(parts)} SELECT {', '.join(touched) or '1'}"


def table_of(compiled: CompiledQuery) -> str:
    """The one table that a simple write changes; empty for anything else."""
    found = _WRITE.match(compiled.sql)
    return "" if found is None else found[1]


def _shifted(sql: str, by: int) -> str:
    """The text with its placeholders counted from further on."""
    return _PLACEHOLDER.sub(lambda found: f"${int(found[1]) + by}", sql)


def arrays(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """Rows of values as one list for each value."""
    return [list(column) for column in zip(*rows, strict=True)]


def by_position(rows: Iterable[Row], count: int) -> list[Row | None]:
    """The row of each statement, None where it found none."""
    found: list[Row | None] = [None] * count
    for row in rows:
        found[row[POSITION] - 1] = row
    return found


def _source(types: Sequence[TypeEngine[Any]], first: int) -> str | None:
    """`unnest` of an array for each value, or None where a value has a type that we make no arrays of."""
    names = [next((name for kind, name in _ARRAYS if isinstance(one, kind)), None) for one in types]
    if not names or None in names:
        return None
    return f"unnest({', '.join(f'${first + at}::{name}[]' for at, name in enumerate(names))})"


def _columns(compiled: CompiledQuery) -> str:
    return ", ".join(f"v{at}" for at in range(1, len(compiled.types) + 1))


def _on_columns(sql: str, alias: str) -> str:
    """The text with the columns of `unnest` where the placeholders were."""
    return _PLACEHOLDER.sub(lambda found: f"{alias}.v{found[1]}", sql)
