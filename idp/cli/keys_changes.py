"""`motcua keys generate|publish|activate|retire|revoke|export|rotation|officers`: what one officer proposes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

from idp.cli.identifiers import IdentifierCommand
from idp.cli.keys_approval import described, officer_option, refuse_hindered
from idp.cli.keys_ceremony import open_officer_key, passphrase_option
from idp.cli.keys_rotation import (
    approved_backend,
    backend_option,
    checked_reason,
    post_quantum_option,
    standard,
)
from idp.cli.keys_views import proven, tell_refused
from idp.cli.officer_files import read_public_half
from idp.cli.output import instant, json_option, say_json
from idp.cli.runtime import open_provider, open_runtime, settings_of_environment

if TYPE_CHECKING:
    from idp.custody.proposals import Proposal
    from keys.actions import Action
    from keys.backends.pkcs11 import Pkcs11Token
    from keys.ground import Ground
    from keys.history import History

Wish: TypeAlias = "Callable[[History], Awaitable[Action]]"
"""What an officer wants, for the keys as they are."""

DAY: Final = 24 * 3600
_kid_argument = click.argument("kid", metavar="KID")


class Instant(click.ParamType[int]):
    """A date or a time of ISO 8601, in UTC unless it says otherwise; epoch seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        if isinstance(value, int):
            return value
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time like 2027-01-31 or 2027-01-31T09:30:00Z", param, ctx)
        at = int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp())
        return at if at >= 0 else self.fail(f"{value!r} lies before 1970", param, ctx)


def _signed_by_officer(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that proposes."""
    return officer_option(passphrase_option(json_option(command)))


def _propose(wish: Wish, key_file: Path, passphrase_file: Path | None, as_json: bool) -> None:  # noqa: FBT001 - handed through from click
    """Propose a change, and say how another officer approves it."""
    ground, proposal = asyncio.run(_kept(wish, key_file, passphrase_file))
    if as_json:
        say_json(described(proposal, ground))
        return
    from keys.policy import QUORUM

    if proposal.change is None:
        raise RuntimeError("what was proposed just now has a document")
    click.echo(f"Proposed change {proposal.change_id}")
    for line in proposal.words(ground.history):
        click.echo(f"  {line}")
    click.echo(
        f"\nSigned by {proposal.officers[0]} (1 of {QUORUM}). Nothing has happened yet: tell another officer this"
        f"\nidentifier, who reviews the change and approves it before {instant(proposal.change.expires_at)}:"
        f"\n\n  motcua keys approve {proposal.change_id} --officer FILE"
    )


async def _kept(wish: Wish, key_file: Path, passphrase_file: Path | None) -> tuple[Ground, Proposal]:
    from idp.custody import custodian as custody
    from idp.custody.hardware import custodian_of
    from idp.custody.proposals import Proposal, Standing
    from keys import changes

    async with open_runtime(settings_of_environment(), registers=False) as context:
        custodian = custodian_of(context)
        ground = await custodian.ground()
        action = await wish(ground.history)
        made = changes.propose(context.settings.issuer, (action,), max(context.now, ground.history.last_at))
        change = changes.read_change(made.document())
        refuse_hindered(change, ground, context.now, change.expires_at - 1)
        await _refuse_without_module(action, custodian.hardware)
        approval = changes.approve(change, open_officer_key(key_file, passphrase_file))
        await custody.propose(custodian, change, approval)
    return ground, Proposal(change.change_id, Standing.OPEN, change, (approval.officer,))


async def _refuse_without_module(action: Action, token: Pkcs11Token | None) -> None:
    """A key that the module has to make cannot be made without it, nor with an algorithm that it has not."""
    from keys.actions import Generate

    if not isinstance(action, Generate) or action.backend == "software":
        return
    if token is None:
        raise click.ClickException("No hardware module is configured: set IDP_PKCS11_MODULE.")
    if action.backend == "pkcs11" and action.alg not in (able := (await token.describe()).algorithms):
        raise click.ClickException(f"The hardware module has {', '.join(able)}, not {action.alg}.")


def _certain(action: Action) -> Wish:
    """An action that does not depend on the keys there are."""

    async def wish(_: History) -> Action:
        return action

    return wish


@click.command("generate")
@click.option(
    "--purpose", required=True, metavar="PURPOSE", help="What it signs, such as id_token or access_token."
)
@click.option("--alg", required=True, metavar="ALG", help="The algorithm, such as ES256 or RS256.")
@backend_option
@click.option("--unpublished", is_flag=True, help="Do not put it into the key set yet.")
@_signed_by_officer
def generate(
    purpose: str, alg: str, *, backend: str | None, unpublished: bool, key_file: Path,
    passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Propose a new pending key. Rotation makes those that it needs itself."""
    from keys.actions import Generate

    async def wish(history: History) -> Action:
        chosen = backend or approved_backend(history, (purpose, alg))
        return Generate(purpose, alg, chosen, publish=not unpublished)

    _propose(wish, key_file, passphrase_file, as_json)


def _on_key(name: str, action: str, help_text: str) -> click.Command:
    """A command that proposes something simple for one key; `action` is its type in `keys.actions`."""

    @click.command(name, cls=IdentifierCommand, help=help_text)
    @_kid_argument
    @_signed_by_officer
    def command(kid: str, *, key_file: Path, passphrase_file: Path | None, as_json: bool) -> None:
        from keys import actions

        kind = getattr(actions, action)
        _propose(_certain(kind(kid)), key_file, passphrase_file, as_json)

    return command


publish = _on_key("publish", "Publish", "Propose to put the pending key KID into the key set.")
activate = _on_key(
    "activate",
    "Activate",
    "Propose that the published pending key KID signs at once, ahead of its time; the key before it retires.\n\n"
    "`motcua keys readiness` shows which portals have not fetched it yet.",
)
retire = _on_key(
    "retire",
    "Retire",
    "Propose to take the key KID, which does not sign, out of the key set ahead of its time, and to destroy it.",
)
export = _on_key(
    "export",
    "Export",
    "Propose a signed public record of the key KID, for an auditor or a court: its public half and what became of it."
    "\n\nThe private half is never given out. The officer who approves it gets the record, with"
    " `motcua keys approve CHANGE --output FILE` in a file.",
)


@click.command("revoke", cls=IdentifierCommand)
@_kid_argument
@click.option("--reason", required=True, help="Why. It stands in the key log, which is public.")
@click.option(
    "--since",
    type=Instant(),
    help="When the key may first have been in other hands.  [default: as long as it has signed]",
)
@_signed_by_officer
def revoke(
    kid: str, *, reason: str, since: int | None, key_file: Path, passphrase_file: Path | None, as_json: bool
) -> None:
    """Propose that nothing is believed any more which the key KID signed: it was stolen, or may have been.

    With the second signature it leaves the key set, its successor signs at once, and what was granted by it since
    that time is revoked; portals are told of ended sessions.
    """
    from keys.actions import Revoke

    reason = checked_reason(reason)
    if since is not None and since > int(time.time()):
        raise click.UsageError(f"{instant(since)} lies ahead: --since is when it may have been stolen.")
    _propose(_certain(Revoke(kid, reason, since or 0)), key_file, passphrase_file, as_json)


@click.command("rotation")
@click.option(
    "--active-days",
    type=click.IntRange(1),
    metavar="N",
    help="A key signs so long.  [default: 90; certified 6]",
)
@click.option(
    "--pending-days",
    type=click.IntRange(1),
    metavar="N",
    help="It is published before so long.  [default: 7]",
)
@click.option("--until", type=Instant(), help="When the approval ends.  [default: in a year]")
@backend_option
@post_quantum_option
@_signed_by_officer
def rotation(
    *, active_days: int | None, pending_days: int | None, until: int | None, backend: str | None,
    post_quantum: bool, key_file: Path, passphrase_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Propose that keys rotate by themselves: every kind of key, within these limits, until a day.

    It takes the place of the approval before it. Without one keys go on signing, and none takes over.

    With another --backend only keys that are made from then on live there; those that wait sign first, unless
    `motcua keys ceremony --template --waiting retire` has them made anew. `certified` is for a module that is too slow
    to sign every token: a key of the module, made now, signs certificates of keys in memory, each good for two weeks.
    """

    async def wish(history: History) -> Action:
        usual = await standard(backend, history, post_quantum=post_quantum)
        return replace(
            usual,
            active_lifetime=active_days * DAY if active_days else usual.active_lifetime,
            pending_lifetime=pending_days * DAY if pending_days else usual.pending_lifetime,
            until=usual.until if until is None else until,
        )

    _propose(wish, key_file, passphrase_file, as_json)


@click.command("officers")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--set", "replaces", is_flag=True, help="Propose that these are the officers, and nobody else.")
@click.option(
    "--officer",
    "key_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --set: your private key as an officer of now.",
)
@passphrase_option
@json_option
def officers(
    files: tuple[Path, ...], *, replaces: bool, key_file: Path | None, passphrase_file: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """List the officers; with --set propose others, all of them, each by a FILE with their public key.

    Such a FILE is what `motcua keys officer FILE --json` printed, or the public key (JWK) alone.
    """
    if not replaces:
        if files or key_file:
            raise click.UsageError("Officers are named with --set.")
        _list_officers(as_json=as_json)
        return
    if key_file is None:
        raise click.UsageError("Missing option '--officer': an officer of now proposes others.")
    from keys.actions import Officers

    chosen = Officers.of(read_public_half(file) for file in files)
    _propose(_certain(chosen), key_file, passphrase_file, as_json)


def _list_officers(*, as_json: bool) -> None:
    async def read() -> Ground:
        async with open_provider(settings_of_environment(), read_only=True) as db:
            return await proven(db)

    ground = asyncio.run(read())
    tell_refused(ground)
    found = ground.history.officers
    if as_json:
        say_json([{"officer": kid, "jwk": dict(found[kid].jwk)} for kid in sorted(found)])
    else:
        click.echo("\n".join(sorted(found)) or "None: they are named in the first ceremony.")
