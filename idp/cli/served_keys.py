"""One look at all that tells of the keys: database, hardware module, and what a running service shows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import click

from idp.cli.runtime import open_provider, settings_of_environment
from idp.custody.comparison import (
    compare_hardware,
    compare_key_set,
    compare_logs,
    compare_remembered,
)
from idp.custody.hardware import read_kek, token_of
from idp.custody.published import Contradiction, Fetch, NotShown, Published, read_published
from keys.ground import Ground, load_ground
from keys.history import InvalidHistory
from keys.key_log import InvalidLog, KeyLog
from keys.notes import Checkpoint, InvalidNote, NoteVerifier, open_checkpoint
from keys.seal import SealBroken

if TYPE_CHECKING:
    from idp.settings import Settings

PAUSES: Final = (2.0, 8.0)
"""Seconds before a difference is looked at again: workers learn of a new entry one after the other."""

ANSWER_SECONDS: Final = 10
LARGEST_ANSWER: Final = 256 * (2 + 0xFFFF)
"""Octets of a full bundle of the longest entries (c2sp.org/tlog-tiles, Log entries)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be compared.

    `url` is where the service is asked: the issuer if it is empty, when an answer is no duty; None leaves it out. With
    `pinned`, the key of the log, only the service is looked at, and neither settings nor database are needed.
    """

    url: str | None = ""
    pinned: NoteVerifier | None = None
    before: str = ""
    """The note of the checkpoint that was seen last time."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. `note` is the checkpoint as the log has signed it; without a log there is none, and no key."""

    at: int
    compared: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Sentences: what was not compared, and why."""
    differences: tuple[str, ...] = ()
    verifier: NoteVerifier | None = None
    note: str = ""
    checkpoint: Checkpoint | None = None
    contradiction: str = ""
    """A checkpoint that the log has signed, and that contradicts the one of last time."""

    @property
    def passing(self) -> bool:
        """Whether the differences might be those of a moment: the database alone is read as of one."""
        return bool(self.differences) and self.compared != ("database",)


@dataclass(slots=True)
class _Eyes:
    """A look under way."""

    compared: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    logs: list[KeyLog] = field(default_factory=list)
    contradiction: str = ""


async def look_twice(wish: Wish, pauses: Sequence[float] = PAUSES) -> Look:
    """As `look`; what might be a difference of a moment is looked at again.

    Raises:
        NotShown: the service had to be asked and does not answer, not the last time either.
        click.ClickException, and what opening the installation raises: one sentence.
    """
    for pause in pauses:
        try:
            seen = await look(wish)
        except (NotShown, SealBroken):  # the latter where the key-encryption key is replaced at this moment
            pass
        else:
            if not seen.passing:
                return seen
        await asyncio.sleep(pause)
    return await look(wish)


async def look(wish: Wish) -> Look:
    """Compare everything once.

    Raises:
        NotShown, click.ClickException: as `look_twice`.
    """
    eyes, now = _Eyes(), int(time.time())
    verifier, url, ground = wish.pinned, wish.url, None
    if wish.pinned is None:
        settings = settings_of_environment()
        ground = await _look_at_database(settings, eyes)
        verifier = None if ground is None or ground.note_signer is None else ground.note_signer.verifier
        url = settings.issuer if url == "" else url
    if url is None:
        eyes.left_out.append("The running service was left out.")
    elif verifier is None:
        eyes.left_out.append("The running service was not asked: the key of its log is not known.")
    else:
        await _look_at_service(url, verifier, ground, eyes, must=bool(wish.url), now=now)
    if wish.before and verifier is not None:
        _look_back(wish.before, verifier, eyes)
    log = max(eyes.logs, key=lambda log: log.size, default=None)
    return Look(
        now,
        tuple(eyes.compared),
        tuple(eyes.left_out),
        tuple(dict.fromkeys(eyes.differences)),
        verifier,
        "" if log is None else log.checkpoint,
        None if log is None or verifier is None else open_checkpoint(log.checkpoint, verifier),
        eyes.contradiction,
    )


async def _look_at_database(settings: Settings, eyes: _Eyes) -> Ground | None:
    """Checkpoint, entries and rows of the database, and the hardware module where there is one."""
    token = token_of(settings)
    kek = read_kek(settings, token)
    eyes.compared.append("database")
    try:
        async with open_provider(settings, read_only=True) as db:
            ground = await load_ground(db, kek, settings.issuer)
    except (InvalidLog, InvalidHistory) as error:
        eyes.differences.append(str(error))
        return None
    eyes.differences += ground.refused
    if ground.log is None:
        eyes.left_out.append("There are no keys so far: run `motcua keys ceremony`.")
    else:
        eyes.logs.append(ground.log)
    if token is not None:
        eyes.compared.append("hardware")
        eyes.differences += compare_hardware(ground.history, await token.held(), int(time.time()))
        await token.close()
    return ground


async def _look_at_service(
    url: str, verifier: NoteVerifier, ground: Ground | None, eyes: _Eyes, *, must: bool, now: int
) -> None:
    try:
        async with _fetching() as fetch:
            shown = await read_published(url, verifier, fetch)
    except NotShown as error:
        if must:
            raise
        eyes.left_out.append(str(error))
        return
    except Contradiction as error:
        eyes.compared.append("service")
        eyes.differences.append(str(error))
        return
    eyes.compared.append("service")
    eyes.differences += _differences(shown, ground, now)
    eyes.logs.append(shown.log)


def _differences(shown: Published, ground: Ground | None, now: int) -> Iterable[str]:
    yield from compare_key_set(shown.history, shown.keys, now)
    if ground is not None and ground.log is not None:
        yield from compare_logs(ground.log, shown.log)


def _look_back(before: str, verifier: NoteVerifier, eyes: _Eyes) -> None:
    try:
        checkpoint = open_checkpoint(before, verifier)
    except InvalidNote as error:
        sentence = f"What was remembered is no checkpoint of this log, or not of this key: {error}"
        raise click.ClickException(sentence) from error
    eyes.compared.append("memory")
    for log in eyes.logs:
        found = list(compare_remembered(checkpoint, log))
        eyes.differences += found
        eyes.contradiction = log.checkpoint if found else eyes.contradiction


def read_pinned(verifier_key: str | None, url: str | None) -> NoteVerifier | None:
    """The key of the log that was handed over on paper, where it was.

    Raises:
        click.ClickException: not such a key, or no address to go with it.
    """
    if verifier_key is None:
        return None
    if url is None:
        raise click.UsageError("--key needs --url: where is the service?")
    try:
        return NoteVerifier.read(verifier_key)
    except InvalidNote as error:
        raise click.BadParameter(str(error), param_hint="--key") from error


def check_url(url: str | None) -> str | None:
    """The address of a service, without a slash at its end.

    Raises:
        click.BadParameter: not one.
    """
    if url is None:
        return None
    plain = url.rstrip("/")
    local = plain.startswith(("http://localhost", "http://127.0.0.1", "http://[::1]"))
    if not plain.startswith("https://") and not local:
        raise click.BadParameter("must be https (http only on localhost)", param_hint="--url")
    return plain


@asynccontextmanager
async def _fetching() -> AsyncIterator[Fetch]:
    import httpx2

    async def fetch(url: str) -> bytes:
        try:
            async with client.stream("GET", url) as answer:
                if answer.status_code != 200:
                    raise NotShown(f"{url} answers with status {answer.status_code}.")
                return await _read(url, answer.aiter_bytes())
        except (httpx2.HTTPError, OSError) as error:
            raise NotShown(f"{url} cannot be read: {str(error) or type(error).__name__}.") from error

    headers = {"cache-control": "no-cache", "user-agent": "motcua"}
    async with httpx2.AsyncClient(headers=headers, timeout=ANSWER_SECONDS) as client:
        yield fetch


async def _read(url: str, parts: AsyncIterator[bytes]) -> bytes:
    body = b""
    async for part in parts:
        body += part
        if len(body) > LARGEST_ANSWER:
            raise NotShown(f"{url} is longer than anything that belongs there.")
    return body
