"""`motcua keys`: the signing keys and secrets of an installation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from idp.cli import (
    keys_approval,
    keys_ceremony,
    keys_changes,
    keys_monitor,
    keys_readiness,
    keys_rewrap,
    keys_verify,
    keys_views,
)
from idp.cli.output import json_option, say_json
from idp.cli.runtime import settings_of_environment

if TYPE_CHECKING:
    from collections.abc import Callable

_LABEL: Final = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)


@click.group(name="keys")
def keys_group() -> None:
    """Signing keys: see them, change them with two officers, rotate them.

    Keys are made in a first ceremony and then rotate by themselves, for as long as officers have approved. Whatever
    else changes them is proposed by one officer and approved by another; each signs with a key of their own.
    """


@keys_group.command("create-kek")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--wrapped-by",
    "label",
    metavar="LABEL",
    help="Have the hardware module (IDP_PKCS11_*) wrap it with its AES key of this label, made if it has none.",
)
@json_option
def create_kek(file: Path, label: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Create the key-encryption key in a new FILE that only you may read; its folder too, where it is missing.

    Every other key is sealed under it: keep a copy where the database's backups are not. A wrapped one opens with the
    hardware module only: keep a backup of that as well.
    """
    from keys.seal import create_kek_file

    wrap = None if label is None else _wrap_with(label)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kek = create_kek_file(file, wrap)
    if as_json:
        say_json({"kek": kek.id.hex(), "file": str(file), "wrapped_by": label})
        return
    wrapped = "" if label is None else f", wrapped by {label}"
    click.echo(
        f"Created key-encryption key {kek.id.hex()} in {file}{wrapped}."
        " Keep a copy apart from the database's backups."
    )


def _wrap_with(label: str) -> Callable[[bytes], str]:
    """What wraps a key with the module of the settings."""
    from idp.custody.hardware import token_of

    if not _LABEL.fullmatch(label):
        raise click.BadParameter(
            "a label has 1 to 32 letters, digits, points, hyphens or underscores", param_hint="--wrapped-by"
        )
    token = token_of(settings_of_environment())
    if token is None:
        raise click.ClickException("There is no hardware module to wrap it: set IDP_PKCS11_MODULE.")
    from keys.backends.pkcs11_kek import wrap_kek

    return lambda key: wrap_kek(token, label, key)


for command in (
    keys_views.list_keys,
    keys_views.show,
    keys_ceremony.officer,
    keys_ceremony.ceremony,
    keys_ceremony.sign,
    keys_changes.generate,
    keys_changes.publish,
    keys_changes.activate,
    keys_changes.retire,
    keys_changes.revoke,
    keys_changes.export,
    keys_changes.rotation,
    keys_changes.officers,
    keys_approval.changes,
    keys_approval.approve,
    keys_readiness.readiness,
    keys_rewrap.rewrap,
    keys_verify.verify,
    keys_monitor.monitor,
):
    keys_group.add_command(command)
