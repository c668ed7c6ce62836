"""Officers at the terminal: what they propose and approve by `motcua keys`, on an installation of their own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from click.testing import CliRunner, Result
from sqlalchemy import Executable

from idp.cli.main import motcua
from idp.store.database import Row, open_database, step
from keys.ground import Ground, load_ground
from keys.officers import OfficerKey
from keys.policy import State
from keys.seal import KeyEncryptionKey
from tests.support.installation import LOCAL, OFFICERS, install

DAY: Final = 24 * 3600
STRANGER: Final = OfficerKey.generate()
KEYS: Final = {"id_token": ("ES256", "EdDSA"), "access_token": ("ES256",)}


@dataclass(frozen=True, slots=True)
class Desk:
    """An installation whose first ceremony was two days ago, and the key files of its officers."""

    folder: Path
    database_url: str
    files: tuple[Path, ...]
    settings: Mapping[str, str] = field(repr=False)

    @classmethod
    def furnish(cls, folder: Path, database_url: str) -> Desk:
        """Hold the first ceremony, and give each officer a file; the last file is a stranger's."""
        kek, made = folder / "kek", int(time.time()) - 2 * DAY
        if not kek.exists():
            kek.touch(mode=0o600)
            kek.write_bytes(b"k" * 32)
        asyncio.run(install(database_url, kek, made, keys=KEYS))
        files = tuple(folder / f"officer-{number}.key" for number in range(len(OFFICERS) + 1))
        for file, key in zip(files, (*OFFICERS, STRANGER), strict=True):
            key.create_file(file, None)
        return cls(folder, database_url, files, {"IDP_DATABASE_URL": database_url, "IDP_KEK_FILE": str(kek)})

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        """Give a command of `motcua keys`."""
        return CliRunner().invoke(motcua, ("keys", *arguments), input=stdin, env=self.settings)

    def told(self, *arguments: str) -> str:
        """The one sentence of a failure."""
        result = self.run(*arguments)
        assert result.exit_code != 0, result.output
        line = result.output.splitlines()[-1]
        assert line.startswith("Error: "), result.output
        return line.removeprefix("Error: ")

    def proposed(self, *arguments: str, officer: int = 0) -> str:
        """Propose a change; its identifier."""
        result = self.run(*arguments, "--officer", str(self.files[officer]), "--json")
        assert result.exit_code == 0, result.output
        return str(json.loads(result.stdout)["change"])

    def approved(self, change: str, *arguments: str, officer: int = 1) -> dict[str, Any]:
        """Approve a change; the answer."""
        by = ("--officer", str(self.files[officer]))
        result = self.run("approve", change, *by, "--yes", "--json", *arguments)
        assert result.exit_code == 0, result.output
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    def refused(self, change: str, officer: int = 1) -> str:
        """Why an approval is refused."""
        return self.told("approve", change, "--officer", str(self.files[officer]), "--yes")

    def done(self, *arguments: str) -> dict[str, Any]:
        """Propose and approve."""
        return self.approved(self.proposed(*arguments))

    def ground(self) -> Ground:
        """Keys and log, proven."""

        async def read() -> Ground:
            db = await open_database(self.database_url)
            try:
                return await load_ground(db, KeyEncryptionKey.read_file(self.folder / "kek"), LOCAL)
            finally:
                await db.close()

        return asyncio.run(read())

    def kid(self, state: State, purpose: str = "id_token", alg: str = "ES256") -> str:
        """The key of a kind that is in a state."""
        keys = self.ground().history.keys.values()
        (kid,) = (key.kid for key in keys if (key.state, *key.kind) == (state, purpose, alg))
        return kid

    def write(self, query: Executable, **values: object) -> None:
        """Do by hand what only somebody with the database could do."""

        async def run() -> None:
            db = await open_database(self.database_url)
            await db.write(step(query, **values))
            await db.close()

        asyncio.run(run())

    def read(self, query: Executable) -> Sequence[Row]:
        """Rows of the database."""

        async def run() -> Sequence[Row]:
            db = await open_database(self.database_url)
            rows = await db.fetch_all(query)
            await db.close()
            return rows

        return asyncio.run(run())
