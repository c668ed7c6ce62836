"""What officers approve for all keys at once: rotation on a backend, the end or the beginning of every key."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from idp.cli.runtime import settings_of_environment

if TYPE_CHECKING:
    from keys.actions import Action, Rotation
    from keys.history import History

MOST_REASON: Final = 500
_CERTIFIER: Final = "ES256"
"""How a hardware module signs certificates of keys in memory: a few a week, so any algorithm would do."""

backend_option = click.option(
    "--backend",
    type=click.Choice(["software", "pkcs11", "certified"]),
    help="Where private keys live: in memory, sealed at rest; in the hardware module; or in memory, certified by the"
    " module for some days.  [default: as approved for rotation]",
)
post_quantum_option = click.option(
    "--post-quantum",
    is_flag=True,
    help="With ML-DSA-65 keys too. Tell the portals first: some libraries refuse a key set with keys unknown to them.",
)


def approved_backend(history: History, kind: tuple[str, str]) -> str:
    """Where keys of a kind live as officers have approved; in memory before they approved anything."""
    return "software" if history.rotation is None else history.rotation.backend_of(kind)


async def standard(backend: str | None, history: History, *, post_quantum: bool) -> Rotation:
    """The standard rotation; what was approved before of post-quantum keys and a certifying module stays."""
    from keys.actions import standard_rotation
    from keys.policy import POST_QUANTUM_ALGORITHMS

    before = history.rotation
    backend = backend or ("software" if before is None else before.backend)
    if before is not None:
        post_quantum |= any(POST_QUANTUM_ALGORITHMS & set(kinds) for kinds in before.keys.values())
    certifier = None if before is None else before.certifier
    if backend == "certified" and certifier is not None:
        return standard_rotation(int(time.time()), backend, certifier, post_quantum=post_quantum)
    return await _rotation_on(backend, post_quantum=post_quantum)


async def _rotation_on(backend: str, *, post_quantum: bool) -> Rotation:
    """The standard rotation; what the module cannot make lives in memory."""
    from idp.custody.hardware import token_of
    from keys.actions import standard_rotation

    now = int(time.time())
    if backend == "software":
        return standard_rotation(now, post_quantum=post_quantum)
    token = token_of(settings_of_environment())
    if token is None:
        raise click.ClickException("No hardware module is configured: set IDP_PKCS11_MODULE.")
    try:
        if backend == "certified":
            certifier = await token.generate(_CERTIFIER)
            return standard_rotation(now, backend, certifier.public_jwk(), post_quantum=post_quantum)
        able = (await token.describe()).algorithms
    finally:
        await token.close()
    standard = standard_rotation(now, backend, post_quantum=post_quantum)
    outside = {
        purpose: tuple(alg for alg in kinds if alg not in able) for purpose, kinds in standard.keys.items()
    }
    return replace(standard, in_memory={purpose: kinds for purpose, kinds in outside.items() if kinds})


def checked_reason(reason: str) -> str:
    """Why a key is revoked, as it goes into the key log.

    Raises:
        click.UsageError: empty, too long, or of several lines.
    """
    reason = reason.strip()
    if not reason or not reason.isprintable() or len(reason) > MOST_REASON:
        raise click.UsageError(f"The reason is one line of at most {MOST_REASON} characters, and not empty.")
    return reason


def on_all_keys(
    history: History, rotation: Rotation, waiting: str | None, revoked_because: str | None
) -> list[Action]:
    """What shall happen to every key at once. What waits is revoked first, so that it takes nothing over."""
    from keys.actions import Activate, Retire, Revoke
    from keys.policy import State

    if waiting is not None and revoked_because is not None:
        raise click.UsageError("--waiting and --revoke-all exclude each other.")
    keys = history.keys.values()
    if revoked_because is not None:
        reason = checked_reason(revoked_because)
        states = (State.PENDING, State.ACTIVE, State.RETIRING)
        return [Revoke(key.kid, reason, 0) for state in states for key in keys if key.state is state]
    if waiting is None:
        return []
    act = Retire if waiting == "retire" else Activate
    covered = [key for key in keys if key.alg in rotation.keys.get(key.purpose, ())]
    return [act(key.kid) for key in covered if key.state is State.PENDING]
