"""`motcua keys changes` and `approve`: what officers have proposed, and the signature of another one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from idp.cli.identifiers import IdentifierCommand
from idp.cli.keys_ceremony import open_officer_key, passphrase_option
from idp.cli.keys_views import proven, tell_refused
from idp.cli.output import instant, json_option, say_json
from idp.cli.runtime import open_provider, open_runtime, settings_of_environment

if TYPE_CHECKING:
    from idp.custody.proposals import Proposal
    from keys.changes import Change
    from keys.ground import Ground
    from keys.lifecycle import Plan
    from keys.officers import OfficerKey

officer_option = click.option(
    "--officer",
    "key_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Your private key as an officer (`motcua keys officer` makes one).",
)


@click.command("changes")
@click.option("--open", "only_open", is_flag=True, help="Only those that can still be approved.")
@json_option
def changes(only_open: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List what officers have proposed, oldest first: what it does, who has signed it, and what has become of it."""
    from idp.custody.proposals import Standing

    ground, found = asyncio.run(_proposals())
    tell_refused(ground)
    found = [one for one in found if one.standing is Standing.OPEN or not only_open]
    if as_json:
        say_json([described(one, ground) for one in found])
    elif not found:
        click.echo("None.")
    else:
        click.echo("\n\n".join("\n".join(_lines(one, ground)) for one in found))


async def _proposals() -> tuple[Ground, list[Proposal]]:
    from idp.custody.proposals import look_over
    from keys.store import find_changes

    async with open_provider(settings_of_environment(), read_only=True) as db:
        ground, now = await proven(db), int(time.time())
        return ground, [look_over(stored, ground, now) for stored in await find_changes(db)]


def _lines(proposal: Proposal, ground: Ground) -> list[str]:
    from keys.policy import QUORUM

    lines = [f"{proposal.change_id}  {_became(proposal)}"]
    lines += [f"  {line}" for line in proposal.words(ground.history)]
    count = f" ({len(proposal.officers)} of {QUORUM})"
    lines.append(f"  signed by {', '.join(proposal.officers) or 'nobody'}{count}")
    lines += [f"  a signature that does not count: {officer}" for officer in proposal.invalid]
    return lines


def _became(proposal: Proposal) -> str:
    match proposal.standing.value:
        case "open":
            return "open"
        case "carried out":
            return f"carried out {instant(proposal.applied_at)}"
        case "refused":
            return f"refused: {proposal.why}"
        case _:
            return "expired"


def described(proposal: Proposal, ground: Ground) -> dict[str, object]:
    """A proposal as JSON."""
    from keys.policy import QUORUM

    change = proposal.change
    return {
        "change": proposal.change_id,
        "standing": proposal.standing.value,
        "document": None if change is None else change.document(),
        "words": proposal.words(ground.history),
        "officers": list(proposal.officers),
        "signatures_needed": QUORUM,
        "signatures_that_do_not_count": list(proposal.invalid),
        "carried_out_at": proposal.applied_at,
        "why": proposal.why or None,
    }


@click.command("approve", cls=IdentifierCommand)
@click.argument("change_id", metavar="CHANGE")
@officer_option
@passphrase_option
@click.option("--yes", is_flag=True, help="Sign without being asked.")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Of an export: write the signed record into this new file, and not to the terminal.",
)
@json_option
def approve(
    change_id: str,
    *,
    key_file: Path,
    passphrase_file: Path | None,
    yes: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Review the CHANGE that another officer proposed, and sign it; with enough signatures it is carried out at once.

    CHANGE is its identifier, the hash of its document: take it from the officer who proposed it, not from the database.
    """
    change, words = asyncio.run(_look(change_id))
    exports = _is_export(change)
    _check_output(output, exports=exports)
    aside = as_json or exports  # standard output is for the answer alone
    for line in (f"Change {change_id}", *(f"  {line}" for line in words)):
        click.echo(line, err=aside)
    if not yes:
        click.confirm("Sign this?", abort=True, err=aside)
    key = open_officer_key(key_file, passphrase_file)
    with _new_file(output) as write:
        plan, records = asyncio.run(_approve(change, key))
        write("".join(records))
    if as_json:
        events = [] if plan is None else list(plan.events)
        say_json({"change": change_id, "carried_out": plan is not None, "events": events, "records": records})
        return
    _say_outcome(plan, [] if output else records)


def _is_export(change: Change) -> bool:
    from keys.actions import Export

    return any(isinstance(action, Export) for action in change.actions)


def _check_output(output: Path | None, *, exports: bool) -> None:
    if output is not None and not exports:
        raise click.UsageError("Only an export writes a record: leave --output out.")
    if output is not None and output.exists():
        raise click.ClickException(f"{output} exists already; a record is never overwritten.")


@contextmanager
def _new_file(path: Path | None) -> Iterator[Callable[[str], object]]:
    """What writes into a new file, which is made before anything happens, and gone again if nothing did."""
    if path is None:
        yield str
        return
    with path.open("x", encoding="utf-8") as file:
        try:
            yield file.write
        except BaseException:
            path.unlink()
            raise


async def _look(change_id: str) -> tuple[Change, list[str]]:
    """The change as it stands in the database, if it is the one of this identifier and can be carried out now."""
    from idp.custody.custodian import find_open, read_stored
    from idp.custody.hardware import custodian_of
    from idp.custody.review import words

    async with open_runtime(settings_of_environment(), registers=False) as context:
        custodian = custodian_of(context)
        change = read_stored(await find_open(custodian, change_id))
        ground = await custodian.ground()
        refuse_hindered(change, ground, context.now, context.now)
        return change, words(change, ground.history)


def refuse_hindered(change: Change, ground: Ground, now: int, by: int) -> None:
    """Say why a change cannot be done, before anybody signs it.

    Raises:
        click.ClickException: one sentence.
    """
    from idp.custody.review import hindrance

    if not ground.history.officers:
        raise click.ClickException(
            "There are no officers yet: they are named in the first ceremony, `motcua keys ceremony`."
        )
    if len(change.actions) == 1 and (reason := hindrance(change.actions[0], ground.history, now, by)):
        raise click.ClickException(reason)


async def _approve(change: Change, key: OfficerKey) -> tuple[Plan | None, list[str]]:
    """Sign what was shown, and nothing else: a signature under it fits no other document.

    The time is read anew, for people take theirs to review.
    """
    from idp.custody import custodian as custody
    from idp.custody.hardware import custodian_of
    from keys.changes import approve as sign

    async with open_runtime(settings_of_environment(), registers=False) as context:
        custodian = custodian_of(context)
        approval = sign(change, key)
        plan = await custody.approve(custodian, change.change_id, approval)
        records = [] if plan is None else _records(await custodian.ground(), change, plan.at)
    return plan, records


def _records(ground: Ground, change: Change, at: int) -> list[str]:
    """The signed public records that the change was for."""
    from idp.custody.key_life import changes_of
    from idp.custody.review import public_record
    from keys.actions import Export

    _, officers = changes_of(ground)[change.change_id]
    return [
        public_record(ground, action.kid, change.change_id, officers, at)
        for action in change.actions
        if isinstance(action, Export)
    ]


def _say_outcome(plan: Plan | None, records: list[str]) -> None:
    if plan is None:
        click.echo(
            "Signed. The change has not enough signatures that count yet: another officer approves it."
        )
        return
    if records:
        click.echo("".join(records), nl=False)
        return
    click.echo("Signed and carried out; running workers follow within seconds.")
    for event in plan.events:
        click.echo(f"  {event['event']:<10} {event['kid']}")
