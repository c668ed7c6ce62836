"""Another key-encryption key, while everything runs.

1. The file holds the new key too: from here on every process that reads it opens what either key sealed.
2. Every value is sealed anew, in one write.
3. The file holds the new key alone, once everything opens with it.

Each step may be broken off and done again; what is done already is left as it is. Which key is in use the database says
(`keys.ground.Ground.in_use`), and a change of keys that was planned before step 2 is undone by `Ground.sealed_as_read`,
so that nothing is left behind under a key that is gone.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from idp.audit.events import Kind, record
from idp.context import Context
from idp.custody.custodian import KeysMoved
from idp.store import versions
from idp.store.database import Database, NothingChanged, required
from keys.seal import (
    KeyEncryptionKey,
    SealBroken,
    Unwrap,
    kek_lines,
    read_kek_lines,
    replace_kek_file,
)
from keys.sealed import SealedValue, find_sealed, reseal

_TRIES: Final = 5


class CannotRewrap(Exception):
    """Why the key-encryption key is not replaced; one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Rewrapping:
    """The file of the key-encryption key, and the one line that it shall hold."""

    file: Path
    line: str = field(repr=False)
    key: bytes = field(repr=False)
    unwrap: Unwrap | None = field(repr=False)

    @classmethod
    def read(cls, file: Path, new_file: Path, unwrap: Unwrap | None) -> Rewrapping:
        """What shall happen to `file`.

        Raises:
            CannotRewrap: `new_file` is the file itself, or holds more than a new key.
            InvalidKeyEncryptionKey: one of them cannot be used.
        """
        lines, keys = kek_lines(new_file), read_kek_lines(new_file, unwrap)
        if file.exists() and file.samefile(new_file):
            raise CannotRewrap(f"{new_file} is the file in use: make the new key in a file of its own.")
        if len(lines) != 1:
            raise CannotRewrap(f"{new_file} holds {len(lines)} keys: it must hold the new one and no other.")
        return cls(file, lines[0], keys[0], unwrap)

    @property
    def new(self) -> KeyEncryptionKey:
        """The new key, which opens nothing but what it sealed."""
        return KeyEncryptionKey.of(self.key)

    def both(self) -> KeyEncryptionKey:
        """The new key, and what the file holds."""
        return KeyEncryptionKey.of(self.key, *read_kek_lines(self.file, self.unwrap))


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """The span in which nobody else on this machine replaces the file; ends with this process, however it ends.

    Raises:
        CannotRewrap: somebody else does.
    """
    descriptor = os.open(file.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotRewrap(f"Somebody else replaces {file} at this moment.") from error
        yield
    finally:
        os.close(descriptor)


def offer(rewrapping: Rewrapping) -> bool:
    """Step 1: put the new key into the file, above what it holds. False if it stands there already.

    Raises:
        InvalidKeyEncryptionKey: the file cannot be read or replaced.
    """
    lines = kek_lines(rewrapping.file)
    if lines[0] == rewrapping.line:
        return False
    others = [line for line in lines if line != rewrapping.line]
    replace_kek_file(rewrapping.file, [rewrapping.line, *others])
    return True


async def seal_anew(rewrapping: Rewrapping, context: Context, by: str) -> int:
    """Step 2: seal everything under the new key; how much was not. `by` is who gave the command, for the audit.

    Raises:
        CannotRewrap: nothing has been sealed so far, or a value does not open.
        KeysMoved: other processes changed the keys again and again.
    """
    kek, count = rewrapping.both(), 0
    for _ in range(_TRIES):
        values = await _find(context.db)
        if all(kek.sealed(value.sealed) for value in values):
            return count
        try:
            count += await _keep(context, kek, values, by)
        except NothingChanged:
            continue
    raise KeysMoved("Other processes change the keys at the same time: try again.")


async def _find(db: Database) -> list[SealedValue]:
    values = await find_sealed(db)
    if not values:
        raise CannotRewrap("Nothing is sealed so far: put the new file into the place of the old one.")
    return values


async def _keep(context: Context, kek: KeyEncryptionKey, values: Sequence[SealedValue], by: str) -> int:
    """One write; begins with the secret of the key log as each change of keys does, so that none waits in a circle."""
    former = [value for value in values if not kek.sealed(value.sealed)]
    anew = [reseal(value, kek.seal(_open(value, kek), **_place(value))) for value in former]
    await context.db.write(
        *(
            required(statement.query, **statement.values)
            for statement in (reseal(values[0], values[0].sealed), *anew)
        ),
        versions.changed(versions.KEYS),
        record(context, Kind.KEYS_REWRAPPED, operator=by, kek=kek.id.hex(), values=len(former)),
    )
    return len(former)


def _place(value: SealedValue) -> dict[str, str]:
    return {"purpose": value.purpose, "name": value.name}


def _open(value: SealedValue, kek: KeyEncryptionKey) -> bytes:
    try:
        return kek.unseal(value.sealed, **_place(value))
    except SealBroken as error:
        raise CannotRewrap(
            f"The {value.purpose} {value.name} does not open with any key of the file: run `motcua keys verify`."
        ) from error


async def forget(rewrapping: Rewrapping, db: Database) -> bool:
    """Step 3: leave the new key alone in the file. False if it stood there alone already.

    Raises:
        CannotRewrap: a value does not open with the new key alone.
        InvalidKeyEncryptionKey: the file cannot be replaced.
    """
    for value in await _find(db):
        _open(value, rewrapping.new)
    if kek_lines(rewrapping.file) == [rewrapping.line]:
        return False
    replace_kek_file(rewrapping.file, [rewrapping.line])
    return True
