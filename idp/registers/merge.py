"""From the staging tables into the register: what is refused, and what is written, as statements.

The same constructs run on both databases; only the class of an upsert differs. The order within a `Merge`
matters and is the order of execution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Executable,
    String,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from idp.registers.columns import GUARDIANSHIPS, ORGANISATIONS, PEOPLE, REPRESENTATIVES
from idp.registers.schema import (
    guardianships,
    legal_representatives,
    organisation_identifiers,
    organisations,
    people,
    personal_numbers,
)
from idp.registers.staging import (
    staged_guardianships,
    staged_identifiers,
    staged_numbers,
    staged_organisations,
    staged_people,
    staged_representatives,
)
from idp.registers.types import NumberReason

_UPSERT: Final[Mapping[str, Callable[[Table], Any]]] = MappingProxyType(
    {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
)
LOAD_ID: Final[BindParameter[int]] = bindparam("load_id", type_=BigInteger)
TODAY: Final[BindParameter[str]] = bindparam("today", type_=String)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Takes rows out of the file's staging table and returns their lines, with the reason they are refused."""

    reason: str
    statement: Executable


@dataclass(frozen=True, slots=True)
class Merge:
    """One file's statements: refuse, drop what the refused rows brought along, write."""

    refusals: tuple[Refusal, ...]
    prunings: tuple[Executable, ...]
    writings: tuple[Executable, ...]


@cache
def merge_for(file: str, database: str) -> Merge:
    """Return the statements for one of the register files on `sqlite` or `postgresql`."""
    return _MERGES[file](_UPSERT[database])


def _people(upsert: Callable[[Table], Any]) -> Merge:
    return Merge(
        refusals=(
            _repeated(staged_people, "record_id"),
            _stated_before(staged_people, people, "record_id"),
            Refusal(
                "personal_number: belongs to another record",
                _refuse_lines(staged_people, _numbers_repeated()),
            ),
            Refusal(
                "personal_number: belongs to another record",
                _refuse_lines(staged_people, _numbers_of_others()),
            ),
        ),
        prunings=(_prune(staged_numbers, staged_people),),
        writings=(
            _write(upsert, staged_people, people),
            _stage_unstated_numbers(),
            # Ended numbers first: a record may have only one open number at any moment.
            _write(upsert, staged_numbers, personal_numbers, staged_numbers.c.valid_to.is_not(None)),
            _write(upsert, staged_numbers, personal_numbers, staged_numbers.c.valid_to.is_(None)),
        ),
    )


def _guardianships(upsert: Callable[[Table], Any]) -> Merge:
    return Merge(
        refusals=(
            _unknown(staged_guardianships, "ward_id", people),
            _unknown(staged_guardianships, "guardian_id", people),
            _repeated(staged_guardianships, "ward_id", "guardian_id"),
            _stated_before(staged_guardianships, guardianships, "ward_id", "guardian_id"),
        ),
        prunings=(),
        writings=(_write(upsert, staged_guardianships, guardianships),),
    )


def _organisations(upsert: Callable[[Table], Any]) -> Merge:
    return Merge(
        refusals=(
            _repeated(staged_organisations, "record_id"),
            _stated_before(staged_organisations, organisations, "record_id"),
            Refusal(
                "identifier: belongs to another record",
                _refuse_lines(staged_organisations, _identifiers_repeated()),
            ),
            Refusal(
                "identifier: belongs to another record",
                _refuse_lines(staged_organisations, _identifiers_of_others()),
            ),
        ),
        prunings=(_prune(staged_identifiers, staged_organisations),),
        writings=(
            _write(upsert, staged_organisations, organisations),
            _forget_unstated_identifiers(),
            _write(upsert, staged_identifiers, organisation_identifiers),
        ),
    )


def _representatives(upsert: Callable[[Table], Any]) -> Merge:
    return Merge(
        refusals=(
            _unknown(staged_representatives, "organisation_id", organisations),
            _unknown(staged_representatives, "person_id", people),
            _repeated(staged_representatives, "organisation_id", "person_id"),
            _stated_before(staged_representatives, legal_representatives, "organisation_id", "person_id"),
        ),
        prunings=(),
        writings=(_write(upsert, staged_representatives, legal_representatives),),
    )


_MERGES: Final[Mapping[str, Callable[[Callable[[Table], Any]], Merge]]] = MappingProxyType(
    {
        PEOPLE: _people,
        GUARDIANSHIPS: _guardianships,
        ORGANISATIONS: _organisations,
        REPRESENTATIVES: _representatives,
    }
)


def _repeats(staged: Table, *keys: str) -> Any:
    """Lines whose key stands on an earlier line of the same batch."""
    place = func.row_number().over(partition_by=[staged.c[key] for key in keys], order_by=staged.c.line)
    ranked = select(staged.c.line, place.label("place")).subquery()
    return select(ranked.c.line).where(ranked.c.place > 1)


def _refuse_lines(staged: Table, lines: Any) -> Executable:
    return delete(staged).where(staged.c.line.in_(lines)).returning(staged.c.line)


def _repeated(staged: Table, *keys: str) -> Refusal:
    return Refusal(
        f"{', '.join(keys)}: stands earlier in the load", _refuse_lines(staged, _repeats(staged, *keys))
    )


def _stated_before(staged: Table, register: Table, *keys: str) -> Refusal:
    """Refuse what an earlier batch of this load has already stated; an earlier load is merely updated.

    Asked row by row through the key: the planner's statistics know nothing of a load that is under way, and would
    take its rows for none and read the whole register again and again.
    """
    same = and_(*(register.c[key] == staged.c[key] for key in keys))
    stated_by = select(register.c.load_id).where(same).scalar_subquery()
    return Refusal(
        f"{', '.join(keys)}: stands earlier in the load",
        delete(staged).where(stated_by == LOAD_ID).returning(staged.c.line),
    )


def _unknown(staged: Table, key: str, register: Table) -> Refusal:
    known = (
        select(literal_column("1"))
        .select_from(register)
        .where(register.c.record_id == staged.c[key])
        .exists()
    )
    return Refusal(f"{key}: is not in the register", delete(staged).where(~known).returning(staged.c.line))


def _numbers_repeated() -> Any:
    return _repeats(staged_numbers, "number")


def _numbers_of_others() -> Any:
    return select(staged_numbers.c.line).join(
        personal_numbers,
        and_(
            personal_numbers.c.number == staged_numbers.c.number,
            personal_numbers.c.record_id != staged_numbers.c.record_id,
        ),
    )


def _identifiers_repeated() -> Any:
    return _repeats(staged_identifiers, "scheme", "value")


def _identifiers_of_others() -> Any:
    return select(staged_identifiers.c.line).join(
        organisation_identifiers,
        and_(
            organisation_identifiers.c.scheme == staged_identifiers.c.scheme,
            organisation_identifiers.c.value == staged_identifiers.c.value,
            organisation_identifiers.c.organisation_id != staged_identifiers.c.organisation_id,
        ),
    )


def _prune(staged: Table, owner: Table) -> Executable:
    return delete(staged).where(staged.c.line.not_in(select(owner.c.line)))


def _write(
    upsert: Callable[[Table], Any],
    staged: Table,
    register: Table,
    condition: ColumnElement[bool] | None = None,
) -> Executable:
    """Insert or update. The condition is never absent: without one SQLite reads `ON CONFLICT` as a join.

    A row that belongs to a load takes the load's number; any other is left alone where nothing in it changes.
    """
    names = [column.name for column in staged.columns if column.name != "line"]
    source: list[Any] = [staged.c[name] for name in names]
    numbered = "load_id" in register.columns
    if numbered:
        names.append("load_id")
        source.append(LOAD_ID)
    rows = select(*source).where(staged.c.line > 0 if condition is None else condition)
    statement = upsert(register).from_select(names, rows)
    keys = [column.name for column in register.primary_key.columns]
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    differs = or_(*(register.c[name].is_distinct_from(value) for name, value in changed.items()))
    written: Executable = statement.on_conflict_do_update(
        index_elements=keys, set_=changed, where=None if numbered else differs
    )
    return written


def _stage_unstated_numbers() -> Executable:
    """Stage the end of a current number that the file no longer names, on the new one's first day if that is known.

    As with `_stated_before`, the register is asked row by row, through its key.
    """
    of_person = personal_numbers.c.record_id == staged_people.c.record_id
    current = select(personal_numbers.c.number).where(of_person, personal_numbers.c.valid_to.is_(None))
    held = select(
        staged_people.c.line, staged_people.c.record_id, current.scalar_subquery().label("number")
    ).subquery()
    begun = (
        select(personal_numbers.c.valid_from)
        .where(personal_numbers.c.number == held.c.number)
        .scalar_subquery()
    )
    new_begun = (
        select(staged_numbers.c.valid_from)
        .where(staged_numbers.c.line == held.c.line, staged_numbers.c.valid_to.is_(None))
        .scalar_subquery()
    )
    last_day = func.coalesce(new_begun, TODAY)
    rows = select(
        held.c.line,
        held.c.number,
        held.c.record_id,
        begun,
        case((begun > last_day, begun), else_=last_day),
        literal_column(f"'{NumberReason.SUPERSEDED.value}'"),
    ).where(held.c.number.is_not(None), held.c.number.not_in(select(staged_numbers.c.number)))
    return insert(staged_numbers).from_select([column.name for column in staged_numbers.columns], rows)


def _forget_unstated_identifiers() -> Executable:
    stated = (
        select(literal_column("1"))
        .select_from(staged_identifiers)
        .where(
            staged_identifiers.c.organisation_id == organisation_identifiers.c.organisation_id,
            staged_identifiers.c.scheme == organisation_identifiers.c.scheme,
            staged_identifiers.c.value == organisation_identifiers.c.value,
        )
        .exists()
    )
    return delete(organisation_identifiers).where(
        organisation_identifiers.c.organisation_id.in_(select(staged_organisations.c.record_id)), ~stated
    )
