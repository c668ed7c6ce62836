"""`motcua keys officer`, `sign` and `ceremony`: what officers do with keys of their own, and before witnesses."""

from __future__ import annotations

import asyncio
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from idp.cli.keys_rotation import backend_option, on_all_keys, post_quantum_option, standard
from idp.cli.officer_files import holds_public_half, read_public_half
from idp.cli.output import json_option, say_json
from idp.cli.runtime import open_runtime, settings_of_environment

if TYPE_CHECKING:
    from idp.custody.custodian import Custodian
    from keys.actions import Action
    from keys.ceremony import CeremonyFile
    from keys.changes import Approval, Ceremony, Change
    from keys.history import History
    from keys.lifecycle import Plan
    from keys.officers import Officer, OfficerKey

passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="First line: the passphrase of the officer's key. Without it you are asked.",
)


@click.command("officer")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--no-passphrase",
    is_flag=True,
    help="Protect the key by the rights of its file alone: for tests and demos.",
)
@passphrase_option
@json_option
def officer(file: Path, no_passphrase: bool, passphrase_file: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Create an officer's own key in a new FILE, and print its public half for the ceremony.

    Each officer does this on a machine of their own, and never gives the file to anybody.
    """
    from keys.officers import OfficerKey

    passphrase = None if no_passphrase else _new_passphrase(passphrase_file)
    key = OfficerKey.generate()
    key.create_file(file, passphrase)
    if as_json:
        say_json({"officer": key.officer.kid, "jwk": dict(key.officer.jwk)})
        return
    click.echo(f"Created the key of officer {key.officer.kid} in {file}.")
    click.echo(f"Its public half, for the ceremony: {_spelled(key)}")


def _spelled(key: OfficerKey) -> str:
    import orjson

    return orjson.dumps(dict(key.officer.jwk)).decode()


def _new_passphrase(file: Path | None) -> bytes:
    if file is not None:
        return read_passphrase_file(file)
    text: str = click.prompt("Passphrase for the new key", hide_input=True, confirmation_prompt=True)
    return text.encode()


def read_passphrase_file(file: Path) -> bytes:
    """The first line of a file that only its owner may read.

    Raises:
        click.ClickException: one sentence.
    """
    from keys.secret_file import SecretFileUnusable, read_secret_file

    try:
        lines = read_secret_file(file, "The passphrase").splitlines()
    except SecretFileUnusable as error:
        raise click.ClickException(str(error)) from error
    if not lines or not lines[0]:
        raise click.ClickException(f"The passphrase {file} is empty.")
    return lines[0]


def open_officer_key(file: Path, passphrase_file: Path | None) -> OfficerKey:
    """An officer's key; the passphrase is asked for at the terminal where the key has one and no file gives it."""
    from keys.officers import InvalidOfficerKey, OfficerKey

    if passphrase_file is not None:
        return OfficerKey.read_file(file, read_passphrase_file(passphrase_file))
    try:
        return OfficerKey.read_file(file, None)
    except InvalidOfficerKey:
        if not sys.stdin.isatty() or not file.exists():
            raise
    text: str = click.prompt(f"Passphrase of {file}", hide_input=True, err=True)
    return OfficerKey.read_file(file, text.encode())


@click.command("sign")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--officer", "key_file", type=click.Path(path_type=Path), required=True, help="Your private key."
)
@click.option("--yes", is_flag=True, help="Sign without being asked.")
@passphrase_option
@json_option
def sign(file: Path, *, key_file: Path, yes: bool, passphrase_file: Path | None, as_json: bool) -> None:
    """Review a ceremony's FILE and put your signature into it. Needs neither database nor provider."""
    from keys.changes import approve

    ceremony = _read(file)
    for line in _introduced(ceremony):
        click.echo(line, err=as_json)
    if not yes:
        click.confirm("Sign this?", abort=True, err=as_json)
    signed = ceremony.signed(approve(ceremony.change, open_officer_key(key_file, passphrase_file)))
    file.write_text(signed.text(), "utf-8")
    if as_json:
        say_json({"change": signed.change.change_id, "officers": [one.officer for one in signed.approvals]})
        return
    click.echo(f"Signed; {file} has {len(signed.approvals)} signature(s) now.")


def _read(file: Path) -> CeremonyFile:
    from keys.ceremony import LARGEST_FILE, read_ceremony_file

    with file.open("rb") as opened:
        content = opened.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise click.ClickException(f"{file} has more than {LARGEST_FILE} octets.")
    return read_ceremony_file(content.decode("utf-8", "replace"))


def _introduced(ceremony: CeremonyFile) -> list[str]:
    from keys.ceremony import in_words

    change, occasion = ceremony.change, ceremony.change.ceremony
    return [
        f"{occasion.title if occasion else 'Ceremony'} for {change.installation}",
        *(f"witness: {witness}" for witness in (occasion.witnesses if occasion else ())),
        *in_words(change),
    ]


@click.command("ceremony")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--template", is_flag=True, help="Write a new FILE to be reviewed and signed; nothing else happens."
)
@click.option(
    "--officer", "officers", type=click.Path(path_type=Path), multiple=True,
    help="With --template: an officer by the public half of their key; all of them. Else a private key, to sign"
    " here and now.",
)  # fmt: skip
@click.option("--witness", "witnesses", multiple=True, help="With --template: who is present.")
@click.option("--title", default="First keys", help="With --template: what it is for.")
@backend_option
@click.option(
    "--waiting",
    type=click.Choice(["retire", "activate"]),
    help="With --template: retire the keys that wait, so that rotation makes others at once, with this backend; or have"
    " them sign at once.",
)
@click.option(
    "--revoke-all",
    metavar="REASON",
    help="With --template: revoke every key that waits, signs or is retiring.",
)
@post_quantum_option
@click.option("--record", type=click.Path(path_type=Path), help="Write the signed record to this new file.")
@passphrase_option
@json_option
def ceremony(  # noqa: PLR0913 - one option for each thing that a ceremony has
    file: Path,
    *,
    template: bool,
    officers: tuple[Path, ...],
    witnesses: tuple[str, ...],
    title: str,
    backend: str | None,
    waiting: str | None,
    revoke_all: str | None,
    post_quantum: bool,
    record: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    r"""Carry out the FILE that officers have reviewed and signed, and leave a signed record.

    \b
    First keys of an installation:
      motcua keys ceremony first.json --template --officer a.pub --officer b.pub --witness "Internal audit"
      motcua keys sign first.json --officer a.key      (each officer, on any machine)
      motcua keys ceremony first.json --record first.txt

    a.pub is what `motcua keys officer a.key --json` printed.
    """
    if template:
        from keys.changes import Ceremony

        if file.exists():
            raise click.ClickException(f"{file} exists already.")
        named = [_named(one, passphrase_file) for one in officers]
        size, history = asyncio.run(_before())
        rotation = asyncio.run(standard(backend, history, post_quantum=post_quantum))
        actions = [rotation, *on_all_keys(history, rotation, waiting, revoke_all)]
        change = _write_template(file, named, Ceremony(title, witnesses, size), actions)
        if as_json:
            say_json({"change": change.change_id, "file": str(file)})
        else:
            click.echo(f"Wrote {file}. Review it; each officer signs it with `motcua keys sign {file}`.")
        return
    if record is not None and record.exists():
        raise click.ClickException(f"{record} exists already; a record is never overwritten.")
    read = _read(file)
    for key_file in officers:
        from keys.changes import approve

        read = read.signed(approve(read.change, open_officer_key(key_file, passphrase_file)))
    plan, note = asyncio.run(_hold(read))
    if record is not None:
        record.write_text(note, "utf-8")
    if as_json:
        say_json({"change": read.change.change_id, "events": list(plan.events), "record": note})
    else:
        click.echo(note, nl=False)


def _named(file: Path, passphrase_file: Path | None) -> Officer:
    """An officer whom the template shall name: by the public half, or by the private key where only that is there."""
    if holds_public_half(file):
        return read_public_half(file)
    return open_officer_key(file, passphrase_file).officer


async def _before() -> tuple[int, History]:
    """The key log that the template is written for."""
    from idp.cli.keys_views import proven
    from idp.cli.runtime import open_provider
    from keys.history import History
    from keys.store import find_log_size

    async with open_provider(settings_of_environment(), read_only=True) as db:
        size = await find_log_size(db)
        return size, (await proven(db)).history if size else History()


def _write_template(file: Path, named: list[Officer], occasion: Ceremony, actions: list[Action]) -> Change:
    from keys.actions import Officers
    from keys.ceremony import CeremonyFile
    from keys.changes import propose

    first: list[Action] = [Officers.of(named)] if named or not occasion.log_size else []
    change = propose(settings_of_environment().issuer, (*first, *actions), int(time.time()), occasion)
    file.write_text(CeremonyFile(change, ()).text(), "utf-8")
    return change


async def _hold(file: CeremonyFile) -> tuple[Plan, str]:
    from idp.custody.custodian import carry_out
    from idp.custody.hardware import custodian_of

    async with open_runtime(settings_of_environment(), registers=False) as context:
        custodian = custodian_of(context)
        _check_size(file, (await custodian.ground()).history.size)
        plan = await carry_out(custodian, file.change, file.approvals)
        return plan, await _recorded(custodian, plan, file.change, file.approvals)


def _check_size(file: CeremonyFile, size: int) -> None:
    """Say what the key log would refuse, and what to do."""
    written = size if file.change.ceremony is None else file.change.ceremony.log_size
    if written != size:
        raise click.ClickException(
            f"The key log has {size} entries, and had {written} when the file was written: keys have changed since."
            " Write the file anew, and have it signed again."
        )


async def _recorded(custodian: Custodian, plan: Plan, change: Change, approvals: tuple[Approval, ...]) -> str:
    """The record, signed by the log's note key."""
    from importlib.metadata import version

    from keys.ceremony import record, root_text

    ground = await custodian.ground()
    signer, log = ground.note_signer, ground.log
    if signer is None or log is None:
        raise RuntimeError("a ceremony leaves a key log behind")
    touched = dict.fromkeys(event["kid"] for event in plan.events)
    versions = {
        "motcua": version("motcua"),
        "cryptography": version("cryptography"),
        "python": platform.python_version(),
    }
    if custodian.hardware is not None:
        described = await custodian.hardware.describe()
        versions["hardware"] = (
            f"{described.manufacturer} {described.model}, serial {described.serial},"
            f" firmware {described.firmware_version}"
        )
    text = record(
        change,
        approvals,
        [plan.history.keys[kid] for kid in touched],
        at=plan.at,
        versions=versions,
        log={"size": log.size, "root": root_text(log.root), "key": signer.verifier_key},
    )
    return signer.sign(text)
