"""The files of officers: the public half of their keys, which anybody may have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import orjson

if TYPE_CHECKING:
    from keys.officers import Officer

_LARGEST: Final = 64 * 1024


def holds_public_half(file: Path) -> bool:
    """Whether a file is JSON, as a public half is; a private key is not."""
    try:
        with file.open("rb") as opened:
            return opened.read(_LARGEST).lstrip().startswith(b"{")
    except OSError:
        return False


def read_public_half(file: Path) -> Officer:
    """An officer, by what `motcua keys officer FILE --json` printed, or by the public key (JWK) alone.

    Raises:
        click.ClickException: one sentence.
    """
    from keys.officers import InvalidOfficerKey, Officer

    try:
        with file.open("rb") as opened:
            document = orjson.loads(opened.read(_LARGEST))
    except orjson.JSONDecodeError as error:
        raise click.ClickException(f"{file} is not JSON: it holds an officer's public key.") from error
    jwk = document.get("jwk", document) if isinstance(document, dict) else None
    if not isinstance(jwk, dict):
        raise click.ClickException(f"{file} does not hold an officer's public key.")
    if "d" in jwk:
        raise click.ClickException(f"{file} holds a private key: its officer never gives that to anybody.")
    try:
        return Officer.read(jwk)
    except InvalidOfficerKey as error:
        raise click.ClickException(f"{file}: {error}") from error
